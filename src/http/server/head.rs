//! The head of a request: parsed and checked strictly, with how its body is framed.
//!
//! A head that a proxy could understand differently is refused: the proxy and this service could
//! otherwise disagree on where one request ends and the next begins.

use std::fmt;
use std::io::{BufRead, ErrorKind, Read};

use http::header::{CONTENT_LENGTH, EXPECT, HOST, TRANSFER_ENCODING};
use http::uri::Authority;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode, Uri, Version};
use httparse::{EMPTY_HEADER, Status};

/// The longest head. Bytes.
const MOST_BYTES: usize = 16 * 1024;

/// The most headers.
const MOST_HEADERS: usize = 64;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// After this many bytes.
    Length(u64),
    Chunked,
}

pub(super) struct Head {
    pub(super) request: Request<()>,
    pub(super) framing: Framing,
    /// The client waits for `100 Continue` before it sends the body.
    pub(super) expects: bool,
}

/// Why a head was refused.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::http) struct Unreadable {
    pub(in crate::http) status: StatusCode,
    pub(in crate::http) why: String,
}

impl Unreadable {
    fn new(status: StatusCode, why: impl Into<String>) -> Unreadable {
        Unreadable {
            status,
            why: why.into(),
        }
    }
}

fn bad(why: impl Into<String>) -> Unreadable {
    Unreadable::new(StatusCode::BAD_REQUEST, why)
}

/// Reads a head; `None` if none came.
///
/// # Errors
/// [`Unreadable`].
pub(super) fn read(from: &mut impl BufRead) -> Result<Option<Head>, Unreadable> {
    let mut bytes = Vec::new();
    // An empty line ends it, but empty lines before its first line are skipped.
    let mut has_begun = false;
    loop {
        let began = bytes.len();
        let left = MOST_BYTES - began;
        if left == 0 {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let why = format!("the headers have more than {} KiB", MOST_BYTES / 1024);
            return Err(Unreadable::new(status, why));
        }
        if began == 0 && matches!(from.fill_buf(), Ok([0x16, ..])) {
            return Err(bad(
                "it is TLS, which this service does not speak: use http://, or a proxy before it",
            ));
        }
        match from
            .by_ref()
            .take(left as u64)
            .read_until(b'\n', &mut bytes)
        {
            Ok(0) => return Ok(None),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::TimedOut && !bytes.is_empty() => {
                let why = "the headers did not come in time, nothing was taken";
                return Err(Unreadable::new(StatusCode::REQUEST_TIMEOUT, why));
            }
            Err(_) => return Ok(None),
        }
        let line = bytes.get(began..).unwrap_or_default();
        let is_empty = matches!(line, b"\r\n" | b"\n");
        if has_begun && is_empty {
            return parse(&bytes).map(Some);
        }
        has_begun |= !is_empty;
    }
}

fn parse(bytes: &[u8]) -> Result<Head, Unreadable> {
    let mut headers = [EMPTY_HEADER; MOST_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(bytes) {
        Ok(Status::Complete(length)) if length == bytes.len() => {}
        Ok(_) => return Err(bad("the headers make no sense")),
        Err(httparse::Error::TooManyHeaders) => {
            let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
            let why = format!("there are more than {MOST_HEADERS} headers");
            return Err(Unreadable::new(status, why));
        }
        Err(httparse::Error::Version) => {
            let status = StatusCode::HTTP_VERSION_NOT_SUPPORTED;
            return Err(Unreadable::new(status, "use HTTP/1.1"));
        }
        Err(error) => return Err(unreadable(&error)),
    }
    let (Some(method), Some(target), Some(minor)) = (parsed.method, parsed.path, parsed.version)
    else {
        return Err(bad("the headers make no sense"));
    };
    let version = match minor {
        0 => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let method = Method::from_bytes(method.as_bytes()).map_err(|error| unreadable(&error))?;
    let uri = uri(&method, target)?;
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for header in parsed.headers.iter() {
        let name = HeaderName::from_bytes(header.name.as_bytes()).map_err(|e| unreadable(&e))?;
        let value = HeaderValue::from_bytes(header.value).map_err(|error| unreadable(&error))?;
        headers.append(name, value);
    }
    check_host(version, &headers)?;
    let framing = framing(version, &headers)?;
    let expects = expects(version, &headers)?;
    let mut request = Request::new(());
    *request.method_mut() = method;
    *request.uri_mut() = uri;
    *request.version_mut() = version;
    *request.headers_mut() = headers;
    Ok(Head {
        request,
        framing,
        expects,
    })
}

fn unreadable(error: &dyn fmt::Display) -> Unreadable {
    bad(format!("it is not an HTTP request: {error}"))
}

/// The target of a request: a path, or a whole address as proxies get it.
fn uri(method: &Method, target: &str) -> Result<Uri, Unreadable> {
    if method == Method::CONNECT {
        let why = "this service is not a proxy";
        return Err(Unreadable::new(StatusCode::NOT_IMPLEMENTED, why));
    }
    let uri = Uri::try_from(target).map_err(|error| unreadable(&error))?;
    let is_whole = uri.scheme_str() == Some("http") && uri.authority().is_some();
    let is_path = target.starts_with('/');
    if is_whole || is_path || (target == "*" && method == Method::OPTIONS) {
        Ok(uri)
    } else {
        Err(bad("the target of the request is not a path"))
    }
}

fn check_host(version: Version, headers: &HeaderMap) -> Result<(), Unreadable> {
    let mut hosts = headers.get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) if version == Version::HTTP_10 => Ok(()),
        (None, _) => Err(bad("there is no header Host")),
        (Some(_), Some(_)) => Err(bad("there are several headers Host")),
        (Some(host), None) if Authority::try_from(host.as_bytes()).is_ok() => Ok(()),
        (Some(_), None) => Err(bad("the header Host is not an address")),
    }
}

