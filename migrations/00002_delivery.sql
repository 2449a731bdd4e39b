-- +goose Up

-- One row per registered webhook. Its secrets are apart, so that no list of
-- endpoints can show one by accident.
CREATE TABLE endpoints (
    domain_id       bigint      NOT NULL REFERENCES domains (id),
    id              uuid        NOT NULL,
    url             text        NOT NULL CHECK (length(url) <= 2048),
    description     text        NOT NULL DEFAULT '',
    events          text[]      NOT NULL DEFAULT '{}',
    queues          bigint[]    NOT NULL DEFAULT '{}',
    format          text        NOT NULL,
    profile         text        NOT NULL CHECK (profile IN ('record', 'live')),
    ordering        text        NOT NULL CHECK (ordering IN ('per_attempt', 'none')),
    max_in_flight   int         NOT NULL CHECK (max_in_flight BETWEEN 1 AND 256),
    timeout_ms      int         NOT NULL CHECK (timeout_ms BETWEEN 1000 AND 30000),
    -- Headers may carry credentials, so they are sealed like secrets.
    headers         bytea,
    disabled        boolean     NOT NULL DEFAULT false,
    disabled_reason text        NOT NULL DEFAULT '' CHECK (disabled_reason IN ('', 'gone', 'manual')),
    created_at      timestamptz NOT NULL,
    updated_at      timestamptz NOT NULL,
    PRIMARY KEY (domain_id, id),
    CHECK (disabled = (disabled_reason <> ''))
);

-- AES-256-GCM under a key of the key ring; the sealed bytes name the key.
CREATE TABLE endpoint_secrets (
    domain_id   bigint      NOT NULL,
    endpoint_id uuid        NOT NULL,
    id          bigint      GENERATED ALWAYS AS IDENTITY,
    sealed      bytea       NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (domain_id, endpoint_id, id),
    FOREIGN KEY (domain_id, endpoint_id) REFERENCES endpoints (domain_id, id) ON DELETE CASCADE
);

-- How far an endpoint is. Apart from endpoints, because it changes with every
-- batch: small rows that are updated in place (no index on what changes).
CREATE TABLE endpoint_cursors (
    domain_id     bigint      NOT NULL,
    endpoint_id   uuid        NOT NULL,
    settled_at    timestamptz NOT NULL,
    settled_seq   bigint      NOT NULL CHECK (settled_seq >= 0),
    claimed_at    timestamptz NOT NULL,
    claimed_seq   bigint      NOT NULL,
    paused_until  timestamptz,
    paused_reason text        NOT NULL DEFAULT '',
    PRIMARY KEY (domain_id, endpoint_id),
    FOREIGN KEY (domain_id, endpoint_id) REFERENCES endpoints (domain_id, id) ON DELETE CASCADE,
    CHECK (claimed_seq >= settled_seq)
) WITH (fillfactor = 50);

-- Events that failed at an endpoint and wait for their next try (next_at), and
-- those held behind them in their lane (no next_at). Rows go when the event is
-- delivered or final.
CREATE TABLE parked (
    domain_id   bigint      NOT NULL,
    endpoint_id uuid        NOT NULL,
    seq         bigint      NOT NULL,
    recorded_at timestamptz NOT NULL,
    lane        text        NOT NULL,
    -- Tries so far; 0 for a held event that was never sent.
    tries       int         NOT NULL CHECK (tries >= 0),
    next_at     timestamptz,
    -- The next try may have been sent: see claimed_seq.
    claimed     boolean     NOT NULL DEFAULT false,
    PRIMARY KEY (domain_id, endpoint_id, seq),
    FOREIGN KEY (domain_id, endpoint_id) REFERENCES endpoints (domain_id, id) ON DELETE CASCADE
) WITH (fillfactor = 70);

-- Every request, and the rows that say why none was made. Append-only. The key
-- begins with the event, so that all endpoints append at the same end and an
-- attempt's timeline finds its tries; it makes a repeated write harmless.
CREATE TABLE tries (
    domain_id      bigint      NOT NULL,
    endpoint_id    uuid        NOT NULL,
    seq            bigint      NOT NULL,
    number         bigint      NOT NULL,
    started_at     timestamptz NOT NULL,
    event_id       uuid        NOT NULL,
    event_type     text        NOT NULL,
    attempt_id     bigint,
    outcome        text        NOT NULL,
    state          text        NOT NULL CHECK (state IN ('delivered', 'retrying', 'refused', 'exhausted')),
    duration_us    bigint      NOT NULL,
    first_byte_us  bigint      NOT NULL,
    status         bigint      NOT NULL,
    -- One "Name: value" a line, as far as kept.
    header         text        NOT NULL,
    body           bytea,
    body_truncated boolean     NOT NULL,
    error          text        NOT NULL,
    next_at        timestamptz,
    PRIMARY KEY (domain_id, seq, endpoint_id, number, started_at)
) PARTITION BY RANGE (started_at);

CREATE TABLE tries_default PARTITION OF tries DEFAULT;

-- An endpoint's tries, newest first.
CREATE INDEX tries_by_endpoint ON tries (domain_id, endpoint_id, started_at, seq);

-- +goose Down
DROP TABLE tries, parked, endpoint_cursors, endpoint_secrets, endpoints;
