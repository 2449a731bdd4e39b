-- +goose Up

-- How attempts hang together by transfers, and who handed the conversation over
-- last; null where nobody did.
ALTER TABLE attempts
    ADD COLUMN parent_attempt_id bigint,
    ADD COLUMN child_attempt_id  bigint,
    ADD COLUMN previous_agent_id bigint;

-- +goose Down
ALTER TABLE attempts DROP COLUMN parent_attempt_id, DROP COLUMN child_attempt_id, DROP COLUMN previous_agent_id;
