-- A store of schema version 1 with a row of each kind.
CREATE TABLE meta (key TEXT PRIMARY KEY NOT NULL, value TEXT NOT NULL) STRICT;
CREATE TABLE users (
    record_id TEXT PRIMARY KEY NOT NULL, directory TEXT NOT NULL, upstream_id TEXT NOT NULL,
    user_type TEXT NOT NULL, name TEXT NOT NULL, dn TEXT NOT NULL, display_name TEXT,
    attributes TEXT NOT NULL, inactive_reasons TEXT NOT NULL, missing_since INTEGER,
    created_at INTEGER NOT NULL, version INTEGER NOT NULL, last_sign_on INTEGER NOT NULL,
    observed_at INTEGER, groups_outcome TEXT NOT NULL, UNIQUE (directory, upstream_id)
) STRICT;
CREATE TABLE groups (
    directory TEXT NOT NULL, id TEXT NOT NULL, dn TEXT NOT NULL, name TEXT NOT NULL,
    PRIMARY KEY (directory, id)
) STRICT, WITHOUT ROWID;
CREATE TABLE memberships (
    record_id TEXT NOT NULL REFERENCES users (record_id), group_id TEXT NOT NULL,
    provenance TEXT NOT NULL, direct INTEGER NOT NULL, depth INTEGER NOT NULL,
    path TEXT NOT NULL, since INTEGER NOT NULL,
    PRIMARY KEY (record_id, group_id, provenance)
) STRICT, WITHOUT ROWID;
CREATE TABLE switches (
    directory TEXT NOT NULL, user_type TEXT NOT NULL, value TEXT NOT NULL, set_at INTEGER NOT NULL,
    PRIMARY KEY (directory, user_type)
) STRICT, WITHOUT ROWID;
CREATE TABLE audit (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, cause TEXT NOT NULL,
    actor TEXT NOT NULL, action TEXT NOT NULL, directory TEXT, upstream_id TEXT,
    detail TEXT NOT NULL
) STRICT;
INSERT INTO meta VALUES ('schema_version', '1'), ('created_by', '0.0.1'), ('marker/corp', 'rid=1');
INSERT INTO users VALUES ('r1', 'corp', 'u1', 'staff', 'ann', 'uid=ann,dc=x', 'Ann',
    '{"mail": ["a@x", {"hex": "ff00"}]}', '["admin"]', NULL, 10, 7, 20, 21, 'known');
INSERT INTO users VALUES ('r2', 'corp', 'u2', 'staff', 'bob', 'uid=bob,dc=x', NULL,
    '{}', '[]', NULL, 11, 1, 22, NULL, 'unknown: timeout');
INSERT INTO groups VALUES ('corp', 'g1', 'cn=one,dc=x', 'one'), ('corp', 'g2', 'cn=two,dc=x', 'two');
INSERT INTO memberships VALUES ('r1', 'g1', 'managed', 1, 1, '["g1"]', 30);
INSERT INTO memberships VALUES ('r1', 'g2', 'managed', 0, 2, '["g1", "g2"]', 31);
INSERT INTO memberships VALUES ('r1', 'g2', 'pin-deny', 0, 1, '["g2"]', 32);
INSERT INTO switches VALUES ('corp', 'staff', 'off', 40);
INSERT INTO audit VALUES (3, 50, 'sign-on', '', 'created', 'corp', 'u1', 'created');
