//! Configuration: one TOML file, then `ROOMWATT_*` variables, then `--set`; checked as a whole.

mod check;
mod raw;
mod secret;

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

use crate::engine::{MessageFormat, Rules};
use crate::types::HotelId;

pub use secret::Secret;

/// A configuration that can be run.
#[derive(Clone, Debug)]
pub struct Config {
    pub rabbitmq: Option<RabbitMq>,
    pub mysql: Option<MySql>,
    pub meter: MeterTable,
    pub messages: MessageFormat,
    pub rules: Rules,
    /// Rooms judged by one worker at a time.
    pub batch_size: usize,
    /// Time between two sweeps.
    pub sweep_every: Duration,
    /// Refused messages and told notices older than this are deleted. Days.
    pub keep_days: u32,
    pub feishu: Feishu,
    pub consumer_count: usize,
    pub log: Log,
}

/// Where messages come from.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RabbitMq {
    pub host: String,
    pub port: u16,
    pub virtual_host: String,
    pub username: String,
    pub password: Secret,
    pub queue: String,
    /// Messages a consumer may hold unacknowledged.
    pub prefetch: u16,
    /// Declare the queue (durable) instead of expecting it.
    pub declare: bool,
    pub heartbeat_seconds: u16,
}

/// Where state and readings live.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MySql {
    pub host: String,
    pub port: u16,
    pub user: String,
    pub password: Secret,
    pub database: String,
    /// Connections that sweeps may use at a time.
    pub pool_size: u32,
    /// Certificates (PEM) of the authority that vouches for the server. With it connections are
    /// encrypted and the server has to prove who it is.
    pub tls_ca: Option<PathBuf>,
}

/// Names of the meter table and its columns, safe to be quoted.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MeterTable {
    pub table: String,
    /// Empty where the table has none.
    pub id: String,
    pub hotel_id: String,
    pub room_number: String,
    pub reading_value: String,
    pub script_time: String,
}

impl MeterTable {
    /// The column that numbers the rows; without one the table is read by time.
    pub fn id(&self) -> Option<&str> {
        Some(self.id.as_str()).filter(|id| !id.is_empty())
    }
}

/// How the staff is told.
#[derive(Clone, Debug)]
pub struct Feishu {
    /// Of the hotels without a route. Without one, their notices go to the log.
    pub webhook: Option<Webhook>,
    /// Bots of some hotels, each webhook once.
    pub routes: Vec<Route>,
    /// A proxy for all requests, `http://host:port`; without one they go straight.
    pub proxy: Option<Secret>,
    pub language: Language,
    /// Price of a kWh, for the cost on a card.
    pub price_per_kwh: Option<f64>,
    /// How long a notice waits for others of its hotel.
    pub group_wait: Duration,
    /// Older notices are not told any more.
    pub notice_max_age: Duration,
}

/// Some hotels' bot.
#[derive(Clone, Debug)]
pub struct Route {
    pub hotels: Vec<HotelId>,
    pub webhook: Webhook,
}

/// One bot.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub url: Secret,
    /// Key of the signature, where the bot asks for one.
    pub secret: Option<Secret>,
}

/// The staff's language.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    #[default]
    Zh,
    En,
}

#[derive(Clone, Debug)]
pub struct Log {
    /// Besides standard output.
    pub file: Option<PathBuf>,
    pub level: log::LevelFilter,
}

impl Default for RabbitMq {
    fn default() -> RabbitMq {
        RabbitMq {
            host: "127.0.0.1".into(),
            port: 5672,
            virtual_host: "/".into(),
            username: "guest".into(),
            password: Secret::default(),
            queue: String::new(),
            prefetch: 500,
            declare: false,
            heartbeat_seconds: 10,
        }
    }
}

impl Default for MySql {
    fn default() -> MySql {
        MySql {
            host: "127.0.0.1".into(),
            port: 3306,
            user: "roomwatt".into(),
            password: Secret::default(),
            database: String::new(),
            pool_size: 4,
            tls_ca: None,
        }
    }
}

