//! The forms of bodies: an object, an array, JSON lines, CSV.

use std::fmt;

use http::header::CONTENT_TYPE;
use http::{HeaderMap, StatusCode};
use serde::de::{Deserialize, Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::answer::{Fault, Place};

/// The most messages or readings of one request.
pub(super) const MOST_ITEMS: usize = 10_000;

/// How a body is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An object, or an array of them.
    Json,
    /// One object a line.
    Lines,
    Csv,
}

/// A message or a reading as it was sent.
pub(super) struct Item<'a> {
    pub(super) place: Place,
    pub(super) body: &'a [u8],
}

/// A row of a CSV: its fields in the order that was asked for, or why there are none.
pub(super) struct Row<const N: usize> {
    pub(super) place: Place,
    pub(super) fields: Result<[String; N], String>,
}

impl Form {
    /// By their types. A page in a browser can send none of them to another site unasked.
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

    /// The form that the headers name, of those that are allowed.
    ///
    /// # Errors
    /// 415.
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

    /// The objects of a body in JSON.
    ///
    /// # Errors
    /// 400 for a body that has none, 413 for one that has too many.
    pub(super) fn items(self, body: &[u8]) -> Result<Vec<Item<'_>>, Fault> {
        let body = without_mark(body)?;
        let items = match self {
            Form::Lines => lines(body),
            Form::Json | Form::Csv => objects(body)?,
        };
        bounded(items)
    }
}

/// The body without the mark that some editors put at its start.
fn without_mark(body: &[u8]) -> Result<&[u8], Fault> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    if body.trim_ascii().is_empty() {
        return Err(Fault::bad("the body is empty"));
    }
    Ok(body)
}

fn bounded<T>(items: Vec<T>) -> Result<Vec<T>, Fault> {
    if items.len() <= MOST_ITEMS {
        return Ok(items);
    }
    Err(Fault::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        format!(
            "the body has more than {MOST_ITEMS} parts, none of them was taken: send it in several requests"
        ),
    ))
}

fn lines(body: &[u8]) -> Vec<Item<'_>> {
    let lines = body.split(|&byte| byte == b'\n').zip(1..);
    lines
        .map(|(line, number)| Item {
            place: Place::Line(number),
            body: line.trim_ascii(),
        })
        .filter(|item| !item.body.is_empty())
        .take(MOST_ITEMS + 1)
        .collect()
}

fn objects(body: &[u8]) -> Result<Vec<Item<'_>>, Fault> {
    let text = std::str::from_utf8(body).map_err(|_| Fault::bad("the body is not UTF-8"))?;
    let not_json = |error: serde_json::Error| Fault::bad(format!("the body is not JSON: {error}"));
    let objects: Vec<&RawValue> = match text.trim_start().as_bytes().first() {
        Some(b'[') => {
            let Elements(objects) = serde_json::from_str(text).map_err(not_json)?;
            objects
        }
        Some(b'{') => vec![serde_json::from_str(text).map_err(not_json)?],
        _ => return Err(Fault::bad("the body must be a JSON object or an array")),
    };
    let places = (0..).map(Place::Index);
    let items = objects.into_iter().zip(places).map(|(object, place)| Item {
        place,
        body: object.get().as_bytes(),
    });
    Ok(items.collect())
}

/// The elements of an array, of too many one more than may be: they would take more memory than
/// the body itself.
struct Elements<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Elements<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Elements<'de>, D::Error> {
        struct Array;
        impl<'de> Visitor<'de> for Array {
            type Value = Elements<'de>;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut array: A) -> Result<Elements<'de>, A::Error> {
                let mut elements = Vec::new();
                while let Some(element) = array.next_element()? {
                    elements.push(element);
                    if elements.len() > MOST_ITEMS {
                        while array.next_element::<IgnoredAny>()?.is_some() {}
                        break;
                    }
                }
                Ok(Elements(elements))
            }
        }
        deserializer.deserialize_seq(Array)
    }
}

