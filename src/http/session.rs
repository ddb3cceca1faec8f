//! Sessions of people who have logged in, and the tokens of their forms. Nothing is kept of them:
//! what a browser shows is signed with keys that follow from the installation's.

use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit, Mac};
use parking_lot::Mutex;
use sha2::Sha256;

use crate::config::Secret;
use crate::random;
use crate::store::{Database, InstallationKey};

/// How long a session lasts. Seconds.
pub(super) const SESSION_SECONDS: u32 = 12 * 3_600;

/// How far the clocks of two instances may differ. Seconds.
const CLOCKS_DIFFER: i64 = 60;

/// How long the installation's key is used before it is read again: after `rotate-key`, sessions
/// end within this time.
const KEY_KEPT: Duration = Duration::from_secs(10);

/// How long a request is answered with what kept the last one from the key.
const FAILURE_KEPT: Duration = Duration::from_secs(1);

const NO_KEY: &str =
    "the database has no key of the installation: run `roomwatt init-db`, or set http.key_file";

/// Random bytes in a session, so that no two are the same.
const NONCE: usize = 16;

/// The longest cookie that is looked at. Bytes.
const LONGEST: usize = 1_024;

/// The installation's key: of the configuration, or else of the database.
pub struct Keys {
    source: KeySource,
    known: Mutex<Known>,
    /// Held by the request that reads it, over a connection of its own.
    reading: Mutex<()>,
}

/// What is known of a key that is stored.
#[derive(Default)]
struct Known {
    /// What was read last.
    key: Option<InstallationKey>,
    /// What the last attempt to read it came to, and when that ended.
    tried: Option<(Instant, Result<(), String>)>,
}

impl Known {
    /// The answer to a request, if it is known without reading the key again.
    fn answer(&self) -> Option<Result<Derived, String>> {
        let (when, result) = self.tried.as_ref()?;
        let kept = match self.key {
            Some(_) => KEY_KEPT,
            None => FAILURE_KEPT,
        };
        (when.elapsed() < kept).then(|| self.latest(result))
    }

    fn latest(&self, result: &Result<(), String>) -> Result<Derived, String> {
        match (&self.key, result) {
            (Some(key), _) => Ok(Derived::of(key)),
            (None, Err(error)) => Err(error.clone()),
            (None, Ok(())) => Err(NO_KEY.to_owned()),
        }
    }
}

enum KeySource {
    Configured(InstallationKey),
    Stored(Database),
}

impl Keys {
    /// The key of `http.key`, where that is set; else that of the database, which is read when it
    /// is first needed.
    pub fn new(configured: Option<&Secret>, database: &Database) -> Keys {
        let configured = configured.and_then(|key| InstallationKey::from_hex(key.expose()));
        Keys::of(match configured {
            Some(key) => KeySource::Configured(key),
            None => KeySource::Stored(database.clone()),
        })
    }

    /// This key.
    pub fn fixed(key: InstallationKey) -> Keys {
        Keys::of(KeySource::Configured(key))
    }

    fn of(source: KeySource) -> Keys {
        Keys {
            source,
            known: Mutex::default(),
            reading: Mutex::default(),
        }
    }

    /// The keys that follow from it. While the database is away, those that were known last.
    ///
    /// # Errors
    /// Why it can't be read, if it has never been.
    pub(super) fn derived(&self) -> Result<Derived, String> {
        match &self.source {
            KeySource::Configured(key) => Ok(Derived::of(key)),
            KeySource::Stored(database) => self.read_by(|| {
                let key = database.installation_key();
                key.map_err(|error| format!("the key of the installation can't be read: {error}"))
            }),
        }
    }

    fn read_by(
        &self,
        read: impl FnOnce() -> Result<Option<InstallationKey>, String>,
    ) -> Result<Derived, String> {
        if let Some(answer) = self.known.lock().answer() {
            return answer;
        }
        let _reading = match self.reading.try_lock() {
            Some(reading) => reading,
            // A database that is away is waited for by one request, not by all of them.
            None => {
                if let Some(key) = &self.known.lock().key {
                    return Ok(Derived::of(key));
                }
                let reading = self.reading.lock();
                if let Some(answer) = self.known.lock().answer() {
                    return answer;
                }
                reading
            }
        };
        let read = read();
        let mut known = self.known.lock();
        let result = read.map(|key| known.key = key);
        if let Err(error) = &result {
            log::debug!("{error}");
        }
        let answer = known.latest(&result);
        known.tried = Some((Instant::now(), result));
        answer
    }
}

/// The keys for each purpose: one that leaks is of no use for another.
pub(super) struct Derived {
    session: [u8; 32],
    form: [u8; 32],
}

