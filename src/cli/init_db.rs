use anyhow::anyhow;

use crate::clock::{Clock, SystemClock};
use crate::engine::Rules;
use crate::escape;
use crate::store::{self, Adopted, Database, StoreError};
use crate::types::{RoomKey, counted};

use super::{Code, ConfigFile, Failure, print};

/// Create the tables, or bring them up to date
#[derive(clap::Args)]
#[command(before_help = "\
Examples:
  roomwatt init-db --config roomwatt.toml

  roomwatt init-db --adopt --config roomwatt.toml

Existing tables of the original program stay as they are. The database itself must exist:
  CREATE DATABASE hotel CHARACTER SET utf8mb4;
The embedded database, which is used without a section [mysql], is created.
")]
pub(super) struct Arguments {
    /// Take over the rooms that the original program watches, from electricity_monitoring: on the
    /// day of moving over, with neither program running
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    config: ConfigFile,
}

pub(super) fn run(arguments: &Arguments) -> Result<(), Failure> {
    let config = arguments.config.load(&[])?;
    let original = match arguments.adopt {
        true => Some(super::needed(config.mysql.as_ref(), "mysql")?),
        false => None,
    };
    let database = Database::of(&config);
    let applied = |name: &str| print(&format!("applied {name}"));
    database.init(&applied).map_err(explained)?;
    print(&format!("{database} is up to date"));
    if let Some(mysql) = original {
        let zone = config.messages.zone;
        let now = SystemClock { zone }.now();
        let adopted = store::adopt(
            mysql,
            zone,
            &config.rules,
            now,
            config.messages.max_ahead_seconds,
        )
        .map_err(explained)?;
        for line in lines(&adopted, &config.rules) {
            print(&line);
        }
    }
    Ok(())
}

/// The lines that report what was adopted, and what follows from it.
fn lines(adopted: &Adopted, rules: &Rules) -> Vec<String> {
    let Adopted {
        occupied,
        vacant,
        updated,
        unfollowed,
        unchanged,
        unreadable,
        ahead,
    } = adopted;
    let new = occupied + vacant;
    let rooms = counted(new, "room");
    let mut lines = vec![match (new, updated.len(), unchanged) {
        (0, 0, 0) => "adopted 0 rooms".to_owned(),
        (_, 0, 0) => format!("adopted {rooms} ({occupied} occupied, {vacant} vacant)"),
        (_, 0, _) => format!("adopted {new}, brought up to date 0, unchanged {unchanged}"),
        (_, count, _) => format!(
            "adopted {new}, brought up to date {count} ({}), unchanged {unchanged}",
            named(updated)
        ),
    }];
    for (count, what) in [
        (*unreadable, "without a room or a stay"),
        (*ahead, "of a stay too far ahead"),
    ] {
        if count > 0 {
            lines.push(format!("left out {} {what}", counted(count, "row")));
        }
    }
    if !unfollowed.is_empty() {
        lines.push(format!(
            "the staff was notified of these rooms, and has to check whether they have recovered: \
             {}",
            named(unfollowed)
        ));
    }
    if new > 0 || !updated.is_empty() {
        let minutes = rules.interval_seconds / 60 * i64::from(rules.alert_periods);
        lines.push(format!(
            "earlier readings are not judged: a room that is abnormal already is reported after {} \
             ({minutes} minutes)",
            counted(rules.alert_periods, "more interval")
        ));
    }
    lines
}

/// The first of these rooms, and how many more there are. Names are untrusted, so they are escaped.
fn named(rooms: &[RoomKey]) -> String {
    const NAMED: usize = 20;
    let names = rooms.iter().take(NAMED);
    let names: Vec<String> = names
        .map(|room| escape::line(room.to_string().as_bytes()))
        .collect();
    let more = match rooms.len().saturating_sub(NAMED) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!("{}{more}", names.join(", "))
}

/// Replaces the advice to run `init-db`, which is running: what is missing is a right.
fn explained(error: StoreError) -> Failure {
    match error {
        StoreError::NotSetUp(said) => {
            let error = anyhow!("{said}; sql/grants-init.sql has the rights that init-db needs");
            Failure::new(Code::Configuration, error)
        }
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_reports_what_was_adopted() {
        let rules = Rules::default();
        let first = |adopted: &Adopted| lines(adopted, &rules).remove(0);
        let rooms = |count: u32| (1..=count).map(|n| RoomKey::new("H001", &format!("1{n:03}")));
        let mut adopted = Adopted::default();
        assert_eq!(lines(&adopted, &rules), ["adopted 0 rooms"]);
        (adopted.occupied, adopted.vacant) = (40, 20);
        assert_eq!(first(&adopted), "adopted 60 rooms (40 occupied, 20 vacant)");
        adopted = Adopted {
            updated: rooms(1).collect(),
            unchanged: 60,
            ..Adopted::default()
        };
        assert_eq!(
            first(&adopted),
            "adopted 0, brought up to date 1 (H001/1001), unchanged 60"
        );
        adopted.updated = rooms(22).collect();
        assert!(first(&adopted).ends_with("H001/1020 and 2 more), unchanged 60"));
        adopted.updated.clear();
        assert_eq!(
            lines(&adopted, &rules),
            ["adopted 0, brought up to date 0, unchanged 60"]
        );
    }
}
