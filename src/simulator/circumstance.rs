use serde::Serialize;

use crate::types::LocalTime;

/// A circumstance of a room, and how long it is so.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct CircumstanceSpan {
    pub what: Circumstance,
    pub from: LocalTime,
    /// The same as `from`, if it was undone at once.
    pub until: LocalTime,
}

/// What makes a room use more than it does by itself, or messages say otherwise than it is, though
/// nothing is wrong: most of it are [`Habits`](super::Habits).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Circumstance {
    /// From the arrival to 13:00.
    EarlyArrival,
    /// From when the guest left, or the planned time, to the other of them.
    ExpressCheckout,
    /// From the check-out to when the guest left.
    LateCheckout,
    /// While both are in.
    SharedRoom,
    /// From the move to the departure from the new room; it is of that room.
    Move,
    /// From when the night was booked to the departure.
    Extension,
    /// From the check-in to its cancellation. Nobody comes.
    UndoneCheckin,
    UnknownGuest,
    OutOfOrder,
    StaffVisit,
    Cleaning,
    /// A cold snap.
    Heating,
    ServerCabinet,
}

impl Circumstance {
    /// All of them.
    pub const ALL: [Circumstance; 13] = [
        Circumstance::EarlyArrival,
        Circumstance::ExpressCheckout,
        Circumstance::LateCheckout,
        Circumstance::SharedRoom,
        Circumstance::Move,
        Circumstance::Extension,
        Circumstance::UndoneCheckin,
        Circumstance::UnknownGuest,
        Circumstance::OutOfOrder,
        Circumstance::StaffVisit,
        Circumstance::Cleaning,
        Circumstance::Heating,
        Circumstance::ServerCabinet,
    ];

    /// Its name in files.
    pub fn as_str(self) -> &'static str {
        match self {
            Circumstance::EarlyArrival => "early_arrival",
            Circumstance::ExpressCheckout => "express_checkout",
            Circumstance::LateCheckout => "late_checkout",
            Circumstance::SharedRoom => "shared_room",
            Circumstance::Move => "move",
            Circumstance::Extension => "extension",
            Circumstance::UndoneCheckin => "undone_checkin",
            Circumstance::UnknownGuest => "unknown_guest",
            Circumstance::OutOfOrder => "out_of_order",
            Circumstance::StaffVisit => "staff_visit",
            Circumstance::Cleaning => "cleaning",
            Circumstance::Heating => "heating",
            Circumstance::ServerCabinet => "server_cabinet",
        }
    }
}