fn framing(version: Version, headers: &HeaderMap) -> Result<Framing, Unreadable> {
    let one = |name| {
        let mut values = headers.get_all(&name).iter();
        match (values.next(), values.next()) {
            (value, None) => Ok(value.map(HeaderValue::as_bytes)),
            _ => Err(bad(format!("there are several headers {name}"))),
        }
    };
    match (one(CONTENT_LENGTH)?, one(TRANSFER_ENCODING)?) {
        (None, None) => Ok(Framing::Length(0)),
        (Some(length), None) => {
            let is_number = !length.is_empty() && length.iter().all(u8::is_ascii_digit);
            let text = std::str::from_utf8(length).ok().filter(|_| is_number);
            let text = text.ok_or_else(|| bad("the header Content-Length is not a number"))?;
            // A number that is too large for a u64 is too large for a body.
            Ok(Framing::Length(text.parse().unwrap_or(u64::MAX)))
        }
        (None, Some(_)) if version == Version::HTTP_10 => {
            Err(bad("the header Transfer-Encoding is not for HTTP/1.0"))
        }
        (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Framing::Chunked),
        (None, Some(_)) => Err(Unreadable::new(
            StatusCode::NOT_IMPLEMENTED,
            "the header Transfer-Encoding may only be chunked",
        )),
        (Some(_), Some(_)) => Err(bad(
            "there are both a Content-Length and a Transfer-Encoding",
        )),
    }
}

