-- The three tables of the original program. Where they exist they stay as they are; for a
-- newcomer they are created.

CREATE TABLE IF NOT EXISTS smart_meter (
    id            BIGINT       NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hotel_id      VARCHAR(50)  NOT NULL,
    room_number   VARCHAR(20)  NOT NULL,
    reading_value DECIMAL(10,2) NOT NULL COMMENT 'cumulative register, kWh',
    script_time   DATETIME     NOT NULL COMMENT 'time of the reading, local to the hotel',
    INDEX idx_hotel_room (hotel_id, room_number),
    INDEX idx_script_time (script_time)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS electricity_monitoring (
    id                     BIGINT      NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hotel_id               VARCHAR(50) NOT NULL,
    room_number            VARCHAR(20) NOT NULL,
    check_in_time          DATETIME    NULL,
    expected_checkout_time DATETIME    NULL,
    actual_checkin_time    DATETIME    NULL,
    actual_checkout_time   DATETIME    NULL,
    initial_reading        DECIMAL(10,2) NULL COMMENT 'register the watch started from, kWh',
    monitoring_start_time  DATETIME    NULL COMMENT 'time of that register',
    msg_type               VARCHAR(20) DEFAULT 'checkin',
    created_at             TIMESTAMP   NOT NULL DEFAULT CURRENT_TIMESTAMP,
    INDEX idx_hotel_room (hotel_id, room_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS electricity_abnormal (
    id                 BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hotel_id           VARCHAR(50)   NOT NULL,
    room_number        VARCHAR(20)   NOT NULL,
    detected_time      DATETIME      NOT NULL,
    total_consumption  DECIMAL(10,2) NOT NULL COMMENT 'kWh in the run',
    continuous_periods INT           NOT NULL,
    is_notified        BOOLEAN       DEFAULT FALSE COMMENT 'the staff has been told',
    msg_type           VARCHAR(20)   DEFAULT 'checkin',
    created_at         TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP,
    INDEX idx_hotel_room (hotel_id, room_number)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
