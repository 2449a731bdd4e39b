-- +goose Up

-- What clients asked for with an Idempotency-Key in the last day. A row is the
-- claim of the request that came first (token), then the mark of its effect,
-- made in the effect's own transaction, and at last its answer, sealed like the
-- secrets of endpoints, which some answers hold.
CREATE TABLE idempotency_keys (
    domain_id     bigint      NOT NULL REFERENCES domains (id),
    key           bytea       NOT NULL CHECK (octet_length(key) = 32), -- hash of API key and Idempotency-Key
    token         bytea       NOT NULL CHECK (octet_length(token) = 16),
    digest        bytea       NOT NULL CHECK (octet_length(digest) = 32), -- of the request
    created_at    timestamptz NOT NULL,
    claimed_until timestamptz NOT NULL,
    effect_kind   text, -- what was changed; null until something was
    effect_id     text,
    status        int         CHECK (status BETWEEN 200 AND 499), -- null until it was answered
    answer        bytea,
    PRIMARY KEY (domain_id, key),
    CHECK ((effect_kind IS NULL) = (effect_id IS NULL)),
    CHECK ((status IS NULL) = (answer IS NULL))
);
CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at);

-- +goose Down
DROP TABLE idempotency_keys;
