-- What version 3 of the schema added, and rows that have it. To be read behind 2.sql.
ALTER TABLE memberships ADD COLUMN until INTEGER;
ALTER TABLE users ADD COLUMN local_name TEXT;
ALTER TABLE users ADD COLUMN switch TEXT;
ALTER TABLE audit ADD COLUMN outcome TEXT;
ALTER TABLE audit ADD COLUMN steps TEXT;
CREATE INDEX audit_by_user ON audit (directory, upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
UPDATE meta SET value = '3' WHERE key = 'schema_version';
UPDATE users SET local_name = 'Annie', switch = 'off' WHERE record_id = 'r1';
UPDATE memberships SET until = 99 WHERE provenance = 'pin-deny';
INSERT INTO audit VALUES (4, 51, 'admin', 'root', 'pinned', 'corp', 'u1', 'pinned', 'known',
    '[{"what": "membership", "of": "g2", "provenance": "pin-deny", "before": [], "after": ["g2"]}]');
