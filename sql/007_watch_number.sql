-- Which of its watches a room has: they are counted from 1 on, because a stay's time alone does not
-- tell one from another.
--
-- One change an ALTER, as in 003.

ALTER TABLE room_state ADD COLUMN watch_number INT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'which of the room''s watches it is; 0: begun by version 0.1' AFTER room_number;
