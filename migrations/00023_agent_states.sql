-- +goose Up

-- What an agent did before an interval began is found by time alone: an index
-- that has to look into every change of a state for its channel made the log of
-- them slower by half.
DROP INDEX events_agent_state;
CREATE INDEX events_agent_state ON events (domain_id, (CASE WHEN type = 'agent.state' THEN subject_id::bigint END), at, seq)
    WHERE type = 'agent.state';

-- Who was refused at a queue's door: few rows, so that the index costs the other
-- events nothing but a look at their type.
CREATE INDEX events_rejections ON events (domain_id, queue_id, at) WHERE type = 'queue.join_rejected';

CREATE OR REPLACE FUNCTION analyst.agent_intervals(
    since timestamptz, until timestamptz, grain text DEFAULT '1h', time_zone text DEFAULT current_setting('TimeZone'),
    domain bigint DEFAULT NULL, agent bigint DEFAULT NULL)
RETURNS TABLE (
    domain_id bigint, agent_id bigint, agent_name text, interval_start timestamptz, interval_end timestamptz,
    login_ms bigint, idle_ms bigint, ringing_ms bigint, talking_ms bigint, wrapping_ms bigint, reserved_ms bigint, missed_ms bigint,
    pause_ms bigint, break_out_ms bigint,
    occupancy double precision, occupancy_without_ring double precision, utilisation double precision, availability double precision,
    offers bigint, misses bigint, miss_rate double precision, ring_missed_ms bigint,
    handled bigint, ring_handled_ms bigint, talk_ms bigint, wrap_up_ms bigint, aht_ms double precision, handled_per_hour double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
WITH grid AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY i.interval_start)::int AS n, i.interval_start, i.interval_end
    FROM analyst.intervals(since, until, grain, time_zone) AS i
), bounds AS MATERIALIZED (
    SELECT array_agg(g.interval_start ORDER BY g.n) AS starts, max(g.interval_end) AS last FROM grid AS g
), people AS MATERIALIZED (
    SELECT g.domain_id, g.agent_id, g.name, g.removed FROM analyst.agents AS g
    WHERE (domain IS NULL OR g.domain_id = domain) AND (agent IS NULL OR g.agent_id = agent)
), before AS (
    -- His newest row knows his status.
    SELECT p.domain_id, p.agent_id, s.seq, s.status
    FROM people AS p CROSS JOIN LATERAL (
        SELECT b.seq, b.status FROM analyst.agent_states AS b
        WHERE b.domain_id = p.domain_id AND b.agent_id = p.agent_id AND b.at < since
        ORDER BY b.at DESC, b.seq DESC LIMIT 1) AS s
), moments AS (
    -- What happened since; and what the agent, and each of his channels, did
    -- before. A channel that was silent for a day does nothing.
    SELECT p.domain_id, p.agent_id, s.seq, s.at, s.status, s.channel, s.state
    FROM people AS p JOIN analyst.agent_states AS s USING (domain_id, agent_id)
    WHERE s.recorded_at >= since AND s.at >= since AND s.at < until
    UNION ALL
    SELECT f.domain_id, f.agent_id, s.seq, since, s.status, s.channel, s.state
    FROM before AS f CROSS JOIN LATERAL (
        SELECT DISTINCT ON (b.channel) b.seq, b.status, b.channel, b.state FROM analyst.agent_states AS b
        WHERE b.domain_id = f.domain_id AND b.agent_id = f.agent_id AND b.at < since AND b.at >= since - interval '24 hours' AND b.channel IS NOT NULL
        ORDER BY b.channel, b.at DESC, b.seq DESC) AS s
    WHERE f.status <> 'offline'
    UNION ALL
    SELECT f.domain_id, f.agent_id, f.seq, since, f.status, NULL, NULL FROM before AS f
), counted AS (
    SELECT m.*, lead(m.at) OVER told AS next_at, count(*) FILTER (WHERE m.channel = 'call') OVER told AS calls,
           count(*) FILTER (WHERE m.channel = 'chat') OVER told AS chats, count(*) FILTER (WHERE m.channel = 'task') OVER told AS tasks
    FROM moments AS m WINDOW told AS (PARTITION BY m.domain_id, m.agent_id ORDER BY m.seq)
), known AS (
    -- What the other channels do is what was said of them last.
    SELECT c.domain_id, c.agent_id, c.at, c.next_at, c.status, ARRAY[
        max(c.state) FILTER (WHERE c.channel = 'call') OVER (PARTITION BY c.domain_id, c.agent_id, c.calls),
        max(c.state) FILTER (WHERE c.channel = 'chat') OVER (PARTITION BY c.domain_id, c.agent_id, c.chats),
        max(c.state) FILTER (WHERE c.channel = 'task') OVER (PARTITION BY c.domain_id, c.agent_id, c.tasks)] AS states
    FROM counted AS c
), spans AS (
    -- An agent who was removed tells no more: his last state is over at once.
    SELECT k.domain_id, k.agent_id, k.at AS from_at, coalesce(k.next_at, CASE WHEN p.removed THEN k.at ELSE b.last END) AS to_at,
           CASE WHEN k.status = 'offline' THEN NULL
                WHEN 'bridged' = ANY (k.states) THEN 'talking'
                WHEN 'offering' = ANY (k.states) THEN 'ringing'
                WHEN 'processing' = ANY (k.states) THEN 'wrapping'
                WHEN 'reserved' = ANY (k.states) THEN 'reserved'
                WHEN k.status <> 'online' THEN k.status
                WHEN 'wrap_up' = ANY (k.states) THEN 'wrapping'
                WHEN 'missed' = ANY (k.states) THEN 'missed'
                ELSE 'idle' END AS doing
    FROM known AS k JOIN people AS p USING (domain_id, agent_id) CROSS JOIN bounds AS b
), times AS (
    SELECT s.domain_id, s.agent_id, g.n, sum(t.ms)::bigint AS login_ms,
           sum(t.ms) FILTER (WHERE s.doing = 'idle')::bigint AS idle_ms, sum(t.ms) FILTER (WHERE s.doing = 'ringing')::bigint AS ringing_ms,
           sum(t.ms) FILTER (WHERE s.doing = 'talking')::bigint AS talking_ms, sum(t.ms) FILTER (WHERE s.doing = 'wrapping')::bigint AS wrapping_ms,
           sum(t.ms) FILTER (WHERE s.doing = 'reserved')::bigint AS reserved_ms, sum(t.ms) FILTER (WHERE s.doing = 'missed')::bigint AS missed_ms,
           sum(t.ms) FILTER (WHERE s.doing = 'pause')::bigint AS pause_ms, sum(t.ms) FILTER (WHERE s.doing = 'break_out')::bigint AS break_out_ms
    FROM spans AS s CROSS JOIN bounds AS b
         CROSS JOIN LATERAL generate_series(width_bucket(s.from_at, b.starts), width_bucket(s.to_at - interval '1 microsecond', b.starts)) AS i (n)
         JOIN grid AS g ON g.n = i.n
         CROSS JOIN LATERAL (SELECT analyst.ms(least(s.to_at, g.interval_end) - greatest(s.from_at, g.interval_start)) AS ms) AS t
    WHERE s.doing IS NOT NULL AND s.to_at > s.from_at
    GROUP BY s.domain_id, s.agent_id, g.n
), offered AS (
    -- Whoever is offered something changes his state, perhaps a little later: he
    -- may have had news that was older.
    SELECT DISTINCT p.domain_id, s.attempt_id
    FROM people AS p JOIN analyst.agent_states AS s USING (domain_id, agent_id) CROSS JOIN bounds AS b
    WHERE s.recorded_at >= since AND s.at >= since AND s.at < b.last + interval '1 hour' AND s.state = 'offering'
), closed AS (
    SELECT a.domain_id, e.agent_id, max(e.at) FILTER (WHERE e.type = 'attempt.offering') AS offered_at,
           max(e.at) FILTER (WHERE e.type = 'attempt.missed') AS missed_at
    FROM offered AS a JOIN analyst.queue_events AS e ON e.domain_id = a.domain_id AND e.attempt_id = a.attempt_id
    WHERE e.recorded_at >= since AND e.type IN ('attempt.offering', 'attempt.missed') AND e.ext -> 'test' IS NULL
      AND e.agent_id IS NOT NULL AND (agent IS NULL OR e.agent_id = agent)
    GROUP BY a.domain_id, a.attempt_id, e.agent_id, e.ext -> 'offer_no'
), proposals AS (
    SELECT o.domain_id, o.agent_id, width_bucket(o.offered_at, b.starts) AS n, count(*) AS offers, count(o.missed_at) AS misses,
           coalesce(sum(analyst.ms(o.missed_at - o.offered_at)), 0)::bigint AS ring_missed_ms
    FROM closed AS o CROSS JOIN bounds AS b
    WHERE o.offered_at >= since AND o.offered_at < b.last
    GROUP BY 1, 2, 3
), work AS (
    SELECT a.domain_id, a.agent_id, width_bucket(a.joined_at, b.starts) AS n, count(a.bridged_at) AS handled,
           coalesce(sum(analyst.ms(a.bridged_at - a.offering_at)), 0)::bigint AS ring_handled_ms,
           coalesce(sum(analyst.ms(a.ended_at - a.bridged_at)), 0)::bigint AS talk_ms,
           coalesce(sum(analyst.ms(a.leaving_at - a.processing_at)), 0)::bigint AS wrap_up_ms
    FROM analyst.attempts AS a CROSS JOIN bounds AS b
    WHERE a.recorded_at >= since AND a.joined_at >= since AND a.joined_at < b.last AND a.agent_id IS NOT NULL
      AND (domain IS NULL OR a.domain_id = domain) AND (agent IS NULL OR a.agent_id = agent)
    GROUP BY 1, 2, 3
), filled AS (
    SELECT p.domain_id, p.agent_id, p.name, g.interval_start, g.interval_end,
           coalesce(t.login_ms, 0) AS login_ms, coalesce(t.idle_ms, 0) AS idle_ms, coalesce(t.ringing_ms, 0) AS ringing_ms,
           coalesce(t.talking_ms, 0) AS talking_ms, coalesce(t.wrapping_ms, 0) AS wrapping_ms, coalesce(t.reserved_ms, 0) AS reserved_ms,
           coalesce(t.missed_ms, 0) AS missed_ms, coalesce(t.pause_ms, 0) AS pause_ms, coalesce(t.break_out_ms, 0) AS break_out_ms,
           coalesce(t.login_ms - coalesce(t.pause_ms, 0) - coalesce(t.break_out_ms, 0), 0) AS present_ms,
           coalesce(o.offers, 0) AS offers, coalesce(o.misses, 0) AS misses, coalesce(o.ring_missed_ms, 0) AS ring_missed_ms,
           coalesce(w.handled, 0) AS handled, coalesce(w.ring_handled_ms, 0) AS ring_handled_ms,
           coalesce(w.talk_ms, 0) AS talk_ms, coalesce(w.wrap_up_ms, 0) AS wrap_up_ms
    FROM people AS p CROSS JOIN grid AS g
    LEFT JOIN times AS t ON t.domain_id = p.domain_id AND t.agent_id = p.agent_id AND t.n = g.n
    LEFT JOIN proposals AS o ON o.domain_id = p.domain_id AND o.agent_id = p.agent_id AND o.n = g.n
    LEFT JOIN work AS w ON w.domain_id = p.domain_id AND w.agent_id = p.agent_id AND w.n = g.n
    WHERE NOT p.removed OR agent IS NOT NULL OR num_nonnulls(t.n, o.n, w.n) > 0
)
SELECT f.domain_id, f.agent_id, f.name, f.interval_start, f.interval_end,
       f.login_ms, f.idle_ms, f.ringing_ms, f.talking_ms, f.wrapping_ms, f.reserved_ms, f.missed_ms, f.pause_ms, f.break_out_ms,
       analyst.ratio(f.ringing_ms + f.talking_ms + f.wrapping_ms, f.present_ms), analyst.ratio(f.talking_ms + f.wrapping_ms, f.present_ms),
       analyst.ratio(f.talking_ms + f.wrapping_ms, f.login_ms), analyst.ratio(f.idle_ms, f.present_ms),
       f.offers, f.misses, analyst.ratio(f.misses, f.offers), f.ring_missed_ms,
       f.handled, f.ring_handled_ms, f.talk_ms, f.wrap_up_ms, analyst.ratio(f.talk_ms + f.wrap_up_ms, f.handled),
       analyst.ratio(f.handled * 3600000, f.present_ms)
FROM filled AS f ORDER BY f.domain_id, f.agent_id, f.interval_start
$$;

-- +goose Down
DROP INDEX events_rejections, events_agent_state;
CREATE INDEX events_agent_state ON events
    (domain_id, (CASE WHEN type = 'agent.state' THEN subject_id::bigint END), (data ->> 'channel'), at, seq)
    WHERE type = 'agent.state';
