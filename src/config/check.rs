//! Checks the written values and turns them into a [`Config`].

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::certificate;
use crate::engine::{BaselineMode, BaselineRules, MessageFormat, Rules, Thresholds};
use crate::files;
use crate::types::{HotelId, WattHours, Zone};

use super::feishu::check_feishu;
use super::heartbeat::check_heartbeat;
use super::http::check_http;
use super::messages::{field_names, status_codes, type_codes};
use super::overrides::check_overrides;
use super::problems::Problems;
use super::written::Problem;
use super::{Config, Incidents, Log, MeterTable, MySql, RabbitMq, Source, raw};

/// Checks all values. `known` are the problems found with names and types before: those values
/// are not in `raw`.
///
/// # Errors
/// All problems.
pub(super) fn check(raw: raw::Raw, known: Vec<Problem>) -> Result<Config, Vec<Problem>> {
    let mut problems = Problems::new(known);
    let rules = Rules {
        baseline: check_baseline(&raw.baseline, &mut problems),
        ..check_rules(&raw.monitoring, &mut problems)
    };
    let zone = Zone::named(&raw.monitoring.timezone);
    problems.unless(
        zone.is_some(),
        "monitoring.timezone",
        format_args!(
            "is {:?}, which is not an IANA time zone such as Asia/Shanghai",
            raw.monitoring.timezone
        ),
    );
    let batch_size = problems.whole(
        "monitoring.batch_size",
        raw.monitoring.batch_size,
        1,
        100_000,
    );
    let sweep_seconds = problems.whole(
        "monitoring.sweep_seconds",
        raw.monitoring.sweep_seconds,
        1,
        3_600,
    );
    problems.range(
        "monitoring.max_ahead_minutes",
        raw.monitoring.max_ahead_minutes,
        0,
        10_080,
    );
    let keep_days = problems.whole("monitoring.keep_days", raw.monitoring.keep_days, 1, 3_650);
    let consumer_count = problems.whole(
        "performance.consumer_count",
        raw.performance.consumer_count,
        1,
        32,
    );

    if let Some(rabbitmq) = &raw.rabbitmq {
        check_rabbitmq(rabbitmq, &mut problems);
    }
    if let Some(mysql) = &raw.mysql {
        check_mysql(mysql, &mut problems);
    }
    if let Some(embedded) = &raw.embedded {
        let is_file = embedded.path.file_name().is_some() && !embedded.path.is_dir();
        // SQLite gives these names a special meaning.
        let name = embedded.path.as_os_str().as_encoded_bytes();
        let is_other = name.starts_with(b":memory:") || name.starts_with(b"file:");
        problems.unless(
            is_file && !is_other,
            "embedded.path",
            "is not the name of a file such as /var/lib/roomwatt/roomwatt.db",
        );
        // With both it would be unclear which database has the rooms.
        problems.unless(
            raw.mysql.is_none(),
            "embedded",
            "is set, and so is [mysql]: leave one of them out",
        );
    }
    check_meter(&raw.meter, &mut problems);
    let types = type_codes(raw.message_types, &mut problems);
    let statuses = status_codes(raw.room_status, &mut problems);
    let fields = field_names(raw.message_fields, &types, &mut problems);
    let hotel_names = Arc::new(check_hotels(&raw.hotels, &mut problems));
    let notify = check_feishu(raw.feishu, hotel_names, &mut problems);
    // Without RabbitMQ messages can come over HTTP alone.
    let http = match (raw.http, &raw.rabbitmq) {
        (None, Some(_)) => None,
        (http, _) => check_http(http.unwrap_or_default(), &mut problems),
    };
    let most = raw.metrics.max_hotels;
    let max_hotels = problems.whole("metrics.max_hotels", most, 0, 100_000);
    let incidents = Incidents {
        keep_days: problems.whole("incidents.keep_days", raw.incidents.keep_days, 1, 3_650),
    };
    let heartbeat = check_heartbeat(raw.heartbeat, &mut problems);
    let level = raw.log.level.parse();
    problems.unless(
        level.is_ok(),
        "log.level",
        format_args!(
            "is {:?}, allowed are error, warn, info, debug, trace, off",
            raw.log.level
        ),
    );

    let folder = raw.log.file.as_deref().map(|file| file.parent());
    problems.unless(
        folder.is_none_or(|folder| folder.is_some_and(is_folder)),
        "log.file",
        "is in a folder that does not exist: create it, writable for the service's user",
    );
    // The log goes to standard output anyway; such a file need not be opened.
    let is_other = |file: &PathBuf| {
        !["/dev/stdout", "/dev/null"]
            .map(Path::new)
            .contains(&&**file)
    };
    let log_file = raw.log.file.filter(is_other);
    if let Some(Err(error)) = log_file.as_deref().map(files::may_append) {
        let says = "the log goes to standard output anyway, this file is in addition to it";
        problems.add(
            "log.file",
            format_args!("can't be written: {error}; {says}"),
        );
    }

    let (Some(zone), Ok(level), true) = (zone, level, problems.is_empty()) else {
        return Err(problems.into_all());
    };
    Ok(Config {
        source: Source::default(),
        rabbitmq: raw.rabbitmq,
        mysql: raw.mysql,
        embedded: raw.embedded.unwrap_or_default(),
        meter: raw.meter,
        messages: MessageFormat {
            types,
            statuses,
            fields,
            zone,
            max_ahead_seconds: raw.monitoring.max_ahead_minutes.saturating_mul(60),
            match_seconds: rules.match_seconds,
        },
        rules,
        batch_size,
        keep_days,
        keep_refused_bodies: raw.monitoring.keep_refused_bodies,
        sweep_every: Duration::from_secs(sweep_seconds),
        notify,
        consumer_count,
        http,
        max_hotels,
        incidents,
        heartbeat,
        log: Log {
            file: log_file,
            json: raw.log.json,
            level,
        },
    })
}