impl Default for MeterTable {
    fn default() -> MeterTable {
        MeterTable {
            table: "smart_meter".into(),
            id: "id".into(),
            hotel_id: "hotel_id".into(),
            room_number: "room_number".into(),
            reading_value: "reading_value".into(),
            script_time: "script_time".into(),
        }
    }
}

/// What is wrong with a configuration, all at once.
#[derive(Debug, Error)]
pub struct ConfigErrors {
    file: String,
    problems: Vec<String>,
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, problem) in self.problems.iter().enumerate() {
            let newline = if place == 0 { "" } else { "\n" };
            write!(f, "{newline}{}: {problem}", self.file)?;
        }
        Ok(())
    }
}

/// `[monitoring] key = value`, as `--set key=value` gives it.
#[derive(Clone, Debug)]
pub struct Setting {
    key: String,
    value: String,
}

impl std::str::FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        let (key, value) = text
            .split_once('=')
            .ok_or("expected key=value, as checkout_abnormal_threshold=0.3")?;
        Ok(Setting {
            key: key.trim().to_owned(),
            value: value.trim().to_owned(),
        })
    }
}

const ENV_PREFIX: &str = "ROOMWATT_";

impl Config {
    /// Loads `path` (all defaults without one), then what the environment and `settings` say.
    ///
    /// # Errors
    /// Everything that is wrong, each with the key it is about.
    pub fn load(path: Option<&Path>, settings: &[Setting]) -> Result<Config, ConfigErrors> {
        let file = path.map_or("configuration".into(), |path| path.display().to_string());
        let fail = |problems| ConfigErrors {
            file: file.clone(),
            problems,
        };
        let text = match path {
            Some(path) => std::fs::read_to_string(path)
                .map_err(|error| fail(vec![format!("can't be read: {error}")]))?,
            None => String::new(),
        };
        let raw = merge(&text, environment(), settings).map_err(|e| fail(vec![e]))?;
        check::check(raw).map_err(fail)
    }
}

/// The variables of this process that are texts; others are none of ours.
fn environment() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The written configuration with overrides laid over it.
fn merge(
    text: &str,
    environment: impl Iterator<Item = (String, String)>,
    settings: &[Setting],
) -> Result<raw::Raw, String> {
    // First as it stands, so that an error in the file is told with its line. Never with its text:
    // that may be a password.
    toml::from_str::<raw::Raw>(text).map_err(|error| {
        let before = error.span().map_or(text, |span| &text[..span.start]);
        let line = before.matches('\n').count() + 1;
        format!("line {line}: {}", error.message())
    })?;
    let mut table: toml::Table = text
        .parse()
        .map_err(|e: toml::de::Error| e.message().to_owned())?;
    for (name, value) in environment {
        if let Some(path) = name.strip_prefix(ENV_PREFIX)
            && let Some((section, key)) = path.to_lowercase().split_once("__")
        {
            put(&mut table, section, key, &value).map_err(|error| format!("{name}: {error}"))?;
        }
    }
    for Setting { key, value } in settings {
        put(&mut table, "monitoring", key, value)
            .map_err(|error| format!("monitoring.{key}: {error}"))?;
    }
    raw::Raw::deserialize(table).map_err(|error| error.message().to_owned())
}

