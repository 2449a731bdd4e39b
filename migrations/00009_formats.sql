-- +goose Up

-- An expression over the event that it must fulfil; empty = every event.
ALTER TABLE endpoints ADD COLUMN filter text NOT NULL DEFAULT '' CHECK (length(filter) <= 4096);

-- A secret that was replaced goes on signing until then; null = the newest.
ALTER TABLE endpoint_secrets ADD COLUMN expires_at timestamptz;

-- +goose Down
ALTER TABLE endpoint_secrets DROP COLUMN expires_at;
ALTER TABLE endpoints DROP COLUMN filter;
