//! What the commands over stored rows have in common: how rows are listed and shown, and what is
//! said of those that can't be had.

use std::io::{self, BufWriter, StdoutLock, Write};

use anyhow::anyhow;
use serde_json::Value;

use crate::escape;
use crate::store::StoreError;

use super::{Code, ConfigFile, Failure, print_error};

/// A row as a person and a script see it.
pub(super) trait Row {
    /// What one is called; several take an s.
    const NAME: &'static str;
    /// The command that tells which there are.
    const LIST: &'static str;

    fn id(&self) -> u64;

    /// On one line, harmless for a terminal.
    fn text(&self) -> String;

    /// With all its columns.
    fn json(&self) -> Value;
}

/// The options of a list.
#[derive(clap::Args)]
pub(super) struct Listing {
    /// As many at most
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON object a line, with the whole body
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// Lists rows as `newest` gives them: those with a lower id than one, as many at most. `none` is
/// said where there are none.
pub(super) fn list<R: Row>(
    listing: &Listing,
    none: &str,
    mut newest: impl FnMut(Option<u64>, usize) -> Result<Vec<R>, StoreError>,
) -> Result<(), Failure> {
    /// Rows read at a time: each may have 64 KiB.
    const PAGE: usize = 100;
    let mut out = BufWriter::new(io::stdout().lock());
    let mut listed = 0;
    let mut before = None;
    while listed < listing.limit {
        let wanted = PAGE.min(listing.limit - listed);
        let page = newest(before, wanted)?;
        for row in &page {
            let line = if listing.json {
                escape::json(&row.json().to_string())
            } else {
                row.text()
            };
            if let Err(error) = writeln!(out, "{line}") {
                return written(Err(error));
            }
        }
        listed += page.len();
        before = page.last().map(R::id);
        if page.len() < wanted {
            break;
        }
    }
    if listed == 0 && listing.limit > 0 && !listing.json {
        return written(writeln!(out, "{none}").and_then(|()| out.flush()));
    }
    written(out.flush())?;
    // What is not shown is said, but not where a script reads.
    if listed > 0 && listed == listing.limit && !listing.json {
        let older = newest(before, 1)?;
        if !older.is_empty() {
            print_error("older ones are not listed, see --limit");
        }
    }
    Ok(())
}

/// Where rows are shown.
pub(super) type Out<'a> = BufWriter<StdoutLock<'a>>;

/// Shows rows with all that is known of them.
pub(super) fn show<R: Row>(
    ids: &[u64],
    mut get: impl FnMut(u64) -> Result<Option<R>, StoreError>,
    write: impl Fn(&mut Out, &R) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = BufWriter::new(io::stdout().lock());
    let mut missing = 0;
    for &id in ids {
        match get(id)? {
            Some(row) => {
                if let Err(error) = write(&mut out, &row).and_then(|()| writeln!(out)) {
                    return written(Err(error));
                }
            }
            None => {
                missing += 1;
                written(out.flush())?;
                print_error(&no_such::<R>(id));
            }
        }
    }
    written(out.flush())?;
    some_failed::<R>(missing, "not found")
}

/// Writes the lines of a text from strangers, set in, so that none of them looks like one of ours.
pub(super) fn write_set_in(out: &mut Out, text: &[u8]) -> io::Result<()> {
    for line in escape::lines(text).split('\n') {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

pub(super) fn no_such<R: Row>(id: u64) -> String {
    format!(
        "{id}: there is no such {}; `{}` shows those there are",
        R::NAME,
        R::LIST
    )
}

/// Some of the rows that were asked for could not be had.
pub(super) fn some_failed<R: Row>(failed: usize, not_done: &str) -> Result<(), Failure> {
    let error = match failed {
        0 => return Ok(()),
        1 => anyhow!("1 {} was {not_done}", R::NAME),
        _ => anyhow!("{failed} {}s were {not_done}", R::NAME),
    };
    Err(Failure::new(Code::Usage, error))
}

/// Who reads the output may have seen enough.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::TryLater, error))
        }
        _ => Ok(()),
    }
}
