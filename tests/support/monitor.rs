//! A monitor that is pinged, as Healthchecks and Uptime Kuma are: an HTTP server that notes who
//! asked for what.

use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use super::wait;

/// What it answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Says {
    Ok,
    /// A status, and a body.
    This(u16, &'static str),
    /// Nothing: the connection stays open.
    Nothing,
}

/// It listens until the test ends.
pub struct Monitor {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
}

struct State {
    says: Says,
    /// The first line of each request.
    asked: Vec<String>,
    /// Connections without an answer.
    open: Vec<TcpStream>,
}

impl Monitor {
    pub fn start() -> Monitor {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("its address");
        let state = Arc::new(Mutex::new(State {
            says: Says::Ok,
            asked: Vec::new(),
            open: Vec::new(),
        }));
        let answering = Arc::clone(&state);
        thread::spawn(move || {
            for stream in listener.incoming() {
                answer(&answering, stream.expect("a connection"));
            }
        });
        Monitor { address, state }
    }

    /// The address of a ping.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    pub fn say(&self, says: Says) {
        let mut state = self.state.lock().expect("the state");
        state.says = says;
        state.open.clear();
    }

    /// What it was asked for, request by request.
    pub fn asked(&self) -> Vec<String> {
        self.state.lock().expect("the state").asked.clone()
    }

    /// Waits until it has been asked so many times more.
    pub fn wait_for(&self, more: usize) {
        let before = self.asked().len();
        wait(&format!("{more} more pings"), || {
            match self.asked().len() - before {
                asked if asked >= more => Ok(()),
                asked => Err(format!("{asked}")),
            }
        });
    }
}

fn answer(state: &Mutex<State>, mut stream: TcpStream) {
    let mut lines = BufReader::new(stream.try_clone().expect("a socket")).lines();
    let Some(Ok(first)) = lines.next() else {
        return;
    };
    while let Some(Ok(line)) = lines.next()
        && !line.is_empty()
    {}
    let mut state = state.lock().expect("the state");
    state.asked.push(first);
    let (status, body) = match state.says {
        Says::Ok => (200, "OK"),
        Says::This(status, body) => (status, body),
        Says::Nothing => return state.open.push(stream),
    };
    let length = body.len();
    // Who asked may be gone.
    let _ = write!(
        stream,
        "HTTP/1.1 {status} x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    );
}