fn check_rules(raw: &raw::Monitoring, problems: &mut Problems) -> Rules {
    let interval = raw.check_interval_minutes;
    problems.range("monitoring.check_interval_minutes", interval, 1, 1_440);
    let alert_periods = problems.whole(
        "monitoring.continuous_alert_count",
        raw.continuous_alert_count,
        1,
        1_000,
    );
    let history_intervals =
        problems.whole("monitoring.max_history_size", raw.max_history_size, 1, 96);
    problems.range("monitoring.max_gap_minutes", raw.max_gap_minutes, 1, 10_080);
    problems.unless(
        raw.max_gap_minutes.saturating_mul(10) >= interval.saturating_mul(11),
        "monitoring.max_gap_minutes",
        format_args!(
            "is {}, it must be at least a tenth more than check_interval_minutes ({interval})",
            raw.max_gap_minutes
        ),
    );
    problems.range(
        "monitoring.silent_after_minutes",
        raw.silent_after_minutes,
        1,
        10_080,
    );
    problems.range("monitoring.match_minutes", raw.match_minutes, 0, 120);
    let grace = raw.cleaning_grace_minutes;
    problems.range("monitoring.cleaning_grace_minutes", grace, 0, 720);
    let thresholds = Thresholds {
        checkin: problems.kwh(
            "monitoring.checkin_abnormal_threshold",
            raw.checkin_abnormal_threshold,
            WattHours::ZERO,
        ),
        checkout: problems.kwh(
            "monitoring.checkout_abnormal_threshold",
            raw.checkout_abnormal_threshold,
            WattHours::ZERO,
        ),
    };
    let max_plausible = problems.kwh(
        "monitoring.max_plausible_kwh",
        raw.max_plausible_kwh,
        WattHours(1),
    );
    let register_modulus = raw
        .register_modulus_kwh
        .map(|modulus| problems.kwh("monitoring.register_modulus_kwh", modulus, WattHours(1_000)));

    let mut rules = Rules {
        interval_seconds: interval.saturating_mul(60),
        max_gap_seconds: raw.max_gap_minutes.saturating_mul(60),
        max_plausible,
        register_modulus,
        alert_periods,
        history_intervals,
        silent_after_seconds: raw.silent_after_minutes.saturating_mul(60),
        match_seconds: raw.match_minutes.saturating_mul(60),
        cleaning_grace_seconds: grace.saturating_mul(60),
        thresholds,
        ..Rules::default()
    };
    check_overrides(raw, &mut rules, problems);
    rules
}

fn check_baseline(raw: &raw::Baseline, problems: &mut Problems) -> BaselineRules {
    let (allowance, alarm) = (raw.allowance_wh, raw.alarm_wh);
    problems.range("baseline.allowance_wh", allowance, 1, 10_000);
    problems.range("baseline.alarm_wh", alarm, 1, 100_000);
    BaselineRules {
        mode: match raw.mode {
            raw::BaselineMode::Shadow => BaselineMode::Shadow,
            raw::BaselineMode::On => BaselineMode::On,
            raw::BaselineMode::Off => BaselineMode::Off,
        },
        allowance: WattHours(allowance),
        alarm: WattHours(alarm),
    }
}

