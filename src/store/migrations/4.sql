-- What the last complete observation of a user said, so that another configuration can be tried on it:
-- {"dn": …, "has": {"mail": ["a@example.com"]}, "lacks": ["title"], "groups": [["id"], …]}; and what tells
-- whether another says something else.
ALTER TABLE users ADD COLUMN observation_digest INTEGER;
ALTER TABLE users ADD COLUMN observation TEXT;
