-- +goose Up

-- Where subscribers stood who gave up waiting: who comes again before until has
-- his place back. Rows are dropped some time after.
CREATE TABLE places (
    domain_id   bigint NOT NULL REFERENCES domains (id),
    queue_id    bigint NOT NULL,
    destination text NOT NULL,
    until       timestamptz NOT NULL,
    record      jsonb NOT NULL,
    changed     bigint NOT NULL,
    PRIMARY KEY (domain_id, queue_id, destination)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX places_until ON places (domain_id, until);
-- See open_attempts_changed.
CREATE INDEX places_changed ON places (domain_id, changed) WHERE changed > 0;

-- +goose Down
DROP TABLE places;
