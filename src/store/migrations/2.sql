-- Memberships that do not count until an admin confirms them.
ALTER TABLE memberships ADD COLUMN in_review INTEGER NOT NULL DEFAULT 0;

-- The user name that the directory gives, while another record has it.
ALTER TABLE users ADD COLUMN collision TEXT;
