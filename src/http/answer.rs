//! The answers to clients.

use std::fmt;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

use crate::metrics::Format;
use crate::threads::Stopper;

/// An answer that has not been sent yet.
pub(super) struct Answer {
    status: StatusCode,
    content_type: &'static str,
    body: String,
    header: Option<(HeaderName, &'static str)>,
    /// Dropped when the answer has been sent.
    sending: Option<Stopper>,
}

/// Where an item is in a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// Its index in an array, from 0.
    Index(usize),
    /// Its line, from 1.
    Line(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::Index(at) => write!(f, "index {at}"),
            Place::Line(at) => write!(f, "line {at}"),
        }
    }
}

/// The refused items and their reasons, as they will be sent.
pub(super) struct Refused {
    /// JSON objects, separated by commas.
    list: String,
    /// The longest list in bytes, so that an answer takes no more memory than its request.
    most: usize,
    count: usize,
    /// Items that are only counted.
    unlisted: usize,
}

/// The list may have this length in any case. Bytes.
const LISTED: usize = 64 * 1024;

impl Refused {
    /// An empty list, for a body of this many bytes.
    pub(super) fn of_body(bytes: usize) -> Refused {
        Refused {
            list: String::new(),
            most: bytes.max(LISTED),
            count: 0,
            unlisted: 0,
        }
    }

    pub(super) fn push(&mut self, place: Place, reason: &str) {
        self.count += 1;
        let (what, at) = match place {
            Place::Index(at) => ("index", at),
            Place::Line(at) => ("line", at),
        };
        let comma = if self.list.is_empty() { "" } else { "," };
        let entry = format!(r#"{comma}{{"{what}":{at},"reason":{}}}"#, json!(reason));
        let length = self.list.len() + entry.len();
        if self.unlisted > 0 || length > self.most {
            self.unlisted += 1;
            return;
        }
        if length > self.list.capacity() {
            self.list
                .reserve_exact(entry.len().max(self.list.len() / 4));
        }
        self.list.push_str(&entry);
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }
}

impl Answer {
    /// The answer when all of a request is written: how many items were taken, and which were
    /// refused.
    pub(super) fn taken(taken: usize, refused: Refused, sending: Stopper) -> Answer {
        let mut text = refused.list;
        // Written by hand to keep this order, which is easier to read.
        let start = format!(r#"{{"taken":{taken},"refused":["#);
        let end = match refused.unlisted {
            0 => "]}\n".to_owned(),
            unlisted => format!("],\"unlisted\":{unlisted}}}\n"),
        };
        text.reserve_exact(start.len() + end.len());
        text.insert_str(0, &start);
        text.push_str(&end);
        Answer {
            sending: Some(sending),
            ..Answer::json(StatusCode::OK, text)
        }
    }

    pub(super) fn health() -> Answer {
        Answer::json(StatusCode::OK, line(&json!({ "status": "ok" })))
    }

    /// The metrics, exposed in this format.
    pub(super) fn metrics(format: Format, exposed: String) -> Answer {
        Answer {
            content_type: format.content_type(),
            ..Answer::json(StatusCode::OK, exposed)
        }
    }

    /// An answer whose `body` is JSON.
    fn json(status: StatusCode, body: String) -> Answer {
        Answer {
            status,
            content_type: "application/json",
            body,
            header: None,
            sending: None,
        }
    }
}

impl From<Answer> for Response<Vec<u8>> {
    fn from(answer: Answer) -> Response<Vec<u8>> {
        let mut response = Response::new(answer.body.into_bytes());
        *response.status_mut() = answer.status;
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(answer.content_type));
        if let Some((name, value)) = answer.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(sending) = answer.sending {
            // The server drops a response when its last byte has been sent.
            response.extensions_mut().insert(sending);
        }
        response
    }
}

/// Why a request is not answered with 200.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) status: StatusCode,
    error: String,
    header: Option<(HeaderName, &'static str)>,
}

impl Fault {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Fault {
        Fault {
            status,
            error: error.into(),
            header: None,
        }
    }

    pub(super) fn bad(error: impl Into<String>) -> Fault {
        Fault::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn wrong_method(allowed: &'static str) -> Fault {
        Fault {
            header: Some((ALLOW, allowed)),
            ..Fault::new(
                StatusCode::METHOD_NOT_ALLOWED,
                format!("use {allowed} for this path"),
            )
        }
    }

    pub(super) fn unauthorized(error: &str) -> Fault {
        Fault {
            header: Some((WWW_AUTHENTICATE, "Bearer")),
            ..Fault::new(StatusCode::UNAUTHORIZED, error)
        }
    }

    /// The client should try again later.
    pub(super) fn later(error: impl Into<String>) -> Fault {
        Fault {
            header: Some((RETRY_AFTER, "5")),
            ..Fault::new(StatusCode::SERVICE_UNAVAILABLE, error)
        }
    }

    /// Whether to log it for the operator. Outages are logged where they are found.
    pub(super) fn is_worth_a_line(&self) -> bool {
        self.status != StatusCode::SERVICE_UNAVAILABLE
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.status.as_u16(), self.error)
    }
}

impl From<Fault> for Answer {
    fn from(fault: Fault) -> Answer {
        Answer {
            header: fault.header,
            ..Answer::json(fault.status, line(&json!({ "error": fault.error })))
        }
    }
}

fn line(value: &Value) -> String {
    format!("{value}\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::threads::stop_signal;

    #[test]
    fn the_list_of_refused_items_is_no_longer_than_the_body() {
        let answer = |bytes: usize, count: usize| {
            let mut refused = Refused::of_body(bytes);
            for at in 0..count {
                refused.push(Place::Index(at), "it is \"no\" message");
            }
            assert_eq!(refused.count(), count);
            assert!(refused.list.capacity() <= bytes.max(LISTED) * 5 / 4);
            Answer::taken(7, refused, stop_signal().0).body
        };
        assert_eq!(answer(10, 0), "{\"taken\":7,\"refused\":[]}\n");
        let one = |at| format!(r#"{{"index":{at},"reason":"it is \"no\" message"}}"#);
        assert_eq!(
            answer(10, 2),
            format!("{{\"taken\":7,\"refused\":[{},{}]}}\n", one(0), one(1))
        );
        for bytes in [10, 200_000] {
            let text = answer(bytes, 10_000);
            assert!(text.len() < bytes.max(LISTED) + 100, "{}", text.len());
            let listed: Value = serde_json::from_str(&text).expect("JSON");
            let count = listed["refused"].as_array().expect("a list").len();
            assert_eq!(listed["unlisted"], 10_000 - count);
        }
    }
}
