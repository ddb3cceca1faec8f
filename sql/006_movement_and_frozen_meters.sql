-- When a room's register last moved, and whether a hotel's meters are silent or frozen.
--
-- One change an ALTER, as in 003.

ALTER TABLE room_state ADD COLUMN moved_time DATETIME NULL COMMENT 'last sample that showed more than the one before' AFTER run_told;

ALTER TABLE room_state ADD COLUMN moved_pause BIGINT NULL COMMENT 'seconds that the register is used to stand still' AFTER moved_time;

-- Of a hotel whose meters are frozen, since is when they last moved; of one whose meters were frozen
-- and move again, when that was found.
ALTER TABLE silent_hotel ADD COLUMN kind VARCHAR(20) NOT NULL DEFAULT 'silent' COMMENT 'silent, frozen, moved';
