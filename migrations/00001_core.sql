-- +goose Up

-- One row a tenant: the end of its log, and the lock that orders its writers.
CREATE TABLE domains (
    id               bigint PRIMARY KEY CHECK (id > 0),
    name             text NOT NULL UNIQUE,
    -- Where the engine derives ids: random, so that ids do not repeat from one
    -- installation to the next.
    namespace        uuid NOT NULL DEFAULT gen_random_uuid(),
    head_seq         bigint NOT NULL DEFAULT 0 CHECK (head_seq >= 0),
    head_recorded_at timestamptz, -- null until there is an event
    version          bigint NOT NULL DEFAULT 0 CHECK (version >= 0)
) WITH (fillfactor = 20);
COMMENT ON COLUMN domains.version IS 'rises by one with every batch; stored state carries the version that changed it';

INSERT INTO domains (id, name) VALUES (1, 'default');

-- Every id of the installation. JavaScript reads them, hence the bound.
CREATE SEQUENCE ids AS bigint MAXVALUE 9007199254740991;

-- Configuration. A row that was removed stays, so that the other replicas see
-- it go, and so that history keeps its names.
CREATE TABLE queues (
    domain_id bigint NOT NULL REFERENCES domains (id),
    id        bigint NOT NULL CHECK (id > 0),
    name      text NOT NULL,
    type      text NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    removed   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (domain_id, id)
);
CREATE INDEX queues_changed ON queues (domain_id, changed);

CREATE TABLE agents (
    domain_id bigint NOT NULL REFERENCES domains (id),
    id        bigint NOT NULL CHECK (id > 0),
    name      text NOT NULL,
    ref       text, -- the switch's name for him; null when no switch knows him
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    removed   boolean NOT NULL DEFAULT false,
    PRIMARY KEY (domain_id, id)
);
CREATE INDEX agents_changed ON agents (domain_id, changed);

