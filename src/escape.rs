//! Escapes untrusted text where people read it: in a terminal, in the log, on a card.

use std::fmt::Write as _;

/// Escapes a text to one line: newlines are escaped, too.
pub fn line(bytes: &[u8]) -> String {
    escape(bytes, false)
}

/// Escapes a text, but keeps its newlines.
pub fn lines(bytes: &[u8]) -> String {
    escape(bytes, true)
}

/// Escapes a line of JSON with JSON's own escapes: unsafe characters can only be within strings.
pub fn json(line: &str) -> String {
    let mut escaped = String::with_capacity(line.len());
    for c in line.chars() {
        if is_unsafe(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String can't fail.
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(c);
        }
    }
    escaped
}

fn escape(bytes: &[u8], keep_newlines: bool) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_unsafe(c) && !(c == '\n' && keep_newlines) {
                escaped.extend(c.escape_default());
            } else {
                escaped.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(escaped, "\\x{byte:02x}");
        }
    }
    escaped
}

/// Whether a terminal would interpret or hide a character instead of showing it: C0, DEL and C1,
/// marks and overrides of the writing direction, line separators, and invisible characters. Joiners
/// of emoji count as invisible: operators have to see a name exactly as it is.
pub fn is_unsafe(c: char) -> bool {
    c.is_control()
        || is_direction(c)
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{200b}'..='\u{200d}'
            | '\u{2028}' | '\u{2029}' | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// Marks, overrides and isolates of the writing direction.
fn is_direction(c: char) -> bool {
    matches!(c,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Replaces the characters that could reorder or break the lines of a page or a card: marks of the
/// writing direction, and line separators. All others stay, such as joiners of emoji.
pub fn without_direction_marks(text: &str) -> String {
    let shown = |c: char| match c {
        c if is_direction(c) => char::REPLACEMENT_CHARACTER,
        '\u{2028}' | '\u{2029}' => ' ',
        c => c,
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_terminal_would_interpret_is_escaped() {
        for (bytes, shown) in [
            (&b"\x1b]0;owned\x07"[..], r"\u{1b}]0;owned\u{7}"),
            (b"\x1b[2J\x7f\x00", r"\u{1b}[2J\u{7f}\u{0}"),
            (
                "a\u{9b}31m\u{202e}b\u{2066}".as_bytes(),
                r"a\u{9b}31m\u{202e}b\u{2066}",
            ),
            (b"\xff\x9b2J\xe4\xb8", r"\xff\x9b2J\xe4\xb8"),
            ("客房 1001\t\r".as_bytes(), r"客房 1001\t\r"),
            (
                "1\u{ad}0\u{200b}\u{200c}\u{200d}\u{2060}1\u{feff}\u{2028}\u{2029}\u{61c}"
                    .as_bytes(),
                r"1\u{ad}0\u{200b}\u{200c}\u{200d}\u{2060}1\u{feff}\u{2028}\u{2029}\u{61c}",
            ),
            (
                "\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{2067}\u{2068}\u{2069}"
                    .as_bytes(),
                r"\u{200e}\u{200f}\u{202a}\u{202b}\u{202c}\u{202d}\u{2067}\u{2068}\u{2069}",
            ),
        ] {
            assert_eq!(line(bytes), shown);
            assert_eq!(lines(bytes), shown);
        }
        assert_eq!(line(b"a\nb"), r"a\nb");
        assert_eq!(lines(b"a\nb"), "a\nb");
    }

    #[test]
    fn on_cards_direction_marks_are_replaced_and_emoji_kept() {
        assert_eq!(
            without_direction_marks("贵宾\u{202e}3\u{2066}\u{200f}"),
            "贵宾\u{fffd}3\u{fffd}\u{fffd}"
        );
        assert_eq!(
            without_direction_marks("👨\u{200d}👩\u{200d}👧\n101"),
            "👨\u{200d}👩\u{200d}👧\n101"
        );
    }

    #[test]
    fn all_control_characters_are_escaped() {
        for c in (0..=0x9f).filter_map(char::from_u32) {
            let shown = line(c.to_string().as_bytes());
            assert!(!shown.chars().any(char::is_control), "{c:?}: {shown:?}");
        }
    }

    #[test]
    fn escaped_json_has_the_same_content() {
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{e0041} 客房 \"\n";
        let written = serde_json::to_string(text).expect("JSON");
        let escaped = json(&written);
        assert!(!escaped.chars().any(is_unsafe), "{escaped:?}");
        let read: String = serde_json::from_str(&escaped).expect("JSON");
        assert_eq!(read, text);
    }
}
