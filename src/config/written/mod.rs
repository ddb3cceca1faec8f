//! The configuration as it was written: a TOML file, overridden by the environment and the command
//! line, and where each value comes from.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::files;

use super::{Setting, raw};

/// The prefix of variables that override a key: `ROOMWATT_MYSQL__PASSWORD`.
const ENV_PREFIX: &str = "ROOMWATT_";

/// A key with this suffix names a file that contains the value.
pub(super) const FILE_SUFFIX: &str = "_file";

/// Keys whose value may come from a file, with their sections.
const SECRETS: [(&str, &str); 8] = [
    ("rabbitmq", "password"),
    ("mysql", "password"),
    ("feishu", "webhook_url"),
    ("feishu", "secret"),
    ("feishu", "proxy"),
    ("http", "token"),
    ("http", "key"),
    ("heartbeat", "url"),
];

/// The same for the tables of lists in a section.
const SECRETS_IN_LISTS: [(&str, &str, &[&str]); 3] = [
    ("feishu", "routes", &["webhook_url", "secret"]),
    ("http", "tokens", &["token"]),
    ("http", "users", &["password_hash"]),
];

/// A problem, with the key it is about: `monitoring.overrides[0].hotel_id`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) key: String,
    pub(super) text: String,
    /// Its place, if that is not where the key was written.
    row: Option<Place>,
}

impl Problem {
    pub(super) fn new(key: impl Into<String>, text: impl fmt::Display) -> Problem {
        let key = key.into();
        Problem {
            text: format!("{key} {text}"),
            key,
            row: None,
        }
    }

    /// A problem in a row of a file that the configuration names.
    pub(super) fn in_row(file: &str, line: usize, text: String) -> Problem {
        Problem {
            key: String::new(),
            text,
            row: Some(Place::Row(file.to_owned(), line)),
        }
    }
}

/// Where a value was written.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// A line of the configuration file.
    Line(usize),
    /// A line of another file.
    Row(String, usize),
    /// A variable or an argument.
    Named(String),
}

/// The written values, and the problems of their names and types.
pub(super) struct Written {
    file: String,
    table: toml::Table,
    places: HashMap<String, Place>,
    problems: Vec<Problem>,
    /// Whether the file itself contains secrets.
    pub(super) has_secrets: bool,
    /// The files that contain a secret each.
    pub(super) secret_files: Vec<PathBuf>,
    /// The whole table, once its names and types are known to be right.
    raw: Option<raw::Raw>,
}

/// Where the lines of a text end, so that the line of a key need not be counted anew for each.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Lines {
        Lines(text.match_indices('\n').map(|(at, _)| at).collect())
    }

    /// The number of the line at a byte.
    fn line(&self, at: usize) -> usize {
        self.0.partition_point(|&end| end < at) + 1
    }
}

/// Decodes the text of a file.
///
/// # Errors
/// The line that is not UTF-8, and what to do.
pub(super) fn utf8(bytes: Vec<u8>) -> Result<String, (usize, String)> {
    String::from_utf8(bytes).map_err(|error| {
        let right = &error.as_bytes()[..error.utf8_error().valid_up_to()];
        let line = right.iter().filter(|byte| **byte == b'\n').count() + 1;
        (
            line,
            "is not UTF-8: save the file in this encoding".to_owned(),
        )
    })
}

impl Written {
    /// Parses a file's text, then overrides it from the environment and the settings.
    ///
    /// # Errors
    /// The syntax errors, each with its line. They never quote the text: it may be a password.
    pub(super) fn read(
        file: &str,
        text: &str,
        environment: impl Iterator<Item = (String, OsString)>,
        settings: &[Setting],
    ) -> Result<Written, Vec<String>> {
        let lines = Lines::of(text);
        let line = |at| lines.line(at);
        let (parsed, errors) = DeTable::parse_recoverable(text);
        if !errors.is_empty() {
            let errors = errors.iter().map(|error| {
                let at = error.span().map_or(0, |span| span.start);
                format!("{file}:{}: {}", line(at), error.message())
            });
            return Err(errors.collect());
        }
        // The first pass does not convert digits to numbers.
        let table = text.parse().map_err(|error: toml::de::Error| {
            let at = error.span().map_or(0, |span| span.start);
            vec![format!("{file}:{}: a number is too large", line(at))]
        })?;
        let mut written = Written {
            file: file.to_owned(),
            table,
            places: HashMap::new(),
            problems: Vec::new(),
            has_secrets: false,
            secret_files: Vec::new(),
            raw: None,
        };
        written.has_secrets = written.holds_secrets();
        written.mark("", parsed.get_ref(), &line);
        for (name, value) in environment {
            let Some(path) = name.strip_prefix(ENV_PREFIX) else {
                continue;
            };
            let path = path.to_lowercase();
            if let Some((section, key)) = path.split_once("__") {
                match value.into_string() {
                    Ok(value) => written.put(section, key, &value, name),
                    Err(_) => {
                        let key = format!("{section}.{key}");
                        let problem = Problem::new(key.as_str(), "is not UTF-8");
                        written.problems.push(problem);
                        written.places.insert(key, Place::Named(name));
                    }
                }
            } else if let Some((section, key)) = one_underscore(&path) {
                let meant = format!("{ENV_PREFIX}{section}__{key}").to_uppercase();
                let place = Place::Named("environment".to_owned());
                written.places.insert(name.clone(), place);
                written.problems.push(Problem::new(
                    name,
                    format!("means nothing: with two underscores after the section it is {meant}"),
                ));
            }
        }
        for Setting { key, value, option } in settings {
            let (section, key) = key.split_once('.').unwrap_or(("monitoring", key));
            written.put(section, key, value, option.clone());
        }
        written.read_files();
        written.check_types();
        Ok(written)
    }

