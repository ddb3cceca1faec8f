-- Whether a hotel's meters are silent or frozen; of frozen ones, since is when they last moved.
ALTER TABLE silent_hotel ADD COLUMN kind TEXT NOT NULL DEFAULT 'silent';
