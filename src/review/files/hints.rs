//! What a file may be that is no CSV of readings.

/// What some editors put at the beginning of a UTF-8 file.
pub(super) const BOM: &[u8] = b"\xef\xbb\xbf";

/// The longest start of a header or a cell that is shown, in characters.
pub(super) const SHOWN: usize = 80;

/// What is there instead of the header, and what to do.
pub(super) fn of_header(block: &[u8]) -> String {
    let first = block.split(|&byte| byte == b'\n').next();
    let line = first.unwrap_or_default().trim_ascii();
    if block.is_empty() {
        return "the file is empty".into();
    }
    if block.starts_with(b"\x1f\x8b") || block.starts_with(b"PK") {
        return "the file is compressed: unpack it first (an Excel file: save it as CSV)".into();
    }
    if block.starts_with(b"\xff\xfe") || block.starts_with(b"\xfe\xff") {
        return "the file is UTF-16: save it as UTF-8".into();
    }
    let Some(line) = std::str::from_utf8(line).ok().filter(|line| is_text(line)) else {
        return "the line is no text".into();
    };
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
    fn what_stands_in_place_of_a_header_is_recognised() {
        for (block, told) in [
            (&b""[..], "empty"),
            (b"\x1f\x8b\x08\x00", "unpack it first"),
            (b"PK\x03\x04", "save it as CSV"),
            (b"\xff\xfeh\x00", "save it as UTF-8"),
            (b"hotel_id;room_number\r\nH,1;2", "separated by ';'"),
            (b"hotel_id\troom_number\n", "separated by tabs"),
            (b"\x00\x01\n", "the line is no text"),
            (b"\xc4,\n", "the line is no text"),
            (b"hotel, room \r\nH001,101\n", "it is \"hotel, room\""),
        ] {
            let hint = of_header(block);
            assert!(hint.contains(told), "{block:?}: {hint}");
        }
        assert!(of_header("é,".repeat(1_000).as_bytes()).len() < 200);
    }
}
