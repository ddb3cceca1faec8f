use std::os::unix::ffi::OsStringExt;

use crate::config::tests::loaded;
use crate::config::{Bot, Config, Secret, read};

#[test]
fn a_variable_with_one_underscore_is_an_error_that_names_the_right_one() {
    for (name, says) in [
        (
            "ROOMWATT_MYSQL_PASSWORD",
            "environment: ROOMWATT_MYSQL_PASSWORD means nothing: with two underscores after the \
             section it is ROOMWATT_MYSQL__PASSWORD",
        ),
        (
            "ROOMWATT_MESSAGE_TYPES_CHECKIN",
            "ROOMWATT_MESSAGE_TYPES__CHECKIN",
        ),
        (
            "ROOMWATT_FEISHU_WEBHOOK_URL_FILE",
            "ROOMWATT_FEISHU__WEBHOOK_URL_FILE",
        ),
        (
            "ROOMWATT_SQL__PASSWORD",
            "ROOMWATT_SQL__PASSWORD: sql is unknown; known are ",
        ),
        (
            "ROOMWATT_MYSQL__PASWORD",
            "ROOMWATT_MYSQL__PASWORD: mysql.pasword is unknown; known are ",
        ),
    ] {
        let wrong = loaded("[mysql]\ndatabase = 'd'\n", &[(name, "canary")], &[]);
        let wrong = wrong.expect_err(name);
        assert!(wrong.contains(says), "{says} is not in:\n{wrong}");
        assert!(!wrong.contains("canary"), "{wrong}");
    }
    // Variables of the tests and scripts, or of other programs.
    for name in [
        "ROOMWATT_SEED",
        "ROOMWATT_KEEP_SERVICES",
        "ROOMWATT_SERVICES_DIR",
        "ROOMWATT_TEST_MYSQL_PORT",
        "ROOMWATT_LOGS_DIR",
        "ROOMWATT_MYSQL",
        "MYSQL_PASSWORD",
    ] {
        loaded("", &[(name, "somebody else's")], &[]).expect(name);
    }
}

#[test]
fn a_file_that_is_not_utf8_is_reported_with_the_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("roomwatt.toml");
    for (bytes, line) in [
        (
            &b"[mysql]\ndatabase = 'd'\npassword = 'canary\xff'\n"[..],
            3,
        ),
        (b"\xff\xfe[\0m\0", 1),
    ] {
        std::fs::write(&file, bytes).expect("a file");
        let wrong = Config::load(Some(&file), &[]).expect_err("it is wrong");
        let expected = format!(
            "{}:{line}: is not UTF-8: save the file in this encoding",
            file.display()
        );
        assert_eq!(wrong.to_string(), expected);
    }
    let value = std::ffi::OsString::from_vec(b"canary\xff".to_vec());
    let environment = [("ROOMWATT_MYSQL__PASSWORD".to_owned(), value)];
    let wrong = read(
        "roomwatt.toml",
        "[mysql]\ndatabase = 'd'\n",
        environment.into_iter(),
        &[],
    );
    assert_eq!(
        wrong.expect_err("it is wrong"),
        ["ROOMWATT_MYSQL__PASSWORD: mysql.password is not UTF-8"]
    );
}

#[test]
fn files_with_a_byte_order_mark_and_crlf_are_read() {
    let text = "\u{feff}[mysql]\r\ndatabase = 'd'\r\n[rabbitmq]\r\nqueue = 'q'\r\nprefetch = 0\r\n";
    let wrong = loaded(text, &[], &[]).expect_err("it is wrong");
    assert_eq!(
        wrong,
        "roomwatt.toml:5: rabbitmq.prefetch is 0, allowed is 1 to 65535"
    );
}

