use super::*;
use crate::certificate::AUTHORITY;
use crate::engine::{BaselineRules, FieldNames};
use crate::types::{HotelId, RoomKey, WattHours};

pub(super) fn loaded(
    text: &str,
    environment: &[(&str, &str)],
    settings: &[&str],
) -> Result<Config, String> {
    let environment = environment.iter().map(|&(k, v)| (k.to_owned(), v.into()));
    let settings: Vec<Setting> = settings
        .iter()
        .map(|s| s.parse().expect("key=value"))
        .collect();
    read("roomwatt.toml", text, environment, &settings).map_err(|lines| lines.join("\n"))
}

#[test]
fn an_empty_file_has_the_original_programs_rules() {
    let config = loaded("", &[], &[]).expect("the defaults are right");
    let rules = Rules {
        baseline: BaselineRules::default(),
        ..Rules::default()
    };
    assert_eq!(config.rules, rules);
    assert_eq!(config.messages.fields, FieldNames::default());
    assert_eq!(config.messages.zone.name(), "Asia/Shanghai");
    assert!(config.rabbitmq.is_none() && config.mysql.is_none());
}

#[test]
fn the_original_programs_keys_are_read() {
    let config = loaded(
        "[rabbitmq]\nhost = 'mq'\nport = 5673\nvirtual_host = '/hotels'\nusername = 'u'\n\
         password = 'p'\n\
         queue = 'q'\n[mysql]\nhost = 'db'\nport = 3307\nuser = 'u'\npassword = 'p'\n\
         database = 'd'\n\
         pool_size = 20\n[monitoring]\ncheck_interval_minutes = 15\n\
         checkin_abnormal_threshold = 3.0\n\
         checkout_abnormal_threshold = 1\ncontinuous_alert_count = 5\nbatch_size = 100\n\
         max_history_size = 10\n[feishu]\nwebhook_url = 'https://example.com/hook'\n\
         [performance]\nconsumer_count = 5\n",
        &[],
        &[],
    )
    .expect("all right");
    let rules = &config.rules;
    assert_eq!((rules.interval_seconds, rules.alert_periods), (900, 5));
    assert_eq!(rules.thresholds.checkin, WattHours(3_000));
    assert_eq!(rules.thresholds.checkout, WattHours(1_000));
    assert_eq!((config.batch_size, rules.history_intervals), (100, 10));
    assert_eq!(config.consumer_count, 5);
    assert!(matches!(config.notify.default, Bot::Feishu(_)));
    let (rabbitmq, mysql) = (config.rabbitmq.expect("one"), config.mysql.expect("one"));
    assert_eq!(
        (rabbitmq.port, rabbitmq.virtual_host.as_str()),
        (5_673, "/hotels")
    );
    assert_eq!((mysql.port, mysql.pool_size), (3_307, 20));
}

