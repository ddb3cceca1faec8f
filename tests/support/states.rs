//! The rows of `room_state`, past the program.

use super::Rig;

/// A time in the JSON of `room_state`, as SQL gives it: `stored_time("w.i[0]")`.
pub fn stored_time(path: &str) -> String {
    let seconds = format!("CAST(JSON_VALUE(state, '$.{path}') AS SIGNED)");
    format!("CAST(TIMESTAMP('1970-01-01') + INTERVAL {seconds} SECOND AS CHAR)")
}

/// Counts the rows of `room_state` whose columns say otherwise than their JSON.
pub fn columns_that_differ() -> String {
    let run = |name: &str| format!("JSON_VALUE(state, '$.w.f.r.{name}')");
    format!(
        "SELECT COUNT(*) FROM room_state WHERE NOT (version = 2 \
         AND msg_type = JSON_VALUE(state, '$.w.s[0]') AND CAST(stay_time AS CHAR) = {} \
         AND CAST(seen_time AS CHAR) <=> {} AND CAST(run_since AS CHAR) <=> {} \
         AND run_periods <=> {} AND run_wh <=> {} AND run_told <=> {})",
        stored_time("w.s[1]"),
        stored_time("w.f.t"),
        stored_time("w.f.r.t"),
        run("p"),
        run("e"),
        run("n"),
    )
}

impl Rig {
    /// Leaves the tables as `init-db` finds them on the way from 0.1, up to the file before
    /// `version`: `room_state` as 0.1 had it, and empty. Of the other tables what is there already
    /// is passed over.
    pub fn before_migration(&self, version: u32) {
        let files = include_str!("../../sql/002_service_tables.sql");
        let tables = files.split(";\n");
        let table = tables.filter(|table| table.contains("EXISTS room_state ("));
        self.execute("DROP TABLE room_state");
        table.for_each(|table| self.execute(table));
        self.execute(&format!(
            "DELETE FROM schema_migration WHERE version >= {version}"
        ));
    }
}
