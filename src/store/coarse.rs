//! Rooms whose meters count whole kWh, as a check of either store names them.

use std::collections::{BTreeMap, HashMap};

use crate::engine::{Rules, Steps};
use crate::finding::{Finding, Level, Report};
use crate::types::{Kind, RoomKey, WattHours};

/// The newest rows that are looked at: a few hours of 20,000 rooms, read in half a second.
pub(super) const SAMPLE: u64 = 200_000;

/// They are not older than this before the newest of them. Seconds.
pub(super) const DAY: i64 = 24 * 3_600;

/// Rooms that are named of those whose meter counts whole kWh.
const NAMED: usize = 10;

/// Names the rooms whose meters count whole kWh, with what that hides under the rules.
pub(super) fn name(
    rooms: &HashMap<RoomKey, Steps>,
    rules: &Rules,
    about: &str,
    report: Report<'_>,
) {
    let rooms = rooms.iter().filter(|(_, steps)| steps.are_whole_kwh());
    // Rooms with thresholds of their own hide another amount.
    let mut by_hidden: BTreeMap<[WattHours; 4], Vec<&RoomKey>> = BTreeMap::new();
    for (room, _) in rooms {
        let of = |kind| {
            (
                rules.hidden_by_whole_kwh(room, kind),
                rules.threshold(room, kind),
            )
        };
        let ((vacant, vacant_threshold), (occupied, occupied_threshold)) =
            (of(Kind::Checkout), of(Kind::Checkin));
        let amounts = [vacant, vacant_threshold, occupied, occupied_threshold];
        by_hidden.entry(amounts).or_default().push(room);
    }
    for ([vacant, vacant_threshold, occupied, occupied_threshold], mut rooms) in by_hidden {
        rooms.sort();
        let named: Vec<String> = rooms
            .iter()
            .take(NAMED)
            .map(|room| format!("\"{room}\""))
            .collect();
        let more = match rooms.len() - named.len() {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let kw = |hidden: WattHours| {
            let kw = hidden.0 as f64 * 3.6 / rules.interval_seconds as f64;
            format!("{:.2}", kw)
        };
        let have = match rooms.len() {
            1 => "1 room has a meter that counts".to_owned(),
            rooms => format!("{rooms} rooms have meters that count"),
        };
        let says = format!(
            "{have} whole kWh only, which hides a steady use of up to {vacant} \
             kWh in {} minutes ({} kW) in a vacant room, where the threshold is \
             {vacant_threshold}, and of up to {occupied} ({} kW) in an occupied one, where it is \
             {occupied_threshold}, for ever: {}{more}",
            rules.interval_seconds / 60,
            kw(vacant),
            kw(occupied),
            named.join(", ")
        );
        report(Finding::new(Level::Warning, about, says).remedy(
            "have their gateway send two decimals; or lower their thresholds below a whole kWh, as \
             0.9 or 1.9",
        ));
    }
}
