//! A TCP proxy that breaks the link it carries, in the ways that networks and servers do.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, listen, socket_with, sockopt};

/// More than this is not taken from one side while the other does not take it.
const MOST_QUEUED: usize = 256 * 1024;

/// What is wrong with a link until it is lifted.
#[derive(Clone, Debug)]
pub enum Fault {
    /// Everything is forwarded with this delay, both ways.
    Delay(Duration),
    /// Connections are ended in order (FIN) on both sides, new ones as soon as they are made.
    Cut,
    /// The same with a reset (RST).
    Reset,
    /// Nothing is forwarded and nothing closed. A connection during this fault stays dead,
    /// and what was on its way is lost; the other side does not even see its end.
    Hold,
    /// New connections get these bytes and are ended; the others go on.
    Answer(Vec<u8>),
    /// New connections are refused; the others go on.
    Refuse,
}

/// Listens on 127.0.0.1 and forwards to one address. It and its connections end when it is dropped.
pub struct Proxy {
    address: SocketAddr,
    accepted: Arc<AtomicUsize>,
    orders: Option<Sender<Order>>,
    bell: UnixStream,
    carrying: Option<JoinHandle<()>>,
}

struct Order {
    fault: Option<Fault>,
    done: Sender<()>,
}

impl Proxy {
    pub fn start(target: SocketAddr) -> Proxy {
        // Keeps the port while the listener is closed, so that no other program gets it.
        let keeper = bound(0).expect("a free port");
        let listener = TcpListener::from(keeper.try_clone().expect("a socket"));
        let address = listener.local_addr().expect("its address");
        let (orders, received) = channel();
        let (bell, rung) = UnixStream::pair().expect("a bell");
        rung.set_nonblocking(true).expect("a bell");
        let accepted = Arc::<AtomicUsize>::default();
        let mut carrier = Carrier {
            target,
            port: address.port(),
            _keeper: keeper,
            listener: None,
            fault: None,
            links: Vec::new(),
            accepted: Arc::clone(&accepted),
        };
        carrier.listen().expect("a listener");
        Proxy {
            address,
            accepted,
            orders: Some(orders),
            bell,
            carrying: Some(thread::spawn(move || carrier.carry(&received, &rung))),
        }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Connections that were ever made to it.
    pub fn connections(&self) -> usize {
        self.accepted.load(Ordering::SeqCst)
    }

    /// Breaks the link; when this returns, it is broken.
    pub fn set(&self, fault: Fault) {
        self.order(Some(fault));
    }

    /// Makes the link whole.
    pub fn lift(&self) {
        self.order(None);
    }

    fn order(&self, fault: Option<Fault>) {
        let (done, is_done) = channel();
        let orders = self.orders.as_ref().expect("it has not ended");
        orders.send(Order { fault, done }).expect("it carries");
        (&self.bell).write_all(b"!").expect("it carries");
        is_done.recv().expect("it carries");
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.orders = None;
        let _ = self.bell.shutdown(Shutdown::Both);
        let ended = self.carrying.take().map(JoinHandle::join);
        let ended = ended.is_none_or(|ended| ended.is_ok());
        assert!(ended || thread::panicking(), "the proxy panicked");
    }
}

/// A socket that has the port, which others of these may share.
fn bound(port: u16) -> io::Result<OwnedFd> {
    let (family, stream) = (AddressFamily::INET, SocketType::STREAM);
    let socket = socket_with(family, stream, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_socket_reuseport(&socket, true)?;
    bind(&socket, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))?;
    Ok(socket)
}

/// The one thread of a proxy: nothing of it is shared, so a fault is in force at once and for all.
struct Carrier {
    target: SocketAddr,
    port: u16,
    _keeper: OwnedFd,
    listener: Option<TcpListener>,
    fault: Option<Fault>,
    links: Vec<Link>,
    accepted: Arc<AtomicUsize>,
}

impl Carrier {
    fn carry(mut self, orders: &Receiver<Order>, mut bell: &UnixStream) {
        loop {
            self.wait(bell).expect("something to wait for");
            if matches!(bell.read(&mut [0; 64]), Ok(0)) {
                return; // the proxy was dropped
            }
            // What came before an order is dealt with before it.
            let orders: Vec<Order> = orders.try_iter().collect();
            self.accept();
            let delay = match self.fault {
                Some(Fault::Delay(delay)) => delay,
                _ => Duration::ZERO,
            };
            self.links.retain_mut(|link| match link.carry(delay) {
                Ok(()) => !link.is_over(),
                Err(_) => {
                    link.reset();
                    false
                }
            });
            for Order { fault, done } in orders {
                self.obey(fault);
                done.send(()).expect("it is waited for");
            }
        }
    }

