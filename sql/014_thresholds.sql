-- Thresholds with the time since when they hold: what a stay was judged by then. Written when an instance takes
-- over the state and its configuration says otherwise than the newest rows.
CREATE TABLE IF NOT EXISTS threshold (
    hotel_id         VARCHAR(50) NOT NULL COMMENT 'empty: of all hotels',
    room_number      VARCHAR(20) NOT NULL COMMENT 'empty: of all rooms of the hotel',
    msg_type         VARCHAR(20) NOT NULL,
    since            DATETIME    NOT NULL,
    wh               BIGINT      NULL COMMENT 'per interval; NULL: from then on it has none of its own',
    interval_seconds INT         NOT NULL,
    PRIMARY KEY (hotel_id, room_number, msg_type, since)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