#[test]
fn a_secret_can_be_read_from_a_file() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path.display().to_string()
    };
    let password = file("password", "1234\n");
    let url = file("url", "https://example.com/hook/canary\r\n");
    let empty = file("empty", "\n");
    let config = loaded(
        &format!(
            "[mysql]\ndatabase = \"hotel\"\n[[feishu.routes]]\nhotels = [\"H1\"]\n\
             webhook_url_file = '{url}'\nsecret_file = '{password}'\n"
        ),
        &[("ROOMWATT_MYSQL__PASSWORD_FILE", &password)],
        &[],
    )
    .expect("all right");
    assert_eq!(config.mysql.expect("a section").password.expose(), "1234");
    let Bot::Feishu(bot) = &config.notify.routes[0].bot else {
        panic!("{:?}", config.notify.routes);
    };
    assert_eq!(bot.url.expose(), "https://example.com/hook/canary");
    assert_eq!(bot.secret.as_ref().map(Secret::expose), Some("1234"));

    let wrong = loaded(
        &format!(
            "[rabbitmq]\nqueue = 'q'\npassword_file = '{empty}'\n[mysql]\ndatabase = 'hotel'\n\
             password = 'canary'\npassword_file = '{password}'\n[feishu]\n\
             webhook_url_file = '/nowhere/url'\nsecret_file = 31337\n"
        ),
        &[],
        &[],
    )
    .expect_err("each of them is wrong");
    for part in [
        &format!("roomwatt.toml:3: rabbitmq.password_file {empty} is empty"),
        "roomwatt.toml:7: mysql.password_file is set, and so is password: leave one of them out",
        "roomwatt.toml:9: feishu.webhook_url_file /nowhere/url can't be read: ",
        "roomwatt.toml:10: feishu.secret_file is not a text in quotes",
    ] {
        assert!(wrong.contains(part), "{part} is not in:\n{wrong}");
    }
    assert!(
        !wrong.contains("canary") && !wrong.contains("31337"),
        "{wrong}"
    );
}

#[test]
fn no_value_is_ignored_silently() {
    for (text, environment, part) in [
        (
            "[mysql]\ndatabase = 'd'\n[monitoring]\nbatch_size = 99999999999999999999999\n",
            &[][..],
            "roomwatt.toml:4: a number is too large",
        ),
        (
            "[mysql]\ndatabase = 'd'\npassword = 12345678901234567890123\n",
            &[],
            "roomwatt.toml:3: a number is too large",
        ),
        (
            "[feishu]\nroutes = 'https://example.com/hook/canary'\n",
            &[],
            "roomwatt.toml:2: feishu.routes is a text, expected is ",
        ),
        (
            "[feishu]\nroutes = ['https://example.com/hook/canary']\n",
            &[],
            "feishu.routes",
        ),
        (
            "",
            &[("ROOMWATT_FOO__BAR", "2")],
            "ROOMWATT_FOO__BAR: foo is unknown",
        ),
    ] {
        let wrong = loaded(text, environment, &[]).expect_err("it is wrong");
        assert!(wrong.contains(part), "{part} is not in:\n{wrong}");
        assert!(
            !wrong.contains("canary") && !wrong.contains("1234567"),
            "{wrong}"
        );
    }
    let both = loaded(
        "[mysql]\ndatabase = 'd'\n[message_fields]\nmsgType = 'a'\n",
        &[("ROOMWATT_MESSAGE_FIELDS__MSGTYPE", "b")],
        &[],
    );
    let both = both.expect("the variable wins");
    assert_eq!(both.messages.fields.msg_type, "b");
    assert!(both.mysql.is_some());
}

#[test]
fn a_variable_replaces_the_key_of_the_file_and_the_other_way_round() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("password");
    std::fs::write(&path, "of a file\n").expect("a file");
    let path = path.display().to_string();
    let mysql = "[mysql]\ndatabase = 'd'\n";
    for (text, variable, value, expected) in [
        (
            format!("{mysql}password = ''\n"),
            "PASSWORD_FILE",
            &path[..],
            "of a file",
        ),
        (
            format!("{mysql}password_file = '{path}'\n"),
            "PASSWORD",
            "other",
            "other",
        ),
    ] {
        let name = format!("ROOMWATT_MYSQL__{variable}");
        let config = loaded(&text, &[(&name, value)], &[]).expect("all right");
        assert_eq!(config.mysql.expect("a section").password.expose(), expected);
    }
}

#[test]
fn syntax_errors_have_their_lines_and_quote_nothing() {
    let wrong = loaded(
        "[mysql]\npassword = \"canary\nport = 1\n[monitoring]\nkeep_days = = 31337\n",
        &[],
        &[],
    )
    .expect_err("it is wrong");
    assert!(
        wrong.contains("roomwatt.toml:2: ") && wrong.contains("roomwatt.toml:5: "),
        "{wrong}"
    );
    assert!(
        !wrong.contains("canary") && !wrong.contains("31337"),
        "{wrong}"
    );
}
