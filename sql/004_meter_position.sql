-- Where the meter table has no ids: the time from which on its rows are read again. Either this or
-- meter_id is set.

ALTER TABLE service ADD COLUMN meter_time DATETIME NULL;
