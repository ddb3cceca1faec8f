//! The formats of bodies: a JSON object or array, JSON lines, CSV.

use std::fmt;

use csv_core::{ReadRecordResult, Reader};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::engine::{Columns, MAX_COLUMNS, MAX_ROW_BYTES, Refusal, not_an_object};
use crate::types::{NotText, utf8, utf8_part};

use super::answer::{Fault, Place};

/// The most messages or readings of one request.
pub(super) const MOST_ITEMS: usize = 10_000;

/// The deepest nesting of JSON.
const MOST_DEPTH: usize = 128;

/// The format of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object, or an array of objects.
    Json,
    /// One JSON object a line.
    Lines,
    Csv,
}

/// A message or a reading, not parsed yet.
pub(super) struct Item<'a> {
    pub(super) place: Place,
    pub(super) body: &'a [u8],
}

/// A row of a CSV: the requested fields in the requested order, or what is wrong with the row.
pub(super) struct Row<const N: usize> {
    pub(super) place: Place,
    pub(super) fields: Result<[String; N], String>,
}

impl Form {
    /// The formats by their media types. A browser sends none of these to another site without
    /// asking that site first.
    pub(super) const OF_MESSAGES: &[(&str, Form)] = &[
        ("application/json", Form::Json),
        ("application/x-ndjson", Form::Lines),
        ("application/jsonl", Form::Lines),
    ];
    pub(super) const OF_READINGS: &[(&str, Form)] = &[
        ("application/json", Form::Json),
        ("application/x-ndjson", Form::Lines),
        ("application/jsonl", Form::Lines),
        ("text/csv", Form::Csv),
    ];

    /// The format that the headers name, if it is allowed.
    ///
    /// # Errors
    /// 415 if it is not.
    pub(super) fn of(headers: &HeaderMap, allowed: &[(&str, Form)]) -> Result<Form, Fault> {
        let refused = || {
            let types: Vec<&str> = allowed.iter().map(|&(name, _)| name).collect();
            Fault::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                format!(
                    "the header Content-Type must be one of {}, in UTF-8",
                    types.join(", ")
                ),
            )
        };
        let mut types = headers.get_all(CONTENT_TYPE).iter();
        let (Some(given), None) = (types.next(), types.next()) else {
            return Err(refused());
        };
        let given = given.to_str().map_err(|_| refused())?;
        let (name, parameters) = given.split_once(';').unwrap_or((given, ""));
        for parameter in parameters.split(';') {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = value.trim().trim_matches('"');
            if key.trim().eq_ignore_ascii_case("charset") && !value.eq_ignore_ascii_case("utf-8") {
                return Err(refused());
            }
        }
        let is_it = |&&(known, _): &&(&str, Form)| known.eq_ignore_ascii_case(name.trim());
        let found = allowed.iter().find(is_it);
        found.map(|&(_, form)| form).ok_or_else(refused)
    }

    /// The objects of a JSON body, one after the other. They are counted first, and never
    /// collected.
    ///
    /// # Errors
    /// 400 if it can't be read, 413 if it has too many.
    pub(super) fn items(self, body: &[u8]) -> Result<Items<'_>, Fault> {
        let body = without_mark(body)?;
        let items = match self {
            Form::Lines => lines(body)?,
            Form::Json | Form::Csv => objects(body)?,
        };
        if let Items::Lines { .. } = items {
            check_count(items.clone())?;
        }
        Ok(items)
    }
}

/// The body without a byte order mark.
fn without_mark(body: &[u8]) -> Result<&[u8], Fault> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(Fault::bad("the body is empty"));
    }
    Ok(body)
}

fn check_count(parts: impl Iterator) -> Result<(), Fault> {
    if parts.take(MOST_ITEMS + 1).count() <= MOST_ITEMS {
        return Ok(());
    }
    Err(Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "the body has more than {MOST_ITEMS} parts, none of them was taken: send it in several \
             requests"
        ),
    ))
}

/// The messages or readings of a body.
#[derive(Clone)]
pub(super) enum Items<'a> {
    Lines {
        rest: &'a [u8],
        line: usize,
    },
    /// The rest of an array that is known to be valid.
    Array {
        rest: &'a str,
        index: usize,
    },
    One(Option<&'a str>),
}

impl<'a> Iterator for Items<'a> {
    type Item = Item<'a>;

