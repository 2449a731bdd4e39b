-- +goose Up

-- Of the tries, how many have no known outcome: the schedule does not count them.
ALTER TABLE parked ADD COLUMN lost int NOT NULL DEFAULT 0 CHECK (lost BETWEEN 0 AND tries);

-- +goose Down
ALTER TABLE parked DROP COLUMN lost;
