-- +goose Up

-- Keys of the REST API. The secret itself is not stored, only its hash.
CREATE TABLE api_keys (
    domain_id  bigint      NOT NULL REFERENCES domains (id),
    id         text        NOT NULL,
    role       text        NOT NULL CHECK (role IN ('admin', 'operator', 'analyst')),
    name       text        NOT NULL CHECK (name <> ''),
    hash       bytea       NOT NULL CHECK (length(hash) = 32),
    prefix     text        NOT NULL,
    created_at timestamptz NOT NULL,
    revoked_at timestamptz CHECK (revoked_at >= created_at),
    PRIMARY KEY (domain_id, id)
);

-- The one look-up that does not know its domain yet.
CREATE UNIQUE INDEX api_keys_by_hash ON api_keys (hash);

-- Reports that came within seconds after an attempt without processing had
-- left: kept, without an event (engine.md B.10, 11).
CREATE TABLE late_reports (
    domain_id   bigint      NOT NULL,
    attempt_id  bigint      NOT NULL,
    received_at timestamptz NOT NULL,
    agent_id    bigint,
    cc_result   text        NOT NULL CHECK (cc_result IN ('success', 'cancel', 'abandoned')),
    variables   jsonb       NOT NULL DEFAULT '{}',
    PRIMARY KEY (domain_id, attempt_id, received_at)
);

-- +goose Down
DROP TABLE late_reports;
DROP TABLE api_keys;
