//! As much of HTTP/1.1 as a bot needs.

use std::fmt::Write as _;
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

use chrono::DateTime;
use serde_json::json;

use super::{MOST_BODY, MOST_HEAD};

pub(super) const SUCCESS: &str =
    r#"{"StatusCode":0,"StatusMessage":"success","code":0,"data":{},"msg":"success"}"#;
pub(super) const HUGE_START: &str = r#"{"code":0,"msg":""#;
pub(super) const HUGE_END: &str = r#""}"#;

pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) code: i64,
    pub(super) location: Option<String>,
    pub(super) content_type: &'static str,
    pub(super) body: Vec<u8>,
    /// Bytes that follow the body, before [`HUGE_END`].
    pub(super) fill: usize,
}

impl Reply {
    pub(super) fn bare(status: u16, body: &str) -> Reply {
        Reply {
            status,
            code: -1,
            location: None,
            content_type: "text/html",
            body: body.as_bytes().to_vec(),
            fill: 0,
        }
    }

    pub(super) fn json(status: u16, code: i64, msg: &str) -> Reply {
        let body = json!({"code": code, "data": {}, "msg": msg}).to_string();
        Reply {
            code,
            content_type: "application/json",
            ..Reply::bare(status, &body)
        }
    }

    pub(super) fn send(
        &self,
        mut stream: &TcpStream,
        now: i64,
        keep_alive: bool,
    ) -> io::Result<()> {
        let end = if self.fill > 0 { HUGE_END } else { "" };
        let length = self.body.len() + self.fill + end.len();
        let date = DateTime::from_timestamp(now, 0).unwrap_or_default();
        let mut out = format!(
            "HTTP/1.1 {} {}\r\nDate: {}\r\nContent-Type: {}; charset=utf-8\r\n\
             Content-Length: {length}\r\nConnection: {}\r\n",
            self.status,
            if self.status < 300 { "OK" } else { "Refused" },
            date.format("%a, %d %b %Y %H:%M:%S GMT"),
            self.content_type,
            if keep_alive { "keep-alive" } else { "close" },
        );
        if let Some(location) = &self.location {
            let _ = write!(out, "Location: {location}\r\n");
        }
        let mut out = (out + "\r\n").into_bytes();
        out.extend(&self.body);
        stream.write_all(&out)?;
        io::copy(&mut io::repeat(b'x').take(self.fill as u64), &mut stream)?;
        stream.write_all(end.as_bytes())
    }
}

#[derive(Default)]
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) keep_alive: bool,
    pub(super) raw_len: usize,
    pub(super) body: Vec<u8>,
    /// The status when it can't be served at all.
    pub(super) refusal: Option<u16>,
}

pub(super) fn read_request(stream: &TcpStream, unread: &mut Vec<u8>) -> io::Result<Request> {
    let (mut request, head) = loop {
        match read_head(unread) {
            Some(parsed) => break parsed,
            None => read_more(stream, unread)?,
        }
    };
    if request.refusal.is_none() {
        let end = head + request.raw_len;
        while unread.len() < end {
            read_more(stream, unread)?;
        }
        request.body = unread.drain(..end).skip(head).collect();
    }
    Ok(request)
}

/// The head and its length; `None` when there is more of it to come.
fn read_head(bytes: &[u8]) -> Option<(Request, usize)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut head = httparse::Request::new(&mut headers);
    let parsed = head.parse(bytes);
    let mut request = Request::default();
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) if length <= MOST_HEAD => length,
        Ok(httparse::Status::Partial) if bytes.len() <= MOST_HEAD => return None,
        other => {
            request.refusal = Some(if other.is_ok() { 431 } else { 400 });
            return Some((request, 0));
        }
    };
    request.method = head.method.unwrap_or_default().to_owned();
    request.path = head.path.unwrap_or_default().to_owned();
    request.keep_alive = head.version == Some(1);
    for header in head.headers.iter() {
        let value = String::from_utf8_lossy(header.value).to_ascii_lowercase();
        match header.name.to_ascii_lowercase().as_str() {
            "connection" => request.keep_alive &= value != "close",
            "transfer-encoding" => request.refusal = Some(411),
            "content-length" => match value.parse() {
                Ok(length) => request.raw_len = length,
                Err(_) => request.refusal = Some(400),
            },
            _ => {}
        }
    }
    if request.raw_len > MOST_BODY {
        request.refusal = Some(413);
    }
    Some((request, length))
}

fn read_more(mut stream: &TcpStream, unread: &mut Vec<u8>) -> io::Result<()> {
    let mut block = [0; 16 * 1024];
    match stream.read(&mut block)? {
        0 => Err(ErrorKind::UnexpectedEof.into()),
        length => {
            unread.extend(&block[..length]);
            Ok(())
        }
    }
}