impl Derived {
    fn of(key: &InstallationKey) -> Derived {
        // The step "expand" of HKDF (RFC 5869) for 32 bytes; the key is random as it is.
        let derive = |purpose: &str| mac(key.bytes(), &[purpose.as_bytes(), &[1]]);
        Derived {
            session: derive("roomwatt session v1"),
            form: derive("roomwatt form v1"),
        }
    }
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut hmac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        hmac.update(part);
    }
    Some(hmac)
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // A key of any length is accepted, so that there always is one.
    hmac(key, parts).map_or([0; 32], |hmac| hmac.finalize().into_bytes().into())
}

/// A session as a cookie has it. It may be anybody's invention until it is checked.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Session {
    name: String,
    /// Unix seconds.
    began: i64,
    nonce: [u8; NONCE],
    signature: [u8; 32],
}

impl Session {
    /// A new session of a person with this password's hash. The signature covers the hash, so that
    /// a new password ends it.
    ///
    /// # Errors
    /// When the system has no random numbers.
    pub(super) fn begin(
        keys: &Derived,
        name: &str,
        hash: &Secret,
        now: i64,
    ) -> Result<Session, String> {
        let mut session = Session {
            name: name.to_owned(),
            began: now,
            nonce: random::bytes().map_err(|error| error.to_string())?,
            signature: [0; 32],
        };
        let signed = session.signed(hash);
        session.signature = mac(&keys.session, &signed.each_ref().map(|part| &part[..]));
        Ok(session)
    }

    /// What is signed: each part has a length that is known, or comes last.
    fn signed(&self, hash: &Secret) -> [Vec<u8>; 4] {
        let length = (self.name.len() as u64).to_be_bytes();
        [
            [&self.began.to_be_bytes()[..], &self.nonce].concat(),
            length.to_vec(),
            self.name.clone().into_bytes(),
            hash.expose().as_bytes().to_vec(),
        ]
    }

    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// Whether this service has begun it, for a person with this hash, and it still lasts.
    pub(super) fn is_genuine(&self, keys: &Derived, hash: &Secret, now: i64) -> bool {
        let signed = self.signed(hash);
        let hmac = hmac(&keys.session, &signed.each_ref().map(|part| &part[..]));
        let is_signed = hmac.is_some_and(|hmac| hmac.verify_slice(&self.signature).is_ok());
        let lasted = now.saturating_sub(self.began);
        is_signed && (-CLOCKS_DIFFER..i64::from(SESSION_SECONDS)).contains(&lasted)
    }

    /// As the cookie has it.
    pub(super) fn text(&self) -> String {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        [
            encode(self.name.as_bytes()),
            self.began.to_string(),
            encode(&self.nonce),
            encode(&self.signature),
        ]
        .join(".")
    }

    /// The inverse of [`Session::text`].
    pub(super) fn parse(text: &str) -> Option<Session> {
        if text.len() > LONGEST {
            return None;
        }
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).ok();
        let mut parts = text.split('.');
        let session = Session {
            name: String::from_utf8(decode(parts.next()?)?).ok()?,
            began: parts.next()?.parse().ok()?,
            nonce: decode(parts.next()?)?.try_into().ok()?,
            signature: decode(parts.next()?)?.try_into().ok()?,
        };
        parts.next().is_none().then_some(session)
    }

    /// The token of the forms in this session.
    pub(super) fn form_token(&self, keys: &Derived) -> String {
        form_token(keys, "session", &self.text())
    }
}

/// The token of the forms of somebody whom a proxy knows.
pub(super) fn form_token_by_proxy(keys: &Derived, name: &str) -> String {
    form_token(keys, "proxy", name)
}

fn form_token(keys: &Derived, kind: &str, of: &str) -> String {
    let token = mac(&keys.form, &[kind.as_bytes(), &[0], of.as_bytes()]);
    URL_SAFE_NO_PAD.encode(token)
}

