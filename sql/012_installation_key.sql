-- 32 random bytes, made by init-db, from which the keys that sign sessions and forms follow. Whoever reads
-- them, also in a backup, can sign in as anybody. `roomwatt rotate-key` makes new ones.
ALTER TABLE service ADD COLUMN installation_key BINARY(32) NULL;