    fn next(&mut self) -> Option<Item<'a>> {
        match self {
            Items::Lines { rest, line } => loop {
                if rest.is_empty() {
                    return None;
                }
                let end = rest.iter().position(|&byte| byte == b'\n');
                let (body, more) = rest.split_at(end.unwrap_or(rest.len()));
                *rest = more.get(1..).unwrap_or_default();
                *line += 1;
                let body = body.trim_ascii();
                if !body.is_empty() {
                    let place = Place::Line(*line);
                    return Some(Item { place, body });
                }
            },
            Items::Array { rest, index } => {
                let mut elements = serde_json::Deserializer::from_str(rest).into_iter();
                let element: &RawValue = elements.next()?.ok()?;
                let more = rest.get(elements.byte_offset()..)?.trim_ascii_start();
                *rest = more.strip_prefix(',').unwrap_or_default();
                let place = Place::Index(*index);
                *index += 1;
                let body = element.get().as_bytes();
                Some(Item { place, body })
            }
            Items::One(object) => object.take().map(|object| Item {
                place: Place::Index(0),
                body: object.as_bytes(),
            }),
        }
    }
}

/// The lines of a body. One that is not text at all has none, while wrong bytes in one line leave
/// the other lines valid.
fn lines(body: &[u8]) -> Result<Items<'_>, Fault> {
    match utf8(body) {
        Err(not_text @ (NotText::Compressed(_) | NotText::Utf16)) => Err(not_text_fault(not_text)),
        Ok(_) | Err(NotText::Gbk | NotText::NotUtf8) => Ok(Items::Lines {
            rest: body,
            line: 0,
        }),
    }
}

fn not_text_fault(not_text: NotText) -> Fault {
    Fault::bad(format!("the body {not_text}"))
}

fn objects(body: &[u8]) -> Result<Items<'_>, Fault> {
    let text = utf8(body).map_err(not_text_fault)?;
    let text = text.trim_ascii();
    if is_too_deep(text) {
        return Err(Fault::bad(format!(
            "the body is not JSON of this kind: more than {MOST_DEPTH} brackets are open at once"
        )));
    }
    let not_json = |error: serde_json::Error| Fault::bad(format!("the body is not JSON: {error}"));
    match text.as_bytes() {
        [b'[', ..] => {
            let Elements(count) = serde_json::from_str(text).map_err(not_json)?;
            check_count(0..count)?;
            let rest = text.get(1..).unwrap_or_default();
            Ok(Items::Array { rest, index: 0 })
        }
        [b'{', ..] => {
            let _: IgnoredAny = serde_json::from_str(text).map_err(not_json)?;
            Ok(Items::One(Some(text)))
        }
        _ => Err(match not_an_object(text) {
            quoted @ Refusal::Quoted => Fault::bad(quoted.to_string()),
            _ => Fault::bad("the body must be a JSON object or an array"),
        }),
    }
}

/// Whether JSON is nested too deeply: a parser needs memory for each level.
fn is_too_deep(text: &str) -> bool {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    text.bytes().any(|byte| {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_text,
            b'"' => in_text = !in_text,
            b'[' | b'{' if !in_text => depth += 1,
            b']' | b'}' if !in_text => depth = depth.saturating_sub(1),
            _ => {}
        }
        depth > MOST_DEPTH
    })
}

/// The number of elements of an array.
struct Elements(usize);

impl<'de> Deserialize<'de> for Elements {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Elements;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements, A::Error> {
                let mut count = 0;
                while array.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Elements(count))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// The rows of a CSV whose header has these columns, in any order, perhaps among others. They are
/// counted first, and never collected.
///
/// # Errors
/// 400 if the header lacks a column or has too many, 413 if there are too many rows.
pub(super) fn rows<'a, const N: usize>(
    body: &'a [u8],
    columns: [&'static str; N],
) -> Result<Rows<'a, N>, Fault> {
    let body = without_mark(body)?;
    let found = Columns::find(body, columns).map_err(|error| Fault::bad(error.to_string()))?;
    let rows = || {
        let mut rows = Rows {
            body,
            at: 0,
            reader: Reader::new(),
            columns: found,
            record: Record {
                text: vec![0; MAX_ROW_BYTES],
                ends: [0; MAX_COLUMNS + 1],
                count: 0,
                bytes: 0,
                line: 0,
            },
        };
        // Skips the header.
        rows.advance();
        rows
    };
    check_count(rows())?;
    Ok(rows())
}

/// The rows of a CSV. Only one is in memory at a time.
pub(super) struct Rows<'a, const N: usize> {
    body: &'a [u8],
    at: usize,
    reader: Reader,
    columns: Columns<N>,
    record: Record,
}

/// The fields of a row one after the other, and where each ends. Its memory is reused.
struct Record {
    text: Vec<u8>,
    ends: [usize; MAX_COLUMNS + 1],
    /// The number of its fields.
    count: usize,
    /// The length of all fields, also if that is too much to be kept.
    bytes: usize,
    line: usize,
}