    /// Waits until there is something to do.
    fn wait(&self, bell: &UnixStream) -> io::Result<()> {
        let now = Instant::now();
        let mut due: Option<Instant> = None;
        let mut fds = vec![PollFd::new(bell, PollFlags::IN)];
        fds.extend((self.listener.iter()).map(|listener| PollFd::new(listener, PollFlags::IN)));
        for link in &self.links {
            for (at, end) in link.ends.iter().enumerate() {
                let mut events = PollFlags::empty();
                events.set(PollFlags::IN, link.listens_to(at));
                match end.queue.front() {
                    Some(&(when, _)) if when > now => {
                        due = Some(due.map_or(when, |due| due.min(when)));
                    }
                    front => events.set(PollFlags::OUT, front.is_some()),
                }
                if !events.is_empty() {
                    fds.push(PollFd::new(&end.stream, events));
                }
            }
        }
        let timeout = due.map(|due| Timespec::try_from(due - now).expect("a short time"));
        match poll(&mut fds, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn obey(&mut self, fault: Option<Fault>) {
        self.fault = fault;
        match self.fault {
            Some(Fault::Cut) => self.links.iter_mut().for_each(Link::end),
            Some(Fault::Reset) => self.links.drain(..).for_each(|link| link.reset()),
            Some(Fault::Hold) => self.links.iter_mut().for_each(Link::die),
            Some(Fault::Refuse) => {
                self.listener = None;
                return;
            }
            Some(Fault::Delay(_) | Fault::Answer(_)) | None => {}
        }
        self.listen().expect("the port is kept");
    }

    fn listen(&mut self) -> io::Result<()> {
        if self.listener.is_none() {
            let socket = bound(self.port)?;
            listen(&socket, 128)?;
            let listener = TcpListener::from(socket);
            listener.set_nonblocking(true)?;
            self.listener = Some(listener);
        }
        Ok(())
    }

    fn accept(&mut self) {
        while let Some(Ok((client, _))) = self.listener.as_ref().map(TcpListener::accept) {
            self.accepted.fetch_add(1, Ordering::SeqCst);
            let mut link = Link::new(client).expect("a socket");
            match &self.fault {
                Some(Fault::Cut) => link.end(),
                Some(Fault::Reset) => {
                    link.reset();
                    continue;
                }
                Some(Fault::Hold) => link.die(),
                Some(Fault::Answer(bytes)) => {
                    // A client that has gone meanwhile needs no answer.
                    let _ = link.ends[0].stream.write_all(bytes);
                    link.end();
                }
                Some(Fault::Delay(_) | Fault::Refuse) | None => {
                    let server = TcpStream::connect(self.target);
                    let Ok(server) = server.and_then(End::new) else {
                        link.reset();
                        continue;
                    };
                    link.ends.push(server);
                }
            }
            self.links.push(link);
        }
    }
}

/// A connection: its client, and its server unless it never got so far.
struct Link {
    ends: Vec<End>,
    state: State,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Whole,
    /// Both sides know that it has ended.
    Ended,
    /// Neither side knows it.
    Dead,
}

struct End {
    stream: TcpStream,
    /// What it is to be sent, and when.
    queue: VecDeque<(Instant, Vec<u8>)>,
    /// It has sent all that it ever will.
    has_sent_all: bool,
    /// It knows that nothing more comes.
    has_got_all: bool,
}

impl End {
    fn new(stream: TcpStream) -> io::Result<End> {
        stream.set_nonblocking(true)?;
        stream.set_nodelay(true)?;
        Ok(End {
            stream,
            queue: VecDeque::new(),
            has_sent_all: false,
            has_got_all: false,
        })
    }

    /// Sends what is due.
    fn send(&mut self) -> io::Result<()> {
        while let Some((when, bytes)) = self.queue.front_mut() {
            if *when > Instant::now() {
                return Ok(());
            }
            match self.stream.write(bytes) {
                Ok(length) => drop(bytes.drain(..length)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(error),
            }
            if bytes.is_empty() {
                self.queue.pop_front();
            }
        }
        Ok(())
    }
}

impl Link {
    fn new(client: TcpStream) -> io::Result<Link> {
        let ends = vec![End::new(client)?];
        let state = State::Whole;
        Ok(Link { ends, state })
    }

    fn carry(&mut self, delay: Duration) -> io::Result<()> {
        let mut block = [0; 16 * 1024];
        for at in 0..self.ends.len() {
            while self.listens_to(at) {
                match self.ends[at].stream.read(&mut block) {
                    Ok(0) => self.ends[at].has_sent_all = true,
                    Ok(length) => self.forward(at, &block[..length], delay),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) if self.state == State::Whole => return Err(error),
                    Err(_) => self.ends[at].has_sent_all = true,
                }
            }
        }
        for at in 0..self.ends.len() {
            let over = self.state == State::Whole && self.ends[1 - at].has_sent_all;
            let end = &mut self.ends[at];
            end.send()?;
            if over && end.queue.is_empty() && !end.has_got_all {
                end.has_got_all = true;
                end.stream.shutdown(Shutdown::Write)?;
            }
        }
        Ok(())
    }

    /// Passes bytes on to the other end; without a whole link they are lost.
    fn forward(&mut self, from: usize, bytes: &[u8], delay: Duration) {
        if self.state == State::Whole {
            let queue = &mut self.ends[1 - from].queue;
            let due = Instant::now() + delay;
            // A delay that is lifted or shortened changes no order.
            let due = queue.back().map_or(due, |&(last, _)| due.max(last));
            queue.push_back((due, bytes.to_vec()));
        }
    }

    /// Whether bytes of this end are taken now.
    fn listens_to(&self, at: usize) -> bool {
        let queued = |end: &End| {
            end.queue
                .iter()
                .map(|(_, bytes)| bytes.len())
                .sum::<usize>()
        };
        let waits = self.state == State::Whole && queued(&self.ends[1 - at]) >= MOST_QUEUED;
        !self.ends[at].has_sent_all && !waits
    }

    fn end(&mut self) {
        self.lose(State::Ended);
        for end in &self.ends {
            // It may have gone already.
            let _ = end.stream.shutdown(Shutdown::Write);
        }
    }

    fn die(&mut self) {
        if self.state == State::Whole {
            self.lose(State::Dead);
        }
    }

    fn lose(&mut self, state: State) {
        self.state = state;
        self.ends.iter_mut().for_each(|end| end.queue.clear());
    }

    /// Closed so, the system sends a reset.
    fn reset(&self) {
        for end in &self.ends {
            let _ = sockopt::set_socket_linger(end.stream.as_fd(), Some(Duration::ZERO));
        }
    }

    fn is_over(&self) -> bool {
        let over = |end: &End| end.has_sent_all && end.queue.is_empty();
        self.state != State::Dead && self.ends.iter().all(over)
    }
}
