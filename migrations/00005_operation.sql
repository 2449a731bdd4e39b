-- +goose Up

-- Work that goes on after its request was answered: recoveries, imports. The
-- process that works on a task holds it until an instant and moves that on; a
-- task whose holder is gone is taken over where position says. Every write of a
-- holder names its claim, so that one who was given up for dead writes nothing.
CREATE TABLE tasks (
    domain_id     bigint      NOT NULL REFERENCES domains (id),
    id            uuid        NOT NULL,
    kind          text        NOT NULL CHECK (kind <> ''),
    state         text        NOT NULL CHECK (state IN ('queued', 'running', 'done', 'failed', 'cancelled')),
    cancelling    boolean     NOT NULL DEFAULT false, -- wanted, not yet noticed by the holder
    done          bigint      NOT NULL DEFAULT 0 CHECK (done >= 0),
    total         bigint      CHECK (total >= 0), -- null while nobody knows
    note          text        NOT NULL DEFAULT '',
    parameters    jsonb       NOT NULL,
    position      jsonb, -- where the work goes on; null at its beginning
    result        jsonb,
    error         text        NOT NULL DEFAULT '',
    failures      int         NOT NULL DEFAULT 0, -- in a row, without progress
    created_by    text        NOT NULL DEFAULT '', -- id of an API key
    created_at    timestamptz NOT NULL,
    started_at    timestamptz,
    finished_at   timestamptz,
    holder        text        NOT NULL DEFAULT '',
    claim         bigint      NOT NULL DEFAULT 0,
    claimed_until timestamptz,
    PRIMARY KEY (domain_id, id),
    CHECK ((state IN ('done', 'failed', 'cancelled')) = (finished_at IS NOT NULL))
);
CREATE INDEX tasks_open ON tasks (created_at) WHERE finished_at IS NULL;

-- What a task was given to work on, in pieces: an upload survives its server.
-- The rows go when the task has finished; those whose task was never made go
-- after a day.
CREATE TABLE task_chunks (
    domain_id  bigint      NOT NULL,
    task_id    uuid        NOT NULL,
    no         int         NOT NULL CHECK (no >= 0),
    data       bytea       NOT NULL,
    created_at timestamptz NOT NULL,
    PRIMARY KEY (domain_id, task_id, no)
);

CREATE SEQUENCE audit_ids AS bigint;

-- Who changed what. A row is written in the transaction of its change.
CREATE TABLE audit_log (
    domain_id   bigint      NOT NULL,
    at          timestamptz NOT NULL,
    id          bigint      NOT NULL DEFAULT nextval('audit_ids'),
    key_id      text        NOT NULL DEFAULT '', -- empty: the command line, or offhook itself
    key_name    text        NOT NULL DEFAULT '',
    role        text        NOT NULL DEFAULT '',
    request_id  text        NOT NULL DEFAULT '',
    action      text        NOT NULL CHECK (action <> ''),
    object_kind text        NOT NULL,
    object_id   text        NOT NULL,
    before      jsonb, -- only what differs, without secrets; null when there was nothing
    after       jsonb,
    PRIMARY KEY (domain_id, at, id)
) PARTITION BY RANGE (at);
CREATE TABLE audit_log_default PARTITION OF audit_log DEFAULT;
CREATE INDEX audit_log_object ON audit_log (domain_id, object_kind, object_id, at, id);

-- A try that somebody asked for, outside the schedule.
ALTER TABLE tries ADD COLUMN manual boolean NOT NULL DEFAULT false;

-- What went wrong at an endpoint, newest first. It costs a success nothing.
CREATE INDEX tries_failed ON tries (domain_id, endpoint_id, started_at, seq) WHERE outcome <> 'delivered';
CREATE INDEX tries_given_up ON tries (domain_id, endpoint_id, started_at, seq) WHERE state IN ('refused', 'exhausted');