impl<const N: usize> Rows<'_, N> {
    /// Reads the next row; returns whether there is one.
    fn advance(&mut self) -> bool {
        // The reader's own line is before the empty lines that it skips.
        let skipped = self.body.iter().skip(self.at);
        let skipped = skipped.take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let skipped = skipped.filter(|&&byte| byte == b'\n').count();
        let line = usize::try_from(self.reader.line()).unwrap_or_default();
        let record = &mut self.record;
        (record.count, record.bytes, record.line) = (0, 0, line + skipped);
        let (mut written, mut ended) = (0, 0);
        loop {
            let (result, read, more, new) = self.reader.read_record(
                self.body.get(self.at..).unwrap_or_default(),
                record.text.get_mut(written..).unwrap_or_default(),
                record.ends.get_mut(ended..).unwrap_or_default(),
            );
            self.at += read;
            written += more;
            record.bytes += more;
            ended += new;
            record.count += new;
            match result {
                ReadRecordResult::Record => return true,
                ReadRecordResult::End => return false,
                // The next call finds the end.
                ReadRecordResult::InputEmpty => {}
                // The row is too long and will be refused: overwrite it.
                ReadRecordResult::OutputFull => written = 0,
                ReadRecordResult::OutputEndsFull => ended = 0,
            }
        }
    }

    fn fields(&self) -> Result<[String; N], String> {
        let record = &self.record;
        self.columns.check_row(record.count, record.bytes)?;
        let end = |place: Option<usize>| place.and_then(|place| record.ends.get(place).copied());
        let mut fields = [const { String::new() }; N];
        for (field, place) in fields.iter_mut().zip(self.columns.places) {
            let start = end(place.checked_sub(1)).unwrap_or_default();
            let text = record.text.get(start..end(Some(place)).unwrap_or_default());
            let text = utf8_part(text.unwrap_or_default());
            *field = text
                .map_err(|not_text| format!("it {not_text}"))?
                .to_owned();
        }
        Ok(fields)
    }
}

