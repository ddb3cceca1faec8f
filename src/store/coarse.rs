//! Reports rooms whose meters count whole kWh only; part of the check of either store.

use std::collections::{BTreeMap, HashMap};

use crate::engine::{Rules, Steps};
use crate::finding::{Finding, Level, Report};
use crate::types::{Kind, RoomKey, WattHours};

/// How many of the newest rows are read: a few hours of 20,000 rooms, in half a second.
pub(super) const SAMPLE: u64 = 200_000;

/// The sample reaches back at most this far from the newest row. Seconds.
pub(super) const DAY: i64 = 24 * 3_600;

/// The most rooms that a finding lists.
const LISTED: usize = 10;

/// Reports the rooms whose meters count whole kWh only, and the energy use that this hides.
pub(super) fn report_rooms(
    rooms: &HashMap<RoomKey, Steps>,
    rules: &Rules,
    about: &str,
    report: Report<'_>,
) {
    let rooms = rooms.iter().filter(|(_, steps)| steps.are_whole_kwh());
    // Grouped, because the hidden use depends on a room's thresholds.
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
        let listed: Vec<String> = rooms
            .iter()
            .take(LISTED)
            .map(|room| format!("\"{room}\""))
            .collect();
        let more = match rooms.len() - listed.len() {
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
            "{have} whole kWh only, which permanently hides a steady use of up to {vacant} \
             kWh in {} minutes ({} kW) in a vacant room, where the threshold is \
             {vacant_threshold}, and of up to {occupied} ({} kW) in an occupied one, where it is \
             {occupied_threshold}: {}{more}",
            rules.interval_seconds / 60,
            kw(vacant),
            kw(occupied),
            listed.join(", ")
        );
        report(Finding::new(Level::Warning, about, says).remedy(
            "have their gateway send two decimals, or lower their thresholds below a whole kWh, \
             for example to 0.9 or 1.9",
        ));
    }
}
