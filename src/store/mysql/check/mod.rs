//! Checks the database for an operator. It changes nothing, and sends no query that would read the
//! whole of a large table.

mod columns;
mod meter;
mod plans;
mod rights;
mod rooms;
mod sample;

use mysql::prelude::Queryable;
use mysql::{Conn, Opts};

use crate::clock::unix_seconds;
use crate::config;
use crate::engine::Rules;
use crate::finding::{Finding, Level, Report};
use crate::store::{Scope, StoreError, shared};
use crate::types::Zone;

use super::connect;

/// Clocks may differ by this much without a warning. Seconds.
const CLOCK_TOLERANCE: i64 = 30;

/// Checks the server, the schema, the rights and the meter table. A problem with one of them does
/// not end the check.
pub fn check(
    config: &config::MySql,
    meter: &config::MeterTable,
    rules: &Rules,
    zone: Zone,
    report: Report<'_>,
) {
    let opts = connect::checking(config, zone);
    let place = format!(
        "database {} of {}:{}",
        config.database, config.host, config.port
    );
    // Without a connection nothing else can be checked.
    let mut conn = match connect::connect(&opts) {
        Ok(conn) => conn,
        Err(error) => return report(refused(&place, error)),
    };
    let user = match server(&mut conn, &place, report) {
        Ok(user) => user,
        Err(error) => return report(failed(&place, error)),
    };
    drop(conn);
    part(&opts, "schema", report, |conn, report| {
        rights::schema(conn, report)
    });
    part(&opts, "rights", report, |conn, report| {
        rights::service(conn, &user, report)
    });
    part(&opts, "rights for init-db", report, |conn, report| {
        rights::init_db(conn, report)
    });
    let about = format!("meter table {}", meter.table);
    part(&opts, &about, report, |conn, report| {
        meter::check(conn, meter, rules, zone, &user, report)
    });
    part(&opts, shared::ABOUT, report, |conn, report| {
        shared::report_rooms(rules, report, |take| {
            super::rooms::load(conn, Scope::All, take)
        });
        Ok(())
    });
}

/// Does one part of the check, on a connection of its own: if that breaks, the other parts go on.
fn part(
    opts: &Opts,
    about: &str,
    report: Report<'_>,
    work: impl FnOnce(&mut Conn, Report<'_>) -> mysql::Result<()>,
) {
    match connect::connect(opts) {
        Ok(mut conn) => {
            if let Err(error) = work(&mut conn, report) {
                report(failed(about, error));
            }
        }
        Err(error) => report(refused(about, error)),
    }
}

/// The finding for an error that a part has not explained itself.
fn failed(about: &str, error: mysql::Error) -> Finding {
    // Statement timeouts of MariaDB and of MySQL.
    if let mysql::Error::MySqlError(error) = &error
        && matches!(error.code, 1969 | 3024)
    {
        let seconds = connect::CHECKING.as_secs();
        let says = format!("a query was cancelled after {seconds} s");
        return Finding::new(Level::Warning, about, says).remedy(
            "create the advised indexes, or run the check again when the server is less busy",
        );
    }
    refused(about, error.into())
}

/// The finding for an error of the connection or the server.
fn refused(about: &str, error: StoreError) -> Finding {
    let access = "check mysql.user, password and database";
    match error {
        StoreError::Denied(text) | StoreError::NotSetUp(text) => {
            Finding::new(Level::Wrong, about, text).remedy(access)
        }
        error if !error.needs_operator() => {
            let remedy = "check that the server runs and that [mysql] names it";
            Finding::new(Level::Unreachable, about, error.to_string()).remedy(remedy)
        }
        error => Finding::new(Level::Wrong, about, error.to_string()),
    }
}

/// Checks the server: its version, whether it accepts writes, its clock. Returns the user that this
/// program is to the server.
fn server(conn: &mut Conn, place: &str, report: Report<'_>) -> mysql::Result<User> {
    let before = unix_seconds();
    let row: Option<(String, String, String, i64, String)> = conn.query_first(
        "SELECT VERSION(), CURRENT_USER(), DATABASE(), UNIX_TIMESTAMP(), \
         CAST(@@global.read_only AS CHAR)",
    )?;
    let after = unix_seconds();
    let (version, user, database, time, read_only) = row.unwrap_or_default();
    let kind = if version.contains("MariaDB") {
        ""
    } else {
        "MySQL "
    };
    report(Finding::ok(
        place,
        format!("connected as {user} to {kind}{version}"),
    ));
    // MySQL and MariaDB have different words for off.
    if !matches!(read_only.as_str(), "0" | "OFF") {
        report(
            Finding::new(
                Level::Unreachable,
                place,
                "the server is read-only, it may be a replica",
            )
            .remedy("set mysql.host to the server that accepts writes"),
        );
    }
    report(clock(
        time - time.clamp(before.min(after), after.max(before)),
    ));
    Ok(User {
        name: user,
        database,
    })
}

/// The finding for the server's clock, which is this many seconds ahead of this machine's.
fn clock(ahead: i64) -> Finding {
    let about = "clock of the database";
    let way = if ahead < 0 { "behind" } else { "ahead of" };
    let says = format!("it is {} s {way} this machine's", ahead.abs());
    if ahead.abs() <= CLOCK_TOLERANCE {
        return Finding::ok(about, says);
    }
    Finding::new(
        Level::Warning,
        about,
        format!("{says}: both decide what is ahead of now, silent or too old"),
    )
    .remedy("synchronize both clocks by NTP")
}

/// The user that this program is to the server.
struct User {
    /// `name@host`.
    name: String,
    database: String,
}

impl User {
    /// The statement that grants a right.
    fn grant(&self, right: &str, table: &str) -> String {
        let (name, host) = self.name.rsplit_once('@').unwrap_or((&self.name, "%"));
        let quoted = |text: &str| text.replace('\'', "''");
        format!(
            "GRANT {right} ON `{}`.`{table}` TO '{}'@'{}'",
            self.database.replace('`', "``"),
            quoted(name),
            quoted(host)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_off_gets_a_warning() {
        for (ahead, level, part) in [
            (0, Level::Ok, "0 s ahead"),
            (30, Level::Ok, "30 s ahead"),
            (-30, Level::Ok, "30 s behind"),
            (31, Level::Warning, "31 s ahead"),
            (-28_800, Level::Warning, "28800 s behind"),
        ] {
            let finding = clock(ahead);
            assert_eq!(finding.level, level, "{finding}");
            assert!(finding.says.contains(part), "{finding}");
        }
    }

    #[test]
    fn a_grant_is_quoted_so_that_it_can_be_copied() {
        let user = User {
            name: "o'neil@10.0.%".into(),
            database: "hotel".into(),
        };
        assert_eq!(
            user.grant("INSERT", "service"),
            "GRANT INSERT ON `hotel`.`service` TO 'o''neil'@'10.0.%'"
        );
    }
}
