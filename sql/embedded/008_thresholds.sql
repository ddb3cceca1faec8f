-- Thresholds with the time since when they hold: what a stay was judged by then. Written when an instance takes
-- over the state and its configuration says otherwise than the newest rows.
CREATE TABLE threshold (
    hotel_id         TEXT    NOT NULL, -- empty: of all hotels
    room_number      TEXT    NOT NULL, -- empty: of all rooms of the hotel
    msg_type         TEXT    NOT NULL,
    since            INTEGER NOT NULL,
    wh               INTEGER,          -- per interval; NULL: from then on it has none of its own
    interval_seconds INTEGER NOT NULL,
    PRIMARY KEY (hotel_id, room_number, msg_type, since)
) STRICT, WITHOUT ROWID;
