-- The state of a room as in sql/008: one JSON text, of one layout in all stores, and beside it what
-- operators read with their own SQL. The texts here are of the first layout; the service writes a room's
-- next state in its own.

ALTER TABLE room_state RENAME TO room_state_of_001;

CREATE TABLE room_state (
    hotel_id    TEXT    NOT NULL,
    room_number TEXT    NOT NULL,
    msg_type    TEXT    NOT NULL,
    stay_time   INTEGER NOT NULL, -- check-in, or check-out of a vacant room
    seen_time   INTEGER,          -- its last reading
    run_since   INTEGER,          -- of its abnormal intervals in a row, where there are any
    run_periods INTEGER,
    run_wh      INTEGER,
    run_told    INTEGER,          -- their number when the staff was last notified; 0: not yet
    version     INTEGER NOT NULL, -- layout of state
    state       TEXT    NOT NULL, -- all that is remembered of the room, JSON
    PRIMARY KEY (hotel_id, room_number)
) STRICT, WITHOUT ROWID;

INSERT INTO room_state
SELECT hotel_id, room_number,
    watch ->> '$.stay.kind',
    unixepoch(coalesce(watch ->> '$.stay.check_in', watch ->> '$.stay.actual_checkout')),
    unixepoch(watch ->> '$.fold.seen'),
    unixepoch(watch ->> '$.fold.run.since'),
    watch ->> '$.fold.run.periods',
    watch ->> '$.fold.run.energy',
    watch ->> '$.fold.run.told',
    version, watch
FROM room_state_of_001;

DROP TABLE room_state_of_001;
