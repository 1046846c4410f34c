-- What version 2 of the schema added, and rows that have it. To be read behind 1.sql.
ALTER TABLE memberships ADD COLUMN in_review INTEGER NOT NULL DEFAULT 0;
ALTER TABLE users ADD COLUMN collision TEXT;
UPDATE meta SET value = '2' WHERE key = 'schema_version';
UPDATE users SET collision = 'ann' WHERE record_id = 'r2';
INSERT INTO memberships VALUES ('r2', 'g1', 'local', 0, 1, '["g1"]', 33, 1);
