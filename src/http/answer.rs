//! What clients are told: JSON, always.

use std::fmt;

use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde::Serialize;
use serde_json::json;

use crate::threads::Stopper;

/// An answer that is not sent yet.
pub(super) struct Answer {
    status: StatusCode,
    text: String,
    header: Option<(HeaderName, &'static str)>,
    /// To be dropped when it has been sent.
    sending: Option<Stopper>,
}

/// Where something stood in a request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Place {
    /// Its place in an array, from 0 on.
    Index(usize),
    /// Its line, from 1 on.
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

/// What was refused, and why.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(super) struct Refused {
    #[serde(flatten)]
    pub(super) place: Place,
    pub(super) reason: String,
}

impl Answer {
    /// All of a request is written: so many were taken, and these refused.
    pub(super) fn taken(taken: usize, refused: &[Refused], sending: Stopper) -> Answer {
        let refused = json!(refused);
        Answer {
            // In this order it is read more easily.
            text: format!(r#"{{"taken":{taken},"refused":{refused}}}"#),
            sending: Some(sending),
            ..Answer::health()
        }
    }

    pub(super) fn health() -> Answer {
        Answer {
            status: StatusCode::OK,
            text: json!({ "status": "ok" }).to_string(),
            header: None,
            sending: None,
        }
    }
}

impl From<Answer> for Response<Vec<u8>> {
    fn from(answer: Answer) -> Response<Vec<u8>> {
        let mut response = Response::new((answer.text + "\n").into_bytes());
        *response.status_mut() = answer.status;
        let json = HeaderValue::from_static("application/json");
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, json);
        if let Some((name, value)) = answer.header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        if let Some(sending) = answer.sending {
            // The server keeps a response until its last byte is on its way.
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

    /// It can work later.
    pub(super) fn later(error: impl Into<String>) -> Fault {
        Fault {
            header: Some((RETRY_AFTER, "5")),
            ..Fault::new(StatusCode::SERVICE_UNAVAILABLE, error)
        }
    }

    /// Whether an operator has to know: outages are told where they are found.
    pub(super) fn is_worth_telling(&self) -> bool {
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
            status: fault.status,
            text: json!({ "error": fault.error }).to_string(),
            header: fault.header,
            sending: None,
        }
    }
}