-- Current state, one small row each.
CREATE TABLE agent_states (
    domain_id bigint NOT NULL,
    agent_id  bigint NOT NULL,
    status    text NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    PRIMARY KEY (domain_id, agent_id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
CREATE INDEX agent_states_changed ON agent_states (domain_id, changed);

CREATE TABLE open_attempts (
    domain_id bigint NOT NULL,
    id        bigint NOT NULL CHECK (id > 0),
    queue_id  bigint NOT NULL,
    state     text NOT NULL CHECK (state <> 'leaving'),
    joined_at timestamptz NOT NULL,
    record    jsonb NOT NULL,
    changed   bigint NOT NULL,
    PRIMARY KEY (domain_id, id)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.1);
-- For catching up only, which says "changed > 0" to get it. A planner that finds
-- the table empty holds every index for as good as the key, and would walk over
-- all the dead rows of this one to find an id.
CREATE INDEX open_attempts_changed ON open_attempts (domain_id, changed) WHERE changed > 0;

-- History: one row a finished attempt. Partitioned by the day on which its
-- leaving was recorded, so that old captures fed in today are today's rows.
CREATE TABLE attempts (
    domain_id          bigint NOT NULL,
    recorded_at        timestamptz NOT NULL,
    id                 bigint NOT NULL,
    changed            bigint NOT NULL,
    queue_id           bigint NOT NULL,
    queue_name         text NOT NULL,
    queue_type         text NOT NULL,
    channel            text NOT NULL,
    destination        text,
    use_processing     boolean NOT NULL,
    member_name        text,
    member_id          bigint,
    member_channel_id  text,
    cc_attempt_seq     bigint NOT NULL,
    priority           bigint NOT NULL,
    variables          jsonb, -- null when there are none
    joined_at          timestamptz NOT NULL,
    dial_at            timestamptz,
    member_ringing_at  timestamptz,
    member_answered_at timestamptz,
    offering_at        timestamptz,
    agent_answered_at  timestamptz,
    bridged_at         timestamptz,
    ended_at           timestamptz,
    processing_at      timestamptz,
    reporting_at       timestamptz,
    leaving_at         timestamptz NOT NULL,
    -- The agent who last accepted, or, until somebody has, whom the queue reserved.
    agent_id           bigint,
    agent_name         text,
    user_id            bigint,
    agent_extension    text,
    agent_channel_id   text,
    offers             bigint NOT NULL,
    misses             bigint NOT NULL,
    cc_result          text NOT NULL,
    result_reason      text,
    call_cause         text,
    call_sip_code      bigint,
    sip_code_source    text,
    amd_result         text,
    amd_cause          text,
    agent_cause        text,
    -- Whole seconds, as the leaving event says them.
    call_bill_sec      bigint,
    call_duration      bigint,
    call_voice_sec     bigint,
    wait_sec           bigint,
    -- When the member of an outbound queue is tried again, and whether this
    -- attempt is left out of max_attempts.
    retry_at           timestamptz,
    uncounted          boolean NOT NULL,
    last_sequence      bigint NOT NULL,
    test               boolean NOT NULL,
    PRIMARY KEY (domain_id, recorded_at, id),
    CONSTRAINT attempts_whole CHECK (
        id > 0 AND channel IN ('call', 'chat', 'task') AND cc_result IN ('success', 'cancel', 'abandoned')
        AND joined_at <= leaving_at AND misses BETWEEN 0 AND offers AND num_nulls(agent_id, agent_name) IN (0, 2)
        AND coalesce(least(call_bill_sec, call_duration, call_voice_sec, wait_sec), 0) >= 0)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE attempts_default PARTITION OF attempts DEFAULT;
CREATE INDEX attempts_id ON attempts (domain_id, id);
CREATE INDEX attempts_changed ON attempts (domain_id, changed);

-- The log. recorded_at is the instant of the commit and never falls as seq
-- rises; at is when it happened. The listed fields are columns in the order in
-- which events show them.
CREATE TABLE events (
    domain_id         bigint NOT NULL,
    recorded_at       timestamptz NOT NULL,
    seq               bigint NOT NULL,
    id                uuid NOT NULL,
    type              text NOT NULL,
    at                timestamptz NOT NULL,
    sequence          bigint,
    queue_id          bigint,
    queue_name        text,
    queue_type        text,
    attempt_id        bigint,
    subject_kind      text,
    subject_id        text,

    channel           text,
    destination       text,
    use_processing    boolean,
    agent_channel_id  text,
    member_channel_id text,
    agent_name        text,
    agent_id          bigint,
    user_id           bigint,
    agent_extension   text,
    member_name       text,
    member_id         bigint,
    cc_attempt_seq    bigint,
    cc_result         text,
    call_bill_sec     bigint,
    call_duration     bigint,
    call_cause        text,
    call_sip_code     bigint,
    amd_result        text,
    call_voice_sec    bigint,

    variables         jsonb, -- null when there are none
    ext               jsonb,
    data              json,  -- not jsonb: its bytes are signed as they are
    PRIMARY KEY (domain_id, recorded_at, seq),
    -- An attempt's event has its number, its fields and ext; any other has a
    -- subject and data. One CHECK, because each is read and compiled again for
    -- every small statement.
    CONSTRAINT events_whole CHECK ((seq > 0 AND num_nulls(queue_id, queue_name, queue_type) IN (0, 3) AND CASE
        WHEN data IS NULL THEN
            attempt_id > 0 AND sequence > 0 AND queue_id IS NOT NULL AND ext IS NOT NULL
            AND channel IN ('call', 'chat', 'task') AND use_processing IS NOT NULL AND cc_attempt_seq IS NOT NULL
            AND (type = 'attempt.leaving') = (cc_result IS NOT NULL)
            AND coalesce(least(call_bill_sec, call_duration, call_voice_sec), 0) >= 0
        ELSE
            sequence IS NULL AND channel IS NULL AND ext IS NULL AND num_nulls(subject_kind, subject_id) = 0
        END) IS TRUE)
) PARTITION BY RANGE (recorded_at);
CREATE TABLE events_default PARTITION OF events DEFAULT;
CREATE INDEX events_id ON events (domain_id, id);
CREATE INDEX events_attempt ON events (domain_id, attempt_id) WHERE attempt_id IS NOT NULL;

-- +goose Down
DROP TABLE events, attempts, open_attempts, agent_states, agents, queues;
DROP SEQUENCE ids;
DROP TABLE domains;
