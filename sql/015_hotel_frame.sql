-- What the rooms of a hotel had in common when the baseline rule looked at it, for pages of stays: in a frame of an
-- interval's length. It is kept as long as notices.
CREATE TABLE IF NOT EXISTS hotel_frame (
    hotel_id         VARCHAR(50)  NOT NULL,
    frame_time       DATETIME     NOT NULL COMMENT 'beginning of the frame',
    interval_seconds INT          NOT NULL,
    vacant           INT UNSIGNED NOT NULL COMMENT 'vacant rooms with an excess',
    common_wh        INT UNSIGNED NOT NULL COMMENT 'what they use more than their bases; without one of them it is one of the next two',
    low_wh           INT UNSIGNED NOT NULL COMMENT 'without one that uses more than this',
    high_wh          INT UNSIGNED NOT NULL COMMENT 'without another one',
    is_hot           BOOLEAN      NOT NULL COMMENT 'many began to use more',
    base_wh          INT UNSIGNED NOT NULL COMMENT 'what vacant rooms use by themselves',
    level_wh         INT UNSIGNED NULL COMMENT 'what nine of ten occupied rooms have not held above their bases',
    allowance_wh     INT UNSIGNED NOT NULL COMMENT 'baseline.allowance_wh by then',
    created_at       TIMESTAMP    NOT NULL DEFAULT CURRENT_TIMESTAMP,
    PRIMARY KEY (hotel_id, interval_seconds, frame_time),
    INDEX idx_created_at (created_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
