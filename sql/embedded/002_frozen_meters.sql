-- Whether a hotel's meters are silent, frozen or move again; of frozen ones, since is when they last
-- moved, of those that move again, when that was found.
ALTER TABLE silent_hotel ADD COLUMN kind TEXT NOT NULL DEFAULT 'silent';
