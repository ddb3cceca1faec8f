-- What was recorded of a room is read by its key, for the page of its stay. sql/002 has this index from the start.
CREATE INDEX notification_room ON notification (hotel_id, room_number);
