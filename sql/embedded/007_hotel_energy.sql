-- What a hotel has used on the newest day of which something is known: the intervals that ended on it.
ALTER TABLE hotel_state ADD COLUMN energy_day INTEGER; -- the beginning of the hotel's local day
ALTER TABLE hotel_state ADD COLUMN energy_wh INTEGER;  -- Wh of all its watched rooms
