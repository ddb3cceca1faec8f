//! Splits a CSV file into blocks that end where a row ends, so that each can be parsed by itself.

use std::io::{self, Read};

/// The size of a block, up to its last whole row.
const SIZE: usize = 4 << 20;

/// No real row is that long: it is another kind of file, or a quote is not closed.
pub(super) const LONGEST_ROW: usize = 16 << 20;

pub(super) struct Blocks<R> {
    from: R,
    size: usize,
    longest_row: usize,
    /// What was read beyond the end of the last block.
    rest: Vec<u8>,
    is_over: bool,
}

impl<R: Read> Blocks<R> {
    pub fn new(from: R) -> Blocks<R> {
        Blocks {
            from,
            size: SIZE,
            longest_row: LONGEST_ROW,
            rest: Vec::new(),
            is_over: false,
        }
    }

    /// The next block; `None` after the last one. Only the last one may end without a newline.
    /// Fails when the file can't be read, or a row is too long.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut block = std::mem::take(&mut self.rest);
        let mut rows = Rows::default();
        let mut end = rows.last_end(&block);
        while !self.is_over && (block.len() < self.size || end == 0) {
            if block.len() >= self.longest_row {
                return Err(too_long());
            }
            let before = block.len();
            let wanted = self.size as u64;
            block.reserve(self.size);
            let read = (&mut self.from).take(wanted).read_to_end(&mut block)?;
            self.is_over = read < self.size;
            end = rows.last_end(&block[..before + read]).max(end);
        }
        if !self.is_over {
            self.rest = block.split_off(end);
        }
        Ok(Some(block).filter(|block| !block.is_empty()))
    }
}

/// The error for a line that is too long.
pub(super) fn too_long() -> io::Error {
    let error = format!(
        "the line is longer than {} MiB: is it the wrong file, or a quote not closed?",
        LONGEST_ROW >> 20
    );
    io::Error::new(io::ErrorKind::InvalidData, error)
}

/// Finds where rows end. A newline within quotes does not end a row. Quotes are read as the csv
/// crate does: they open at the beginning of a field only, and a doubled one within quotes stands
/// for one.
#[derive(Default)]
struct Rows {
    /// How many bytes have been examined.
    to: usize,
    in_quotes: bool,
    /// Just beyond the quote that closed last.
    closed: usize,
}

impl Rows {
    /// Just beyond the last newline that ends a row, among the bytes not examined yet; 0 if there
    /// is none.
    fn last_end(&mut self, bytes: &[u8]) -> usize {
        let from = std::mem::replace(&mut self.to, bytes.len());
        let new = &bytes[from..];
        if !self.in_quotes && !new.contains(&b'"') {
            let newline = new.iter().rposition(|&byte| byte == b'\n');
            return newline.map_or(0, |at| from + at + 1);
        }
        let mut end = 0;
        for (at, byte) in (from..).zip(new) {
            match byte {
                b'"' if self.in_quotes => {
                    self.in_quotes = false;
                    self.closed = at + 1;
                }
                b'"' => {
                    let is_doubled = at > 0 && self.closed == at;
                    let begins = at == 0 || matches!(bytes[at - 1], b',' | b'\n' | b'\r');
                    self.in_quotes = is_doubled || begins;
                }
                b'\n' if !self.in_quotes => end = at + 1,
                _ => {}
            }
        }
        end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(mut csv: csv::Reader<&[u8]>) -> Vec<Vec<Vec<u8>>> {
        let records = csv.byte_records().map(|record| record.expect("a row"));
        records
            .map(|record| record.iter().map(<[u8]>::to_vec).collect())
            .collect()
    }

    fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
        csv::ReaderBuilder::new()
            .flexible(true)
            .has_headers(false)
            .from_reader(text)
    }

    /// A quote in the second row is not closed.
    #[test]
    fn a_row_that_never_ends_is_an_error() {
        let endless = io::repeat(b'1').take(u64::MAX);
        let mut blocks = Blocks::new((&b"a\n\"b\nc\n"[..]).chain(endless));
        (blocks.size, blocks.longest_row) = (8, 100);
        assert_eq!(
            blocks.next().expect("a block").as_deref(),
            Some(&b"a\n"[..])
        );
        let error = blocks.next().expect_err("no end");
        assert!(error.to_string().contains("a quote not closed"), "{error}");
        // A long row that ends is no error.
        let long = [&[b'1'; 90][..], b"\n", &[b'2'; 90]].concat();
        let mut blocks = Blocks::new(&long[..]);
        (blocks.size, blocks.longest_row) = (8, 100);
        let lengths = std::iter::from_fn(|| blocks.next().expect("a block"));
        assert_eq!(
            lengths.map(|block| block.len()).collect::<Vec<_>>(),
            [91, 90]
        );
    }

    /// Random texts of the bytes that have a meaning in CSV, cut into blocks of every size.
    #[test]
    fn blocks_have_the_same_rows_as_the_whole_file() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut several = 0;
        for _ in 0..1_500 {
            let length = rng.usize(0..40);
            let text: Vec<u8> = (0..length)
                .map(|_| *rng.choice(b"ab,,\n\n\r\"\"").expect("one"))
                .collect();
            let mut blocks = Blocks::new(&text[..]);
            blocks.size = rng.usize(1..12);
            let mut found = Vec::new();
            let mut joined = Vec::new();
            let mut count = 0;
            while let Some(block) = blocks.next().expect("a block") {
                found.extend(rows(reader(&block)));
                joined.extend(block);
                count += 1;
            }
            several += usize::from(count > 1);
            assert_eq!(joined, text);
            let shown = String::from_utf8_lossy(&text);
            assert_eq!(found, rows(reader(&text)), "{shown:?} by {}", blocks.size);
        }
        assert!(several > 500, "only {several} had several blocks");
    }
}
