//! A stay as a table for a spreadsheet.

use std::borrow::Cow;

use crate::engine::Stay;
use crate::types::LocalTime;

use super::archive::Trouble;
use super::link::Query;
use super::marks::events;
use super::room::{asked, explained};
use super::stay::StayOf;
use super::words::words;
use super::{Pages, Viewer};

impl Pages {
    /// The readings of a stay.
    ///
    /// # Errors
    /// [`Trouble`] if there is no such room for the viewer, or it can't be read now.
    pub(super) fn csv(&self, query: &Query, viewer: &Viewer) -> Result<Vec<u8>, Trouble> {
        let (key, asked) = asked(query);
        let at = self.moment();
        let StayOf {
            chapter, recorded, ..
        } = self.stay(&key, asked, viewer, &at)?;
        let events = events(&chapter, &recorded, at.now, words(viewer.language));
        let explained = explained(viewer.language);
        // Spreadsheets take a file that begins so for UTF-8.
        let mut csv = csv::Writer::from_writer("\u{feff}".as_bytes().to_vec());
        let mut rows = vec![
            [
                "hotel_id",
                "room_number",
                "kind",
                "stay_time",
                "time",
                "register_kwh",
                "kwh_per_interval",
                "threshold_kwh",
                "verdict",
                "reason",
            ]
            .map(str::to_owned),
        ];
        let (kind, stay) = (chapter.stay.kind().occupancy(), Stay::time(&chapter.stay));
        let row = |time: LocalTime, cells: [String; 5]| {
            let [register, used, threshold, verdict, reason] = cells;
            [
                key.hotel_id.as_str().to_owned(),
                key.room_number.as_str().to_owned(),
                kind.to_owned(),
                stay.to_string(),
                time.to_string(),
                register,
                used,
                threshold,
                verdict,
                reason,
            ]
        };
        let readings = chapter.lines.iter().map(|line| {
            let used = line.per_interval.map(|used| used.to_string());
            let cells = [
                line.reading.register.to_string(),
                used.unwrap_or_default(),
                line.threshold.to_string(),
                explained.verdict(line.verdict).to_owned(),
                explained.reason(&line.reason),
            ];
            (line.reading.time, cells)
        });
        let happened = events.into_iter().map(|event| {
            let label = event.kind.label(words(viewer.language)).to_owned();
            let none = String::new;
            (event.at, [none(), none(), none(), label, event.detail])
        });
        let mut timed: Vec<(LocalTime, [String; 5])> = readings.chain(happened).collect();
        timed.sort_by_key(|(time, _)| *time);
        rows.extend(timed.into_iter().map(|(time, cells)| row(time, cells)));
        for row in &rows {
            // Writing to memory can't fail.
            let _ = csv.write_record(row.iter().map(|cell| guarded(cell).into_owned()));
        }
        Ok(csv.into_inner().unwrap_or_default())
    }
}

/// A cell that no spreadsheet takes for a formula. A number is none.
fn guarded(cell: &str) -> Cow<'_, str> {
    let is_number = cell.parse::<f64>().is_ok_and(f64::is_finite);
    match cell.starts_with(['=', '+', '-', '@', '\t', '\r']) && !is_number {
        true => Cow::Owned(format!("'{cell}")),
        false => Cow::Borrowed(cell),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_texts() {
        for (cell, expected) in [
            ("=1+1", "'=1+1"),
            ("+cmd", "'+cmd"),
            ("-2+3", "'-2+3"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("-0.02", "-0.02"),
            ("101", "101"),
            ("", ""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(guarded(cell), expected);
        }
    }
}