/// The rows of a CSV whose header has these columns, in any order, perhaps among others.
///
/// # Errors
/// 400 for a header that lacks one, 413 for too many rows.
pub(super) fn rows<const N: usize>(body: &[u8], columns: [&str; N]) -> Result<Vec<Row<N>>, Fault> {
    let body = without_mark(body)?;
    let mut csv = csv::ReaderBuilder::new().flexible(true).from_reader(body);
    let unreadable = |error: csv::Error| Fault::bad(format!("the CSV can't be read: {error}"));
    let header = csv.byte_headers().map_err(unreadable)?.clone();
    let mut places = [0; N];
    for (place, column) in places.iter_mut().zip(columns) {
        let is_it = |name: &[u8]| name.trim_ascii() == column.as_bytes();
        *place = header.iter().position(is_it).ok_or_else(|| {
            Fault::bad(format!(
                "the first line has no column {column}; it must be {}",
                columns.join(",")
            ))
        })?;
    }
    let mut rows = Vec::new();
    let mut record = csv::ByteRecord::new();
    while rows.len() <= MOST_ITEMS && csv.read_byte_record(&mut record).map_err(unreadable)? {
        rows.push(Row {
            place: Place::Line(line(body, record.position())),
            fields: fields(&record, header.len(), places),
        });
    }
    bounded(rows)
}

/// The line of a row. By its position it begins right after the one before: with empty lines.
fn line(body: &[u8], position: Option<&csv::Position>) -> usize {
    let place = |number: u64| usize::try_from(number).unwrap_or_default();
    let (line, at) = position.map_or((0, 0), |at| (place(at.line()), place(at.byte())));
    let rest = body.iter().skip(at);
    let empty = rest.take_while(|byte| matches!(byte, b'\r' | b'\n'));
    line + empty.filter(|&&byte| byte == b'\n').count()
}

fn fields<const N: usize>(
    record: &csv::ByteRecord,
    columns: usize,
    places: [usize; N],
) -> Result<[String; N], String> {
    if record.len() != columns {
        return Err(format!(
            "it has {} fields where the first line has {columns}",
            record.len()
        ));
    }
    let mut fields = [const { String::new() }; N];
    for (field, place) in fields.iter_mut().zip(places) {
        let text = std::str::from_utf8(record.get(place).unwrap_or_default());
        *field = text.map_err(|_| "it is not UTF-8".to_owned())?.to_owned();
    }
    Ok(fields)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn places(form: Form, body: &str) -> Result<Vec<(Place, String)>, String> {
        let items = form.items(body.as_bytes());
        let items = items.map_err(|fault| fault.to_string())?;
        let text = |body: &[u8]| String::from_utf8(body.to_vec()).expect("UTF-8");
        Ok(items.iter().map(|i| (i.place, text(i.body))).collect())
    }

    #[test]
    fn a_body_is_cut_where_it_has_to_be() {
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
    fn what_can_not_be_cut_is_refused_as_a_whole() {
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
                "{}{}",
                "400, the body is not JSON: trailing characters",
            ),
        ] {
            let refused = places(form, body).expect_err(body);
            assert!(refused.starts_with(expected), "{expected}: {refused}");
        }
        assert!(Form::Json.items(b"[\"\xff\"]").is_err());
        let many = |count: usize| format!("[{}0]", "0,".repeat(count - 1));
        let all = places(Form::Json, &many(MOST_ITEMS)).expect("as many as may be");
        assert_eq!(all.len(), MOST_ITEMS);
        let refused = places(Form::Json, &many(MOST_ITEMS + 1)).expect_err("too many");
        assert!(refused.starts_with("413, the body has more than 10000 parts"));
    }

    #[test]
    fn a_csv_has_its_columns_by_name_and_its_rows_by_line() {
        let body = "b,x, a \n1,2,3\n\n\"4\n4\",5,6\n7,8\n9,\u{e4},0\n";
        let told: Vec<String> = rows(body.as_bytes(), ["a", "b"])
            .expect("rows")
            .iter()
            .map(|row| format!("{}: {:?}", row.place, row.fields))
            .collect();
        assert_eq!(
            told,
            [
                "line 2: Ok([\"3\", \"1\"])",
                "line 4: Ok([\"6\", \"4\\n4\"])",
                "line 6: Err(\"it has 2 fields where the first line has 3\")",
                "line 7: Ok([\"0\", \"9\"])",
            ]
        );
        let broken = rows(b"a\n\xff\n", ["a"]).expect("rows");
        assert_eq!(broken[0].fields, Err("it is not UTF-8".to_owned()));
        let Err(refused) = rows(b"a,c\n1,2\n", ["a", "b"]) else {
            panic!("a column is missing");
        };
        let expected = "400, the first line has no column b; it must be a,b";
        assert_eq!(refused.to_string(), expected);
        let many = format!("a\n{}", "1\n".repeat(MOST_ITEMS + 1));
        assert!(rows(many.as_bytes(), ["a"]).is_err());
    }

    #[test]
    fn the_type_of_a_body_is_one_of_those_that_browsers_do_not_send_unasked() {
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
