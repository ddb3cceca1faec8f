//! Room keys are compared byte for byte; here is what people would take for the same.

use super::RoomKey;

/// What is left of a key when its spelling does not count: blanks, marks, case, full-width letters
/// and digits, zeros at the beginning of a number, and words for a room.
pub fn plain(room: &RoomKey) -> (String, String) {
    (
        plain_name(room.hotel_id.as_str()),
        plain_name(room.room_number.as_str()),
    )
}

fn plain_name(name: &str) -> String {
    let mut plain = String::with_capacity(name.len());
    let mut in_number = false;
    let halfwidth = name.chars().map(|c| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        _ => c,
    });
    let counted = halfwidth.filter(|c| c.is_alphanumeric() && !"客房间室号".contains(*c));
    let mut counted = counted.flat_map(char::to_lowercase).peekable();
    while let Some(c) = counted.next() {
        let more = counted.peek().is_some_and(char::is_ascii_digit);
        if c == '0' && !in_number && more {
            continue;
        }
        in_number = c.is_ascii_digit();
        plain.push(c);
    }
    let word = ["room", "no"]
        .iter()
        .find_map(|word| plain.strip_prefix(word));
    match word {
        // A room may be called so.
        Some(rest) if rest.starts_with(|c: char| c.is_ascii_digit()) => rest.to_owned(),
        _ => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_room_are_the_same() {
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
                assert_eq!(plain_name(same[0]), plain_name(other), "{other:?}");
            }
        }
    }

    #[test]
    fn other_rooms_are_not() {
        let names = [
            "101", "1001", "1010", "110", "A101", "B101", "Spa", "Noble", "", "0", "Rooms",
        ];
        for (at, name) in names.iter().enumerate() {
            for other in &names[at + 1..] {
                assert_ne!(plain_name(name), plain_name(other), "{name} {other}");
            }
        }
        let room = |hotel, number| plain(&RoomKey::new(hotel, number));
        assert_ne!(room("H1", "1"), room("H11", ""));
    }
}