#[test]
fn hotels_can_have_names() {
    let text = "[[hotels]]\nhotel_id = ' H1 '\nname = ' 滨江店 '\n\
         [[hotels]]\nhotel_id = 'H2'\nname = 'Riverside'\n[feishu]\nlanguage = 'zh'\n";
    let config = loaded(text, &[], &[]).expect("all right");
    let names = ["H1", "H2", "H3"].map(|id| {
        let id = HotelId::new(id);
        config.notify.cards.name_of(&id).to_owned()
    });
    assert_eq!(names, ["滨江店", "Riverside", "H3"]);
    // A running service applies them on SIGHUP.
    let before = loaded("", &[], &[]).expect("all right");
    assert_eq!(before.changed_by(&config).notify, config.notify);

    let wrong = loaded(
        &format!(
            "[[hotels]]\nname = 'A'\n[[hotels]]\nhotel_id = 'H1'\n\
             [[hotels]]\nhotel_id = 'H2'\nname = '{}'\n[[hotels]]\nhotel_id = 'H3'\n\
             name = \"\\u001b\"\n\
             [[hotels]]\nhotel_id = 'H4'\nname = 'D'\ncity = 'E'\n\
             [[hotels]]\nhotel_id = 'H4'\nname = 'F'\n[[hotels]]\nhotel_id = 5\nname = 'G'\n",
            "字".repeat(31)
        ),
        &[("ROOMWATT_HOTELS__NAME", "X")],
        &[],
    );
    let long = "is longer than 30 characters, or has control characters";
    assert_eq!(
        wrong.expect_err("much is wrong"),
        format!(
            "roomwatt.toml:1: hotels[0].hotel_id is missing\n\
             roomwatt.toml:3: hotels[1].name is missing\n\
             roomwatt.toml:7: hotels[2].name {long}\n\
             roomwatt.toml:10: hotels[3].name {long}\n\
             roomwatt.toml:14: hotels[4].city is unknown; known are `hotel_id` or `name`\n\
             roomwatt.toml:15: hotels[5] is the second for H4\n\
             roomwatt.toml:19: hotels[6].hotel_id is integer `5`, expected is a text in quotes\n\
             ROOMWATT_HOTELS__NAME: hotels is a list: only the file can set it, as [[hotels]]"
        )
    );
    for text in [
        "[hotels]\nname = 'A'\n",
        "hotels = ['A']\n",
        "hotels = 'A'\n",
    ] {
        let wrong = loaded(text, &[], &[]).expect_err(text);
        assert_eq!(
            wrong,
            "roomwatt.toml:1: hotels is a list: each entry begins with [[hotels]]"
        );
    }
}

#[test]
fn the_example_shows_the_defaults() {
    let needed = "[rabbitmq]\nqueue = \"room_events\"\n[mysql]\ndatabase = \"hotel\"\n";
    let shown = loaded(include_str!("../../etc/roomwatt.toml"), &[], &[]).expect("all right");
    let defaults = loaded(needed, &[], &[]).expect("all right");
    assert_eq!(shown, defaults);
}

/// The keys below a table, with their paths, as errors about an unknown key name them. Empty where
/// it is no table.
fn keys_below(path: &str) -> Vec<String> {
    let texts = match path {
        "" => vec!["[no_such_key]\n".to_owned()],
        _ => vec![
            format!("[{path}]\nno_such_key = 1\n"),
            format!("[[{path}]]\nno_such_key = 1\n"),
        ],
    };
    let known = texts.iter().find_map(|text| {
        let errors = loaded(text, &[], &[]).err()?;
        let known = errors.split_once("no_such_key is unknown; known are ")?.1;
        let known = known.lines().next()?.split('`').skip(1).step_by(2);
        Some(known.map(str::to_owned).collect::<Vec<_>>())
    });
    let below = known.unwrap_or_default().into_iter().flat_map(|key| {
        let key = match path {
            "" => key,
            _ => format!("{path}.{key}"),
        };
        let below = keys_below(&key);
        if below.is_empty() { vec![key] } else { below }
    });
    below.collect()
}

#[test]
fn the_example_has_every_key() {
    let mut section = "";
    let mut shown = Vec::new();
    for line in include_str!("../../etc/roomwatt.toml").lines() {
        let line = line.strip_prefix("# ").unwrap_or(line);
        if line.starts_with('[') {
            let header = line.trim_start_matches('[');
            section = header.split(']').next().expect("a header");
        } else if let Some((key, _)) = line.split_once(" = ") {
            shown.push(format!("{section}.{key}"));
        }
    }
    let keys = keys_below("");
    assert!(keys.len() > 80, "{keys:#?}");
    let missing: Vec<_> = keys.iter().filter(|key| !shown.contains(key)).collect();
    assert!(missing.is_empty(), "etc/roomwatt.toml lacks {missing:?}");
}

#[test]
fn without_mysql_the_database_is_embedded() {
    let config = loaded("", &[], &[]).expect("all right");
    assert!(config.mysql.is_none());
    assert_eq!(config.embedded.path, Path::new("roomwatt.db"));
    let config = loaded(
        "[embedded]\npath = '/var/lib/roomwatt/hotel.db'\n",
        &[],
        &[],
    );
    let config = config.expect("all right");
    assert_eq!(
        config.embedded.path,
        Path::new("/var/lib/roomwatt/hotel.db")
    );
    let both = loaded(
        "[mysql]\ndatabase = 'hotel'\n[embedded]\npath = '/'\n",
        &[],
        &[],
    );
    assert_eq!(
        both.expect_err("which one?"),
        "roomwatt.toml:3: embedded is set, and so is [mysql]: leave one of them out\n\
         roomwatt.toml:4: embedded.path is not the name of a file such as \
         /var/lib/roomwatt/roomwatt.db"
    );
}

