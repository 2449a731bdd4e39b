-- +goose Up

-- The lists that outbound queues work on: one row a member, millions a queue.
-- The columns above the line are the owner's, and edition rises with every edit
-- of them; those below it are what attempts found out, and only the engine's
-- transactions write them, with the version that did in changed. No row refers
-- to its domain: every copied row would look that up, and lock it.
CREATE TABLE members (
    domain_id       bigint NOT NULL,
    id              bigint NOT NULL CHECK (id > 0),
    queue_id        bigint NOT NULL,
    name            text,
    -- An array of queue.Number: the number and its rank are the owner's, the
    -- rest of each is what attempts found out about it.
    numbers         jsonb NOT NULL CHECK (jsonb_array_length(numbers) BETWEEN 1 AND 20),
    priority        bigint NOT NULL,
    bucket          text NOT NULL DEFAULT '',
    variables       jsonb, -- null when there are none
    time_zone       text NOT NULL DEFAULT '', -- empty: the calendar's
    expires_at      timestamptz,
    sticky_agent_id bigint,
    created_at      timestamptz NOT NULL,
    edition         bigint NOT NULL CHECK (edition > 0),
    -- Whom a new row with the same number may stand for: see on_duplicate.
    number          text NOT NULL GENERATED ALWAYS AS (numbers -> 0 ->> 'number') STORED,
    ----------------
    attempts        bigint NOT NULL DEFAULT 0,
    ready_at        timestamptz NOT NULL,
    retry_rule      text NOT NULL DEFAULT '',
    retry_tries     bigint NOT NULL DEFAULT 0,
    avoid_trunk     bigint NOT NULL DEFAULT 0,
    next_number     text NOT NULL DEFAULT '',
    exclusions      jsonb, -- null when there are none
    open_attempt    bigint NOT NULL DEFAULT 0, -- 0 = none
    last_attempt    bigint NOT NULL DEFAULT 0, -- that one, or the one before
    stopped_at      timestamptz,
    stop_cause      text NOT NULL DEFAULT '',
    changed         bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (domain_id, id),
    CONSTRAINT members_whole CHECK (
        (stopped_at IS NULL) = (stop_cause = '') AND attempts >= 0 AND open_attempt IN (0, last_attempt))
) WITH (fillfactor = 85, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.05);

-- Who may be dialled: per open zone and priority the range that is ready.
CREATE INDEX members_pick ON members (domain_id, queue_id, time_zone, priority DESC, ready_at, id)
    WHERE open_attempt = 0 AND stopped_at IS NULL;
-- The lists that people page through.
CREATE INDEX members_queue ON members (domain_id, queue_id, id);
CREATE INDEX members_number ON members (domain_id, queue_id, number, id);
CREATE INDEX members_open ON members (domain_id, queue_id, id) WHERE open_attempt <> 0;
CREATE INDEX members_stopped ON members (domain_id, queue_id, id) WHERE stopped_at IS NOT NULL;
-- For catching up: see open_attempts_changed.
CREATE INDEX members_changed ON members (domain_id, changed) WHERE changed > 0;

-- Numbers that must not be dialled. A row goes when the number may be again.
CREATE TABLE dnc (
    domain_id  bigint NOT NULL,
    number     text NOT NULL CHECK (number <> ''),
    note       text NOT NULL DEFAULT '',
    created_at timestamptz NOT NULL,
    changed    bigint NOT NULL,
    PRIMARY KEY (domain_id, number)
);
CREATE INDEX dnc_changed ON dnc (domain_id, changed);

-- When queues may dial or take calls, and over which lines: configuration like
-- queues. A row that was removed stays, so that the other replicas see it go.
CREATE TABLE calendars (
    domain_id bigint NOT NULL REFERENCES domains (id),
    id        bigint NOT NULL CHECK (id > 0),
    name      text NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    removed   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (domain_id, id)
);
CREATE INDEX calendars_changed ON calendars (domain_id, changed);

CREATE TABLE trunks (
    domain_id bigint NOT NULL REFERENCES domains (id),
    id        bigint NOT NULL CHECK (id > 0),
    name      text NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    removed   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (domain_id, id)
);
CREATE INDEX trunks_changed ON trunks (domain_id, changed);

-- +goose Down
DROP TABLE trunks, calendars, dnc, members;