/// Sets a key to what was given as text: the text itself where the key takes one (a password may
/// be 1234), else the TOML value it spells.
fn put(table: &mut toml::Table, section: &str, key: &str, text: &str) -> Result<(), String> {
    let with = |value: toml::Value| -> Result<toml::Table, String> {
        let mut table = table.clone();
        table
            .entry(section)
            .or_insert_with(|| toml::Table::new().into())
            .as_table_mut()
            .ok_or_else(|| format!("{section} is not a section"))?
            .insert(key.to_owned(), value);
        raw::Raw::deserialize(table.clone()).map_err(|error| error.message().to_owned())?;
        Ok(table)
    };
    *table = with(text.into()).or_else(|error| match text.parse() {
        Ok(value) => with(value),
        Err(_) => Err(error),
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check::check;
    use super::*;
    use crate::engine::FieldNames;
    use crate::types::{RoomKey, WattHours};

    fn loaded(
        text: &str,
        environment: &[(&str, &str)],
        settings: &[&str],
    ) -> Result<Config, String> {
        let environment = environment
            .iter()
            .map(|&(k, v)| (k.to_owned(), v.to_owned()));
        let settings: Vec<Setting> = settings
            .iter()
            .map(|s| s.parse().expect("key=value"))
            .collect();
        check(merge(text, environment, &settings)?).map_err(|problems| problems.join("\n"))
    }

    #[test]
    fn nothing_written_means_the_originals_rules() {
        let config = loaded("", &[], &[]).expect("the defaults are right");
        assert_eq!(config.rules, Rules::default());
        assert_eq!(config.messages.fields, FieldNames::default());
        assert_eq!(config.messages.zone.name(), "Asia/Shanghai");
        assert!(config.rabbitmq.is_none() && config.mysql.is_none());
    }

    #[test]
    fn the_example_shows_the_defaults() {
        let needed = "[rabbitmq]\nqueue = \"room_events\"\n[mysql]\ndatabase = \"hotel\"\n";
        let shown = loaded(include_str!("../../etc/roomwatt.toml"), &[], &[]).expect("all right");
        let defaults = loaded(needed, &[], &[]).expect("all right");
        assert_eq!(format!("{shown:#?}"), format!("{defaults:#?}"));
    }

    #[test]
    fn environment_and_settings_override_the_file() {
        let config = loaded(
            "[mysql]\ndatabase = \"hotel\"\nport = 3307\n[monitoring]\ncheckin_abnormal_threshold = 3\n",
            &[
                ("ROOMWATT_MYSQL__PASSWORD", "1234"),
                ("ROOMWATT_MYSQL__PORT", "3308"),
                ("ROOMWATT_FEISHU__LANGUAGE", "en"),
                ("ROOMWATT_TEST_MYSQL_PORT", "somebody else's"),
            ],
            &["checkin_abnormal_threshold=2.5", "register_modulus_kwh = 10000"],
        )
        .expect("all right");
        let mysql = config.mysql.expect("there is a section");
        assert_eq!((mysql.port, mysql.password.expose()), (3308, "1234"));
        assert_eq!(config.feishu.language, Language::En);
        assert_eq!(config.rules.thresholds.checkin, WattHours(2_500));
        assert_eq!(config.rules.register_modulus, Some(WattHours(10_000_000)));
    }

    #[test]
    fn tells_everything_that_is_wrong_at_once() {
        let wrong = loaded(
            "[rabbitmq]\n[mysql]\n[meter]\ntable = \"a`b\"\n[monitoring]\ntimezone = \"Mars\"\nmax_gap_minutes = 32\nkeep_days = 0\nsilent_after_minutes = 0\n\
             checkin_abnormal_threshold = -1\n[feishu]\nwebhook_url = \"http://example.com/hook/canary\"\n[log]\nlevel = \"loud\"\n",
            &[],
            &[],
        )
        .expect_err("much is wrong");
        for part in [
            "rabbitmq.queue is missing",
            "mysql.database is missing",
            "meter.table",
            "timezone Mars",
            "max_gap_minutes is 32",
            "monitoring.keep_days is 0, allowed is 1 to 3650",
            "monitoring.silent_after_minutes is 0, allowed is 1 to 10080",
            "checkin_abnormal_threshold is -1, allowed is 0 to",
            "webhook_url must begin with https://",
            "log.level loud",
        ] {
            assert!(wrong.contains(part), "{part} is not in:\n{wrong}");
        }
        assert!(!wrong.contains("canary"), "{wrong}");
    }

    #[test]
    fn a_meter_table_may_have_no_ids_and_must_have_the_rest() {
        let config = loaded("[meter]\nid = \"\"\n", &[], &[]).expect("all right");
        assert_eq!(config.meter.id(), None);
        let config = loaded("", &[], &[]).expect("all right");
        assert_eq!(config.meter.id(), Some("id"));
        let wrong = loaded("[meter]\nscript_time = \"\"\n", &[], &[]).expect_err("needed");
        assert!(wrong.contains("meter.script_time"), "{wrong}");
    }

    #[test]
    fn errors_in_the_file_have_a_line_and_no_text() {
        for (text, line) in [
            ("[mysql]\npassword = \"canary\nport = 1\n", "line 2:"),
            ("[mysql]\n\npassword = 31337\n", "line 3:"),
            (
                "[mysql]\nport = 1\npasword = \"canary\"\n",
                "line 3: unknown field `pasword`",
            ),
            ("[monitoring]\nbatch_size = \"many\"\n", "line 2:"),
        ] {
            let wrong = loaded(text, &[], &[]).expect_err("it is wrong");
            assert!(wrong.starts_with(line), "{text}: {wrong}");
            assert!(
                !wrong.contains("canary") && !wrong.contains("31337"),
                "{wrong}"
            );
        }
        let wrong = loaded("", &[], &["no_such_key=1"]).expect_err("it is unknown");
        assert!(
            wrong.contains("monitoring.no_such_key: unknown field"),
            "{wrong}"
        );
    }

    #[test]
    fn each_webhook_has_its_hotels_once() {
        let bot = |token: &str| format!("https://example.com/hook/{token}");
        let route = |hotels: &str, token: &str| {
            format!(
                "[[feishu.routes]]\nhotels = {hotels}\nwebhook_url = \"{}\"\n",
                bot(token)
            )
        };
        let feishu = format!("[feishu]\nwebhook_url = \"{}\"\n", bot("all"));
        let config = loaded(
            &[
                feishu.clone(),
                route("[\"H1\"]", "a"),
                route("[\"H2\"]", "b"),
                route("[\"H3\"]", "a"),
                route("[\"H4\"]", "all"),
            ]
            .concat(),
            &[],
            &[],
        )
        .expect("all right");
        let routes: Vec<(Vec<&str>, &str)> = (config.feishu.routes.iter())
            .map(|route| {
                let hotels = route.hotels.iter().map(HotelId::as_str).collect();
                (hotels, route.webhook.url.expose())
            })
            .collect();
        let (a, b) = (bot("a"), bot("b"));
        assert_eq!(routes, [(vec!["H1", "H3"], &a[..]), (vec!["H2"], &b[..])]);

        let signed = route("[\"H5\"]", "canary") + "secret = \"canary\"\n";
        let wrong = loaded(
            &[
                feishu,
                route("[]", "a"),
                route("[\"H1\", \"H1\"]", "b"),
                signed,
                route("[\"H6\"]", "canary"),
                route("[\"H7\"]", "c").replace("https", "http"),
            ]
            .concat(),
            &[
                ("ROOMWATT_FEISHU__PROXY", "canary proxy"),
                ("ROOMWATT_FEISHU__GROUP_WAIT_SECONDS", "601"),
            ],
            &[],
        )
        .expect_err("much is wrong");
        for part in [
            "feishu.routes: a route has no hotels",
            "feishu.routes has hotel H1 twice",
            "feishu.routes: the bot of H6 has another secret elsewhere",
            "feishu.routes: webhook_url of H7 must begin with https://",
            "feishu.proxy is no address like http://proxy.example.com:3128",
            "feishu.group_wait_seconds is 601, allowed is 0 to 600",
        ] {
            assert!(wrong.contains(part), "{part} is not in:\n{wrong}");
        }
        assert!(!wrong.contains("canary"), "{wrong}");
    }

    #[test]
    fn overrides_win_room_over_hotel_over_all() {
        let config = loaded(
            "[[monitoring.overrides]]\nhotel_id = \"H1\"\ncheckout_abnormal_threshold = 0.3\n\
             [[monitoring.overrides]]\nhotel_id = \"H1\"\nroom_number = \"Spa\"\ncheckout_abnormal_threshold = 5\n",
            &[],
            &[],
        )
        .expect("all right");
        let threshold =
            |hotel, room, kind| config.rules.threshold(&RoomKey::new(hotel, room), kind);
        use crate::types::Kind::{Checkin, Checkout};
        assert_eq!(threshold("H1", "101", Checkout), WattHours(300));
        assert_eq!(threshold("H1", "Spa", Checkout), WattHours(5_000));
        assert_eq!(threshold("H1", "Spa", Checkin), WattHours(2_000));
        assert_eq!(threshold("H2", "Spa", Checkout), WattHours(1_500));
    }
}