fn check_rabbitmq(raw: &RabbitMq, problems: &mut Problems) {
    check_address("rabbitmq", &raw.host, raw.port, problems);
    problems.unless(!raw.queue.is_empty(), "rabbitmq.queue", "is missing");
    // Otherwise a reader of the file would take the connections for encrypted.
    problems.unless(
        raw.tls || raw.tls_ca.is_none(),
        "rabbitmq.tls_ca",
        "is set, but rabbitmq.tls is false: set that to true, or leave this out",
    );
    check_ca("rabbitmq.tls_ca", raw.tls_ca.as_deref(), problems);
    problems.range("rabbitmq.prefetch", raw.prefetch, 1, u16::MAX);
    problems.range("rabbitmq.heartbeat_seconds", raw.heartbeat_seconds, 1, 600);
}

fn check_mysql(raw: &MySql, problems: &mut Problems) {
    check_address("mysql", &raw.host, raw.port, problems);
    problems.unless(!raw.database.is_empty(), "mysql.database", "is missing");
    problems.range("mysql.pool_size", raw.pool_size, 1, 256);
    check_ca("mysql.tls_ca", raw.tls_ca.as_deref(), problems);
}

fn check_address(section: &str, host: &str, port: u16, problems: &mut Problems) {
    let of_host = |c: char| c.is_alphanumeric() || "-._:[]".contains(c);
    let is_host = !host.is_empty() && host.chars().all(of_host);
    let key = format!("{section}.host");
    problems.unless(is_host, &key, "is not the name or address of a host");
    problems.range(&format!("{section}.port"), port, 1, u16::MAX);
}

fn check_ca(key: &str, file: Option<&Path>, problems: &mut Problems) {
    let Some(file) = file else { return };
    let pem = files::read(file, files::CONFIGURATION).map_err(|error| error.to_string());
    if let Err(why) = pem.and_then(|pem| certificate::authorities(&pem)) {
        let file = file.display();
        problems.add(key, format_args!("{file} can't be read: {why}"));
    }
}

/// A bare file name has an empty parent: the current folder.
fn is_folder(path: &Path) -> bool {
    path.as_os_str().is_empty() || path.is_dir()
}

/// Checks the names of the meter table, which go into SQL statements between backquotes.
fn check_meter(raw: &MeterTable, problems: &mut Problems) {
    for (key, name) in [
        ("table", &raw.table),
        ("id", &raw.id),
        ("hotel_id", &raw.hotel_id),
        ("room_number", &raw.room_number),
        ("reading_value", &raw.reading_value),
        ("script_time", &raw.script_time),
    ] {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '$';
        // A table may have no id column.
        let given = !name.is_empty() || key == "id";
        problems.unless(
            given && name.chars().all(allowed),
            &format!("meter.{key}"),
            format_args!("is {name:?}, it may only have letters, digits, _ and $"),
        );
    }
}

/// Checks the names of hotels.
fn check_hotels(raw: &[raw::Hotel], problems: &mut Problems) -> HashMap<HotelId, String> {
    /// A telephone cuts longer titles.
    const MOST_CHARS: usize = 30;
    let mut names = HashMap::new();
    for (number, hotel) in raw.iter().enumerate() {
        let path = format!("hotels[{number}]");
        let given = |value: &Option<String>| value.as_deref().unwrap_or_default().trim().to_owned();
        let (id, name) = (given(&hotel.hotel_id), given(&hotel.name));
        problems.unless(!id.is_empty(), &format!("{path}.hotel_id"), "is missing");
        let key = format!("{path}.name");
        problems.unless(!name.is_empty(), &key, "is missing");
        problems.unless(
            name.chars().count() <= MOST_CHARS && !name.chars().any(char::is_control),
            &key,
            format_args!("is longer than {MOST_CHARS} characters, or has control characters"),
        );
        let is_wrong = |key: &&str| problems.is_wrong(&format!("{path}.{key}"));
        if ["hotel_id", "name"].iter().any(is_wrong) {
            continue;
        }
        let known = names.insert(HotelId::new(&id), name);
        problems.unless(
            known.is_none(),
            &path,
            format_args!("is the second for {id}"),
        );
    }
    names
}
