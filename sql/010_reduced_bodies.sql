-- Of a refused message only what is needed of it is stored: not the names and telephone numbers of guests.
-- Bodies that are there are whole; the service reduces them when they are seven days old.
--
-- One change an ALTER, as in 003.

ALTER TABLE rejected_message ADD COLUMN kept VARCHAR(10) NOT NULL DEFAULT 'whole' COMMENT 'of the body: whole, fields, nothing';

ALTER TABLE rejected_message ADD COLUMN body_length INT UNSIGNED NULL COMMENT 'bytes of the whole body';

ALTER TABLE rejected_message ADD INDEX idx_kept (kept, created_at);
