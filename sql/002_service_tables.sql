-- What the service keeps besides. Room keys are compared byte for byte, so the collation is binary.

-- One row: which instance owns the state (epoch), its last transaction (seq), and the meter row up
-- to which everything has been judged.
CREATE TABLE IF NOT EXISTS service (
    id       TINYINT NOT NULL PRIMARY KEY,
    epoch    BIGINT  NOT NULL,
    seq      BIGINT  NOT NULL,
    meter_id BIGINT UNSIGNED NULL
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT IGNORE INTO service (id, epoch, seq, meter_id) VALUES (1, 0, 0, NULL);

-- The watch on each room and all that judging remembers of it. Registers and energies are in Wh.
CREATE TABLE IF NOT EXISTS room_state (
    hotel_id         VARCHAR(50) NOT NULL,
    room_number      VARCHAR(20) NOT NULL,
    msg_type         VARCHAR(20) NOT NULL,
    stay_time        DATETIME    NOT NULL COMMENT 'check-in, or check-out of a vacant room',
    other_time       DATETIME    NULL COMMENT 'expected check-out, or check-in of a vacant room',
    initial_time     DATETIME    NULL,
    initial_wh       BIGINT      NULL,
    sample_time      DATETIME    NULL,
    sample_wh        BIGINT      NULL,
    suspect_time     DATETIME    NULL,
    suspect_wh       BIGINT      NULL,
    seen_time        DATETIME    NULL,
    run_since        DATETIME    NULL,
    run_periods      BIGINT      NULL,
    run_wh           BIGINT      NULL,
    run_told         BIGINT      NULL,
    interval_seconds INT         NOT NULL,
    history          TEXT        NOT NULL COMMENT 'seconds:Wh of the last intervals',
    version          INT         NOT NULL COMMENT 'layout of this row',
    PRIMARY KEY (hotel_id, room_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- The outbox: what the staff is to be told, and what became of it.
CREATE TABLE IF NOT EXISTS notification (
    id            BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hotel_id      VARCHAR(50) NOT NULL,
    room_number   VARCHAR(20) NOT NULL,
    kind          VARCHAR(20) NOT NULL COMMENT 'alert, reminder, recovered',
    detected_time DATETIME    NOT NULL,
    body          TEXT        NOT NULL COMMENT 'all that a card needs, JSON',
    state         VARCHAR(20) NOT NULL DEFAULT 'pending' COMMENT 'pending, sent, logged',
    created_at    TIMESTAMP   NOT NULL DEFAULT CURRENT_TIMESTAMP,
    sent_at       TIMESTAMP   NULL,
    INDEX idx_state (state, id),
    INDEX idx_hotel_room (hotel_id, room_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

-- Messages that could not be understood, for the developer of the property management system.
CREATE TABLE IF NOT EXISTS rejected_message (
    id         BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
    created_at TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP,
    source     VARCHAR(255)  NOT NULL,
    reason     VARCHAR(1000) NOT NULL,
    body       MEDIUMBLOB    NOT NULL,
    truncated  BOOLEAN       NOT NULL COMMENT 'body is only the start of the message'
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
