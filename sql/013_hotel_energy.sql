-- What a hotel has used on the newest day of which something is known: the intervals that ended on it.
--
-- One change an ALTER, as in 003.

ALTER TABLE hotel_state ADD COLUMN energy_day DATE NULL COMMENT 'the hotel''s local day';

ALTER TABLE hotel_state ADD COLUMN energy_wh BIGINT NULL COMMENT 'Wh of all its watched rooms';
