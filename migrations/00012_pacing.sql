-- +goose Up

-- What the dialler of a queue has learned, and its books of dropped calls.
CREATE TABLE queue_paces (
    domain_id bigint NOT NULL REFERENCES domains (id),
    queue_id  bigint NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    PRIMARY KEY (domain_id, queue_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);

-- +goose Down
DROP TABLE queue_paces;
