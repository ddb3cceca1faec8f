//! Places for connections, and who has them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Limits;

/// Who still sends its head, or lingers, keeps its place so long whatever comes: a head is there
/// with the connection's first bytes, unless the way is bad.
const GRACE: Duration = Duration::from_millis(250);

/// That an address has its share is said so often at most.
const SHARE_LOGGED: Duration = Duration::from_secs(60);

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The address has its share.
    Share,
    /// All are taken, for now.
    All,
}

/// The places of a listener.
pub(super) struct Places {
    address: SocketAddr,
    limits: Limits,
    taken: Arc<Taken>,
}

#[derive(Default)]
struct Taken {
    state: Mutex<State>,
    freed: Condvar,
}

#[derive(Default)]
struct State {
    /// By a number of their own.
    held: HashMap<u64, Held>,
    next: u64,
    /// Since when each new connection has found all places taken.
    full_since: Option<Instant>,
    full_logged: bool,
    share_logged: Option<Instant>,
}

struct Held {
    client: IpAddr,
    stream: Arc<TcpStream>,
    /// Since when the next one may have its place; `None` while it is served.
    idle_since: Option<Instant>,
}

/// One place, until it is dropped.
pub(super) struct Place {
    taken: Arc<Taken>,
    number: u64,
}

impl Places {
    pub(super) fn new(address: SocketAddr, limits: Limits) -> Places {
        Places {
            address,
            limits,
            taken: Arc::default(),
        }
    }

    /// A place for a connection. Where there is none, whoever has been sending its head for
    /// longest, or lingers, has to go. Waits for `patience` at most.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn take(
        &self,
        stream: &Arc<TcpStream>,
        client: IpAddr,
        patience: Duration,
    ) -> Result<Place, NoPlace> {
        let until = Instant::now() + patience;
        let share = self.share(stream, client);
        let client = network(client);
        let mut state = self.taken.state.lock();
        let of_client = |held: &Held| held.client == client;
        if let Some(share) = share
            && state.held.values().filter(|held| of_client(held)).count() >= share
            && !state.close_idle(of_client)
        {
            self.log_share(&mut state, client, share);
            return Err(NoPlace::Share);
        }
        self.log_full(&mut state);
        while state.held.len() >= self.limits.places {
            let freed = state.close_idle(|_| true);
            // Its thread ends soon, or another one's time to go comes.
            let look = if freed {
                until
            } else {
                (Instant::now() + GRACE).min(until)
            };
            let timed_out = self.taken.freed.wait_until(&mut state, look).timed_out();
            if timed_out && Instant::now() >= until && state.held.len() >= self.limits.places {
                return Err(NoPlace::All);
            }
        }
        let number = state.next;
        state.next += 1;
        let held = Held {
            client,
            stream: Arc::clone(stream),
            idle_since: Some(Instant::now()),
        };
        state.held.insert(number, held);
        Ok(Place {
            taken: Arc::clone(&self.taken),
            number,
        })
    }

    /// How many places an address may have; `None` for this machine's usual one, and for the very
    /// one that it has come to: a program of this machine.
    fn share(&self, stream: &TcpStream, client: IpAddr) -> Option<usize> {
        let client = client.to_canonical();
        let usual = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let here = stream.local_addr().map(|here| here.ip().to_canonical());
        let is_here = usual.contains(&client) || here.is_ok_and(|here| here == client);
        (!is_here).then_some(self.limits.share)
    }

    fn log_share(&self, state: &mut State, client: IpAddr, share: usize) {
        let is_logged = |logged: Instant| logged.elapsed() < SHARE_LOGGED;
        if state.share_logged.is_some_and(is_logged) {
            return;
        }
        state.share_logged = Some(Instant::now());
        log::warn!(
            "{client} has {share} connections to {}, its share: more of them are refused; see what \
             it does there",
            self.address
        );
    }

    /// Says when all places have been taken for long, and when that is over.
    fn log_full(&self, state: &mut State) {
        if state.held.len() < self.limits.places {
            let since = state.full_since.take();
            if let (true, Some(since)) = (std::mem::take(&mut state.full_logged), since) {
                log::warn!(
                    "there are free places for connections to {} again after {} s",
                    self.address,
                    since.elapsed().as_secs()
                );
            }
            return;
        }
        let since = *state.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.limits.full || state.full_logged {
            return;
        }
        state.full_logged = true;
        let mut clients = HashMap::<IpAddr, usize>::new();
        for held in state.held.values() {
            *clients.entry(held.client).or_default() += 1;
        }
        let most = clients.into_iter().max_by_key(|&(_, count)| count);
        let most = most.map_or_else(String::new, |(client, count)| {
            format!(", {count} of them by {client}")
        });
        log::warn!(
            "all {} places for connections to {} have been taken for {} s{most}: others wait; see \
             what these clients do there, or let a proxy stand before it",
            self.limits.places,
            self.address,
            since.elapsed().as_secs(),
        );
    }
}

/// Whom an address stands for: who has one of IPv6 has the /64 around it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

impl State {
    /// Closes the connection that has been idle for longest, of those that it may be; whether there
    /// is one. Its place is free when its thread has seen that.
    fn close_idle(&mut self, may_be: impl Fn(&Held) -> bool) -> bool {
        let idle = self.held.values_mut().filter(|held| may_be(held));
        let oldest = idle
            .filter(|held| {
                held.idle_since
                    .is_some_and(|since| since.elapsed() >= GRACE)
            })
            .min_by_key(|held| held.idle_since);
        let Some(held) = oldest else {
            return false;
        };
        held.idle_since = None;
        // One that has gone already is as good.
        let _ = held.stream.shutdown(Shutdown::Both);
        true
    }
}

impl Place {
    /// The head is there: nobody else has this place until there is an answer.
    pub(super) fn is_served(&self) {
        self.set_idle(None);
    }

    /// The answer is on its way.
    pub(super) fn is_answered(&self) {
        self.set_idle(Some(Instant::now()));
    }

    fn set_idle(&self, since: Option<Instant>) {
        if let Some(held) = self.taken.state.lock().held.get_mut(&self.number) {
            held.idle_since = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.state.lock().held.remove(&self.number);
        self.taken.freed.notify_one();
    }
}
