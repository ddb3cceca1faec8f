-- Incidents: what was alerted of until it is over, and what became of it. Those of a hotel's silent or
-- frozen meters have an empty room_number. Times are the hotel's local ones.
CREATE TABLE incident (
    id                 INTEGER PRIMARY KEY AUTOINCREMENT,
    hotel_id           TEXT    NOT NULL,
    room_number        TEXT    NOT NULL,
    watch              INTEGER NOT NULL, -- number of the room's watch; 0: of version 0.1, or of meters
    rule               TEXT    NOT NULL, -- what opened it: fixed, baseline, silent, frozen
    since              INTEGER NOT NULL, -- when the run that opened it began
    opened_at          INTEGER NOT NULL, -- time of the reading of its first alert
    msg_type           TEXT,             -- checkin: occupied, checkout: vacant
    stay_time          INTEGER,
    rules              TEXT    NOT NULL, -- all that alerted in it, separated by commas
    periods            INTEGER NOT NULL, -- of the run that was last notified
    wh                 INTEGER NOT NULL, -- energy of that run
    state              TEXT    NOT NULL, -- open, acknowledged, closed
    acknowledged_by    TEXT,
    acknowledged_at    INTEGER,
    acknowledged_until INTEGER,
    snoozed_until      INTEGER,
    escalated_step     INTEGER NOT NULL DEFAULT 0,
    escalate_at        INTEGER,
    closed_at          INTEGER,
    closed_why         TEXT,
    reason             TEXT,
    note               TEXT,
    changed_at         INTEGER NOT NULL DEFAULT (unixepoch()),
    UNIQUE (hotel_id, room_number, watch, rule, since, opened_at)
) STRICT;
CREATE INDEX idx_incident_room ON incident (hotel_id, room_number, opened_at);
CREATE INDEX idx_incident_hotel ON incident (hotel_id, opened_at);
CREATE INDEX idx_incident_state ON incident (state, changed_at);

CREATE TABLE incident_event (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    incident   INTEGER NOT NULL, -- id of its incident
    at         INTEGER NOT NULL,
    what       TEXT    NOT NULL, -- a kind of notice, or what somebody did
    by_whom    TEXT,             -- NULL: the service itself
    detail     TEXT,             -- JSON
    request_id TEXT UNIQUE       -- so that a request that comes again has one effect
) STRICT;
CREATE INDEX idx_incident_event ON incident_event (incident, id);
