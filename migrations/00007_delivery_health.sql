-- +goose Up

-- How an endpoint is sent to: how long a stuck event is waited for before those
-- behind it overtake (0 = for ever), how many requests a second (0 = as many as
-- it takes), and a schedule of its own.
ALTER TABLE endpoints
    ADD COLUMN order_wait_ms bigint           NOT NULL DEFAULT 60000 CHECK (order_wait_ms >= 0),
    ADD COLUMN rate          double precision NOT NULL DEFAULT 0     CHECK (rate >= 0),
    ADD COLUMN schedule_ms   bigint[]         NOT NULL DEFAULT '{}'  CHECK (cardinality(schedule_ms) <= 24),
    DROP CONSTRAINT endpoints_profile_check,
    ADD CONSTRAINT endpoints_profile_check
        CHECK (profile IN ('record', 'live', 'custom') AND (profile = 'custom') = (cardinality(schedule_ms) > 0)),
    DROP CONSTRAINT endpoints_disabled_reason_check,
    ADD CONSTRAINT endpoints_disabled_reason_check CHECK (disabled_reason IN ('', 'gone', 'manual', 'failing'));

-- How the endpoint is doing. From paused_until on one request at a time goes
-- out, until one succeeds and the pause is over; breaker_openings counts how
-- often in a row a pause was made by failures.
ALTER TABLE endpoint_cursors
    ADD COLUMN breaker_openings int NOT NULL DEFAULT 0 CHECK (breaker_openings >= 0),
    ADD COLUMN last_success_at  timestamptz,
    -- The first failure since the last success, and how many stages of it were told.
    ADD COLUMN failing_since    timestamptz,
    ADD COLUMN failing_told     int NOT NULL DEFAULT 0 CHECK (failing_told >= 0),
    -- What the endpoint was subscribed to when claimed was raised last; null
    -- before the first time. After a crash it says what may have been sent.
    ADD COLUMN claimed_for      text;

-- Since when an event is held behind another one, and its number in its
-- attempt, which the header Offhook-Overtakes of a later one names.
ALTER TABLE parked
    ADD COLUMN held_since timestamptz,
    ADD COLUMN sequence   bigint NOT NULL DEFAULT 0;

-- +goose Down
ALTER TABLE parked DROP COLUMN held_since, DROP COLUMN sequence;
ALTER TABLE endpoint_cursors DROP COLUMN breaker_openings, DROP COLUMN last_success_at, DROP COLUMN failing_since,
    DROP COLUMN failing_told, DROP COLUMN claimed_for;
ALTER TABLE endpoints DROP COLUMN order_wait_ms, DROP COLUMN rate, DROP COLUMN schedule_ms;