    fn holds_secrets(&self) -> bool {
        let is_set = |value: Option<&toml::Value>| {
            let text = value.and_then(toml::Value::as_str);
            text.is_some_and(|text| !text.is_empty())
        };
        let section = |name: &str| self.table.get(name);
        let has_one =
            |entry: &toml::Value, keys: &[&str]| keys.iter().any(|key| is_set(entry.get(key)));
        SECRETS
            .iter()
            .any(|(name, key)| is_set(section(name).and_then(|table| table.get(key))))
            || SECRETS_IN_LISTS.iter().any(|(name, list, keys)| {
                let list = section(name).and_then(|section| section.get(list)?.as_array());
                let mut entries = list.into_iter().flatten();
                entries.any(|entry| has_one(entry, keys))
            })
    }

    /// Remembers the line of each key.
    fn mark(&mut self, path: &str, table: &DeTable<'_>, line: &impl Fn(usize) -> usize) {
        for (key, value) in table {
            let path = match path {
                "" => key.get_ref().to_string(),
                path => format!("{path}.{}", key.get_ref()),
            };
            let at = Place::Line(line(key.span().start));
            match value.get_ref() {
                DeValue::Table(table) => self.mark(&path, table, line),
                DeValue::Array(elements) => {
                    for (number, element) in elements.iter().enumerate() {
                        let path = format!("{path}[{number}]");
                        if let DeValue::Table(table) = element.get_ref() {
                            self.mark(&path, table, line);
                        }
                        let at = Place::Line(line(element.span().start));
                        self.places.insert(path, at);
                    }
                }
                _ => {}
            }
            self.places.insert(path, at);
        }
    }

    /// Sets a key from text: to the text itself where the key takes a string (a password may be
    /// 1234), else to the TOML value that it spells.
    fn put(&mut self, section: &str, key: &str, text: &str, place: String) {
        // Names of variables have been lowercased.
        let key = if key == "msgtype" { "msgType" } else { key };
        let path = format!("{section}.{key}");
        let as_text = toml::Value::from(text);
        let takes_list = fault(section, key, &toml::Value::Array(Vec::new())).is_none();
        let value = match text.parse::<toml::Value>() {
            // `check_types` reports what is wrong in it, or with its type.
            Ok(value) if value.is_array() && takes_list => value,
            _ if fault(section, key, &as_text).is_none() => as_text,
            Ok(value) if value.is_array() || fault(section, key, &value).is_none() => value,
            _ => as_text,
        };
        if is_list(section) {
            self.problems.push(Problem {
                text: format!("{section} is a list: only the file can set it, as [[{section}]]"),
                key: path.clone(),
                row: None,
            });
            self.places.insert(path, Place::Named(place));
            return;
        }
        let name = section;
        let entry = self.table.entry(section);
        let section = entry.or_insert_with(|| toml::Table::new().into());
        if let Some(section) = section.as_table_mut() {
            // A secret replaces the key of its file, and the other way round.
            let secret = key.strip_suffix(FILE_SUFFIX).unwrap_or(key);
            if SECRETS.contains(&(name, secret)) {
                let file = format!("{secret}{FILE_SUFFIX}");
                section.remove(if key == secret { file.as_str() } else { secret });
            }
            section.insert(key.to_owned(), value);
        }
        let place = Place::Named(place);
        let section = path.split('.').next().unwrap_or_default().to_owned();
        self.places.entry(section).or_insert_with(|| place.clone());
        self.places.insert(path, place);
    }

