//! Pages at the service's own listener, for people with passwords.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;

use argon2::{Algorithm, Argon2, Params, PasswordHasher, Version};
use crossbeam_channel::{Sender, bounded};
use roomwatt::clock::Clock;
use roomwatt::config::{Access, Hotels, Role, Secret, User};
use roomwatt::engine::{FieldNames, MessageFormat, StatusCodes, TypeCodes};
use roomwatt::gate::Gate;
use roomwatt::http::{Desk, Doors, Keys, Limits, Listener, Serves, Service};
use roomwatt::metrics::Metrics;
use roomwatt::owner::Inbox;
use roomwatt::page::Pages;
use roomwatt::store::InstallationKey;
use roomwatt::threads::{Exit, Stopper, spawn, stop_signal};
use roomwatt::types::Zone;

pub const NAME: &str = "zhou";
pub const PASSWORD: &str = "correct horse";

/// A listener with pages, until it is dropped.
pub struct House {
    pub origin: String,
    _end: Stopper,
}

/// A hash at little cost.
fn hash() -> Secret {
    let params = Params::new(64, 1, 1, None).expect("parameters");
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let hash = argon.hash_password(PASSWORD.as_bytes()).expect("a hash");
    Secret::new(hash.to_string())
}

/// Starts a thread whose end nobody waits for.
fn start(name: &str, exits: &Sender<Exit>, work: impl FnOnce() + Send + 'static) {
    spawn(name, exits, work).expect("a thread");
}

impl House {
    /// Serves pages to one person, who may see all hotels.
    pub fn of(pages: Pages) -> House {
        House::open(Some(pages))
    }

    /// One where another instance is at work.
    pub fn standing_by() -> House {
        House::open(None)
    }

    fn open(pages: Option<Pages>) -> House {
        let socket = TcpListener::bind("127.0.0.1:0").expect("an address");
        let address: SocketAddr = socket.local_addr().expect("an address");
        let (end, stop) = stop_signal();
        let (exits, _) = bounded(2);
        let desk = Arc::new(Desk::default());
        if pages.is_none() {
            // Before it listens: one that begins to stand by leaves its address for a while.
            desk.stand_by(crate::hotel::now());
        }
        let user = User {
            name: NAME.to_owned(),
            password_hash: Some(hash()),
            hotels: Hotels::All,
            role: Role::View,
        };
        let access = Access {
            users: vec![user],
            ..Access::default()
        };
        let zone = Zone::named("Asia/Shanghai").expect("a zone");
        let listener = Listener {
            address,
            socket: Some(socket),
            key: "http.page_listen",
            serves: Serves::Pages,
            doors: Arc::new(Doors::new(access)),
            keys: Arc::new(Keys::fixed(InstallationKey::random().expect("a key"))),
            desk: Arc::clone(&desk),
            metrics: Arc::new(Metrics::new(Arc::default(), zone)),
            figures: Arc::default(),
            limits: Limits::default(),
            stop: stop.clone(),
        };
        start("listener", &exits, move || listener.run());
        if let Some(pages) = pages {
            let clock: Arc<dyn Clock> = Arc::clone(&pages.clock);
            // No message comes here.
            let (inbox, inputs) = Inbox::new(&stop);
            let service = Service {
                inbox,
                intake: Arc::new(Gate::new(0)),
                messages: Arc::new(MessageFormat {
                    types: TypeCodes::default(),
                    statuses: StatusCodes::default(),
                    fields: FieldNames::default(),
                    zone,
                    max_ahead_seconds: 7_200,
                    match_seconds: 600,
                }),
                clock,
                meters: None,
                pages: Arc::new(pages),
            };
            start("desk", &exits, move || {
                desk.serve(service, &stop);
                drop(inputs);
            });
        }
        House {
            origin: format!("http://{address}"),
            _end: end,
        }
    }

    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }
}