impl<const N: usize> Iterator for Rows<'_, N> {
    type Item = Row<N>;

    fn next(&mut self) -> Option<Row<N>> {
        self.advance().then(|| Row {
            place: Place::Line(self.record.line),
            fields: self.fields(),
        })
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn places(form: Form, body: &str) -> Result<Vec<(Place, String)>, String> {
        let items = form.items(body.as_bytes());
        let items = items.map_err(|fault| fault.to_string())?;
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("UTF-8");
        Ok(items.map(|i| (i.place, text(i.body))).collect())
    }

    #[test]
    fn a_body_is_split_into_its_items() {
        let one = |place, body: &str| (place, body.to_owned());
        for (form, body, expected) in [
            (
                Form::Json,
                " {\"a\":1} \n",
                vec![one(Place::Index(0), "{\"a\":1}")],
            ),
            (Form::Json, "\u{feff}[]", vec![]),
            (
                Form::Json,
                "[{\"a\": [1,2]}, 7, null]",
                vec![
                    one(Place::Index(0), "{\"a\": [1,2]}"),
                    one(Place::Index(1), "7"),
                    one(Place::Index(2), "null"),
                ],
            ),
            (
                Form::Json,
                "[ \"a,]\" ,{} , -1e5\n,[[],[]],true]",
                vec![
                    one(Place::Index(0), "\"a,]\""),
                    one(Place::Index(1), "{}"),
                    one(Place::Index(2), "-1e5"),
                    one(Place::Index(3), "[[],[]]"),
                    one(Place::Index(4), "true"),
                ],
            ),
            (
                Form::Lines,
                "{\"a\":1}\r\n\n  \nnot JSON\n[]",
                vec![
                    one(Place::Line(1), "{\"a\":1}"),
                    one(Place::Line(4), "not JSON"),
                    one(Place::Line(5), "[]"),
                ],
            ),
        ] {
            assert_eq!(places(form, body), Ok(expected), "{body}");
        }
    }

    #[test]
    fn a_body_that_can_not_be_split_is_refused_as_a_whole() {
        for (form, body, expected) in [
            (Form::Json, "", "400, the body is empty"),
            (Form::Lines, " \n ", "400, the body is empty"),
            (
                Form::Json,
                "7",
                "400, the body must be a JSON object or an array",
            ),
            (
                Form::Json,
                "{\"a\":",
                "400, the body is not JSON: EOF while",
            ),
            (Form::Json, "[{}", "400, the body is not JSON: EOF while"),
            (
                Form::Json,
                "\"{\\\"a\\\": 1}\"",
                "400, the body is a JSON string that holds JSON: ",
            ),
            (
                Form::Json,
                "\"{\"",
                "400, the body must be a JSON object or an array",
            ),
            (Form::Lines, "BZh91AY&SY\n{}\n", "400, the body is bzip2: "),
            (Form::Lines, "{\0}\0\n\0", "400, the body is UTF-16: "),
            (
                Form::Json,
                "{}{}",
                "400, the body is not JSON: trailing characters",
            ),
        ] {
            let refused = places(form, body).expect_err(body);
            assert!(refused.starts_with(expected), "{expected}: {refused}");
        }
        assert!(Form::Json.items(b"[\"\xff\"]").is_err());
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(places(Form::Json, &nested(128)).is_ok());
        let refused = places(Form::Json, &nested(129)).expect_err("too deep");
        assert!(
            refused.ends_with("more than 128 brackets are open at once"),
            "{refused}"
        );
        assert!(places(Form::Json, &format!("[\"\\\"{}\"]", "[".repeat(200))).is_ok());
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        let all = places(Form::Json, &many(MOST_ITEMS)).expect("as many as may be");
        assert_eq!(all.len(), MOST_ITEMS);
        let refused = places(Form::Json, &many(MOST_ITEMS + 1)).expect_err("too many");
        assert!(refused.starts_with("413, the body has more than 10000 parts"));
    }

    #[test]
    fn a_csvs_columns_are_found_by_name_and_its_rows_numbered_by_line() {
        let body = "b,x, a \n1,2,3\n\n\"4\n4\",5,6\n7,8\n9,\u{e4},0\n";
        let found: Vec<String> = rows(body.as_bytes(), ["a", "b"])
            .expect("rows")
            .map(|row| format!("{}: {:?}", row.place, row.fields))
            .collect();
        assert_eq!(
            found,
            [
                "line 2: Ok([\"3\", \"1\"])",
                "line 4: Ok([\"6\", \"4\\n4\"])",
                "line 6: Err(\"it has 2 fields where the first line has 3\")",
                "line 7: Ok([\"0\", \"9\"])",
            ]
        );
        let first = |body: &[u8]| {
            let mut rows = rows(body, ["a"]).expect("rows");
            rows.next().expect("a row").fields
        };
        assert_eq!(first(b"a\n\xff\n"), Err("it is not UTF-8".to_owned()));
        assert_eq!(first(b"x,a\r\n,1"), Ok(["1".to_owned()]));
        let wide = format!("a\n{}", ",".repeat(1_000_000));
        let expected = "it has 1000001 fields where the first line has 1";
        assert_eq!(first(wide.as_bytes()), Err(expected.to_owned()));
        let long = format!("a\n{}", "x".repeat(MAX_ROW_BYTES + 1));
        let expected = format!("it has more than {MAX_ROW_BYTES} bytes");
        assert_eq!(first(long.as_bytes()), Err(expected));
        assert!(first(&long.as_bytes()[..MAX_ROW_BYTES + 2]).is_ok());
        let Err(refused) = rows(",".repeat(64).as_bytes(), ["a"]) else {
            panic!("too many columns");
        };
        let expected =
            "400, the first line has more than 64 columns; it must be a, and it is \",,,";
        assert!(refused.to_string().starts_with(expected), "{refused}");
        let Err(refused) = rows(b"a,c\n1,2\n", ["a", "b"]) else {
            panic!("a column is missing");
        };
        let expected = "400, the first line has no column b; it must be a,b, and it is \"a,c\"";
        assert_eq!(refused.to_string(), expected);
        let many = format!("a\n{}", "1\n".repeat(MOST_ITEMS + 1));
        assert!(rows(many.as_bytes(), ["a"]).is_err());
    }

    #[test]
    fn only_media_types_that_browsers_do_not_send_unasked_are_accepted() {
        let of = |given: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for given in given {
                headers.append(CONTENT_TYPE, HeaderValue::from_static(given));
            }
            Form::of(&headers, Form::OF_READINGS).ok()
        };
        for (given, form) in [
            ("application/json", Some(Form::Json)),
            ("Application/JSON; charset=\"UTF-8\"", Some(Form::Json)),
            ("application/x-ndjson", Some(Form::Lines)),
            ("application/jsonl;charset=utf-8", Some(Form::Lines)),
            ("text/csv; header=present", Some(Form::Csv)),
            ("text/csv; charset=gbk", None),
            ("text/plain", None),
            ("application/x-www-form-urlencoded", None),
            ("multipart/form-data; boundary=x", None),
            ("text/plain, application/json", None),
            ("application/json5", None),
            ("", None),
        ] {
            assert_eq!(of(&[given]), form, "{given}");
        }
        assert_eq!(of(&[]), None);
        assert_eq!(of(&["application/json", "text/plain"]), None);
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/csv"));
        let fault = Form::of(&headers, Form::OF_MESSAGES).expect_err("no messages");
        assert!(
            fault
                .to_string()
                .starts_with("415, the header Content-Type must be one of ")
        );
    }
}
