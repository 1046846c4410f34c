-- When a pin ends by itself.
ALTER TABLE memberships ADD COLUMN until INTEGER;

-- A name for people that an admin gave, and whether this record follows the directory: on, off.
ALTER TABLE users ADD COLUMN local_name TEXT;
ALTER TABLE users ADD COLUMN switch TEXT;

-- What the observation said of the groups, and each change with what was before and after:
-- [{"what": "membership", "of": "id", "provenance": "managed", "before": ["id"], "after": []}].
ALTER TABLE audit ADD COLUMN outcome TEXT;
ALTER TABLE audit ADD COLUMN steps TEXT;
CREATE INDEX audit_by_user ON audit (directory, upstream_id) WHERE upstream_id IS NOT NULL;
CREATE INDEX audit_by_time ON audit (at);
