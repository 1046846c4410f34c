-- What version 4 of the schema added, and rows that have it. To be read behind 3.sql.
ALTER TABLE users ADD COLUMN observation_digest INTEGER;
ALTER TABLE users ADD COLUMN observation TEXT;
UPDATE meta SET value = '4' WHERE key = 'schema_version';
UPDATE users SET observation_digest = -7, observation =
    '{"dn": "uid=ann,dc=x", "has": {"mail": ["a@x", {"hex": "ff00"}]}, "lacks": ["title"],
      "groups": [["g1"], ["g2", 0, [0]], ["g3", [1], [], true, "cn=three", "three"]]}'
    WHERE record_id = 'r1';
