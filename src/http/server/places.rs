//! A limited number of places for connections, and which clients have them.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use super::Limits;

/// How long a connection keeps its place in any case while it sends its head, or lingers. A head
/// comes with the connection's first bytes, unless the network is bad.
const GRACE: Duration = Duration::from_millis(250);

/// How often, at most, it is logged that an address has its share.
const SHARE_LOGGED: Duration = Duration::from_secs(60);

/// Why there is no place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum NoPlace {
    /// The address has all the places that it may have.
    Share,
    /// All places are taken now.
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
    table: Mutex<Table>,
    freed: Condvar,
}

#[derive(Default)]
struct Table {
    /// The taken places, by their numbers.
    held: HashMap<u64, Held>,
    next: u64,
    /// Since when every new connection has found all places taken.
    full_since: Option<Instant>,
    full_logged: bool,
    share_logged: Option<Instant>,
}

struct Held {
    client: IpAddr,
    stream: Arc<TcpStream>,
    /// Since when another connection may take its place; `None` while it is served.
    idle_since: Option<Instant>,
}

/// A place, which is freed on drop.
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

    /// Takes a place for a connection. If none is free, the connection that has been idle for
    /// longest is closed: one that still sends its head, or lingers. Waits for `timeout` at most.
    ///
    /// # Errors
    /// [`NoPlace`].
    pub(super) fn take(
        &self,
        stream: &Arc<TcpStream>,
        client: IpAddr,
        timeout: Duration,
    ) -> Result<Place, NoPlace> {
        let until = Instant::now() + timeout;
        let share = self.share(stream, client);
        let client = network(client);
        let mut table = self.taken.table.lock();
        let of_client = |held: &Held| held.client == client;
        if let Some(share) = share
            && table.held.values().filter(|held| of_client(held)).count() >= share
            && !table.close_idle(of_client)
        {
            self.log_share(&mut table, client, share);
            return Err(NoPlace::Share);
        }
        self.log_full(&mut table);
        while table.held.len() >= self.limits.places {
            let freed = table.close_idle(|_| true);
            // Wait for the closed one's thread, or else until another one has become idle.
            let retry_at = if freed {
                until
            } else {
                (Instant::now() + GRACE).min(until)
            };
            let timed_out = self
                .taken
                .freed
                .wait_until(&mut table, retry_at)
                .timed_out();
            if timed_out && Instant::now() >= until && table.held.len() >= self.limits.places {
                return Err(NoPlace::All);
            }
        }
        let number = table.next;
        table.next += 1;
        let held = Held {
            client,
            stream: Arc::clone(stream),
            idle_since: Some(Instant::now()),
        };
        table.held.insert(number, held);
        Ok(Place {
            taken: Arc::clone(&self.taken),
            number,
        })
    }

    /// How many places an address may have; `None`, which is unlimited, for programs of this
    /// machine: their address is the usual loopback one, or the one that they connected to.
    fn share(&self, stream: &TcpStream, client: IpAddr) -> Option<usize> {
        let client = client.to_canonical();
        let usual = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let here = stream.local_addr().map(|here| here.ip().to_canonical());
        let is_here = usual.contains(&client) || here.is_ok_and(|here| here == client);
        (!is_here).then_some(self.limits.share)
    }

    fn log_share(&self, table: &mut Table, client: IpAddr, share: usize) {
        let is_logged = |logged: Instant| logged.elapsed() < SHARE_LOGGED;
        if table.share_logged.is_some_and(is_logged) {
            return;
        }
        table.share_logged = Some(Instant::now());
        log::warn!(
            "{client} has {share} connections to {}, which is its limit: more are refused; check \
             what it does there",
            self.address
        );
    }

    /// Logs when all places have been taken for long, and when that has ended.
    fn log_full(&self, table: &mut Table) {
        if table.held.len() < self.limits.places {
            let since = table.full_since.take();
            if let (true, Some(since)) = (std::mem::take(&mut table.full_logged), since) {
                log::warn!(
                    "there are free places for connections to {} again after {} s",
                    self.address,
                    since.elapsed().as_secs()
                );
            }
            return;
        }
        let since = *table.full_since.get_or_insert_with(Instant::now);
        if since.elapsed() < self.limits.full || table.full_logged {
            return;
        }
        table.full_logged = true;
        let mut clients = HashMap::<IpAddr, usize>::new();
        for held in table.held.values() {
            *clients.entry(held.client).or_default() += 1;
        }
        let most = clients.into_iter().max_by_key(|&(_, count)| count);
        let most = most.map_or_else(String::new, |(client, count)| {
            format!(", {count} of them by {client}")
        });
        log::warn!(
            "all {} places for connections to {} have been taken for {} s{most}: others wait; \
             check what these clients do, or put a proxy in front of it",
            self.limits.places,
            self.address,
            since.elapsed().as_secs(),
        );
    }
}

/// The network that a client is counted by: of IPv6 the /64, because a client usually has all of
/// it.
pub(in crate::http) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0).into()
        }
        address => address,
    }
}

impl Table {
    /// Closes the connection that has been idle for longest, of those that `may_be` accepts;
    /// returns whether there was one. Its place is free when its thread has noticed.
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
        // This fails if the client has closed it already, which is as good.
        let _ = held.stream.shutdown(Shutdown::Both);
        true
    }
}

impl Place {
    /// The head has come: the place can't be taken away until the answer is sent.
    pub(super) fn is_served(&self) {
        self.set_idle(None);
    }

    /// The answer has been sent.
    pub(super) fn is_answered(&self) {
        self.set_idle(Some(Instant::now()));
    }

    fn set_idle(&self, since: Option<Instant>) {
        if let Some(held) = self.taken.table.lock().held.get_mut(&self.number) {
            held.idle_since = since;
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.taken.table.lock().held.remove(&self.number);
        self.taken.freed.notify_one();
    }
}