    /// Reads the secrets whose files are named in their place.
    fn read_files(&mut self) {
        for (section, key) in SECRETS {
            if let Some(toml::Value::Table(table)) = self.table.get_mut(section) {
                match read_file(table, section, key) {
                    Ok(file) => self.secret_files.extend(file),
                    Err(problem) => self.problems.push(problem),
                }
            }
        }
        for (section, list, keys) in SECRETS_IN_LISTS {
            let entries = self.table.get_mut(section);
            let entries = entries.and_then(|section| section.get_mut(list)?.as_array_mut());
            for (number, entry) in entries.into_iter().flatten().enumerate() {
                let Some(entry) = entry.as_table_mut() else {
                    continue;
                };
                for key in keys {
                    let path = format!("{section}.{list}[{number}]");
                    match read_file(entry, &path, key) {
                        Ok(file) => self.secret_files.extend(file),
                        Err(problem) => self.problems.push(problem),
                    }
                }
            }
        }
    }

    /// Finds unknown keys and wrong types, each by itself, and removes them.
    fn check_types(&mut self) {
        // Mostly there are none: a fast path for all at once.
        let mut sections = self.table.iter();
        if sections.all(|(section, value)| is_right_shape(value, is_list(section))) {
            self.raw = raw::Raw::deserialize(self.table.clone()).ok();
        }
        if self.raw.is_some() {
            return;
        }
        let problems = &mut self.problems;
        self.table.retain(|section, value| {
            let is_list = is_list(section);
            let unknown = fault_of(section, toml::Table::new().into()).filter(|_| !is_list);
            let fault = match (is_right_shape(value, is_list), unknown) {
                (_, Some(_)) if !value.is_table() => {
                    Some("stands outside of any section".to_owned())
                }
                (_, Some(unknown)) => Some(unknown),
                (true, None) => None,
                (false, None) if is_list => {
                    Some(format!("is a list: each entry begins with [[{section}]]"))
                }
                (false, None) => Some(format!("is a section: it begins with [{section}]")),
            };
            is_right(problems, section.to_owned(), fault)
        });
        for (section, value) in &mut self.table {
            let in_list = |entry: toml::Table| fault_of(section, vec![entry].into());
            check_entries(problems, section, value, &in_list);
            let Some(table) = value.as_table_mut() else {
                continue;
            };
            for (key, value) in &mut *table {
                if fault(section, key, &toml::Value::Array(Vec::new())).is_none() {
                    let path = format!("{section}.{key}");
                    let in_list = |entry: toml::Table| fault(section, key, &vec![entry].into());
                    check_entries(problems, &path, value, &in_list);
                }
            }
            table.retain(|key, value| {
                let fault = fault(section, key, value);
                is_right(problems, format!("{section}.{key}"), fault)
            });
        }
    }

    /// The values whose names and types are right.
    ///
    /// # Errors
    /// What only shows when all are read together.
    pub(super) fn take_raw(&mut self) -> Result<raw::Raw, Problem> {
        match self.raw.take() {
            Some(raw) => Ok(raw),
            None => raw::Raw::deserialize(std::mem::take(&mut self.table))
                .map_err(|error| Problem::new("the configuration", plain(error.message()))),
        }
    }

    /// The problems of names and types.
    pub(super) fn take_problems(&mut self) -> Vec<Problem> {
        std::mem::take(&mut self.problems)
    }

    /// The lines that report problems, in the order of their places, each with its place.
    pub(super) fn report(&self, problems: &[Problem]) -> Vec<String> {
        let place = |p: &Problem| p.row.clone().unwrap_or_else(|| self.place(&p.key));
        let placed = problems.iter().map(|p| (place(p), p));
        let mut placed: Vec<(Place, &Problem)> = placed.collect();
        placed.sort_by(|(a, _), (b, _)| a.cmp(b));
        let lines = placed.into_iter().map(|(place, problem)| match place {
            Place::Line(0) => format!("{}: {}", self.file, problem.text),
            Place::Line(line) => format!("{}:{line}: {}", self.file, problem.text),
            Place::Row(file, line) => format!("{file}:{line}: {}", problem.text),
            Place::Named(name) => format!("{name}: {}", problem.text),
        });
        lines.collect()
    }

    /// The place of a key, or else of the table it is in.
    fn place(&self, key: &str) -> Place {
        let mut path = key;
        loop {
            if let Some(place) = self.places.get(path) {
                return place.clone();
            }
            match path.rfind(['.', '[']) {
                Some(end) => path = &path[..end],
                None => return Place::Line(0),
            }
        }
    }
}

/// The tables of a list, as `[[monitoring.overrides]]` writes them.
fn entries(value: &mut toml::Value) -> impl Iterator<Item = &mut toml::Table> {
    let list = value.as_array_mut().into_iter().flatten();
    list.filter_map(toml::Value::as_table_mut)
}

