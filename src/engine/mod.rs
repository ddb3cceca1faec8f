//! What roomwatt decides: messages, watches, judging, silence. Pure: no clock, no I/O, no threads.
//!
//! An event or readings, the room's state and the rules go in; the new state and the changes that
//! follow from it come out.

pub mod baseline;
mod census;
mod coarse;
mod columns;
mod compact;
mod day;
mod fields;
mod frozen;
mod handling;
mod hotel;
mod incident;
mod interval;
mod judge;
mod key;
mod message;
mod notice;
mod occupancy;
mod reading;
mod receive;
mod reconcile;
mod refusal;
mod rules;
mod said;
mod silence;
mod state;
mod status;
mod stay;
mod watch;

pub use baseline::{Baseline, BaselineMode, BaselineRules};
pub use census::{Census, HotelCensus, IncidentCounts};
pub use coarse::Steps;
pub use columns::{Columns, HeaderError, MAX_COLUMNS, MAX_ROW_BYTES};
pub use day::DayEnergy;
pub use fields::not_an_object;
pub use handling::{Acknowledgement, Handling};
pub use hotel::HotelState;
pub use incident::{
    Act, ActRefused, Cause, Closed, ClosedWhy, Detail, Incident, IncidentEvent, IncidentEventKind,
    IncidentKey, IncidentState, Reason, RunDetail, meters_of,
};
pub use interval::Interval;
pub use judge::{Fold, Movement, Outcome, Run, RunEnd, Step};
pub use key::{Rule, RunKey, WatchKey};
pub use message::{
    Codes, Event, FieldNames, Kept, KeptBody, MessageFormat, MessageKind, Move, Parsed,
    RefusedBodies, StatusCodes, TypeCodes, Unwritten,
};
pub use notice::{
    Closing, Compared, HotelNotice, HotelNoticeKind, MeterNotice, MeterNoticeKind, MeterTrouble,
    Notice, NoticeKind, Others, RoomNotice, RunStart, Unusual,
};
pub use occupancy::{
    Added, Arrival, Departure, Expectation, Fact, Guest, Occupancy, Picture, StayId,
};
pub use reading::{READING_FIELDS, ReadingFormat, ReadingRow, latest_reading};
pub use receive::{Received, readings_needed_after, receive};
pub use reconcile::{
    Comparison, Difference, Differs, PMS_FIELDS, PmsFormat, PmsRoom, PmsState, compare,
};
pub use refusal::{MAX_MESSAGE_BYTES, Refusal};
pub use rules::{Rules, Thresholds};
pub use said::{RoomStatus, Said, StatusChange, pieces};
pub use silence::{HotelMeters, MeterCheck, MeterFindings, MeterStatus};
pub use state::{
    Change, RoomState, Tally, Transition, close_by_hand, close_out_of_order, observe, observe_each,
};
pub use status::{Exempt, Exemption, Statuses};
pub use stay::Stay;
pub use watch::{Opening, Watch};
