//! The differences between two configurations, key by key.

use std::fmt::Display;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::engine::{Codes, MessageFormat, MessageKind, RoomStatus, Rules};
use crate::types::{WattHours, Zone};

use super::{Config, Embedded, Http, Log, MeterTable, MySql, RabbitMq, Secret};

/// Compares two structs whose fields have the names of their keys. It lists every field, so that a
/// new one that is not compared does not compile.
macro_rules! compare {
    (
        $changes:ident, $section:literal, $old:expr, $new:expr,
        $name:ident { $($field:ident),* }
    ) => {{
        let $name { $($field: _),* } = $old;
        $($changes.compare(
            concat!($section, ".", stringify!($field)),
            &$old.$field,
            &$new.$field,
        );)*
    }};
}

impl Config {
    /// What differs in `new`, as `monitoring.keep_days: 30 -> 31`; for secrets only the fact that
    /// they changed. What needs no restart is left out: thresholds, the sections `[feishu]`,
    /// `[incidents]` and `[heartbeat]`, and who may come in over HTTP, unless an address changes,
    /// too.
    pub fn changes(&self, new: &Config) -> Vec<String> {
        let Config {
            rabbitmq,
            mysql,
            embedded,
            meter,
            messages,
            rules,
            batch_size,
            sweep_every,
            keep_days,
            keep_refused_bodies,
            notify: _,
            consumer_count,
            http,
            max_hotels,
            incidents: _,
            heartbeat: _,
            log,
            source: _,
        } = self;
        let mut changes = Changes(Vec::new());
        if let Some((old, new)) = changes.section("rabbitmq", rabbitmq, &new.rabbitmq) {
            compare!(
                changes,
                "rabbitmq",
                old,
                new,
                RabbitMq {
                    host,
                    port,
                    virtual_host,
                    username,
                    password,
                    queue,
                    prefetch,
                    declare,
                    tls,
                    tls_ca,
                    heartbeat_seconds
                }
            );
        }
        if let Some((old, new)) = changes.section("mysql", mysql, &new.mysql) {
            compare!(
                changes,
                "mysql",
                old,
                new,
                MySql {
                    host,
                    port,
                    user,
                    password,
                    database,
                    pool_size,
                    tls_ca
                }
            );
        }
        compare!(
            changes,
            "embedded",
            embedded,
            new.embedded,
            Embedded { path }
        );
        compare!(
            changes,
            "meter",
            meter,
            new.meter,
            MeterTable {
                table,
                id,
                hotel_id,
                room_number,
                reading_value,
                script_time
            }
        );
        changes.of_messages(messages, &new.messages);
        changes.of_rules(rules, &new.rules);
        changes.compare("monitoring.batch_size", batch_size, &new.batch_size);
        changes.compare("monitoring.sweep_seconds", sweep_every, &new.sweep_every);
        changes.compare("monitoring.keep_days", keep_days, &new.keep_days);
        changes.compare(
            "monitoring.keep_refused_bodies",
            keep_refused_bodies,
            &new.keep_refused_bodies,
        );
        let consumers = &new.consumer_count;
        changes.compare("performance.consumer_count", consumer_count, consumers);
        if let Some((old, new)) = changes.section("http", http, &new.http) {
            changes.of_http(old, new);
        }
        changes.compare("metrics.max_hotels", max_hotels, &new.max_hotels);
        compare!(changes, "log", log, new.log, Log { file, json, level });
        changes.0
    }
}

struct Changes(Vec<String>);

impl Changes {
    fn compare<T: Shown + PartialEq>(&mut self, key: &str, old: &T, new: &T) {
        if old != new {
            self.0.push(match (old.shown(), new.shown()) {
                (Some(old), Some(new)) => format!("{key}: {old} -> {new}"),
                _ => format!("{key}: changed"),
            });
        }
    }

