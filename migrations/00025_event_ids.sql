-- +goose Up

-- An event is looked for by its id alone, which is random: a hash of it is found
-- as fast as the id in a tree, and costs the writing of an event half as much.
DROP INDEX events_id;
CREATE INDEX events_id ON events USING hash (id);

-- +goose Down
DROP INDEX events_id;
CREATE INDEX events_id ON events (domain_id, id);
