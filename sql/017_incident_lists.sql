-- Lists of incidents read by index, of one hotel or all, also those of one reason. Details may have a note of
-- 500 characters that takes more as JSON.
--
-- One change an ALTER, as in 003.

ALTER TABLE incident ADD INDEX idx_opened (opened_at);

ALTER TABLE incident ADD INDEX idx_reason (reason, opened_at);

ALTER TABLE incident ADD INDEX idx_hotel_reason (hotel_id, reason, opened_at);

ALTER TABLE incident_event MODIFY COLUMN detail VARCHAR(2000) NULL COMMENT 'JSON';
