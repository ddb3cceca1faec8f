//! Describes a first line that is not the expected CSV header.

use crate::types::{NotText, utf8};

/// The most characters of the line that are shown.
const SHOWN: usize = 80;

/// What is there instead of the header, with a remedy if there is one.
pub(super) fn describe(text: &[u8]) -> String {
    let first = text.split(|&byte| byte == b'\n').next();
    let line = first.unwrap_or_default().trim_ascii();
    if text.is_empty() {
        return "it is empty".into();
    }
    let line = match utf8(line) {
        Ok(line) => line,
        Err(NotText::NotUtf8) => return "it is not text".into(),
        Err(not_text) => return format!("it {not_text}"),
    };
    if !is_text(line) {
        return "it is not text".into();
    }
    let has = |separator| !line.contains(',') && line.contains(separator);
    if has(';') {
        return "its columns are separated by ';': separate them by ','".into();
    }
    if has('\t') {
        return "its columns are separated by tabs: separate them by ','".into();
    }
    let start: String = line.chars().take(SHOWN).collect();
    format!("it is {start:?}")
}

fn is_text(line: &str) -> bool {
    line.chars().all(|c| c == '\t' || !c.is_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_that_is_not_a_header_is_recognised() {
        for (text, expected) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\x00", "it is gzip: unpack it"),
            (b"PK\x03\x04", "it is ZIP (an Excel file is one)"),
            (b"\xff\xfeh\x00", "it is UTF-16"),
            (
                b"\xbe\xc6\xb5\xea,1\n",
                "it is not UTF-8, it looks like GBK",
            ),
            (b"hotel_id;room_number\r\nH,1;2", "separated by ';'"),
            (b"hotel_id\troom_number\n", "separated by tabs"),
            (b"\x07\x01\n", "it is not text"),
            (b"\xc4,\n", "it is not text"),
            (b"hotel, room \r\nH001,101\n", "it is \"hotel, room\""),
        ] {
            let found = describe(text);
            assert!(found.contains(expected), "{text:?}: {found}");
        }
        assert!(describe("é,".repeat(1_000).as_bytes()).len() < 200);
    }
}
