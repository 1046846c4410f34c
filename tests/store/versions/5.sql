-- What version 5 of the schema made of the tables, and rows that have it. To be read behind 4.sql.
CREATE TABLE users_of_5 (
    number INTEGER PRIMARY KEY, record_id TEXT NOT NULL, directory TEXT NOT NULL,
    upstream_id TEXT NOT NULL, user_type TEXT NOT NULL, name TEXT NOT NULL, dn TEXT NOT NULL,
    display_name TEXT, attributes TEXT NOT NULL, inactive_reasons TEXT NOT NULL,
    missing_since INTEGER, created_at INTEGER NOT NULL, version INTEGER NOT NULL,
    last_sign_on INTEGER NOT NULL, observed_at INTEGER, groups_outcome TEXT NOT NULL,
    collision TEXT, local_name TEXT, switch TEXT, memberships TEXT NOT NULL,
    observation_digest INTEGER, observation TEXT
) STRICT;
INSERT INTO users_of_5 SELECT 1, record_id, directory, upstream_id, user_type, name, dn, display_name,
    attributes, inactive_reasons, missing_since, created_at, version, last_sign_on, observed_at,
    groups_outcome, collision, local_name, switch,
    '[["g1", null, 30], ["g2", 0, 31], ["g2", null, 32, "pin-deny", false, false, 99]]',
    observation_digest, observation FROM users WHERE record_id = 'r1';
INSERT INTO users_of_5 SELECT 2, record_id, directory, upstream_id, user_type, name, dn, display_name,
    attributes, inactive_reasons, missing_since, created_at, version, last_sign_on, observed_at,
    groups_outcome, collision, local_name, switch, '[["g1", null, 33, "local", false, true]]',
    observation_digest, observation FROM users WHERE record_id = 'r2';
DROP TABLE memberships;
DROP TABLE users;
ALTER TABLE users_of_5 RENAME TO users;
ALTER TABLE audit ADD COLUMN about INTEGER;
CREATE INDEX audit_by_record ON audit (about) WHERE about IS NOT NULL;
UPDATE meta SET value = '5' WHERE key = 'schema_version';
INSERT INTO audit VALUES (5, 52, 'sign-on', '', 'changed', NULL, NULL, 'added', 'known',
    '[["membership", "g2", "managed", [], ["g1", 1]]]', 1);
