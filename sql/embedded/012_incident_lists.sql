-- Lists of incidents read by index, of one hotel or all, also those of one reason.
CREATE INDEX idx_incident_opened ON incident (opened_at);
CREATE INDEX idx_incident_reason ON incident (reason, opened_at);
CREATE INDEX idx_incident_hotel_reason ON incident (hotel_id, reason, opened_at);
