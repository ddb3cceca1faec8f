-- What is remembered of what a hotel's vacant rooms have in common, so that its staff is notified once.
CREATE TABLE IF NOT EXISTS hotel_state (
    hotel_id   VARCHAR(50) NOT NULL PRIMARY KEY,
    rise_time  DATETIME    NULL COMMENT 'last half hour in which many of them began to use more',
    level_time DATETIME    NULL COMMENT 'half hour whose common level was last notified'
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