#[test]
fn environment_and_settings_override_the_file() {
    let config = loaded(
        "[mysql]\ndatabase = \"hotel\"\nport = 3307\n[monitoring]\n\
         checkin_abnormal_threshold = 3\n",
        &[
            ("ROOMWATT_MYSQL__PASSWORD", "1234"),
            ("ROOMWATT_MYSQL__PORT", "3308"),
            ("ROOMWATT_FEISHU__LANGUAGE", "en"),
            (
                "ROOMWATT_MONITORING__OVERRIDES",
                "[{hotel_id = 'H1', checkin_abnormal_threshold = 1}]",
            ),
            ("ROOMWATT_TEST_MYSQL_PORT", "somebody else's"),
        ],
        &[
            "checkin_abnormal_threshold=2.5",
            "register_modulus_kwh = 10000",
        ],
    )
    .expect("all right");
    let mysql = config.mysql.expect("there is a section");
    assert_eq!((mysql.port, mysql.password.expose()), (3308, "1234"));
    assert_eq!(config.notify.cards.language, Language::En);
    assert_eq!(config.rules.hotel_thresholds.len(), 1);
    assert_eq!(config.rules.thresholds.checkin, WattHours(2_500));
    assert_eq!(config.rules.register_modulus, Some(WattHours(10_000_000)));
}

#[test]
fn all_problems_are_reported_at_once_each_with_its_place() {
    let wrong = loaded(
        "[rabbitmq]\nport = 70000\n[mysql]\n[meter]\ntable = \"a`b\"\n\
         [monitoring]\ntimezone = \"Mars\"\nmax_gap_minutes = 32\nkeep_days = -1\n\
         batch_size = \"many\"\nno_such_key = 1\ncheckin_abnormal_threshold = -1\n\
         [feishu]\nwebhook_url = \"http://example.com/hook/canary\"\nsecret = 31337\n\
         language = \"fr\"\n[log]\nlevel = \"loud\"\n[nothing]\nof = 1\n\
         [[monitoring.overrides]]\nhotel_id = \"H1\"\ncheckin_abnormal_threshold = -2\n\
         [[monitoring.overrides]]\nroom_number = \"1\"\n\
         [[monitoring.overrides]]\nhotel_id = \"H1 \"\n",
        &[
            ("ROOMWATT_MONITORING__SWEEP_SECONDS", "0"),
            ("ROOMWATT_MYSQL__POOL_SIZE", "four"),
        ],
        &["max_history_size=100"],
    )
    .expect_err("much is wrong");
    let lines: Vec<&str> = wrong.lines().collect();
    let expected = [
        "roomwatt.toml:1: rabbitmq.queue is missing",
        "roomwatt.toml:2: rabbitmq.port is integer `70000`, expected is a whole number from 0 to \
         65535",
        "roomwatt.toml:3: mysql.database is missing",
        "roomwatt.toml:5: meter.table is \"a`b\", it may only have letters, digits, _ and $",
        "roomwatt.toml:7: monitoring.timezone is \"Mars\", which is not an IANA time zone \
         such as Asia/Shanghai",
        "roomwatt.toml:8: monitoring.max_gap_minutes is 32, it must be at least a tenth more than \
         check_interval_minutes (30)",
        "roomwatt.toml:9: monitoring.keep_days is -1, allowed is 1 to 3650",
        "roomwatt.toml:10: monitoring.batch_size is a text, expected is a whole number",
        "roomwatt.toml:11: monitoring.no_such_key is unknown; known are `check_interval_minutes`, ",
        "roomwatt.toml:12: monitoring.checkin_abnormal_threshold is -1, allowed is 0 to 1000000",
        "roomwatt.toml:14: feishu.webhook_url must begin with https:// (http:// only on loopback)",
        "roomwatt.toml:15: feishu.secret is wrong: a secret must be a text in quotes",
        "roomwatt.toml:16: feishu.language is a text, expected is `zh` or `en`",
        "roomwatt.toml:18: log.level is \"loud\", allowed are error, warn, info, debug, trace, off",
        "roomwatt.toml:19: nothing is unknown; known are `rabbitmq`, ",
        "roomwatt.toml:23: monitoring.overrides[0].checkin_abnormal_threshold is -2, allowed is 0 \
         to 1000000",
        "roomwatt.toml:24: monitoring.overrides[1].hotel_id is missing",
        "roomwatt.toml:26: monitoring.overrides[2] is the second for H1",
        "--set max_history_size=100: monitoring.max_history_size is 100, allowed is 1 to 96",
        "ROOMWATT_MONITORING__SWEEP_SECONDS: monitoring.sweep_seconds is 0, allowed is 1 to 3600",
        "ROOMWATT_MYSQL__POOL_SIZE: mysql.pool_size is a text, expected is a whole number from 0 \
         on",
    ];
    for (line, expected) in lines.iter().zip(expected) {
        assert!(
            line.starts_with(expected),
            "{expected} is not where it should be:\n{wrong}"
        );
    }
    assert_eq!(lines.len(), expected.len(), "{wrong}");
    assert!(
        !wrong.contains("canary") && !wrong.contains("31337"),
        "{wrong}"
    );
}

