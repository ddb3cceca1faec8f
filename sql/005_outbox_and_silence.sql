-- What else can become of a notice, and the hotels whose meters are silent.
--
-- One change an ALTER, as in 003.

ALTER TABLE notification ADD COLUMN error VARCHAR(1000) NULL COMMENT 'why it was marked failed';

ALTER TABLE notification ADD COLUMN retried_at TIMESTAMP NULL COMMENT 'when an operator had it told once more';

-- The staff has been told that half of the hotel's meters are silent, and not yet that they are back.
CREATE TABLE IF NOT EXISTS silent_hotel (
    hotel_id   VARCHAR(50) NOT NULL PRIMARY KEY,
    since      DATETIME    NULL COMMENT 'last reading of any of its silent meters',
    created_at TIMESTAMP   NOT NULL DEFAULT CURRENT_TIMESTAMP
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
