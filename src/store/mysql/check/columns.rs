//! Checks the columns of the meter table: that they exist and have types that can be read.

use mysql::consts::ColumnType;
use mysql::prelude::Queryable;
use mysql::{Conn, Row};

use crate::config::MeterTable;
use crate::finding::{Finding, Level, Report};
use crate::store::mysql::meter::rows;

use super::User;
use super::rights::{Answer, ask};

/// The types of the columns, in the order of [`rows::columns`]; `None` if they can't be read, which
/// is reported.
pub(super) fn columns(
    conn: &mut Conn,
    meter: &MeterTable,
    user: &User,
    about: &str,
    report: Report<'_>,
) -> mysql::Result<Option<Vec<ColumnType>>> {
    let names = rows::columns(meter);
    let query = format!("SELECT {names} FROM `{}` LIMIT 0", meter.table);
    let wrong = |says: String| Finding::new(Level::Wrong, about, says);
    let name_it = "set the names in section [meter] to those of the table, or create a view";
    let error = match conn.query_iter(query) {
        Ok(result) => {
            let columns = result.columns();
            let types: Vec<_> = columns
                .as_ref()
                .iter()
                .map(mysql::Column::column_type)
                .collect();
            let faults = faults(meter, &types);
            let is_well = faults.is_empty();
            for (column, says, remedy) in faults {
                report(wrong(format!("column {column} {says}")).remedy(remedy));
            }
            if is_well {
                report(Finding::ok(
                    about,
                    format!("its columns can be read: {}", names.replace('`', "")),
                ));
            }
            return Ok(is_well.then_some(types));
        }
        Err(mysql::Error::MySqlError(error)) => error,
        Err(error) => return Err(error),
    };
    report(match error.code {
        1142 | 1143 => wrong("SELECT is not granted, the service needs it".to_owned())
            .remedy(user.grant("SELECT", &meter.table)),
        1146 => wrong(format!("there is no such table in {}", user.database)).remedy(name_it),
        1054 => {
            let there: Vec<Row> = conn.query(format!("SHOW COLUMNS FROM `{}`", meter.table))?;
            let there: Vec<String> = there.iter().filter_map(|row| row.get(0)).collect();
            let is_there = |name: &&str| there.iter().any(|other| other.eq_ignore_ascii_case(name));
            let missing: Vec<&str> = of(meter).filter(|name| !is_there(name)).collect();
            wrong(format!(
                "it has no column {}; its columns are {}",
                missing.join(", "),
                there.join(", ")
            ))
            .remedy(name_it)
        }
        1356 => wrong(error.message).remedy("mend the view, or its definer's rights"),
        _ => return Err(mysql::Error::MySqlError(error)),
    });
    Ok(None)
}

/// The configured names of the columns.
fn of(meter: &MeterTable) -> impl Iterator<Item = &str> {
    let MeterTable {
        hotel_id,
        room_number,
        reading_value,
        script_time,
        ..
    } = meter;
    [hotel_id, room_number, reading_value, script_time]
        .into_iter()
        .map(String::as_str)
        .chain(meter.id())
}

/// The columns with a type that can't be read: name, problem, remedy.
fn faults<'a>(
    meter: &'a MeterTable,
    types: &[ColumnType],
) -> Vec<(&'a str, &'static str, &'static str)> {
    let fault = |(place, (name, of_type)): (usize, (&'a str, &ColumnType))| {
        let of_type = *of_type;
        let (right, says, remedy) = match place {
            0 | 1 => (
                is_text(of_type) || is_integer(of_type),
                "is neither a text nor a whole number",
                "create a view in which it is one, as in the messages",
            ),
            2 => (
                is_text(of_type) || is_integer(of_type) || is_fraction(of_type),
                "is neither a number nor a text",
                "create a view in which it is the cumulative register in kWh",
            ),
            3 => (
                is_text(of_type)
                    || matches!(
                        of_type,
                        ColumnType::MYSQL_TYPE_DATETIME | ColumnType::MYSQL_TYPE_TIMESTAMP
                    ),
                "is not a DATETIME, TIMESTAMP or text",
                "create a view in which it is one; FROM_UNIXTIME() converts a number",
            ),
            _ => (
                is_integer(of_type) || of_type == ColumnType::MYSQL_TYPE_NEWDECIMAL,
                "does not number the rows",
                "set meter.id = \"\" to read the table by time",
            ),
        };
        (!right).then_some((name, says, remedy))
    };
    of(meter).zip(types).enumerate().filter_map(fault).collect()
}

pub(super) fn is_text(of_type: ColumnType) -> bool {
    use ColumnType::{
        MYSQL_TYPE_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_STRING,
        MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_VARCHAR,
    };
    matches!(
        of_type,
        MYSQL_TYPE_VARCHAR | MYSQL_TYPE_VAR_STRING | MYSQL_TYPE_STRING
    ) || matches!(
        of_type,
        MYSQL_TYPE_TINY_BLOB | MYSQL_TYPE_MEDIUM_BLOB | MYSQL_TYPE_LONG_BLOB | MYSQL_TYPE_BLOB
    )
}

fn is_integer(of_type: ColumnType) -> bool {
    use ColumnType::{
        MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG, MYSQL_TYPE_SHORT, MYSQL_TYPE_TINY,
    };
    matches!(
        of_type,
        MYSQL_TYPE_TINY
            | MYSQL_TYPE_SHORT
            | MYSQL_TYPE_INT24
            | MYSQL_TYPE_LONG
            | MYSQL_TYPE_LONGLONG
    )
}

fn is_fraction(of_type: ColumnType) -> bool {
    use ColumnType::{
        MYSQL_TYPE_DECIMAL, MYSQL_TYPE_DOUBLE, MYSQL_TYPE_FLOAT, MYSQL_TYPE_NEWDECIMAL,
    };
    matches!(
        of_type,
        MYSQL_TYPE_DECIMAL | MYSQL_TYPE_NEWDECIMAL | MYSQL_TYPE_FLOAT | MYSQL_TYPE_DOUBLE
    )
}

/// Advises against rights to change the table, which belongs to others.
pub(super) fn writable(
    conn: &mut Conn,
    meter: &MeterTable,
    about: &str,
    report: Report<'_>,
) -> mysql::Result<()> {
    let MeterTable {
        table,
        hotel_id,
        room_number,
        reading_value,
        script_time,
        ..
    } = meter;
    // All columns: one that is NOT NULL may have no default.
    let columns = format!("`{hotel_id}`, `{room_number}`, `{reading_value}`, `{script_time}`");
    let mut granted = Vec::new();
    for (right, statement) in [
        (
            "INSERT",
            format!(
                "INSERT INTO `{table}` ({columns}) SELECT '', '', '', '' FROM DUAL WHERE 1 = 0"
            ),
        ),
        (
            "UPDATE",
            format!("UPDATE `{table}` SET `{hotel_id}` = '' WHERE 1 = 0"),
        ),
        ("DELETE", format!("DELETE FROM `{table}` WHERE 1 = 0")),
    ] {
        match ask(conn, &statement) {
            Ok(Answer::Granted) => granted.push(right),
            // Not granted, or a view that can't be changed.
            Ok(_) | Err(mysql::Error::MySqlError(_)) => {}
            Err(error) => return Err(error),
        }
    }
    if !granted.is_empty() {
        let says = format!(
            "this user may {} in it, which the service never does",
            granted.join(", ")
        );
        report(Finding::new(Level::Advice, about, says).remedy("SELECT alone is enough"));
    }
    Ok(())
}