#[test]
fn each_problem_in_a_list_has_the_line_of_its_key() {
    let wrong = loaded(
        "[monitoring]\nkeep_days = 0\n\
         [[monitoring.overrides]]\nhotel_id = 5\nroom_number = 101\n\
         checkin_abnormal_threshold = 'low'\n\
         checkout_abnormal_threshold = -1\nthreshold = 'canary'\n\
         [[monitoring.overrides]]\nhotel_id = 'H1'\nroom_number = 101\n\
         [[monitoring.overrides]]\nhotel_id = 'H1'\nroom_number = ' '\n\
         [[monitoring.overrides]]\nhotel_id = 'H1'\n\
         [[monitoring.overrides]]\nhotel_id = ''\n\
         [[monitoring.overides]]\nhotel_id = 5\nroom_number = 5\n\
         [[feishu.routes]]\nhotels = 'canary'\nwebhook_url = 31337\nsecret = 31337\n\
         url = 'canary'\n\
         [[feishu.routes]]\n\
         [[feishu.routes]]\nhotels = []\nwebhook_url_file = '/nowhere/url'\n\
         [[feishu.routes]]\nhotels = ['H1', 'H1', 'H2', 'H2']\nwebhook_url = 'http://canary'\n\
         [[mysql]]\n",
        &[("ROOMWATT_MESSAGE_TYPES__IGNORE", "[1]")],
        &[],
    )
    .expect_err("much is wrong");
    let expected = [
        "roomwatt.toml:2: monitoring.keep_days is 0, allowed is 1 to 3650",
        "roomwatt.toml:4: monitoring.overrides[0].hotel_id is integer `5`, expected is a text in \
         quotes",
        "roomwatt.toml:5: monitoring.overrides[0].room_number is integer `101`, expected is a text \
         in quotes",
        "roomwatt.toml:6: monitoring.overrides[0].checkin_abnormal_threshold is wrong: it must be \
         a number of kWh",
        "roomwatt.toml:7: monitoring.overrides[0].checkout_abnormal_threshold is -1, allowed is 0 \
         to 1000000",
        "roomwatt.toml:8: monitoring.overrides[0].threshold is unknown; known are `hotel_id`, \
         `room_number`, `checkin_abnormal_threshold`, `checkout_abnormal_threshold`",
        "roomwatt.toml:11: monitoring.overrides[1].room_number is integer `101`, expected is a \
         text in quotes",
        "roomwatt.toml:14: monitoring.overrides[2].room_number is empty: leave it out for the \
         whole hotel",
        "roomwatt.toml:18: monitoring.overrides[4].hotel_id is missing",
        "roomwatt.toml:19: monitoring.overides is unknown; known are `check_interval_minutes`, \
         `checkin_abnormal_threshold`, ",
        "roomwatt.toml:23: feishu.routes[0].hotels is a text, expected is a list in [ ]",
        "roomwatt.toml:24: feishu.routes[0].webhook_url is wrong: a secret must be a text in \
         quotes",
        "roomwatt.toml:25: feishu.routes[0].secret is wrong: a secret must be a text in quotes",
        "roomwatt.toml:26: feishu.routes[0].url is unknown; known are `hotels`, `webhook_url`, \
         `secret`",
        "roomwatt.toml:27: feishu.routes[1].hotels is missing",
        "roomwatt.toml:27: feishu.routes[1].webhook_url is missing",
        "roomwatt.toml:29: feishu.routes[2].hotels is empty",
        "roomwatt.toml:30: feishu.routes[2].webhook_url_file /nowhere/url can't be read: ",
        "roomwatt.toml:32: feishu.routes[3].hotels has H1, which has a route already",
        "roomwatt.toml:32: feishu.routes[3].hotels has H2, which has a route already",
        "roomwatt.toml:33: feishu.routes[3].webhook_url must begin with https:// (http:// only on \
         loopback)",
        "roomwatt.toml:34: mysql is a section: it begins with [mysql]",
        "ROOMWATT_MESSAGE_TYPES__IGNORE: message_types.ignore is integer `1`, expected is a text \
         in quotes",
    ];
    for (line, expected) in wrong.lines().zip(expected) {
        assert!(
            line.starts_with(expected),
            "{expected} is not where it should be:\n{wrong}"
        );
    }
    assert_eq!(wrong.lines().count(), expected.len(), "{wrong}");
    assert!(
        !wrong.contains("canary") && !wrong.contains("31337"),
        "{wrong}"
    );
}

