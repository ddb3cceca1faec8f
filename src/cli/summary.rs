//! What was told, as a table for a person.

use crate::escape;
use crate::review::Summary;
use crate::types::{Kind, counted};

pub(super) use crate::review::Row;

/// Hotels shown; of more those with the most alerts.
const HOTELS: usize = 20;

/// All rooms, each kind and each hotel, a line each.
pub(super) fn table(summary: &Summary) -> String {
    let mut lines = vec![("all".to_owned(), &summary.all)];
    for (kind, name) in [(Kind::Checkin, "occupied"), (Kind::Checkout, "vacant")] {
        let row = summary.kinds.get(&kind);
        lines.extend(row.map(|row| (name.to_owned(), row)));
    }
    let mut hotels: Vec<_> = summary.hotels.iter().collect();
    // Stable: those with equally many stay in the order of their names.
    hotels.sort_by_key(|(_, row)| std::cmp::Reverse(row.alerts));
    let shown = hotels.iter().take(HOTELS);
    lines.extend(shown.map(|(hotel, row)| {
        let hotel = escape::line(hotel.as_str().as_bytes());
        (format!("hotel {hotel}"), *row)
    }));
    let width = lines.iter().map(|(name, _)| name.chars().count()).max();
    let width = width.unwrap_or_default();
    let mut text = format!(
        "{:width$} {:>8} {:>11} {:>8} {:>9} {:>9} {:>30}\n",
        "",
        "rooms",
        "room-days",
        "alerts",
        "reminders",
        "recovered",
        "alerts per 100 rooms and day"
    );
    for (name, row) in lines {
        let rate = row.alerts_per_100_room_days();
        let rate = rate.map_or("-".to_owned(), |rate| format!("{rate:.2}"));
        text.push_str(&format!(
            "{name:width$} {:>8} {:>11.1} {:>8} {:>9} {:>9} {rate:>30}\n",
            row.rooms,
            row.room_days(),
            row.alerts,
            row.reminders,
            row.recovered
        ));
    }
    if let more @ 1.. = hotels.len().saturating_sub(HOTELS) {
        text.push_str(&format!(
            "and {} with no more alerts than these\n",
            counted(more, "hotel")
        ));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::HotelId;

    fn row(rooms: u64, days: i64, alerts: u64) -> Row {
        Row {
            rooms,
            seconds: days * 86_400,
            alerts,
            reminders: alerts / 2,
            recovered: alerts,
        }
    }

    #[test]
    fn a_table_has_all_rooms_then_kinds_then_hotels() {
        let mut summary = Summary {
            all: row(120, 1_440, 12),
            ..Summary::default()
        };
        summary.kinds.insert(Kind::Checkin, row(118, 960, 2));
        summary.kinds.insert(Kind::Checkout, row(0, 0, 0));
        summary.hotels.insert(HotelId::new("H001"), row(20, 240, 2));
        summary
            .hotels
            .insert(HotelId::new("H\u{1b}[2J"), row(100, 1_200, 10));
        insta::assert_snapshot!(table(&summary));
    }

    #[test]
    fn of_many_hotels_those_with_the_most_alerts_are_shown() {
        let mut summary = Summary::default();
        for hotel in 1..=30 {
            let id = HotelId::new(&format!("H{hotel:03}"));
            summary.hotels.insert(id, row(10, 10, hotel % 7));
        }
        let table = table(&summary);
        assert_eq!(table.matches("hotel H").count(), 20);
        for shown in ["H006 ", "H027 ", "and 10 hotels"] {
            assert!(table.contains(shown), "{table}");
        }
        assert!(!table.contains("H028 "), "{table}");
    }
}
