//! Serves pages to a browser on a loopback address, with the headers that the service has.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use http::Request;
use roomwatt::config::Language;
use roomwatt::page::{Pages, Viewer};

use crate::hotel::viewer;

/// What the service sends with every answer.
const POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' \
    data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Serves until the process ends. The language is that of the browser's header.
#[expect(clippy::disallowed_methods, reason = "nobody waits for its threads")]
pub fn serve(pages: Pages) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = listener.local_addr().expect("an address");
    let pages = Arc::new(pages);
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, pages) = (stream.expect("a connection"), Arc::clone(&pages));
            std::thread::spawn(move || {
                let mut lines = BufReader::new(stream.try_clone().expect("a stream")).lines();
                let Some(Ok(first)) = lines.next() else {
                    return;
                };
                let path = first.split(' ').nth(1).expect("a path").to_owned();
                let head: Vec<String> = lines
                    .map_while(Result::ok)
                    .take_while(|line| !line.is_empty())
                    .collect();
                let is_en = head
                    .iter()
                    .any(|line| line.to_lowercase().starts_with("accept-language: en"));
                let language = if is_en { Language::En } else { Language::Zh };
                let request = Request::builder().uri(path).body(()).expect("a request");
                let viewer: Viewer = viewer(language);
                let response = pages.respond(&request, &viewer);
                let mut answer = format!(
                    "HTTP/1.1 {}\r\nconnection: close\r\n",
                    response.status().as_u16()
                );
                for (name, value) in response.headers() {
                    answer.push_str(&format!("{name}: {}\r\n", value.to_str().expect("text")));
                }
                answer.push_str(&format!("content-security-policy: {POLICY}\r\n"));
                answer.push_str(&format!(
                    "content-length: {}\r\n\r\n",
                    response.body().len()
                ));
                let _ = stream.write_all(answer.as_bytes());
                let _ = stream.write_all(response.body());
            });
        }
    });
    address
}
