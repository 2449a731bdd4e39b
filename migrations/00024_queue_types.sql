-- +goose Up

-- The types of queues whose events an endpoint gets; none means all.
ALTER TABLE endpoints ADD COLUMN queue_types text[] NOT NULL DEFAULT '{}';

-- +goose Down
ALTER TABLE endpoints DROP COLUMN queue_types;
