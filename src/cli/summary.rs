//! The counts of a backtest, as a table.

use crate::engine::HotelNoticeKind;
use crate::escape;
use crate::review::Summary;
use crate::types::Kind;

use super::words::{Words, columns, left, right};

pub(super) use crate::review::Row;

/// The most hotels shown; of more hotels, those with the most alerts.
const HOTELS: usize = 20;

/// Widths of the columns of numbers.
const WIDTHS: [usize; 6] = [8, 11, 8, 9, 9, 28];

/// All rooms, each kind and each hotel, a line each.
pub(super) fn table(words: &dyn Words, summary: &Summary) -> String {
    let mut lines = vec![(words.all_rooms().to_owned(), &summary.all)];
    for kind in [Kind::Checkin, Kind::Checkout] {
        let row = summary.kinds.get(&kind);
        lines.extend(row.map(|row| (words.state(kind).to_owned(), row)));
    }
    let mut hotels: Vec<_> = summary.hotels.iter().collect();
    // The sort is stable: hotels with the same count stay in the order of their names.
    hotels.sort_by_key(|(_, row)| std::cmp::Reverse(row.alerts));
    let shown = hotels.iter().take(HOTELS);
    lines.extend(shown.map(|(hotel, row)| {
        let hotel = escape::line(hotel.as_str().as_bytes());
        (words.hotel(&hotel), *row)
    }));
    let mut rows = vec![(String::new(), words.heads_of_alerts().map(str::to_owned))];
    rows.extend(lines.into_iter().map(|(name, row)| {
        let rate = row.alerts_per_100_room_days();
        let cells = [
            row.rooms.to_string(),
            format!("{:.1}", row.room_days()),
            row.alerts.to_string(),
            row.reminders.to_string(),
            row.recovered.to_string(),
            rate.map_or("-".to_owned(), |rate| format!("{rate:.2}")),
        ];
        (name, cells)
    }));
    let width = rows.iter().map(|(name, _)| columns(name)).max();
    let width = width.unwrap_or_default();
    let mut text = String::new();
    for (name, cells) in rows {
        let cells = cells.iter().zip(WIDTHS);
        let cells: String = cells
            .map(|(cell, width)| format!(" {}", right(cell, width)))
            .collect();
        text.push_str(&format!("{}{cells}\n", left(&name, width)));
    }
    let in_common = |kind| summary.in_common.get(&kind).copied().unwrap_or(0);
    let (rises, levels) = (
        in_common(HotelNoticeKind::Rise),
        in_common(HotelNoticeKind::Level),
    );
    if rises + levels > 0 {
        text.push_str(&format!("{}\n", words.in_common(rises, levels)));
    }
    if let more @ 1.. = hotels.len().saturating_sub(HOTELS) {
        text.push_str(&format!("{}\n", words.more_hotels(more)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::words::words;
    use crate::config::Language;
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
        let in_common = [(HotelNoticeKind::Rise, 1), (HotelNoticeKind::Level, 3)];
        summary.in_common = in_common.into();
        for (name, language) in [("table_en", Language::En), ("table_zh", Language::Zh)] {
            insta::with_settings!({prepend_module_to_snapshot => false}, {
                insta::assert_snapshot!(name, table(words(language), &summary));
            });
        }
    }

    #[test]
    fn of_many_hotels_those_with_the_most_alerts_are_shown() {
        let mut summary = Summary::default();
        for hotel in 1..=30 {
            let id = HotelId::new(&format!("H{hotel:03}"));
            summary.hotels.insert(id, row(10, 10, hotel % 7));
        }
        let table = table(words(Language::En), &summary);
        assert_eq!(table.matches("hotel H").count(), 20);
        for shown in ["H006 ", "H027 ", "and 10 hotels"] {
            assert!(table.contains(shown), "{table}");
        }
        assert!(!table.contains("H028 "), "{table}");
    }
}
