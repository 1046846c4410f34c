-- A user is one row, found by its number: who has which number is in memory, and a new user is the next
-- one at the end of the table. Memberships stand in it:
-- [["id", way, since, provenance, direct, in review, until], …], cut off behind the last part that says
-- something. A way is null for the group alone, a number for the way of that row and then this group, a
-- list of ids and numbers of rows for any other; since is null for that of the row before; provenance is
-- null for managed, direct for whether the way is the group alone.
CREATE TABLE users_of_5 (
    number             INTEGER PRIMARY KEY,
    record_id          TEXT NOT NULL,
    directory          TEXT NOT NULL,
    upstream_id        TEXT NOT NULL,
    user_type          TEXT NOT NULL,
    name               TEXT NOT NULL,
    dn                 TEXT NOT NULL,
    display_name       TEXT,
    attributes         TEXT NOT NULL, -- {"mail": ["a@example.com", {"hex": "ff00"}]}
    inactive_reasons   TEXT NOT NULL, -- ["admin", "upstream"]
    missing_since      INTEGER,
    created_at         INTEGER NOT NULL,
    version            INTEGER NOT NULL,
    last_sign_on       INTEGER NOT NULL,
    observed_at        INTEGER,
    groups_outcome     TEXT NOT NULL, -- known, or unknown: REASON
    collision          TEXT,
    local_name         TEXT,
    switch             TEXT,
    memberships        TEXT NOT NULL,
    observation_digest INTEGER,
    observation        TEXT
) STRICT;
INSERT INTO users_of_5
SELECT rowid, record_id, directory, upstream_id, user_type, name, dn, display_name, attributes,
       inactive_reasons, missing_since, created_at, version, last_sign_on, observed_at, groups_outcome,
       collision, local_name, switch,
       (SELECT json_group_array(json_array(group_id, json(path), since, provenance,
                   json(iif(direct, 'true', 'false')), json(iif(in_review, 'true', 'false')), until))
        FROM memberships AS m WHERE m.record_id = users.record_id),
       observation_digest, observation
FROM users;
DROP TABLE memberships;
DROP TABLE users;
ALTER TABLE users_of_5 RENAME TO users;

-- A row about a user who has a record says which one, and not whose. Steps are written as
-- ["what", of, provenance, [before], [after]] since, in which a number is the text of that place among those
-- that stand in the list for the first time.
ALTER TABLE audit ADD COLUMN about INTEGER;
CREATE INDEX audit_by_record ON audit (about) WHERE about IS NOT NULL;