-- When a recovery took an event up again: from then on its age counts. How many
-- pieces of recoveries an endpoint had tells its worker to look for them.
ALTER TABLE parked ADD COLUMN recovered_at timestamptz;
ALTER TABLE endpoint_cursors ADD COLUMN recoveries bigint NOT NULL DEFAULT 0;

-- What analysts may read. A role of theirs gets this schema and nothing else,
-- so that neither secrets nor what is being worked on can be seen. Columns are
-- added to these views and never taken away.
CREATE SCHEMA analyst;
COMMENT ON SCHEMA analyst IS 'for people who ask questions: names here stay as they are, those elsewhere do not';

CREATE VIEW analyst.queue_events AS
SELECT domain_id, recorded_at, seq, 'evt_' || id AS event_id, type, at, sequence, queue_id, queue_name, queue_type, attempt_id,
       channel, destination, use_processing, agent_channel_id, member_channel_id, agent_name, agent_id, user_id, agent_extension,
       member_name, member_id, cc_attempt_seq, cc_result, call_bill_sec, call_duration, call_cause, call_sip_code, amd_result,
       call_voice_sec, variables, ext
FROM events WHERE sequence IS NOT NULL;
COMMENT ON VIEW analyst.queue_events IS 'one row for each of the eight queue events, with the fields of its body';
COMMENT ON COLUMN analyst.queue_events.recorded_at IS 'when it was committed; days of it are partitions, so a bound on it makes a query fast';
COMMENT ON COLUMN analyst.queue_events.at IS 'when it happened';
COMMENT ON COLUMN analyst.queue_events.seq IS 'its place in the log of its domain';
COMMENT ON COLUMN analyst.queue_events.ext IS 'what the event says beyond the published fields: state, instants, offer_no, result_reason, wait_sec';

CREATE VIEW analyst.attempts AS
SELECT domain_id, recorded_at, id AS attempt_id, queue_id, queue_name, queue_type, channel, destination, use_processing,
       member_name, member_id, member_channel_id, cc_attempt_seq, priority, variables, joined_at, dial_at, member_ringing_at,
       member_answered_at, offering_at, agent_answered_at, bridged_at, ended_at, processing_at, reporting_at, leaving_at,
       agent_id, agent_name, user_id, agent_extension, agent_channel_id, offers, misses, cc_result, result_reason, call_cause,
       call_sip_code, amd_result, agent_cause, call_bill_sec, call_duration, call_voice_sec, wait_sec, retry_at
FROM attempts WHERE NOT test;
COMMENT ON VIEW analyst.attempts IS 'one row for each attempt that has left its queue, without tests';
COMMENT ON COLUMN analyst.attempts.recorded_at IS 'when its leaving was committed; days of it are partitions, so a bound on it makes a query fast';
COMMENT ON COLUMN analyst.attempts.wait_sec IS 'whole seconds from joined_at to the connection, else to the end';

CREATE VIEW analyst.agents AS
SELECT domain_id, id AS agent_id, name, ref AS agent_ref, removed FROM agents;
COMMENT ON VIEW analyst.agents IS 'agents by name, those who were deleted too';

CREATE VIEW analyst.queues AS
SELECT domain_id, id AS queue_id, name, type, removed FROM queues;
COMMENT ON VIEW analyst.queues IS 'queues by name, those that were deleted too';

CREATE VIEW analyst.tries AS
SELECT domain_id, started_at, 'ep_' || endpoint_id AS endpoint_id, seq, 'evt_' || event_id AS event_id, event_type, attempt_id,
       number, manual, outcome, state, duration_us, first_byte_us, status, next_at
FROM tries;
COMMENT ON VIEW analyst.tries IS 'every request to a webhook, without what it answered';

-- +goose Down
DROP SCHEMA analyst CASCADE;
ALTER TABLE endpoint_cursors DROP COLUMN recoveries;
ALTER TABLE parked DROP COLUMN recovered_at;
DROP INDEX tries_given_up, tries_failed;
ALTER TABLE tries DROP COLUMN manual;
DROP TABLE audit_log, task_chunks, tasks;
DROP SEQUENCE audit_ids;
