-- What is in the JSON now, but for what operators read with their own SQL.

ALTER TABLE room_state
    DROP COLUMN watch_number,
    DROP COLUMN other_time,
    DROP COLUMN initial_time,
    DROP COLUMN initial_wh,
    DROP COLUMN sample_time,
    DROP COLUMN sample_wh,
    DROP COLUMN suspect_time,
    DROP COLUMN suspect_wh,
    DROP COLUMN moved_time,
    DROP COLUMN moved_pause,
    DROP COLUMN interval_seconds,
    DROP COLUMN history;
