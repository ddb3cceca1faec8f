-- The embedded store: one SQLite file with the meters' readings and all that the service keeps.
--
-- Registers and energies are whole Wh. Times of hotels are seconds since 1970-01-01 00:00:00 of the
-- hotel's local calendar, as `datetime(script_time, 'unixepoch')` shows them; columns that end with
-- _at are seconds of the machine's clock (UTC).

-- AUTOINCREMENT: an id is never used twice, so the order of ids is the order in which rows came.
CREATE TABLE smart_meter (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    hotel_id    TEXT    NOT NULL,
    room_number TEXT    NOT NULL,
    reading_wh  INTEGER NOT NULL,
    script_time INTEGER NOT NULL
) STRICT;
-- Of readings with one time the first counts: one that is sent again is not kept.
CREATE UNIQUE INDEX smart_meter_room ON smart_meter (hotel_id, room_number, script_time);

-- One row a watch.
CREATE TABLE electricity_monitoring (
    id                     INTEGER PRIMARY KEY AUTOINCREMENT,
    hotel_id               TEXT    NOT NULL,
    room_number            TEXT    NOT NULL,
    msg_type               TEXT    NOT NULL,
    check_in_time          INTEGER,
    expected_checkout_time INTEGER,
    actual_checkin_time    INTEGER,
    actual_checkout_time   INTEGER,
    initial_wh             INTEGER,
    monitoring_start_time  INTEGER,
    created_at             INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;
CREATE INDEX electricity_monitoring_room ON electricity_monitoring (hotel_id, room_number);

-- One row an alert.
CREATE TABLE electricity_abnormal (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    hotel_id           TEXT    NOT NULL,
    room_number        TEXT    NOT NULL,
    detected_time      INTEGER NOT NULL,
    total_wh           INTEGER NOT NULL,
    continuous_periods INTEGER NOT NULL,
    is_notified        INTEGER NOT NULL DEFAULT 0,
    msg_type           TEXT    NOT NULL,
    created_at         INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT;
CREATE INDEX electricity_abnormal_room ON electricity_abnormal (hotel_id, room_number);

-- One row: which instance owns the state (epoch), its last transaction (seq), and the meter row up
-- to which everything has been judged.
CREATE TABLE service (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    epoch    INTEGER NOT NULL,
    seq      INTEGER NOT NULL,
    meter_id INTEGER
) STRICT;
INSERT INTO service (id, epoch, seq) VALUES (1, 0, 0);

-- The watch on each room and all that judging remembers of it.
CREATE TABLE room_state (
    hotel_id    TEXT    NOT NULL,
    room_number TEXT    NOT NULL,
    version     INTEGER NOT NULL, -- layout of the watch
    watch       TEXT    NOT NULL, -- JSON
    PRIMARY KEY (hotel_id, room_number)
) STRICT, WITHOUT ROWID;

-- The outbox: what the staff is to be told, and what became of it.
CREATE TABLE notification (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    hotel_id      TEXT    NOT NULL,
    room_number   TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    detected_time INTEGER NOT NULL,
    body          TEXT    NOT NULL,
    state         TEXT    NOT NULL DEFAULT 'pending',
    error         TEXT,
    created_at    INTEGER NOT NULL DEFAULT (unixepoch()),
    sent_at       INTEGER,
    retried_at    INTEGER
) STRICT;
CREATE INDEX notification_state ON notification (state, id);
CREATE INDEX notification_created ON notification (created_at);

-- Messages that could not be understood.
CREATE TABLE rejected_message (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    created_at  INTEGER NOT NULL DEFAULT (unixepoch()),
    source      TEXT    NOT NULL,
    reason      TEXT    NOT NULL,
    body        BLOB    NOT NULL,
    truncated   INTEGER NOT NULL,
    digest      BLOB    NOT NULL,
    replayed_at INTEGER
) STRICT;
CREATE INDEX rejected_message_digest ON rejected_message (digest);
CREATE INDEX rejected_message_created ON rejected_message (created_at);

-- The staff has been told that half of the hotel's meters are silent, and not yet that they are back.
CREATE TABLE silent_hotel (
    hotel_id   TEXT    NOT NULL PRIMARY KEY,
    since      INTEGER,
    created_at INTEGER NOT NULL DEFAULT (unixepoch())
) STRICT, WITHOUT ROWID;