/// Finds what is wrong in the tables of a list, each key by itself, and removes it.
fn check_entries(
    problems: &mut Vec<Problem>,
    path: &str,
    list: &mut toml::Value,
    fault_in_list: &dyn Fn(toml::Table) -> Option<String>,
) {
    for (number, entry) in entries(list).enumerate() {
        if fault_in_list(entry.clone()).is_none() {
            continue;
        }
        entry.retain(|key, value| {
            let alone = toml::Table::from_iter([(key.to_owned(), value.clone())]);
            is_right(
                problems,
                format!("{path}[{number}].{key}"),
                fault_in_list(alone),
            )
        });
    }
}

/// Whether a section is a list of tables, as `[[hotels]]` writes them.
fn is_list(section: &str) -> bool {
    // Serde reads a struct from a list, too, so an empty list alone does not decide.
    let takes = |value: toml::Value| fault_of(section, value).is_none();
    takes(toml::Value::Array(Vec::new())) && !takes(toml::Table::new().into())
}

fn is_right_shape(section: &toml::Value, is_list: bool) -> bool {
    if is_list {
        let list = section.as_array();
        list.is_some_and(|list| list.iter().all(toml::Value::is_table))
    } else {
        section.is_table()
    }
}

/// Adds a fault to the problems, if there is one; returns whether there is none.
fn is_right(problems: &mut Vec<Problem>, key: String, fault: Option<String>) -> bool {
    let is_right = fault.is_none();
    problems.extend(fault.map(|fault| Problem::new(key, fault)));
    is_right
}

/// The section and key that a variable with one underscore seems to mean. `None` for variables
/// that are not ours.
fn one_underscore(path: &str) -> Option<(&str, &str)> {
    let mut cuts = path
        .match_indices('_')
        .map(|(at, _)| (&path[..at], &path[at + 1..]));
    cuts.find(|(section, key)| {
        !key.is_empty() && fault_of(section, toml::Table::new().into()).is_none()
    })
}

/// What is wrong with a key and its value; `None` if nothing is.
fn fault(section: &str, key: &str, value: &toml::Value) -> Option<String> {
    let table = toml::Table::from_iter([(key.to_owned(), value.clone())]);
    fault_of(section, table.into())
}

fn fault_of(section: &str, value: toml::Value) -> Option<String> {
    let table = toml::Table::from_iter([(section.to_owned(), value)]);
    let error = raw::Raw::deserialize(table).err()?;
    Some(plain(error.message()))
}

/// A message of serde's, reworded for people who don't know Rust.
fn plain(message: &str) -> String {
    if message.starts_with("unknown field") {
        return match message.split_once(", expected ") {
            Some((_, expected)) => {
                format!("is unknown; known are {}", expected.replace("one of ", ""))
            }
            None => "is unknown".to_owned(),
        };
    }
    let Some((wrong, expected)) = message.split_once(", expected ") else {
        return format!("is wrong: {message}");
    };
    let expected = match expected.trim() {
        "u16" => "a whole number from 0 to 65535",
        "u32" | "u64" | "usize" => "a whole number from 0 on",
        "i64" => "a whole number",
        "f64" => "a number",
        "a string" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list in [ ]",
        "struct Override" | "struct Route" => "a table",
        other => other,
    };
    // The value is not quoted: it may be a secret in the wrong place.
    let is_text = wrong.starts_with("invalid type: string") || wrong.starts_with("unknown variant");
    if is_text || wrong.starts_with("invalid value: string") {
        return format!("is a text, expected is {expected}");
    }
    let wrong = wrong
        .trim_start_matches("invalid type: ")
        .trim_start_matches("invalid value: ");
    format!("is {wrong}, expected is {expected}")
}

/// Replaces `key`_file, if it is set, by `key` with the text of the file that it names; returns the
/// file.
///
/// # Errors
/// What is wrong.
fn read_file(
    table: &mut toml::Table,
    section: &str,
    key: &str,
) -> Result<Option<PathBuf>, Problem> {
    let name = format!("{key}{FILE_SUFFIX}");
    let path = format!("{section}.{name}");
    let file = match table.remove(&name) {
        None => return Ok(None),
        Some(toml::Value::String(file)) => file,
        Some(_) => return Err(Problem::new(path, "is not a text in quotes")),
    };
    if table.contains_key(key) {
        return Err(Problem::new(
            path,
            format!("is set, and so is {key}: leave one of them out"),
        ));
    }
    let not_text = |_| io::Error::new(io::ErrorKind::InvalidData, "it is not UTF-8");
    let text = files::read(Path::new(&file), files::SECRET)
        .and_then(|bytes| String::from_utf8(bytes).map_err(not_text));
    let text = match text {
        Ok(text) => text,
        Err(error) => return Err(Problem::new(path, format!("{file} can't be read: {error}"))),
    };
    // Editors end a file with a newline.
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return Err(Problem::new(path, format!("{file} is empty")));
    }
    table.insert(key.to_owned(), text.into());
    Ok(Some(file.into()))
}

#[cfg(test)]
mod tests;
