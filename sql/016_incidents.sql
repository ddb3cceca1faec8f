-- Incidents: what was alerted of until it is over, and what became of it. Those of a hotel's silent or
-- frozen meters have an empty room_number. Times are the hotel's local ones.
CREATE TABLE IF NOT EXISTS incident (
    id                 BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    hotel_id           VARCHAR(50)   NOT NULL,
    room_number        VARCHAR(20)   NOT NULL,
    watch              INT UNSIGNED  NOT NULL COMMENT 'number of the room''s watch; 0: of version 0.1, or of meters',
    rule               VARCHAR(20)   NOT NULL COMMENT 'what opened it: fixed, baseline, silent, frozen',
    since              DATETIME      NOT NULL COMMENT 'when the run that opened it began',
    opened_at          DATETIME      NOT NULL COMMENT 'time of the reading of its first alert',
    msg_type           VARCHAR(20)   NULL     COMMENT 'checkin: occupied, checkout: vacant',
    stay_time          DATETIME      NULL,
    rules              VARCHAR(100)  NOT NULL COMMENT 'all that alerted in it, separated by commas',
    periods            INT UNSIGNED  NOT NULL COMMENT 'of the run that was last notified',
    wh                 BIGINT        NOT NULL COMMENT 'energy of that run',
    state              VARCHAR(20)   NOT NULL COMMENT 'open, acknowledged, closed',
    acknowledged_by    VARCHAR(50)   NULL,
    acknowledged_at    DATETIME      NULL,
    acknowledged_until DATETIME      NULL,
    snoozed_until      DATETIME      NULL,
    escalated_step     INT UNSIGNED  NOT NULL DEFAULT 0,
    escalate_at        DATETIME      NULL,
    closed_at          DATETIME      NULL,
    closed_why         VARCHAR(20)   NULL,
    reason             VARCHAR(20)   NULL,
    note               VARCHAR(1000) NULL,
    changed_at         TIMESTAMP     NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
    UNIQUE KEY idx_run (hotel_id, room_number, watch, rule, since, opened_at),
    INDEX idx_room (hotel_id, room_number, opened_at),
    INDEX idx_hotel (hotel_id, opened_at),
    INDEX idx_state (state, changed_at)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS incident_event (
    id         BIGINT        NOT NULL AUTO_INCREMENT PRIMARY KEY,
    incident   BIGINT        NOT NULL COMMENT 'id of its incident',
    at         DATETIME      NOT NULL,
    what       VARCHAR(20)   NOT NULL COMMENT 'a kind of notice, or what somebody did',
    by_whom    VARCHAR(50)   NULL     COMMENT 'NULL: the service itself',
    detail     VARCHAR(1000) NULL     COMMENT 'JSON',
    request_id VARCHAR(64)   NULL     COMMENT 'so that a request that comes again has one effect',
    UNIQUE KEY idx_request (request_id),
    INDEX idx_incident (incident, id)
) ENGINE = InnoDB DEFAULT CHARACTER SET = utf8mb4 COLLATE = utf8mb4_bin;