    /// Compares whether an optional section is there; returns both where both are.
    fn section<'a, T>(
        &mut self,
        name: &str,
        old: &'a Option<T>,
        new: &'a Option<T>,
    ) -> Option<(&'a T, &'a T)> {
        match (old, new) {
            (Some(old), Some(new)) => return Some((old, new)),
            (None, None) => {}
            (None, Some(_)) => self.0.push(format!("section [{name}]: added")),
            (Some(_), None) => self.0.push(format!("section [{name}]: removed")),
        }
        None
    }

    fn of_messages(&mut self, old: &MessageFormat, new: &MessageFormat) {
        let MessageFormat {
            types,
            statuses,
            fields,
            zone,
            max_ahead_seconds,
            // It is one of the rules, too.
            match_seconds: _,
        } = old;
        for kind in MessageKind::ALL {
            self.of_codes("message_types", kind.key(), kind, (types, &new.types));
        }
        self.compare("message_types.ignore", &types.ignore, &new.types.ignore);
        for status in RoomStatus::ALL {
            self.of_codes(
                "room_status",
                status.key(),
                status,
                (statuses, &new.statuses),
            );
        }
        let ignored = (&statuses.ignore, &new.statuses.ignore);
        self.compare("room_status.ignore", ignored.0, ignored.1);
        for ((key, old), (_, new)) in fields.by_key().into_iter().zip(new.fields.by_key()) {
            self.compare(&format!("message_fields.{key}"), old, new);
        }
        self.compare("monitoring.timezone", zone, &new.zone);
        let minutes = |seconds: i64| seconds / 60;
        self.compare(
            "monitoring.max_ahead_minutes",
            &minutes(*max_ahead_seconds),
            &minutes(new.max_ahead_seconds),
        );
    }

    /// Who may come in changes without a restart, unless the addresses change, too.
    fn of_http(&mut self, old: &Http, new: &Http) {
        let Http {
            listen,
            page_listen,
            access,
            key,
        } = old;
        self.compare("http.listen", listen, &new.listen);
        self.compare("http.page_listen", page_listen, &new.page_listen);
        self.compare("http.key", key, &new.key);
        if *access != new.access {
            let whose = "tokens, users, and how they come in";
            self.0.push(format!("section [http] ({whose}): changed"));
        }
    }

    fn of_codes<M: Copy + PartialEq + Display>(
        &mut self,
        section: &str,
        key: &str,
        meaning: M,
        (old, new): (&Codes<M>, &Codes<M>),
    ) {
        let codes = |codes: &Codes<M>| codes.of(meaning).map(str::to_owned).collect::<Vec<_>>();
        self.compare(&format!("{section}.{key}"), &codes(old), &codes(new));
    }

    fn of_rules(&mut self, old: &Rules, new: &Rules) {
        let Rules {
            interval_seconds,
            max_gap_seconds,
            max_plausible,
            register_modulus,
            alert_periods,
            history_intervals,
            silent_after_seconds,
            match_seconds,
            cleaning_grace_seconds,
            thresholds: _,
            hotel_thresholds: _,
            room_thresholds: _,
            baseline: _,
        } = old;
        for (key, old, new) in [
            (
                "check_interval_minutes",
                interval_seconds,
                new.interval_seconds,
            ),
            ("max_gap_minutes", max_gap_seconds, new.max_gap_seconds),
            (
                "silent_after_minutes",
                silent_after_seconds,
                new.silent_after_seconds,
            ),
            ("match_minutes", match_seconds, new.match_seconds),
            (
                "cleaning_grace_minutes",
                cleaning_grace_seconds,
                new.cleaning_grace_seconds,
            ),
        ] {
            self.compare(&format!("monitoring.{key}"), &(old / 60), &(new / 60));
        }
        self.compare(
            "monitoring.max_plausible_kwh",
            max_plausible,
            &new.max_plausible,
        );
        let modulus = &new.register_modulus;
        self.compare("monitoring.register_modulus_kwh", register_modulus, modulus);
        let periods = &new.alert_periods;
        self.compare("monitoring.continuous_alert_count", alert_periods, periods);
        let intervals = &new.history_intervals;
        self.compare("monitoring.max_history_size", history_intervals, intervals);
    }
}

/// A value as the log may show it; `None` for a secret.
trait Shown {
    fn shown(&self) -> Option<String>;
}

impl Shown for Secret {
    fn shown(&self) -> Option<String> {
        None
    }
}

impl<T: Shown> Shown for Option<T> {
    fn shown(&self) -> Option<String> {
        match self {
            Some(value) => value.shown(),
            None => Some("not set".to_owned()),
        }
    }
}

impl Shown for Duration {
    fn shown(&self) -> Option<String> {
        Some(self.as_secs().to_string())
    }
}

impl Shown for Zone {
    fn shown(&self) -> Option<String> {
        Some(format!("{:?}", self.name()))
    }
}

/// Texts in quotes, with control characters escaped.
macro_rules! shown_by {
    ($format:literal: $($name:ty),*) => {
        $(impl Shown for $name {
            fn shown(&self) -> Option<String> {
                Some(format!($format, self))
            }
        })*
    };
}

shown_by!("{:?}": String, PathBuf, Vec<String>);
shown_by!("{}": u16, u32, i64, usize, bool, WattHours, SocketAddr, log::LevelFilter);

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> Config {
        super::super::read("test", text, std::iter::empty(), &[]).expect("a configuration")
    }

    #[test]
    fn each_key_is_named_with_both_values_and_secrets_are_not_shown() {
        let old = config(
            "[rabbitmq]\nqueue = 'a'\n[mysql]\ndatabase = 'd'\npassword = 'one'\n\
             [feishu]\nprice_per_kwh = 1\n[monitoring]\ncheckin_abnormal_threshold = 3\n",
        );
        let new = config(
            "[rabbitmq]\nqueue = 'b'\ntls = true\n[mysql]\ndatabase = 'd'\npassword = 'two'\n\
             [http]\ntoken = 'sixteen-or-more-letters'\n[log]\nlevel = 'debug'\n\
             [monitoring]\ncheck_interval_minutes = 20\nregister_modulus_kwh = 1000\n\
             timezone = 'Asia/Tokyo'\n[message_fields]\nmsgType = 'type'\nuntil = 'end'\n\
             [message_types]\nmove = ['7', '8']\ncheckin = '5710005'\n\
             [room_status]\ndirty = 'VD'\nignore = 'VC'\n",
        );
        assert_eq!(
            old.changes(&new),
            [
                r#"rabbitmq.queue: "a" -> "b""#,
                "rabbitmq.tls: false -> true",
                "mysql.password: changed",
                r#"message_types.move: [] -> ["7", "8"]"#,
                r#"room_status.dirty: ["dirty"] -> ["VD"]"#,
                r#"room_status.ignore: [] -> ["VC"]"#,
                r#"message_fields.msgType: "msgType" -> "type""#,
                r#"message_fields.until: "until" -> "end""#,
                r#"monitoring.timezone: "Asia/Shanghai" -> "Asia/Tokyo""#,
                "monitoring.check_interval_minutes: 30 -> 20",
                "monitoring.register_modulus_kwh: not set -> 1000",
                "section [http]: added",
                "log.level: INFO -> DEBUG",
            ]
        );
        assert_eq!(new.changes(&new), [""; 0]);
    }
}
