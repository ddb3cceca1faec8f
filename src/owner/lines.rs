//! What the owner logs.

use crate::engine::{
    Closing, Handling, HotelNotice, HotelNoticeKind, MeterNotice, MeterNoticeKind, Notice,
    NoticeKind, Rule,
};
use crate::figures::{
    Amounts, Figure, IntervalResult, MessageResult, NoticeResult, Origin, ReadingResult,
    RecordedNotice,
};
use crate::types::{Kind, counted};

/// What was taken and what came of it, in a line.
pub(super) fn summary(taken: &Amounts) -> String {
    let messages = |result| {
        let of = |origin| taken.get(Figure::Messages(origin, result));
        of(Origin::Amqp) + of(Origin::Http)
    };
    let readings = |result| taken.get(Figure::Readings(result));
    let interval = |result| taken.get(Figure::Intervals(result));
    let recorded = |notice| taken.get(Figure::NoticesRecorded(notice));
    let notices = |result| taken.get(Figure::Notices(result));
    let abnormal = interval(IntervalResult::Abnormal);
    let mut kinds = vec![
        counted(messages(MessageResult::CheckIn), "check-in"),
        counted(messages(MessageResult::CheckOut), "check-out"),
    ];
    // Most property management systems send none of these.
    let rarer = [
        (MessageResult::Move, "move"),
        (MessageResult::Extend, "extension"),
        (MessageResult::CancelCheckin, "cancelled check-in"),
        (MessageResult::CancelCheckout, "cancelled check-out"),
        (MessageResult::RoomStatus, "room status message"),
    ];
    let rarer = rarer.map(|(result, name)| (messages(result), name));
    let rarer = rarer.into_iter().filter(|(number, _)| *number > 0);
    kinds.extend(rarer.map(|(number, name)| counted(number, name)));
    kinds.extend([
        counted(messages(MessageResult::Duplicate), "duplicate"),
        format!("{} stale", messages(MessageResult::Stale)),
        format!("{} ignored", messages(MessageResult::Ignored)),
        format!("{} refused", messages(MessageResult::Refused)),
    ]);
    let mut intervals = vec![
        format!("{} judged", interval(IntervalResult::Normal) + abnormal),
        format!("{abnormal} abnormal"),
    ];
    // Only where room statuses come.
    for (result, name) in [
        (IntervalResult::OutOfOrder, "out of order"),
        (IntervalResult::Cleaning, "cleaning"),
    ] {
        if interval(result) > 0 {
            intervals.push(format!("{} {name}", interval(result)));
        }
    }
    let mut outcomes = vec![
        counted(recorded(RecordedNotice::Alert), "alert"),
        counted(recorded(RecordedNotice::Reminder), "reminder"),
        format!("{} recovered", recorded(RecordedNotice::Recovered)),
        format!("{} closed", recorded(RecordedNotice::Closed)),
        format!(
            "{} silent",
            counted(recorded(RecordedNotice::Silent), "hotel")
        ),
        format!("{} back", recorded(RecordedNotice::Reporting)),
        format!("{} frozen", recorded(RecordedNotice::Frozen)),
        format!("{} moving again", recorded(RecordedNotice::Moving)),
        format!("{} sent", notices(NoticeResult::Sent)),
        format!("{} logged", notices(NoticeResult::Logged)),
        format!("{} expired", notices(NoticeResult::Expired)),
        format!("{} failed", notices(NoticeResult::Failed)),
        format!("{} withdrawn", notices(NoticeResult::Withdrawn)),
    ];
    // Only where the baseline rule is on.
    let of_baseline = [
        (recorded(RecordedNotice::Rise), "common rise"),
        (recorded(RecordedNotice::Level), "common level"),
    ];
    let of_baseline = of_baseline.into_iter().filter(|(number, _)| *number > 0);
    outcomes.extend(of_baseline.map(|(number, name)| counted(number, name)));
    // Only where both rules are on, or where people take care of incidents.
    for (result, name) in [
        (NoticeResult::Joined, "joined"),
        (NoticeResult::Muted, "muted"),
    ] {
        if notices(result) > 0 {
            outcomes.push(format!("{} {name}", notices(result)));
        }
    }
    let parts = [
        ("messages", kinds),
        (
            "meters",
            vec![
                counted(readings(ReadingResult::Folded), "reading"),
                format!("{} late", readings(ReadingResult::Late)),
                format!("{} invalid", readings(ReadingResult::Invalid)),
                counted(interval(IntervalResult::Gap), "gap"),
                counted(taken.get(Figure::Outliers), "outlier"),
                format!("{} replaced", taken.get(Figure::MetersReplaced)),
            ],
        ),
        ("intervals", intervals),
        ("notices", outcomes),
    ];
    let parts = parts.map(|(of, numbers)| format!("{of}: {}", numbers.join(", ")));
    parts.join("; ")
}

