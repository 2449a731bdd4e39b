-- +goose Up

-- The lists that people read go along an index each, so that a page of one costs
-- the same however long the history is.

-- By the time of joining; all, and a queue's, and an agent's.
CREATE INDEX attempts_joined ON attempts (domain_id, joined_at, id);
CREATE INDEX attempts_queue ON attempts (domain_id, queue_id, joined_at, id);
CREATE INDEX attempts_agent ON attempts (domain_id, agent_id, joined_at, id) WHERE agent_id IS NOT NULL;

-- The log of one queue, and of one agent: what names him and what happened to
-- himself.
CREATE INDEX events_queue ON events (domain_id, queue_id, recorded_at, seq) WHERE queue_id IS NOT NULL;
CREATE INDEX events_agent ON events
    (domain_id, (CASE subject_kind WHEN 'agent' THEN subject_id::bigint ELSE agent_id END), recorded_at, seq)
    WHERE CASE subject_kind WHEN 'agent' THEN subject_id::bigint ELSE agent_id END IS NOT NULL;

-- What is not of the types that every attempt has: few rows, at next to no cost
-- for the others. The types are those of store.frequentTypes.
CREATE INDEX events_seldom ON events (domain_id, recorded_at, seq)
    WHERE type NOT IN ('attempt.joined', 'attempt.offering', 'attempt.missed', 'attempt.bridged', 'attempt.processing', 'attempt.leaving',
                       'agent.state', 'switch.dial', 'switch.ring', 'switch.bridge', 'switch.hangup');

-- What was recorded long after it happened: hardly anything. Everything else
-- that happened before an instant was recorded before the hour after it.
CREATE INDEX events_late ON events (domain_id, recorded_at, seq) WHERE recorded_at - at > interval '1 hour';

-- +goose Down
DROP INDEX events_late, events_seldom, events_agent, events_queue, attempts_agent, attempts_queue, attempts_joined;
