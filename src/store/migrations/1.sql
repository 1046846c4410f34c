-- Times are microseconds since 1970-01-01T00:00:00Z. Lists and maps are JSON.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE users (
    record_id        TEXT PRIMARY KEY NOT NULL,
    directory        TEXT NOT NULL,
    upstream_id      TEXT NOT NULL,
    user_type        TEXT NOT NULL,
    name             TEXT NOT NULL,
    dn               TEXT NOT NULL,
    display_name     TEXT,
    attributes       TEXT NOT NULL, -- {"mail": ["a@example.com", {"hex": "ff00"}]}
    inactive_reasons TEXT NOT NULL, -- ["admin", "upstream"]
    missing_since    INTEGER,
    created_at       INTEGER NOT NULL,
    version          INTEGER NOT NULL,
    last_sign_on     INTEGER NOT NULL,
    observed_at      INTEGER,
    groups_outcome   TEXT NOT NULL, -- known, or unknown: REASON
    UNIQUE (directory, upstream_id)
) STRICT;

CREATE TABLE groups (
    directory TEXT NOT NULL,
    id        TEXT NOT NULL,
    dn        TEXT NOT NULL,
    name      TEXT NOT NULL,
    PRIMARY KEY (directory, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE memberships (
    record_id  TEXT NOT NULL REFERENCES users (record_id),
    group_id   TEXT NOT NULL,
    provenance TEXT NOT NULL, -- managed, local, default, pin-allow, pin-deny
    direct     INTEGER NOT NULL,
    depth      INTEGER NOT NULL,
    path       TEXT NOT NULL, -- ["id of the group that holds the user", …, "group_id"]
    since      INTEGER NOT NULL,
    PRIMARY KEY (record_id, group_id, provenance)
) STRICT, WITHOUT ROWID;

CREATE TABLE switches (
    directory TEXT NOT NULL,
    user_type TEXT NOT NULL,
    value     TEXT NOT NULL, -- on, off
    set_at    INTEGER NOT NULL,
    PRIMARY KEY (directory, user_type)
) STRICT, WITHOUT ROWID;

CREATE TABLE audit (
    sequence    INTEGER PRIMARY KEY AUTOINCREMENT,
    at          INTEGER NOT NULL,
    cause       TEXT NOT NULL,
    actor       TEXT NOT NULL,
    action      TEXT NOT NULL,
    directory   TEXT,
    upstream_id TEXT,
    detail      TEXT NOT NULL
) STRICT;
