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

-- +goose Down
ALTER TABLE endpoint_cursors DROP COLUMN recoveries;
ALTER TABLE parked DROP COLUMN recovered_at;
DROP INDEX tries_given_up, tries_failed;
ALTER TABLE tries DROP COLUMN manual;
DROP TABLE audit_log, task_chunks, tasks;
DROP SEQUENCE audit_ids;
