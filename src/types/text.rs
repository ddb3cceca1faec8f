//! Bytes that should be UTF-8 text, and what they are instead.

use thiserror::Error;

/// Some editors and .NET put it at the beginning of UTF-8 text.
const BYTE_ORDER_MARK: &str = "\u{feff}";

/// The first bytes of compressed data, with the name of the format.
const COMPRESSED: [(&[u8], &str); 9] = [
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"\x78\x01", "zlib"),
    (b"\x78\x9c", "zlib"),
    (b"\x78\xda", "zlib"),
    (b"PK\x03\x04", "ZIP (an Excel file is one)"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x04\x22\x4d\x18", "LZ4"),
];

/// What bytes are instead of UTF-8 text. As a message it follows a subject: "the body is gzip".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum NotText {
    #[error("is {0}: unpack it, only plain UTF-8 text is read")]
    Compressed(&'static str),
    #[error("is UTF-16: it has to be UTF-8")]
    Utf16,
    #[error("is not UTF-8, it looks like GBK: it has to be UTF-8")]
    Gbk,
    #[error("is not UTF-8")]
    NotUtf8,
}

/// The text of these bytes, without a byte order mark.
///
/// # Errors
/// [`NotText`] with what they seem to be instead.
pub fn utf8(bytes: &[u8]) -> Result<&str, NotText> {
    format_by_signature(bytes).map_or(Ok(()), Err)?;
    let text = utf8_part(bytes)?;
    Ok(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text))
}

/// The text of bytes from the middle of something. Their first bytes are not taken for a format's
/// signature or a byte order mark.
///
/// # Errors
/// [`NotText::Gbk`], [`NotText::NotUtf8`].
pub fn utf8_part(bytes: &[u8]) -> Result<&str, NotText> {
    std::str::from_utf8(bytes).map_err(|_| {
        if looks_like_gbk(bytes) {
            NotText::Gbk
        } else {
            NotText::NotUtf8
        }
    })
}

/// Recognises a format by its first bytes. UTF-16 needs this: ASCII in UTF-16 is also valid UTF-8
/// with NULs.
fn format_by_signature(bytes: &[u8]) -> Option<NotText> {
    let format = COMPRESSED
        .iter()
        .find(|(start, _)| bytes.starts_with(start));
    if let Some((_, name)) = format {
        return Some(NotText::Compressed(name));
    }
    match bytes {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, _, ..] | [_, 0, ..] => Some(NotText::Utf16),
        _ => None,
    }
}

/// Whether all bytes beyond ASCII form GBK pairs, most of them with a high second byte, as common
/// characters have. Western text in Latin-1 hardly ever looks like that.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let (mut pairs, mut common) = (0_usize, 0_usize);
    let mut bytes = bytes.iter();
    while let Some(&first) = bytes.next() {
        if first.is_ascii() {
            continue;
        }
        match (first, bytes.next()) {
            (0x81..=0xfe, Some(&second @ (0x40..=0x7e | 0x80..=0xfe))) => {
                pairs += 1;
                common += usize::from(second >= 0xa1);
            }
            _ => return false,
        }
    }
    pairs > 0 && common * 2 > pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_not_text_are_recognised() {
        let utf16 = |text: &str| text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let utf16_be: Vec<u8> = "{}".encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = [&b"\xff\xfe"[..], &utf16_be].concat();
        for (bytes, expected) in [
            (b"\x1f\x8b\x08\x00".to_vec(), NotText::Compressed("gzip")),
            (b"x\x9c\x03\x00".to_vec(), NotText::Compressed("zlib")),
            (utf16("{\"a\": 1}"), NotText::Utf16),
            (utf16_be, NotText::Utf16),
            (marked, NotText::Utf16),
            // 贵宾3, 大床房
            (b"\"\xb9\xf3\xb1\xf63\"".to_vec(), NotText::Gbk),
            (
                b"{\"r\":\"\xb4\xf3\xb4\xb2\xb7\xbf\"}".to_vec(),
                NotText::Gbk,
            ),
            (b"\"Z\xfcrich\"".to_vec(), NotText::NotUtf8),
            (b"\"H\xfc\"".to_vec(), NotText::NotUtf8),
            (b"\"\xff\xff\"".to_vec(), NotText::NotUtf8),
            (b"ends \xb9".to_vec(), NotText::NotUtf8),
        ] {
            assert_eq!(utf8(&bytes), Err(expected), "{bytes:?}");
        }
        for (bytes, text) in [
            (&b"\xef\xbb\xbf{}"[..], "{}"),
            (b"", ""),
            (b"{", "{"),
            ("贵宾".as_bytes(), "贵宾"),
            (b"PK,x", "PK,x"),
        ] {
            assert_eq!(utf8(bytes), Ok(text));
        }
        assert_eq!(utf8_part(b"BZh01"), Ok("BZh01"));
        assert_eq!(utf8_part(b"\xb9\xf3\xb1\xf6"), Err(NotText::Gbk));
    }
}
