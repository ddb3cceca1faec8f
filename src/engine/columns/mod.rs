//! Finds the columns of a CSV by its header.

mod found;

use std::fmt;

use csv_core::{ReadRecordResult, Reader};
use thiserror::Error;

use crate::types::counted;

use super::MAX_MESSAGE_BYTES;

/// The most columns that a CSV may have. Each takes memory while a line is read.
pub const MAX_COLUMNS: usize = 64;

/// The longest row in bytes, without quotes. The same limit as for messages.
pub const MAX_ROW_BYTES: usize = MAX_MESSAGE_BYTES;

/// Where the requested columns of a CSV are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<const N: usize> {
    /// The number of all columns.
    pub count: usize,
    /// The indexes of the requested columns.
    pub places: [usize; N],
}

/// The first line is not the expected header.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the first line {what}; it must be {expected}, and {found}")]
pub struct HeaderError {
    what: Problem,
    expected: String,
    /// What is there instead.
    found: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    TooMany,
    TooLong,
    Missing(&'static str),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::TooMany => write!(f, "has more than {MAX_COLUMNS} columns"),
            Problem::TooLong => write!(f, "is longer than {} KiB", MAX_ROW_BYTES / 1024),
            Problem::Missing(column) => write!(f, "has no column {column}"),
        }
    }
}

impl<const N: usize> Columns<N> {
    /// Finds the columns with these names, in any order and among any others. Only the first line
    /// is read, however long the text is.
    ///
    /// # Errors
    /// [`HeaderError`] if the first line is too long, has too many columns or misses a name.
    pub fn find(text: &[u8], names: [&'static str; N]) -> Result<Columns<N>, HeaderError> {
        Columns::parse(text, names).map_err(|what| HeaderError {
            what,
            expected: names.join(","),
            found: found::describe(text),
        })
    }

    /// Checks that a row with this number of fields and bytes fits the header.
    ///
    /// # Errors
    /// What is wrong if it has another number of columns or is too long.
    pub fn check_row(&self, fields: usize, bytes: usize) -> Result<(), String> {
        let count = self.count;
        if fields != count {
            return Err(format!(
                "it has {} where the first line has {count}",
                counted(fields, "field")
            ));
        }
        if bytes > MAX_ROW_BYTES {
            return Err(format!("it has more than {MAX_ROW_BYTES} bytes"));
        }
        Ok(())
    }

    fn parse(text: &[u8], names: [&'static str; N]) -> Result<Columns<N>, Problem> {
        let mut reader = Reader::new();
        let mut output = vec![0; text.len().min(MAX_ROW_BYTES)];
        let mut ends = [0; MAX_COLUMNS + 1];
        let (mut input, mut written, mut count) = (text, 0, 0);
        loop {
            let (result, read, more, ended) = reader.read_record(
                input,
                output.get_mut(written..).unwrap_or_default(),
                ends.get_mut(count..).unwrap_or_default(),
            );
            input = input.get(read..).unwrap_or_default();
            written += more;
            count += ended;
            match result {
                ReadRecordResult::Record | ReadRecordResult::End => break,
                // The next call finds out that this was the end.
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => return Err(Problem::TooLong),
                ReadRecordResult::OutputEndsFull => return Err(Problem::TooMany),
            }
        }
        if count > MAX_COLUMNS {
            return Err(Problem::TooMany);
        }
        let ends = ends.get(..count).unwrap_or_default();
        let starts = std::iter::once(&0).chain(ends);
        let columns: Vec<&[u8]> = starts
            .zip(ends)
            .map(|(&start, &end)| output.get(start..end).unwrap_or_default().trim_ascii())
            .collect();
        let mut places = [0; N];
        for (place, name) in places.iter_mut().zip(names) {
            let at = columns.iter().position(|&column| column == name.as_bytes());
            *place = at.ok_or(Problem::Missing(name))?;
        }
        Ok(Columns { count, places })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_found_by_name_in_any_order() {
        for (text, found) in [
            ("a,b\n1,2", Ok((2, [0, 1]))),
            ("\u{feff}x,b,\" a \"\r\n", Ok((3, [2, 1]))),
            ("\n\nb,a", Ok((2, [1, 0]))),
            ("a,c\n", Err(Problem::Missing("b"))),
            ("", Err(Problem::Missing("a"))),
            ("a\nb", Err(Problem::Missing("b"))),
        ] {
            let columns = Columns::find(text.as_bytes(), ["a", "b"]);
            let columns = columns.map(|columns| (columns.count, columns.places));
            assert_eq!(columns.map_err(|error| error.what), found, "{text:?}");
        }
    }

    #[test]
    fn a_header_that_is_too_long_is_not_read_to_its_end() {
        let with = |more: usize| format!("a,b{}\n", ",".repeat(more));
        let find = |text: String| {
            let found = Columns::find(text.as_bytes(), ["a", "b"]);
            found.map_err(|error| error.what)
        };
        assert_eq!(find(with(62)).map(|columns| columns.count), Ok(64));
        for wrong in [with(63), with(4_000_000)] {
            assert_eq!(find(wrong), Err(Problem::TooMany));
        }
        for wrong in [
            format!("a,b,{}\n", "x".repeat(MAX_ROW_BYTES)),
            // A quote that is never closed.
            format!("a,b,\"{}", ",".repeat(4_000_000)),
            format!("a,b,\"{}", "\n".repeat(4_000_000)),
        ] {
            assert_eq!(find(wrong), Err(Problem::TooLong));
        }
        let commas = format!("a,b,c\"{}", ",".repeat(4_000_000));
        assert_eq!(find(commas), Err(Problem::TooMany));
    }

    #[test]
    fn the_error_says_what_is_there_instead_of_the_header() {
        let error = |text: &[u8]| {
            let error = Columns::find(text, ["a", "b"]).expect_err("no header");
            error.to_string()
        };
        assert_eq!(
            error(b"a,c\n1,2\n"),
            "the first line has no column b; it must be a,b, and it is \"a,c\""
        );
        let long = error(&[b'x'; 2 * MAX_ROW_BYTES]);
        let expected = "the first line is longer than 64 KiB; it must be a,b, and it is \"xxx";
        assert!(long.starts_with(expected) && long.len() < 200, "{long}");
        let utf16: Vec<u8> = "a,b\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(error(&utf16).ends_with("and it is UTF-16: it has to be UTF-8"));
    }
}