/// Whether two tokens are the same, in a time that does not tell where they differ.
pub(super) fn is_same(expected: &str, shown: &str) -> bool {
    let digest = |text: &str| mac(b"compared", &[text.as_bytes()]);
    let (a, b) = (digest(expected), digest(shown));
    a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn derived(byte: u8) -> Derived {
        Derived::of(&InstallationKey::from_hex(&format!("{byte:02x}").repeat(32)).expect("a key"))
    }

    #[test]
    fn one_request_reads_the_key_and_the_others_go_on_with_the_last_one() {
        let stored = |byte: u8| InstallationKey::from_hex(&format!("{byte:02x}").repeat(32));
        let session = |keys: Result<Derived, String>| keys.map(|keys| keys.session);
        let keys = Keys::of(KeySource::Configured(stored(1).expect("a key")));
        let expire = || {
            let mut known = keys.known.lock();
            let (when, _) = known.tried.as_mut().expect("an attempt");
            *when = when.checked_sub(KEY_KEPT).expect("a time");
        };
        let fails = || Err("away".to_owned());
        assert_eq!(session(keys.read_by(fails)), Err("away".to_owned()));
        let is_not_tried = || -> Result<_, String> { unreachable!("it was tried just now") };
        assert_eq!(session(keys.read_by(is_not_tried)), Err("away".to_owned()));
        expire();
        assert_eq!(session(keys.read_by(|| Ok(None))), Err(NO_KEY.to_owned()));
        expire();
        let first = session(keys.read_by(|| Ok(stored(1))));
        assert_eq!(first, Ok(derived(1).session));
        assert_eq!(session(keys.read_by(is_not_tried)), first);

        expire();
        let (answer, answered) = crossbeam_channel::bounded(0);
        let (begun, has_begun) = crossbeam_channel::bounded(0);
        std::thread::scope(|scope| {
            let reads = scope.spawn(|| {
                session(keys.read_by(|| {
                    begun.send(()).expect("a test");
                    answered.recv().expect("an answer")
                }))
            });
            has_begun.recv().expect("a request that reads");
            assert_eq!(session(keys.read_by(is_not_tried)), first);
            answer.send(Ok(stored(2))).expect("a request that reads");
            let other = Ok(derived(2).session);
            assert_eq!(reads.join().expect("no panic"), other);
            assert_eq!(session(keys.read_by(is_not_tried)), other);
        });
        expire();
        let kept = session(keys.read_by(fails));
        assert_eq!(kept, Ok(derived(2).session), "while it is away");
    }

    #[test]
    fn a_session_is_genuine_until_its_time_password_or_key_is_another() {
        let hash = Secret::new("$argon2id$...");
        let session = Session::begin(&derived(1), "周 敏", &hash, 1_000).expect("a session");
        let shown = Session::parse(&session.text()).expect("it can be read");
        assert_eq!(shown, session);
        assert_eq!(shown.name(), "周 敏");
        let end = 1_000 + i64::from(SESSION_SECONDS);
        for (now, expected) in [
            (939, false),
            (940, true),
            (1_000, true),
            (end - 1, true),
            (end, false),
        ] {
            assert_eq!(shown.is_genuine(&derived(1), &hash, now), expected, "{now}");
        }
        assert!(!shown.is_genuine(&derived(2), &hash, 1_000), "another key");
        let changed = Secret::new("$argon2id$another");
        assert!(
            !shown.is_genuine(&derived(1), &changed, 1_000),
            "another password"
        );
        let again = Session::begin(&derived(1), "周 敏", &hash, 1_000).expect("a session");
        assert_ne!(again.text(), session.text());
    }

    #[test]
    fn a_session_that_was_changed_or_made_up_is_not_genuine() {
        let hash = Secret::new("$argon2id$...");
        let text = Session::begin(&derived(1), "zhou", &hash, 1_000)
            .expect("a session")
            .text();
        let parts: Vec<&str> = text.split('.').collect();
        let [name, began, nonce, signature] = parts[..] else {
            panic!("{text}");
        };
        let other = URL_SAFE_NO_PAD.encode("admin");
        let zero = URL_SAFE_NO_PAD.encode([0; 32]);
        let short = URL_SAFE_NO_PAD.encode([0; 16]);
        for (changed, is_readable) in [
            (format!("{other}.{began}.{nonce}.{signature}"), true),
            (format!("{name}.1001.{nonce}.{signature}"), true),
            (format!("{name}.{began}.{short}.{signature}"), true),
            (format!("{name}.{began}.{nonce}.{zero}"), true),
            (format!("{name}.{began}.{nonce}.{short}"), false),
            (format!("{name}.{began}.{nonce}"), false),
            (format!("{text}.x"), false),
            (format!("{name}.-1e3.{nonce}.{signature}"), false),
            ("x".repeat(2_000), false),
            (String::new(), false),
        ] {
            let read = Session::parse(&changed);
            assert_eq!(read.is_some(), is_readable, "{changed}");
            let genuine = read.is_some_and(|read| read.is_genuine(&derived(1), &hash, 1_000));
            assert!(!genuine, "{changed}");
        }
    }

    #[test]
    fn a_forms_token_is_of_one_session_or_name_and_key() {
        let hash = Secret::new("h");
        let session = |name| Session::begin(&derived(1), name, &hash, 1).expect("a session");
        let (a, b) = (session("a"), session("a"));
        let token = a.form_token(&derived(1));
        assert!(is_same(&token, &a.form_token(&derived(1))));
        for other in [
            b.form_token(&derived(1)),
            a.form_token(&derived(2)),
            form_token_by_proxy(&derived(1), &a.text()),
            form_token_by_proxy(&derived(1), "a"),
            String::new(),
            // The key of sessions signs no form, and the other way round.
            URL_SAFE_NO_PAD.encode(a.signature),
        ] {
            assert!(!is_same(&token, &other), "{other}");
        }
        let other = form_token_by_proxy(&derived(1), "b");
        assert!(!is_same(&form_token_by_proxy(&derived(1), "a"), &other));
    }
}
