-- What became of a refused message, how one that comes again is recognised, and the indexes that
-- old rows are found by when they are deleted.
--
-- One change an ALTER: when this file is applied again after half of it was, columns and indexes
-- that are there already are passed over, each by itself.

ALTER TABLE rejected_message ADD COLUMN replayed_at TIMESTAMP NULL COMMENT 'published again by an operator';

ALTER TABLE rejected_message ADD COLUMN digest BINARY(32) NULL COMMENT 'SHA-256 of source, NUL, whole body';

ALTER TABLE rejected_message ADD INDEX idx_digest (digest);

ALTER TABLE rejected_message ADD INDEX idx_created_at (created_at);

-- Not (state, created_at): with a second index that begins with state, MariaDB reads the outbox, which
-- is WHERE state = 'pending' AND id > ? ORDER BY id LIMIT ?, by the primary key, row by row.
ALTER TABLE notification ADD INDEX idx_created_at (created_at);
