-- The state of a room becomes one JSON text, of one layout in all stores: a new field takes no new
-- column. The texts made here are of the first layout; the service writes a room's next state in its own.
--
-- One change an ALTER, as in 003. An UPDATE with a LIMIT is repeated until it finds no row any more: each
-- time is short, and where it is cut off the next init-db goes on.

ALTER TABLE room_state ADD COLUMN state TEXT NOT NULL COMMENT 'all that is remembered of the room, JSON';

UPDATE room_state SET state = CONCAT(
    '{"number":', watch_number,
    ',"stay":', IF(msg_type = 'checkin',
        CONCAT('{"kind":"checkin","check_in":"', stay_time,
            '","expected_checkout":', IFNULL(CONCAT('"', other_time, '"'), 'null'), '}'),
        CONCAT('{"kind":"checkout","actual_checkin":', IFNULL(CONCAT('"', other_time, '"'), 'null'),
            ',"actual_checkout":"', stay_time, '"}')),
    ',"initial":', IFNULL(CONCAT('{"time":"', initial_time, '","register":', initial_wh, '}'), 'null'),
    ',"fold":{"sample":', IFNULL(CONCAT('{"time":"', sample_time, '","register":', sample_wh, '}'), 'null'),
    ',"suspect":', IFNULL(CONCAT('{"time":"', suspect_time, '","register":', suspect_wh, '}'), 'null'),
    ',"seen":', IFNULL(CONCAT('"', seen_time, '"'), 'null'),
    ',"run":', IFNULL(CONCAT('{"periods":', run_periods, ',"energy":', run_wh,
        ',"since":"', run_since, '","told":', run_told, '}'), 'null'),
    ',"movement":', IFNULL(CONCAT('{"at":"', moved_time, '","pause":', IFNULL(moved_pause, 'null'), '}'), 'null'),
    -- '1800:40 | 1800:1200 7200:-': seconds and Wh, a dash where they are not known, a bar at the stay.
    '},"before":[', IF(LOCATE('|', history) = 0, '', CONCAT('{"seconds":', REPLACE(REPLACE(REPLACE(
        TRIM(SUBSTRING_INDEX(history, '|', 1)), ':-', ':null'), ':', ',"energy":'), ' ', '},{"seconds":'), '}')),
    '],"history":[', IF(TRIM(SUBSTRING_INDEX(history, '|', -1)) = '', '', CONCAT('{"seconds":', REPLACE(REPLACE(REPLACE(
        TRIM(SUBSTRING_INDEX(history, '|', -1)), ':-', ':null'), ':', ',"energy":'), ' ', '},{"seconds":'), '}')),
    '],"interval_seconds":', interval_seconds, '}')
WHERE state = '' LIMIT 20000;