/// Why a run is no longer followed, for its line of the log.
fn why_closed(kind: NoticeKind) -> String {
    let why = match kind {
        NoticeKind::Alert | NoticeKind::Reminder | NoticeKind::Recovered => return String::new(),
        NoticeKind::Closed(Closing::Gap) => "a gap in the readings".to_owned(),
        NoticeKind::Closed(Closing::MeterChanged) => "the meter was replaced or reset".to_owned(),
        NoticeKind::Closed(Closing::IntervalChanged) => {
            "monitoring.check_interval_minutes was changed".to_owned()
        }
        NoticeKind::Closed(Closing::RuleOff) => "baseline.mode is off".to_owned(),
        NoticeKind::Closed(Closing::OutOfOrder { at }) => format!("out of order since {at}"),
        NoticeKind::Closed(Closing::ByHand) => "somebody closed its incident".to_owned(),
        NoticeKind::Closed(Closing::NewStay { kind, at }) => match kind {
            Kind::Checkin => format!("check-in at {at}"),
            Kind::Checkout => format!("check-out at {at}"),
        },
    };
    format!("; it is no longer followed: {why}")
}

/// For the line of a notice that is a reminder of what somebody had acknowledged or snoozed.
fn of_lapse(handling: Option<&Handling>) -> String {
    let lapsed = handling.filter(|it| it.lapsed_at.is_some());
    match lapsed.map(|it| &it.acknowledged) {
        None => String::new(),
        Some(Some(it)) => format!("; the acknowledgement by {} has lapsed", it.by),
        Some(None) => "; its snooze has ended".to_owned(),
    }
}

/// A line for a notice that has been recorded.
pub(super) fn log_notice(notice: &Notice) {
    match notice {
        Notice::Room(notice) => log::info!(
            target: "roomwatt::notices",
            "{}{} {} {}: {} in a row since {}, {} kWh, detected {}{}{}",
            notice.kind.as_str(),
            match notice.rule {
                Rule::Fixed => "",
                Rule::Baseline => " (baseline)",
            },
            notice.room,
            notice.stay.kind().occupancy(),
            counted(notice.periods, "interval"),
            notice.since,
            notice.energy,
            notice.detected,
            why_closed(notice.kind),
            of_lapse(notice.handling.as_deref()),
        ),
        Notice::Meters(notice) => {
            let MeterNotice {
                hotel_id,
                silent,
                watched,
                ..
            } = notice;
            let said = match notice.kind {
                MeterNoticeKind::Silent => format!("are silent, {silent} of {watched}"),
                MeterNoticeKind::Reporting => {
                    format!("are back, {silent} of {watched} still silent")
                }
                MeterNoticeKind::Frozen => format!("are frozen, {silent} of {watched}"),
                MeterNoticeKind::Moving => {
                    format!("move again, {silent} of {watched} still stand still")
                }
            };
            let lapsed = of_lapse(notice.handling.as_deref());
            log::warn!(target: "roomwatt::notices", "meters of hotel {hotel_id} {said}{lapsed}");
        }
        Notice::Hotel(notice) => {
            let HotelNotice {
                hotel_id,
                rose,
                vacant,
                high,
                high_from,
                tolerated,
                since,
                ..
            } = notice;
            match notice.kind {
                HotelNoticeKind::Rise => log::warn!(
                    target: "roomwatt::notices",
                    "hotel {hotel_id}: {rose} of {vacant} vacant rooms began to use more since \
                     {since}; alerts (baseline) of single ones are held back for a day"
                ),
                HotelNoticeKind::Level => log::warn!(
                    target: "roomwatt::notices",
                    "hotel {hotel_id}: {high} of {vacant} vacant rooms use at least {high_from} \
                     kWh an interval more than by themselves; single ones that use up to \
                     {tolerated} kWh more can't be noticed"
                ),
            }
        }
    }
}
