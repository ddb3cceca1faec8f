//! Numbers for people.

use crate::engine::{HotelNotice, RoomNotice};

/// The mean power of a run, with one decimal: more can't be read at a glance.
pub(super) fn kilowatts(notice: &RoomNotice) -> String {
    format!("{:.1}", notice.milliwatts() as f64 / 1_000_000.0)
}

/// What vacant rooms use more than by themselves in a day, in kWh.
pub(super) fn kwh_a_day(notice: &HotelNotice) -> f64 {
    notice.total_a_day().0 as f64 / 1000.0
}

/// Two decimals at most, none where they are zero.
pub(super) fn short(number: f64) -> String {
    let text = format!("{number:.2}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Sorted numbers, with consecutive ones shortened: `17-19, 22`.
pub(in crate::notify) fn ranges(numbers: impl IntoIterator<Item = u64>) -> String {
    let mut numbers: Vec<u64> = numbers.into_iter().collect();
    numbers.sort_unstable();
    let runs = numbers.chunk_by(|a, b| a + 1 == *b);
    let runs = runs.filter_map(|run| match (run.first()?, run.last()?) {
        (first, last) if first == last => Some(first.to_string()),
        (first, last) => Some(format!("{first}-{last}")),
    });
    runs.collect::<Vec<String>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn consecutive_numbers_are_shortened() {
        assert_eq!(ranges([]), "");
        assert_eq!(ranges([7]), "7");
        assert_eq!(ranges([9, 7, 8, 12, 14, 13, 20]), "7-9, 12-14, 20");
    }
}
