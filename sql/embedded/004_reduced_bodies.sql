-- Of a refused message only what is needed of it is stored: not the names and telephone numbers of guests.
-- Bodies that are there are whole; the service reduces them when they are seven days old.

ALTER TABLE rejected_message ADD COLUMN kept TEXT NOT NULL DEFAULT 'whole'; -- of body: whole, fields, nothing

ALTER TABLE rejected_message ADD COLUMN body_length INTEGER; -- bytes of the whole body

CREATE INDEX rejected_message_kept ON rejected_message (kept, created_at);
