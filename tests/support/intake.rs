//! The service's own HTTP, as a client sees it.

use std::io::{Error, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::{LIMIT, Rig, wait};

impl Rig {
    /// Has the service listen at an address of its own.
    pub fn listen(&self) -> SocketAddr {
        let [a, b, c] = std::array::from_fn(|_| fastrand::u8(1..255));
        let address = SocketAddr::from(([127, a, b, c], 8_580));
        let section = format!("[http]\nlisten = '{address}'\n[monitoring]\n");
        self.reconfigure("[monitoring]\n", &section);
        address
    }
}

/// The status and body that a request is answered with.
pub fn ask(address: SocketAddr, request: &str) -> Result<(u16, String), Error> {
    ask_bytes(address, request.as_bytes())
}

/// The same of a request that is no text.
pub fn ask_bytes(address: SocketAddr, request: &[u8]) -> Result<(u16, String), Error> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(LIMIT))?;
    stream.write_all(request)?;
    answer(stream)
}

/// The status and body that come on a connection.
pub fn answer(mut stream: TcpStream) -> Result<(u16, String), Error> {
    let mut all = String::new();
    stream.read_to_string(&mut all)?;
    let parts = all.split_once("\r\n\r\n");
    let (head, body) = parts.ok_or_else(|| Error::other(format!("an answer {all:?}")))?;
    let status = head.split(' ').nth(1);
    let status = status.and_then(|status| status.parse().ok());
    let status = status.ok_or_else(|| Error::other(format!("an answer {all:?}")))?;
    Ok((status, body.trim_end().to_owned()))
}

pub fn wait_until_served(address: SocketAddr) {
    wait("the service to be ready", || {
        let health = ask(address, "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n");
        match health {
            Ok((200, _)) => Ok(()),
            other => Err(format!("{other:?}")),
        }
    });
}
