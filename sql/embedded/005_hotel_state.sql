-- What is remembered of what a hotel's vacant rooms have in common, so that its staff is notified once.
CREATE TABLE hotel_state (
    hotel_id   TEXT NOT NULL PRIMARY KEY,
    rise_time  INTEGER, -- last half hour in which many of them began to use more
    level_time INTEGER  -- half hour whose common level was last notified
) STRICT, WITHOUT ROWID;
