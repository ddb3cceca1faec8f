//! Shared by the commands about stored rows: listing and showing rows, and the errors for rows that
//! are missing.

use std::io::{self, BufWriter, StdoutLock, Write};

use anyhow::anyhow;
use serde_json::Value;

use crate::escape;
use crate::store::StoreError;

use super::{Code, ConfigFile, Failure, print_error};

/// A row as it is printed for people and for scripts.
pub(super) trait Row {
    /// What a row is called; the plural takes an s.
    const NAME: &'static str;
    /// The command that lists the rows.
    const LIST: &'static str;

    fn id(&self) -> u64;

    /// On one line, escaped for a terminal.
    fn text(&self) -> String;

    /// With all its columns.
    fn json(&self) -> Value;
}

/// The options of a list.
#[derive(clap::Args)]
pub(super) struct Listing {
    /// List at most N
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// One JSON object a line, with the whole body
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    pub(super) config: ConfigFile,
}

/// Prints the newest rows, page by page. `newest` returns at most so many rows with ids below the
/// given one; `if_empty` is printed if there are no rows.
pub(super) fn list<R: Row>(
    listing: &Listing,
    if_empty: &str,
    mut newest: impl FnMut(Option<u64>, usize) -> Result<Vec<R>, StoreError>,
) -> Result<(), Failure> {
    /// Rows read at a time: one may have 64 KiB.
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
                return check_output(Err(error));
            }
        }
        listed += page.len();
        before = page.last().map(R::id);
        if page.len() < wanted {
            break;
        }
    }
    if listed == 0 && listing.limit > 0 && !listing.json {
        return check_output(writeln!(out, "{if_empty}").and_then(|()| out.flush()));
    }
    check_output(out.flush())?;
    // Remark that there are more, unless a script reads the output.
    if listed > 0 && listed == listing.limit && !listing.json {
        let older = newest(before, 1)?;
        if !older.is_empty() {
            print_error("older ones are not listed, see --limit");
        }
    }
    Ok(())
}

/// Where rows are printed.
pub(super) type Out<'a> = BufWriter<StdoutLock<'a>>;

/// Prints rows in full.
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
                    return check_output(Err(error));
                }
            }
            None => {
                missing += 1;
                check_output(out.flush())?;
                print_error(&not_found::<R>(id));
            }
        }
    }
    check_output(out.flush())?;
    fail_if_any::<R>(missing, "not found")
}

/// Writes an untrusted text, indented so that none of its lines looks like one of ours.
pub(super) fn write_indented(out: &mut Out, text: &[u8]) -> io::Result<()> {
    for line in escape::lines(text).split('\n') {
        writeln!(out, "    {line}")?;
    }
    Ok(())
}

pub(super) fn not_found<R: Row>(id: u64) -> String {
    format!(
        "{id}: there is no such {}; `{}` lists them",
        R::NAME,
        R::LIST
    )
}

/// Fails if some of the requested rows failed.
pub(super) fn fail_if_any<R: Row>(failed: usize, not_done: &str) -> Result<(), Failure> {
    let error = match failed {
        0 => return Ok(()),
        1 => anyhow!("1 {} was {not_done}", R::NAME),
        _ => anyhow!("{failed} {}s were {not_done}", R::NAME),
    };
    Err(Failure::new(Code::Usage, error))
}

/// Turns an error of writing output into a failure. A closed pipe, as with `head`, is not one.
pub(super) fn check_output(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Code::TryLater, error))
        }
        _ => Ok(()),
    }
}
