-- +goose Up

-- Who was refused at a queue's door: few rows, so that the index costs the other
-- events nothing but a look at their type.
CREATE INDEX events_rejections ON events (domain_id, queue_id, at) WHERE type = 'queue.join_rejected';

-- +goose Down
DROP INDEX events_rejections;
