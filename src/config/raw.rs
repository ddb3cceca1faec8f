//! The configuration as written: names, types and defaults. The parent module checks the values.

use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::types::WattHours;

use super::{Embedded, MeterTable, MySql, RabbitMq, Secret};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Raw {
    pub rabbitmq: Option<RabbitMq>,
    pub mysql: Option<MySql>,
    pub embedded: Option<Embedded>,
    pub meter: MeterTable,
    pub message_types: MessageTypes,
    pub room_status: RoomStatus,
    pub message_fields: MessageFields,
    pub monitoring: Monitoring,
    pub baseline: Baseline,
    pub feishu: Feishu,
    pub hotels: Vec<Hotel>,
    pub performance: Performance,
    pub http: Option<Http>,
    pub incidents: Incidents,
    pub heartbeat: Heartbeat,
    pub metrics: Metrics,
    pub log: Log,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MessageTypes {
    pub checkin: Option<Codes>,
    pub checkout: Option<Codes>,
    #[serde(rename = "move")]
    pub moved: Option<Codes>,
    pub extend: Option<Codes>,
    pub cancel_checkin: Option<Codes>,
    pub cancel_checkout: Option<Codes>,
    pub room_status: Option<Codes>,
    pub ignore: Option<Codes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RoomStatus {
    pub out_of_order: Option<Codes>,
    pub in_order: Option<Codes>,
    pub dirty: Option<Codes>,
    pub clean: Option<Codes>,
    pub ignore: Option<Codes>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct MessageFields {
    pub hotel_id: Option<String>,
    pub room_number: Option<String>,
    #[serde(rename = "msgType")]
    pub msg_type: Option<String>,
    pub stay_id: Option<String>,
    pub check_in_time: Option<String>,
    pub expected_checkout_time: Option<String>,
    pub actual_checkin_time: Option<String>,
    pub actual_checkout_time: Option<String>,
    pub old_hotel_id: Option<String>,
    pub old_room_number: Option<String>,
    pub move_time: Option<String>,
    pub cancel_time: Option<String>,
    pub status: Option<String>,
    pub status_time: Option<String>,
    pub until: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Monitoring {
    pub check_interval_minutes: i64,
    pub checkin_abnormal_threshold: Kwh,
    pub checkout_abnormal_threshold: Kwh,
    pub continuous_alert_count: i64,
    pub batch_size: i64,
    pub max_history_size: i64,
    pub sweep_seconds: i64,
    pub max_gap_minutes: i64,
    pub max_plausible_kwh: Kwh,
    pub register_modulus_kwh: Option<Kwh>,
    pub silent_after_minutes: i64,
    pub match_minutes: i64,
    pub cleaning_grace_minutes: i64,
    pub max_ahead_minutes: i64,
    pub keep_days: i64,
    pub keep_refused_bodies: bool,
    pub timezone: String,
    pub overrides: Vec<Override>,
    pub overrides_file: Option<std::path::PathBuf>,
}

impl Default for Monitoring {
    fn default() -> Monitoring {
        Monitoring {
            check_interval_minutes: 30,
            checkin_abnormal_threshold: Kwh(WattHours(2_000)),
            checkout_abnormal_threshold: Kwh(WattHours(1_500)),
            continuous_alert_count: 4,
            batch_size: 1_000,
            max_history_size: 12,
            sweep_seconds: 60,
            max_gap_minutes: 120,
            max_plausible_kwh: Kwh(WattHours(20_000)),
            register_modulus_kwh: None,
            silent_after_minutes: 90,
            match_minutes: 10,
            cleaning_grace_minutes: 0,
            max_ahead_minutes: 120,
            keep_days: 30,
            keep_refused_bodies: false,
            timezone: "Asia/Shanghai".into(),
            overrides: Vec::new(),
            overrides_file: None,
        }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Baseline {
    pub mode: BaselineMode,
    pub allowance_wh: i64,
    pub alarm_wh: i64,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum BaselineMode {
    Shadow,
    On,
    Off,
}

impl Default for Baseline {
    fn default() -> Baseline {
        Baseline {
            mode: BaselineMode::Shadow,
            allowance_wh: 100,
            alarm_wh: 800,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Override {
    pub hotel_id: Option<String>,
    pub room_number: Option<String>,
    pub checkin_abnormal_threshold: Option<Kwh>,
    pub checkout_abnormal_threshold: Option<Kwh>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Feishu {
    pub webhook_url: Option<Secret>,
    pub secret: Option<Secret>,
    pub routes: Vec<Route>,
    pub proxy: Option<Secret>,
    pub language: super::Language,
    pub price_per_kwh: Option<f64>,
    pub group_wait_seconds: i64,
    pub notice_max_age_hours: i64,
}

impl Default for Feishu {
    fn default() -> Feishu {
        Feishu {
            webhook_url: None,
            secret: None,
            routes: Vec::new(),
            proxy: None,
            language: super::Language::default(),
            price_per_kwh: None,
            group_wait_seconds: 30,
            notice_max_age_hours: 24,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Route {
    pub hotels: Option<Vec<String>>,
    pub webhook_url: Option<Secret>,
    pub secret: Option<Secret>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Hotel {
    pub hotel_id: Option<String>,
    pub name: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Performance {
    pub consumer_count: i64,
}

impl Default for Performance {
    fn default() -> Performance {
        Performance { consumer_count: 3 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Http {
    pub listen: String,
    pub page_listen: Option<String>,
    pub token: Option<Secret>,
    pub tokens: Vec<Token>,
    pub users: Vec<User>,
    pub public_url: Option<String>,
    pub trusted_proxies: Vec<String>,
    pub user_header: Option<String>,
    pub key: Option<Secret>,
}

impl Default for Http {
    fn default() -> Http {
        Http {
            listen: "127.0.0.1:8580".into(),
            page_listen: None,
            token: None,
            tokens: Vec::new(),
            users: Vec::new(),
            public_url: None,
            trusted_proxies: Vec::new(),
            user_header: None,
            key: None,
        }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Token {
    pub token: Option<Secret>,
    pub scopes: Option<Vec<String>>,
    pub hotels: Option<Vec<String>>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct User {
    pub name: Option<String>,
    pub password_hash: Option<Secret>,
    pub hotels: Option<Vec<String>>,
    pub role: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Metrics {
    pub max_hotels: i64,
}

impl Default for Metrics {
    fn default() -> Metrics {
        Metrics { max_hotels: 1_000 }
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Incidents {
    pub keep_days: i64,
}

impl Default for Incidents {
    fn default() -> Incidents {
        Incidents { keep_days: 400 }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Heartbeat {
    pub url: Option<Secret>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Log {
    pub file: Option<std::path::PathBuf>,
    pub json: bool,
    pub level: String,
}

impl Default for Log {
    fn default() -> Log {
        Log {
            file: None,
            json: false,
            level: "info".into(),
        }
    }
}

/// One code, or a list of them.
#[derive(Debug, Default)]
pub(super) struct Codes(pub Vec<String>);

impl<'de> Deserialize<'de> for Codes {
    fn deserialize<D: Deserializer<'de>>(codes: D) -> Result<Codes, D::Error> {
        struct OneOrMore;

        impl<'de> Visitor<'de> for OneOrMore {
            type Value = Codes;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text in quotes, or a list of such in [ ]")
            }

            fn visit_str<E>(self, code: &str) -> Result<Codes, E> {
                Ok(Codes(vec![code.to_owned()]))
            }

            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Codes, S::Error> {
                let mut codes = Vec::new();
                while let Some(code) = list.next_element()? {
                    codes.push(code);
                }
                Ok(Codes(codes))
            }
        }

        codes.deserialize_any(OneOrMore)
    }
}

/// kWh as a TOML integer or decimal, exact to the Wh.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(try_from = "Number")]
pub(super) struct Kwh(pub WattHours);

#[derive(Deserialize)]
#[serde(untagged, expecting = "it must be a number of kWh")]
enum Number {
    Integer(i64),
    Decimal(f64),
}

impl TryFrom<Number> for Kwh {
    type Error = String;

    fn try_from(number: Number) -> Result<Kwh, String> {
        // The shortest text that parses to this f64 is the text that was written.
        let written = match number {
            Number::Integer(integer) => integer.to_string(),
            Number::Decimal(decimal) => decimal.to_string(),
        };
        WattHours::parse_kwh(&written)
            .map(Kwh)
            .map_err(|error| format!("{written}: {error}"))
    }
}
