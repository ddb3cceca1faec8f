-- What the rooms of a hotel had in common when the baseline rule looked at it, for pages of stays: in a frame of an
-- interval's length. It is kept as long as notices. Energies are as in sql/015.
CREATE TABLE hotel_frame (
    hotel_id         TEXT    NOT NULL,
    frame_time       INTEGER NOT NULL,
    interval_seconds INTEGER NOT NULL,
    vacant           INTEGER NOT NULL,
    common_wh        INTEGER NOT NULL,
    low_wh           INTEGER NOT NULL,
    high_wh          INTEGER NOT NULL,
    is_hot           INTEGER NOT NULL,
    base_wh          INTEGER NOT NULL,
    level_wh         INTEGER,
    allowance_wh     INTEGER NOT NULL,
    created_at       INTEGER NOT NULL DEFAULT (unixepoch()),
    UNIQUE (hotel_id, interval_seconds, frame_time)
) STRICT;
CREATE INDEX hotel_frame_created ON hotel_frame (created_at);