#[test]
fn the_folder_of_a_log_file_must_exist() {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, is_right) in [
        ("roomwatt.log", true),
        ("", false),
        ("/nowhere/roomwatt.log", false),
        (
            &folder.path().join("roomwatt.log").display().to_string(),
            true,
        ),
    ] {
        let read = loaded(&format!("[log]\nfile = '{file}'\n"), &[], &[]);
        assert_eq!(read.is_ok(), is_right, "{file:?}");
        if let Err(wrong) = read {
            assert!(
                wrong.starts_with("roomwatt.toml:2: log.file is in a folder that"),
                "{wrong}"
            );
        }
    }
}

#[test]
fn values_that_can_never_work_are_errors() {
    for (text, wrong) in [
        (
            "[mysql]\ndatabase = 'd'\nhost = ''\n",
            "3: mysql.host is not the name or address of a host",
        ),
        (
            "[mysql]\ndatabase = 'd'\nport = 0\n",
            "3: mysql.port is 0, allowed is 1 to 65535",
        ),
        (
            "[rabbitmq]\nqueue = 'q'\nport = 0\n",
            "3: rabbitmq.port is 0, allowed is 1 to 65535",
        ),
        (
            "[[monitoring.overrides]]\nhotel_id = 'H1'\nroom_number = '1'\n\
             [[monitoring.overrides]]\nhotel_id = 'H1'\nroom_number = '1'\n",
            "4: monitoring.overrides[1] is the second for H1/1",
        ),
    ] {
        let error = loaded(text, &[], &[]).expect_err(wrong);
        assert_eq!(error, format!("roomwatt.toml:{wrong}"), "{text}");
    }
}

