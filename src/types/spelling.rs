//! Which room keys people would take for the same one. The service itself compares keys byte for
//! byte.

use super::RoomKey;

/// A key (hotel, room) without differences of spelling: blanks, punctuation, case, full-width
/// forms, leading zeros, and words such as "room" or 号 are removed. Keys with equal results
/// probably mean one room.
pub fn normalized(room: &RoomKey) -> (String, String) {
    (
        normalized_name(room.hotel_id.as_str()),
        normalized_name(room.room_number.as_str()),
    )
}

fn normalized_name(name: &str) -> String {
    let mut normalized = String::with_capacity(name.len());
    let mut in_number = false;
    let halfwidth = name.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    });
    let kept = halfwidth.filter(|c| c.is_alphanumeric() && !"客房间室号".contains(*c));
    let mut kept = kept.flat_map(char::to_lowercase).peekable();
    while let Some(c) = kept.next() {
        let digit_follows = kept.peek().is_some_and(char::is_ascii_digit);
        if c == '0' && !in_number && digit_follows {
            continue;
        }
        in_number = c.is_ascii_digit();
        normalized.push(c);
    }
    let without_word = ["room", "no"]
        .iter()
        .find_map(|word| normalized.strip_prefix(word));
    match without_word {
        // Only before a number: a room may be named "Noble".
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => normalized,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_room_are_equal() {
        for same in [
            &[
                "101",
                "0101",
                " 101",
                "101 ",
                "１０１",
                "101室",
                "101号房",
                "客房101",
                "1-01",
                "No. 101",
                "Room 101",
            ][..],
            &["A1", "a1", "Ａ１", "A-1", "A01", "a 001"],
            &["0", "00", "000"],
            &["A0", "a00"],
            &["Spa", "SPA", " spa"],
            &["总统套", "总统套房"],
        ] {
            for other in same {
                let names = [same[0], other].map(normalized_name);
                assert_eq!(names[0], names[1], "{other:?}");
            }
        }
    }

    #[test]
    fn different_rooms_stay_different() {
        let names = [
            "101", "1001", "1010", "110", "A101", "B101", "Spa", "Noble", "", "0", "Rooms",
        ];
        for (at, name) in names.iter().enumerate() {
            for other in &names[at + 1..] {
                let names = [name, other].map(|name| normalized_name(name));
                assert_ne!(names[0], names[1], "{name} {other}");
            }
        }
        let room = |hotel, number| normalized(&RoomKey::new(hotel, number));
        assert_ne!(room("H1", "1"), room("H11", ""));
    }
}
