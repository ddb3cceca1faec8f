//! What strangers wrote, made harmless where people read it: in a terminal, in the log, on a card.

use std::fmt::Write as _;

/// On one line: also newlines are escaped.
pub fn line(bytes: &[u8]) -> String {
    escape(bytes, false)
}

/// On as many lines as it has.
pub fn lines(bytes: &[u8]) -> String {
    escape(bytes, true)
}

/// A line of JSON in which what a terminal may obey is escaped as JSON does it. It can only stand
/// inside of strings.
pub fn json(line: &str) -> String {
    let mut harmless = String::with_capacity(line.len());
    for c in line.chars() {
        if is_obeyed(c) {
            for unit in c.encode_utf16(&mut [0; 2]) {
                // Writing to a String can't fail.
                let _ = write!(harmless, "\\u{unit:04x}");
            }
        } else {
            harmless.push(c);
        }
    }
    harmless
}

fn escape(bytes: &[u8], keep_newlines: bool) -> String {
    let mut escaped = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_obeyed(c) && !(c == '\n' && keep_newlines) {
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

/// Whether something else is done with it than to show it: C0, DEL and C1, marks and overrides of
/// the writing direction, separators of lines, and characters that can't be seen. Those that make
/// emoji out of several characters are among them: where operators read, a name is to be seen as it
/// is.
pub fn is_obeyed(c: char) -> bool {
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

/// A text for a page or a card of which nothing in it can change the order: what would is shown as
/// unreadable. All else is left, as whatever makes emoji out of several characters.
pub fn in_order(text: &str) -> String {
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
    fn nothing_a_terminal_obeys_comes_through() {
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
    fn a_card_keeps_its_order_and_its_emoji() {
        assert_eq!(
            in_order("贵宾\u{202e}3\u{2066}\u{200f}"),
            "贵宾\u{fffd}3\u{fffd}\u{fffd}"
        );
        assert_eq!(
            in_order("👨\u{200d}👩\u{200d}👧\n101"),
            "👨\u{200d}👩\u{200d}👧\n101"
        );
    }

    #[test]
    fn no_character_is_missed() {
        for c in (0..=0x9f).filter_map(char::from_u32) {
            let shown = line(c.to_string().as_bytes());
            assert!(!shown.chars().any(char::is_control), "{c:?}: {shown:?}");
        }
    }

    #[test]
    fn harmless_json_says_the_same() {
        let text = "\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{e0041} 客房 \"\n";
        let written = serde_json::to_string(text).expect("JSON");
        let harmless = json(&written);
        assert!(!harmless.chars().any(is_obeyed), "{harmless:?}");
        let read: String = serde_json::from_str(&harmless).expect("JSON");
        assert_eq!(read, text);
    }
}