#[test]
fn a_ca_file_is_for_connections_with_tls() {
    let folder = tempfile::tempdir().expect("a folder");
    let ca = folder.path().join("ca.pem");
    let rabbitmq = format!("[rabbitmq]\nqueue = 'q'\ntls_ca = '{}'\n", ca.display());
    let tls = [("ROOMWATT_RABBITMQ__TLS", "true")];
    for (text, expected) in [
        (None, "No such file"),
        (Some("a key"), "it contains no certificate (PEM)"),
        (
            Some("-----BEGIN CERTIFICATE-----"),
            "it contains an invalid certificate",
        ),
    ] {
        if let Some(text) = text {
            std::fs::write(&ca, text).expect("a file");
        }
        let wrong = loaded(&rabbitmq, &tls, &[]).expect_err("it is wrong");
        let place = format!("roomwatt.toml:3: rabbitmq.tls_ca {}", ca.display());
        assert!(
            wrong.starts_with(&place) && wrong.contains(expected),
            "{wrong}"
        );
    }
    std::fs::write(&ca, AUTHORITY).expect("a file");
    let config = loaded(&rabbitmq, &tls, &[]).expect("all right");
    let rabbitmq_config = config.rabbitmq.expect("a section");
    assert!(rabbitmq_config.tls && rabbitmq_config.tls_ca == Some(ca));
    let wrong = loaded(&rabbitmq, &[], &[]).expect_err("without TLS it is of no use");
    assert_eq!(
        wrong,
        "roomwatt.toml:3: rabbitmq.tls_ca is set, but rabbitmq.tls is false: set that to true, or \
         leave this out"
    );
}

#[test]
fn only_the_id_column_of_the_meter_table_is_optional() {
    let config = loaded("[meter]\nid = \"\"\n", &[], &[]).expect("all right");
    assert_eq!(config.meter.id(), None);
    let config = loaded("", &[], &[]).expect("all right");
    assert_eq!(config.meter.id(), Some("id"));
    let wrong = loaded("[meter]\nscript_time = \"\"\n", &[], &[]).expect_err("needed");
    assert!(wrong.contains("meter.script_time"), "{wrong}");
}

#[test]
fn routes_with_the_same_webhook_are_merged() {
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
    let routes: Vec<(Vec<&str>, &str)> = (config.notify.routes.iter())
        .map(|route| {
            let hotels = route.hotels.iter().map(HotelId::as_str).collect();
            let Bot::Feishu(bot) = &route.bot else {
                panic!("{route:?}");
            };
            (hotels, bot.url.expose())
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
        "roomwatt.toml:4: feishu.routes[0].hotels is empty",
        "roomwatt.toml:7: feishu.routes[1].hotels has H1, which has a route already",
        "roomwatt.toml:13: feishu.routes[3].secret differs from the secret that is set for the \
         same webhook elsewhere",
        "roomwatt.toml:18: feishu.routes[4].webhook_url must begin with https://",
        "feishu.proxy is not an address such as http://proxy.example.com:3128",
        "feishu.group_wait_seconds is 601, allowed is 0 to 600",
    ] {
        assert!(wrong.contains(part), "{part} is not in:\n{wrong}");
    }
    assert!(!wrong.contains("canary"), "{wrong}");
    for proxy in ["socks5://127.0.0.1:9", "ftp://127.0.0.1", ""] {
        let proxied = loaded(&format!("[feishu]\nproxy = '{proxy}'\n"), &[], &[]);
        assert_eq!(proxied.is_ok(), proxy.is_empty(), "{proxy}");
    }
}

#[test]
fn a_rooms_override_beats_its_hotels_which_beats_the_general_threshold() {
    let config = loaded(
        "[[monitoring.overrides]]\nhotel_id = \"H1\"\ncheckout_abnormal_threshold = 0.3\n\
         [[monitoring.overrides]]\nhotel_id = \"H1\"\nroom_number = \"Spa\"\n\
         checkout_abnormal_threshold = 5\n",
        &[],
        &[],
    )
    .expect("all right");
    let threshold = |hotel, room, kind| config.rules.threshold(&RoomKey::new(hotel, room), kind);
    use crate::types::Kind::{Checkin, Checkout};
    assert_eq!(threshold("H1", "101", Checkout), WattHours(300));
    assert_eq!(threshold("H1", "Spa", Checkout), WattHours(5_000));
    assert_eq!(threshold("H1", "Spa", Checkin), WattHours(2_000));
    assert_eq!(threshold("H2", "Spa", Checkout), WattHours(1_500));
}
