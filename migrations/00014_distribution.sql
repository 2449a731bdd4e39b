-- +goose Up

-- How a finished attempt was placed: its bucket, the agent whom the subscriber
-- knew, and when it counted as having joined if its place was regained. Null
-- where there was none.
ALTER TABLE attempts
    ADD COLUMN bucket          text,
    ADD COLUMN sticky_agent_id bigint,
    ADD COLUMN order_at        timestamptz;

-- +goose Down
ALTER TABLE attempts DROP COLUMN bucket, DROP COLUMN sticky_agent_id, DROP COLUMN order_at;