fn expects(version: Version, headers: &HeaderMap) -> Result<bool, Unreadable> {
    let mut expected = headers.get_all(EXPECT).iter();
    let is_known = |value: &HeaderValue| value.as_bytes().eq_ignore_ascii_case(b"100-continue");
    match expected.next() {
        None => Ok(false),
        Some(_) if version == Version::HTTP_10 => Ok(false),
        Some(value) if is_known(value) && expected.all(is_known) => Ok(true),
        Some(_) => Err(Unreadable::new(
            StatusCode::EXPECTATION_FAILED,
            "the header Expect may only be 100-continue",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The result of reading a head, as a text.
    fn outcome(head: &str) -> String {
        match read(&mut head.as_bytes()) {
            Ok(None) => "none".to_owned(),
            Ok(Some(head)) => {
                let Head {
                    request,
                    framing,
                    expects,
                } = head;
                let asks = if expects { ", asks" } else { "" };
                format!("{} {} {framing:?}{asks}", request.method(), request.uri())
            }
            Err(Unreadable { status, why }) => format!("{}, {why}", status.as_u16()),
        }
    }

    #[test]
    fn a_head_is_parsed_with_its_framing() {
        let long = format!(
            "GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n",
            "x".repeat(16_000)
        );
        for (head, expected) in [
            ("GET / HTTP/1.1\r\nHost: a\r\n\r\nmore", "GET / Length(0)"),
            ("\r\nGET / HTTP/1.1\nhost:a\n\n", "GET / Length(0)"),
            ("GET / HTTP/1.0\r\n\r\n", "GET / Length(0)"),
            // HTTP/1.0 has no interim answer.
            (
                "GET / HTTP/1.0\r\nExpect: 100-continue\r\n\r\n",
                "GET / Length(0)",
            ),
            (
                "POST //a?b HTTP/1.1\r\nHost: a:1\r\nContent-Length: 07\r\n\r\n",
                "POST //a?b Length(7)",
            ),
            (
                "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
                "POST /a Length(18446744073709551615)",
            ),
            (
                "POST http://b/a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\
                 Expect: 100-Continue\r\n\r\n",
                "POST http://b/a Chunked, asks",
            ),
            (
                "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
                "OPTIONS * Length(0)",
            ),
            (&long, "GET / Length(0)"),
            ("", "none"),
            ("GET / HTTP/1.1\r\nHost: a\r\n", "none"),
        ] {
            assert_eq!(outcome(head), expected, "{head:?}");
        }
    }

    #[test]
    fn heads_that_a_proxy_could_understand_differently_are_refused() {
        let post = |headers: &str| format!("POST / HTTP/1.1\r\nHost: a\r\n{headers}\r\n\r\n");
        for (head, expected) in [
            (
                post("Content-Length: 1\r\nContent-Length: 1"),
                "400, there are several headers content-length",
            ),
            (
                post("Content-Length: 1, 1"),
                "400, the header Content-Length is not a number",
            ),
            (
                post("Content-Length: +1"),
                "400, the header Content-Length is not a number",
            ),
            (
                post("Content-Length: -1"),
                "400, the header Content-Length is not a number",
            ),
            (
                post("Content-Length: 0x1"),
                "400, the header Content-Length is not a number",
            ),
            (
                post("Content-Length:"),
                "400, the header Content-Length is not a number",
            ),
            (
                post("Content-Length: 1\r\nTransfer-Encoding: chunked"),
                "400, there are both a Content-Length",
            ),
            (
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
                "400, there are several headers transfer",
            ),
            (
                post("Transfer-Encoding: gzip, chunked"),
                "501, the header Transfer-Encoding may only be chunked",
            ),
            (post("Transfer-Encoding: identity"), "501, "),
            (
                post("Transfer-Encoding: chunked").replace("1.1", "1.0"),
                "400, the header Transfer-Encoding is not for",
            ),
            (
                post("Transfer-Encoding : chunked"),
                "400, it is not an HTTP request: invalid header name",
            ),
            (
                post("Content-Length: 1\r\n 2"),
                "400, it is not an HTTP request: invalid header name",
            ),
            (post("X: a\rb"), "400, it is not an HTTP request"),
            (post("X: a\0b"), "400, it is not an HTTP request"),
            (post("Host: b"), "400, there are several headers Host"),
            (
                post("Expect: tea"),
                "417, the header Expect may only be 100-continue",
            ),
            (
                "POST / HTTP/1.1\r\n\r\n".into(),
                "400, there is no header Host",
            ),
            (
                "POST / HTTP/1.1\r\nHost: a b\r\n\r\n".into(),
                "400, the header Host is not an address",
            ),
            ("GET /\r\n\r\n".into(), "400, "),
            ("PRI * HTTP/2.0\r\n\r\n".into(), "505, use HTTP/1.1"),
            (
                "GET a HTTP/1.1\r\nHost: a\r\n\r\n".into(),
                "400, the target of the request is not a path",
            ),
            (
                "GET * HTTP/1.1\r\nHost: a\r\n\r\n".into(),
                "400, the target of the request is not a path",
            ),
            (
                "GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(),
                "400, the target of the request",
            ),
            (
                "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n".into(),
                "501, this service is not a proxy",
            ),
            ("\u{16}\u{3}\u{1}".into(), "400, it is TLS"),
            (
                post(&"X: x\r\n".repeat(70)),
                "431, there are more than 64 headers",
            ),
            (
                post(&format!("X: {}", "x".repeat(17_000))),
                "431, the headers have more than 16 KiB",
            ),
            (
                "\r\n".repeat(9_000),
                "431, the headers have more than 16 KiB",
            ),
        ] {
            let outcome = outcome(&head);
            assert!(outcome.starts_with(expected), "{head:?}: {outcome}");
        }
    }
}
