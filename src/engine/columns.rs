//! Where the columns of a CSV are, by its first line.

use csv_core::{ReadRecordResult, Reader};
use thiserror::Error;

/// The most columns. Each costs memory while a line is read.
pub const MOST_COLUMNS: usize = 64;

/// The longest first line. Bytes.
const LONGEST_HEADER: usize = 64 * 1024;

/// The columns of a CSV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Columns<const N: usize> {
    /// All there are.
    pub count: usize,
    /// The places of those that were asked for.
    pub places: [usize; N],
}

/// Why a first line is no header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum HeaderError {
    #[error("the first line has more than {MOST_COLUMNS} columns")]
    TooMany,
    #[error("the first line has no column {0}")]
    Missing(&'static str),
}

impl<const N: usize> Columns<N> {
    /// Finds the columns of these names, which may stand in any order, perhaps among others. It
    /// costs the same however long the text is.
    ///
    /// # Errors
    /// [`HeaderError`].
    pub fn find(text: &[u8], names: [&'static str; N]) -> Result<Columns<N>, HeaderError> {
        let mut reader = Reader::new();
        let mut output = vec![0; text.len().min(LONGEST_HEADER)];
        let mut ends = [0; MOST_COLUMNS + 1];
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
                ReadRecordResult::OutputFull | ReadRecordResult::OutputEndsFull => {
                    return Err(HeaderError::TooMany);
                }
            }
        }
        if count > MOST_COLUMNS {
            return Err(HeaderError::TooMany);
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
            *place = at.ok_or(HeaderError::Missing(name))?;
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
            ("a,c\n", Err(HeaderError::Missing("b"))),
            ("", Err(HeaderError::Missing("a"))),
            ("a\nb", Err(HeaderError::Missing("b"))),
        ] {
            let columns = Columns::find(text.as_bytes(), ["a", "b"]);
            let columns = columns.map(|columns| (columns.count, columns.places));
            assert_eq!(columns, found, "{text:?}");
        }
    }

    #[test]
    fn a_line_of_too_many_columns_is_not_read_to_its_end() {
        let with = |more: usize| format!("a,b{}\n", ",".repeat(more));
        let find = |text: String| Columns::find(text.as_bytes(), ["a", "b"]);
        assert_eq!(find(with(62)).map(|columns| columns.count), Ok(64));
        for wrong in [
            with(63),
            with(4_000_000),
            // Neither a quote that is not closed, nor one that is none.
            format!("a,b,\"{}", ",".repeat(4_000_000)),
            format!("a,b,c\"{}", ",".repeat(4_000_000)),
        ] {
            assert_eq!(find(wrong), Err(HeaderError::TooMany));
        }
    }
}
