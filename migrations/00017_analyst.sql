-- +goose Up

-- The key figures of queues and agents by interval, for analysts and for the
-- stats routes of REST alike: each formula stands here and nowhere else. The
-- functions read only views of this schema, so that who may call them needs no
-- right on anything else.

-- Since when a person was known to be on the line of a call that the engine
-- dialled: after an answering machine detection that is later than the answer.
ALTER TABLE attempts ADD COLUMN person_at timestamptz;

-- The log has what an agent did before an interval began: the newest state of
-- each channel, and of himself (channel null).
CREATE INDEX events_agent_state ON events
    (domain_id, (CASE WHEN type = 'agent.state' THEN subject_id::bigint END), (data ->> 'channel'), at, seq)
    WHERE type = 'agent.state';

CREATE OR REPLACE VIEW analyst.attempts AS
SELECT domain_id, recorded_at, id AS attempt_id, queue_id, queue_name, queue_type, channel, destination, use_processing,
       member_name, member_id, member_channel_id, cc_attempt_seq, priority, variables, joined_at, dial_at, member_ringing_at,
       member_answered_at, offering_at, agent_answered_at, bridged_at, ended_at, processing_at, reporting_at, leaving_at,
       agent_id, agent_name, user_id, agent_extension, agent_channel_id, offers, misses, cc_result, result_reason, call_cause,
       call_sip_code, amd_result, agent_cause, call_bill_sec, call_duration, call_voice_sec, wait_sec, retry_at,
       sip_code_source, amd_cause, person_at, parent_attempt_id, child_attempt_id, previous_agent_id, bucket
FROM attempts WHERE NOT test;

CREATE VIEW analyst.open_attempts AS
SELECT domain_id, id AS attempt_id, queue_id, state, joined_at
FROM open_attempts WHERE record -> 'test' IS DISTINCT FROM 'true';

-- The CASE keeps the cast from the subjects of other events.
CREATE VIEW analyst.agent_states AS
SELECT domain_id, recorded_at, seq, 'evt_' || id AS event_id, at, CASE WHEN type = 'agent.state' THEN subject_id::bigint END AS agent_id,
       data ->> 'agent_name' AS agent_name, data ->> 'status' AS status, data ->> 'reason' AS reason,
       data ->> 'channel' AS channel, data ->> 'state' AS state, (data ->> 'attempt_id')::bigint AS attempt_id
FROM events WHERE type = 'agent.state';

CREATE VIEW analyst.rejections AS
SELECT domain_id, recorded_at, seq, 'evt_' || id AS event_id, at, queue_id, queue_name, queue_type, data ->> 'code' AS code,
       data ->> 'channel' AS channel, data ->> 'destination' AS destination, data ->> 'member_name' AS member_name,
       (data ->> 'member_id')::bigint AS member_id
FROM events WHERE type = 'queue.join_rejected' AND data ->> 'test' = 'false';

-- Whole milliseconds of a span, and a ratio that is null over nothing.
CREATE FUNCTION analyst.ms(span interval) RETURNS bigint LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT (extract(epoch FROM span) * 1000)::bigint $$;

CREATE FUNCTION analyst.ratio(part bigint, whole bigint) RETURNS double precision LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$ SELECT part::double precision / nullif(whole, 0) $$;

-- Hours and quarters are counted from the midnight of their zone in real time,
-- so that a day on which the clocks change has 23 or 25 of them, each as long as
-- any other. Nothing is known after now, so that intervals end there.
-- +goose StatementBegin
CREATE FUNCTION analyst.intervals(since timestamptz, until timestamptz, grain text, time_zone text)
RETURNS TABLE (interval_start timestamptz, interval_end timestamptz) LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 100 AS $$
DECLARE
    step interval := CASE grain WHEN '15m' THEN '15 minutes' WHEN '1h' THEN '1 hour' WHEN '1d' THEN '25 hours' END;
    last timestamptz := least(until, now());
BEGIN
    IF grain = 'total' THEN
        RETURN QUERY SELECT since, last WHERE since < last;
        RETURN;
    ELSIF step IS NULL THEN
        RAISE EXCEPTION 'there is no interval "%"', grain
            USING ERRCODE = 'invalid_parameter_value', HINT = 'It is 15m, 1h, 1d or total.';
    END IF;
    RETURN QUERY
        SELECT greatest(i.first, since), least(i.first + step, d.ends, last)
        FROM generate_series(date_trunc('day', since AT TIME ZONE time_zone), last AT TIME ZONE time_zone, interval '1 day') AS midnight,
             LATERAL (SELECT midnight AT TIME ZONE time_zone AS begins, (midnight + interval '1 day') AT TIME ZONE time_zone AS ends) AS d,
             LATERAL generate_series(d.begins, d.ends - interval '1 microsecond', step) AS i (first)
        WHERE least(i.first + step, d.ends) > since AND i.first < last
        ORDER BY 1;
END $$;
-- +goose StatementEnd

CREATE FUNCTION analyst.queue_intervals(
    since timestamptz, until timestamptz, grain text DEFAULT '1h', time_zone text DEFAULT current_setting('TimeZone'),
    threshold interval DEFAULT '20 seconds', short interval DEFAULT '5 seconds', drop_after interval DEFAULT '2 seconds',
    domain bigint DEFAULT NULL, queue bigint DEFAULT NULL)
RETURNS TABLE (
    domain_id bigint, queue_id bigint, queue_name text, queue_type text, interval_start timestamptz, interval_end timestamptz,
    offered bigint, handled bigint, abandoned bigint, others bigint, open bigint,
    refused bigint, refused_full bigint, refused_closed bigint,
    short_abandons bigint, abandonment_rate double precision, abandonment_rate_net double precision,
    wait_ms bigint, handled_wait_ms bigint, asa_ms double precision, mean_wait_ms double precision, longest_wait_ms bigint,
    handled_in_time bigint, abandoned_in_time bigint, service_level double precision, service_level_2 double precision,
    service_level_3 double precision, service_level_4 double precision,
    asterisk_service_level_perf double precision, asterisk_service_level_perf_2 double precision,
    talk_ms bigint, wrap_up_ms bigint, aht_ms double precision, aht_outbound_ms double precision,
    offers bigint, misses bigint, miss_rate double precision, ring_handled_ms bigint, ring_missed_ms bigint,
    transferred bigint, transfer_rate double precision, solved bigint, fcr double precision,
    dialled bigint, answered bigint, connected bigint, connect_rate double precision,
    live_answered bigint, live_answer_rate double precision, contacts bigint, contact_rate double precision,
    right_party_contacts bigint, right_party_contact_rate double precision, attempts_per_contact double precision,
    conversions bigint, conversion_rate double precision,
    dropped bigint, dropped_rate double precision, dropped_unbridged bigint, dropped_unbridged_rate double precision,
    amd_machines bigint, amd_machine_share double precision, amd_delay_ms double precision,
    busy bigint, busy_share double precision, no_answer bigint, no_answer_share double precision,
    invalid bigint, invalid_share double precision, network bigint, network_share double precision,
    mean_queue_length double precision, traffic double precision)
LANGUAGE sql STABLE PARALLEL SAFE ROWS 100 AS $$
WITH grid AS MATERIALIZED (
    SELECT row_number() OVER (ORDER BY i.interval_start)::int AS n, i.interval_start, i.interval_end
    FROM analyst.intervals(since, until, grain, time_zone) AS i
), bounds AS MATERIALIZED (
    SELECT array_agg(g.interval_start ORDER BY g.n) AS starts, max(g.interval_end) AS last FROM grid AS g
), seen AS (
    -- A week more than is asked for: who comes again by then was not solved.
    SELECT a.*, lead(a.joined_at) OVER (
               PARTITION BY a.domain_id, a.queue_id, coalesce('member ' || a.member_id, 'number ' || a.destination, 'attempt ' || a.attempt_id)
               ORDER BY a.joined_at, a.attempt_id) - a.joined_at AS came_again
    FROM analyst.attempts AS a
    WHERE a.recorded_at >= since AND a.joined_at >= since AND a.joined_at < until + interval '168 hours'
      AND (domain IS NULL OR a.domain_id = domain) AND (queue IS NULL OR a.queue_id = queue)
), parted AS (
    SELECT s.*, width_bucket(s.joined_at, b.starts) AS n,
           s.bridged_at IS NOT NULL AS is_handled,
           s.cc_result = 'abandoned' AND s.bridged_at IS NULL AS is_abandoned,
           analyst.ms(coalesce(s.bridged_at, s.leaving_at) - s.joined_at) AS waited,
           coalesce(s.bridged_at, s.leaving_at) - s.joined_at <= threshold AS in_time,
           s.queue_type IN ('offline', 'ivr', 'preview', 'progressive', 'predictive') AND s.dial_at IS NOT NULL AS is_dialled,
           s.member_answered_at IS NOT NULL AND coalesce(s.amd_result, 'HUMAN') IN ('HUMAN', 'NOTSURE') AS by_person
    FROM seen AS s CROSS JOIN bounds AS b
    WHERE s.joined_at < b.last
), known AS (
    SELECT p.*,
           is_dialled AND by_person
               AND (bridged_at IS NULL OR bridged_at - coalesce(person_at, member_answered_at) > drop_after) AS is_dropped,
           is_dialled AND by_person AND cc_result = 'abandoned' AND call_bill_sec > 0 AND bridged_at IS NULL AS is_unbridged,
           CASE WHEN NOT is_dialled OR member_answered_at IS NOT NULL THEN NULL
                WHEN call_cause = 'USER_BUSY' THEN 'busy'
                WHEN call_cause IN ('NO_ANSWER', 'NO_USER_RESPONSE') THEN 'no_answer'
                WHEN call_cause IN ('UNALLOCATED_NUMBER', 'NUMBER_CHANGED', 'INVALID_NUMBER_FORMAT') THEN 'invalid'
                WHEN call_cause IN ('NORMAL_CIRCUIT_CONGESTION', 'NETWORK_OUT_OF_ORDER', 'DESTINATION_OUT_OF_ORDER') THEN 'network'
                WHEN sip_code_source IS DISTINCT FROM 'adapter' THEN NULL
                WHEN call_sip_code IN (486, 600) THEN 'busy'
                WHEN call_sip_code IN (408, 480) THEN 'no_answer'
                WHEN call_sip_code IN (404, 410, 484, 604) THEN 'invalid'
                WHEN call_sip_code BETWEEN 500 AND 599 THEN 'network' END AS failure,
           CASE WHEN misses > 0 THEN (
               SELECT sum(analyst.ms(o.missed - o.offered))::bigint
               FROM (SELECT max(e.at) FILTER (WHERE e.type = 'attempt.offering') AS offered,
                            max(e.at) FILTER (WHERE e.type = 'attempt.missed') AS missed
                     FROM analyst.queue_events AS e
                     WHERE e.domain_id = p.domain_id AND e.attempt_id = p.attempt_id AND e.recorded_at >= since
                       AND e.type IN ('attempt.offering', 'attempt.missed')
                     GROUP BY e.ext -> 'offer_no') AS o
           ) END AS missed_ring
    FROM parted AS p
), counted AS (
    SELECT domain_id, queue_id, n, max(queue_name) AS queue_name, max(queue_type) AS queue_type,
           count(*) AS offered,
           count(*) FILTER (WHERE is_handled) AS handled,
           count(*) FILTER (WHERE is_abandoned) AS abandoned,
           count(*) FILTER (WHERE is_abandoned AND leaving_at - joined_at <= short) AS short_abandons,
           sum(waited)::bigint AS wait_ms,
           sum(waited) FILTER (WHERE is_handled)::bigint AS handled_wait_ms,
           max(waited) AS longest_wait_ms,
           count(*) FILTER (WHERE is_handled AND in_time) AS handled_in_time,
           count(*) FILTER (WHERE is_abandoned AND in_time) AS abandoned_in_time,
           count(*) FILTER (WHERE is_abandoned AND result_reason IN ('member_hangup_waiting', 'member_hangup_offering')) AS hung_up,
           count(*) FILTER (WHERE is_abandoned AND result_reason IN ('member_hangup_waiting', 'member_hangup_offering') AND in_time) AS hung_up_in_time,
           coalesce(sum(analyst.ms(ended_at - bridged_at)), 0)::bigint AS talk_ms,
           coalesce(sum(analyst.ms(leaving_at - processing_at)), 0)::bigint AS wrap_up_ms,
           sum(offers)::bigint AS offers, sum(misses)::bigint AS misses,
           coalesce(sum(analyst.ms(bridged_at - offering_at)), 0)::bigint AS ring_handled_ms,
           coalesce(sum(missed_ring), 0)::bigint AS ring_missed_ms,
           count(*) FILTER (WHERE is_handled AND result_reason = 'transferred') AS transferred,
           count(*) FILTER (WHERE is_handled AND cc_result = 'success' AND (came_again IS NULL OR came_again > interval '168 hours')) AS solved,
           count(*) FILTER (WHERE is_dialled) AS dialled,
           count(*) FILTER (WHERE is_dialled AND member_answered_at IS NOT NULL) AS answered,
           count(*) FILTER (WHERE is_dialled AND call_bill_sec > 0) AS connected,
           count(*) FILTER (WHERE is_dialled AND member_answered_at IS NOT NULL AND amd_result IN ('HUMAN', 'NOTSURE')) AS live_answered,
           count(*) FILTER (WHERE is_dialled AND is_handled) AS contacts,
           count(*) FILTER (WHERE is_dialled AND is_handled AND cc_result = 'success') AS right_party_contacts,
           count(*) FILTER (WHERE is_dialled AND is_handled AND result_reason = 'reported_success') AS conversions,
           count(*) FILTER (WHERE is_dropped) AS dropped,
           count(*) FILTER (WHERE is_dropped OR is_dialled AND is_handled) AS dropped_of,
           count(*) FILTER (WHERE is_unbridged) AS dropped_unbridged,
           count(*) FILTER (WHERE is_unbridged OR is_dialled AND is_handled) AS unbridged_of,
           count(*) FILTER (WHERE is_dialled AND member_answered_at IS NOT NULL AND amd_result = 'MACHINE') AS amd_machines,
           sum(analyst.ms(coalesce(person_at, bridged_at, ended_at) - member_answered_at))
               FILTER (WHERE is_dialled AND amd_result <> 'CANCEL')::bigint AS amd_ms,
           count(*) FILTER (WHERE is_dialled AND amd_result <> 'CANCEL' AND member_answered_at IS NOT NULL) AS amd_results,
           count(*) FILTER (WHERE failure = 'busy') AS busy, count(*) FILTER (WHERE failure = 'no_answer') AS no_answer,
           count(*) FILTER (WHERE failure = 'invalid') AS invalid, count(*) FILTER (WHERE failure = 'network') AS network
    FROM known GROUP BY domain_id, queue_id, n
), inside AS (
    SELECT o.domain_id, o.queue_id, width_bucket(o.joined_at, b.starts) AS n, count(*) AS open
    FROM analyst.open_attempts AS o CROSS JOIN bounds AS b
    WHERE o.joined_at >= since AND o.joined_at < b.last
      AND (domain IS NULL OR o.domain_id = domain) AND (queue IS NULL OR o.queue_id = queue)
    GROUP BY 1, 2, 3
), turned_away AS (
    SELECT t.domain_id, t.queue_id, width_bucket(t.at, b.starts) AS n, count(*) AS refused,
           count(*) FILTER (WHERE t.code = 'queue_full') AS refused_full,
           count(*) FILTER (WHERE t.code IN ('queue_disabled', 'calendar_closed')) AS refused_closed
    FROM analyst.rejections AS t CROSS JOIN bounds AS b
    WHERE t.recorded_at >= since AND t.at >= since AND t.at < b.last
      AND (domain IS NULL OR t.domain_id = domain) AND (queue IS NULL OR t.queue_id = queue)
    GROUP BY 1, 2, 3
), rows AS (
    SELECT q.domain_id, q.queue_id, q.name AS queue_name, q.type AS queue_type, g.n, g.interval_start, g.interval_end,
           analyst.ms(g.interval_end - g.interval_start) AS length_ms
    FROM analyst.queues AS q CROSS JOIN grid AS g
    WHERE (domain IS NULL OR q.domain_id = domain) AND (queue IS NULL OR q.queue_id = queue)
      AND (NOT q.removed OR queue IS NOT NULL OR EXISTS (SELECT FROM counted AS c WHERE c.domain_id = q.domain_id AND c.queue_id = q.queue_id))
)
SELECT r.domain_id, r.queue_id, r.queue_name, r.queue_type, r.interval_start, r.interval_end,
       coalesce(c.offered, 0), coalesce(c.handled, 0), coalesce(c.abandoned, 0), coalesce(c.offered - c.handled - c.abandoned, 0),
       coalesce(i.open, 0), coalesce(t.refused, 0), coalesce(t.refused_full, 0), coalesce(t.refused_closed, 0),
       coalesce(c.short_abandons, 0), analyst.ratio(c.abandoned, c.offered),
       analyst.ratio(c.abandoned - c.short_abandons, c.offered - c.short_abandons),
       coalesce(c.wait_ms, 0), coalesce(c.handled_wait_ms, 0), analyst.ratio(c.handled_wait_ms, c.handled),
       analyst.ratio(c.wait_ms, c.offered), c.longest_wait_ms,
       coalesce(c.handled_in_time, 0), coalesce(c.abandoned_in_time, 0),
       analyst.ratio(c.handled_in_time, c.offered), analyst.ratio(c.handled_in_time, c.offered - c.abandoned_in_time),
       analyst.ratio(c.handled_in_time, c.handled), analyst.ratio(c.handled_in_time + c.abandoned_in_time, c.offered),
       analyst.ratio(c.handled_in_time, c.handled), analyst.ratio(c.handled_in_time + c.hung_up_in_time, c.handled + c.hung_up),
       coalesce(c.talk_ms, 0), coalesce(c.wrap_up_ms, 0), analyst.ratio(c.talk_ms + c.wrap_up_ms, c.handled),
       CASE WHEN r.queue_type IN ('offline', 'ivr', 'preview', 'progressive', 'predictive')
            THEN analyst.ratio(c.talk_ms + c.wrap_up_ms + c.ring_handled_ms, c.handled) END,
       coalesce(c.offers, 0), coalesce(c.misses, 0), analyst.ratio(c.misses, c.offers),
       coalesce(c.ring_handled_ms, 0), coalesce(c.ring_missed_ms, 0),
       coalesce(c.transferred, 0), analyst.ratio(c.transferred, c.handled), coalesce(c.solved, 0), analyst.ratio(c.solved, c.handled),
       coalesce(c.dialled, 0), coalesce(c.answered, 0), coalesce(c.connected, 0), analyst.ratio(c.connected, c.dialled),
       coalesce(c.live_answered, 0), analyst.ratio(c.live_answered, c.dialled), coalesce(c.contacts, 0), analyst.ratio(c.contacts, c.dialled),
       coalesce(c.right_party_contacts, 0), analyst.ratio(c.right_party_contacts, c.dialled), analyst.ratio(c.dialled, c.contacts),
       coalesce(c.conversions, 0), analyst.ratio(c.conversions, c.contacts),
       coalesce(c.dropped, 0), analyst.ratio(c.dropped, c.dropped_of),
       coalesce(c.dropped_unbridged, 0), analyst.ratio(c.dropped_unbridged, c.unbridged_of),
       coalesce(c.amd_machines, 0), analyst.ratio(c.amd_machines, c.answered), analyst.ratio(c.amd_ms, c.amd_results),
       coalesce(c.busy, 0), analyst.ratio(c.busy, c.dialled), coalesce(c.no_answer, 0), analyst.ratio(c.no_answer, c.dialled),
       coalesce(c.invalid, 0), analyst.ratio(c.invalid, c.dialled), coalesce(c.network, 0), analyst.ratio(c.network, c.dialled),
       analyst.ratio(coalesce(c.wait_ms, 0), r.length_ms), analyst.ratio(coalesce(c.talk_ms + c.wrap_up_ms, 0), r.length_ms)
FROM rows AS r
LEFT JOIN counted AS c ON c.domain_id = r.domain_id AND c.queue_id = r.queue_id AND c.n = r.n
LEFT JOIN inside AS i ON i.domain_id = r.domain_id AND i.queue_id = r.queue_id AND i.n = r.n
LEFT JOIN turned_away AS t ON t.domain_id = r.domain_id AND t.queue_id = r.queue_id AND t.n = r.n
ORDER BY r.domain_id, r.queue_id, r.interval_start
$$;

-- What one asks for most often as a table, for tools that want one. The zone is
-- that of the session.
CREATE VIEW analyst.queue_intervals AS
SELECT v.grain, current_setting('TimeZone') AS time_zone, i.*
FROM (VALUES ('15m', interval '7 days'), ('1h', interval '35 days'), ('1d', interval '400 days')) AS v (grain, back)
     CROSS JOIN LATERAL analyst.queue_intervals(date_trunc('day', now()) - v.back, now(), v.grain) AS i;

CREATE VIEW analyst.list_progress AS
SELECT m.domain_id, m.queue_id, count(*) AS members, count(*) FILTER (WHERE m.last_attempt <> 0) AS tried,
       analyst.ratio(count(*) FILTER (WHERE m.last_attempt <> 0), count(*)) AS penetration,
       count(*) FILTER (WHERE m.stopped_at IS NOT NULL) AS stopped
FROM members AS m GROUP BY m.domain_id, m.queue_id;

COMMENT ON FUNCTION analyst.queue_intervals IS
    'the key figures of queues from since until until, in intervals of 15m, 1h, 1d or total, with the days of a time zone; the columns are those of the view of the same name';
COMMENT ON FUNCTION analyst.intervals IS 'the intervals themselves: hours and quarters are counted from midnight in real time, so a day has 23 or 25 hours when the clocks change';
COMMENT ON FUNCTION analyst.ms IS 'whole milliseconds of a span';
COMMENT ON FUNCTION analyst.ratio IS 'part / whole, null when whole is 0';
COMMENT ON VIEW analyst.open_attempts IS 'attempts that have not left their queue, without tests';
COMMENT ON VIEW analyst.rejections IS 'one row for each subscriber who was refused at the door and has no attempt, without tests';
COMMENT ON COLUMN analyst.rejections.code IS 'queue_full, queue_disabled, calendar_closed or dnc';
COMMENT ON VIEW analyst.agent_states IS 'one row for each change of an agent''s status (channel and state null) or of what he does on a channel';
COMMENT ON COLUMN analyst.agent_states.at IS 'when it happened; an agent''s rows follow each other in seq';
COMMENT ON COLUMN analyst.agent_states.status IS 'online, offline, pause or break_out, in every row';
COMMENT ON COLUMN analyst.agent_states.state IS 'waiting, reserved, offering, bridged, processing, wrap_up or missed: with several attempts on the channel that of the newest';
COMMENT ON COLUMN analyst.attempts.person_at IS 'when a person was known to be on the line of a predictive or progressive call; null before offhook kept it';
COMMENT ON VIEW analyst.list_progress IS 'the lists of outbound queues as they are now';
COMMENT ON COLUMN analyst.list_progress.tried IS 'members with at least one attempt';
COMMENT ON COLUMN analyst.list_progress.penetration IS 'list penetration: tried / members';
COMMENT ON COLUMN analyst.list_progress.stopped IS 'members who are not tried any more';
COMMENT ON VIEW analyst.queue_intervals IS
    'one row for each queue and interval: grain 15m over the last 7 days, 1h over 35, 1d over 400, in the time zone of the session; name a grain. The function of the same name takes any bounds';
COMMENT ON COLUMN analyst.queue_intervals.grain IS '15m, 1h or 1d';
COMMENT ON COLUMN analyst.queue_intervals.time_zone IS 'whose midnights cut the days: SET TimeZone changes it';
COMMENT ON COLUMN analyst.queue_intervals.domain_id IS 'the tenant';
COMMENT ON COLUMN analyst.queue_intervals.queue_id IS 'the queue';
COMMENT ON COLUMN analyst.queue_intervals.queue_name IS 'the queue''s name now';
COMMENT ON COLUMN analyst.queue_intervals.queue_type IS 'the queue''s type';
COMMENT ON COLUMN analyst.queue_intervals.interval_start IS 'when the interval begins';
COMMENT ON COLUMN analyst.queue_intervals.interval_end IS 'when it ends; that instant belongs to the next';
COMMENT ON COLUMN analyst.queue_intervals.offered IS 'attempts that joined in the interval and have left; every figure below counts an attempt once, when it has left, in the interval of its joined_at';
COMMENT ON COLUMN analyst.queue_intervals.handled IS 'of these, attempts with bridged_at';
COMMENT ON COLUMN analyst.queue_intervals.abandoned IS 'cc_result = abandoned and no bridged_at';
COMMENT ON COLUMN analyst.queue_intervals.others IS 'offered - handled - abandoned: cancelled without a conversation';
COMMENT ON COLUMN analyst.queue_intervals.open IS 'attempts that joined in the interval and have not left yet; counted nowhere else';
COMMENT ON COLUMN analyst.queue_intervals.refused IS 'who was refused at the door in the interval and has no attempt: counted nowhere else';
COMMENT ON COLUMN analyst.queue_intervals.refused_full IS 'of these, because too many were waiting (queue_full)';
COMMENT ON COLUMN analyst.queue_intervals.refused_closed IS 'of these, because the queue was disabled or its calendar closed';
COMMENT ON COLUMN analyst.queue_intervals.short_abandons IS 'abandoned with leaving_at - joined_at <= short (5 s)';
COMMENT ON COLUMN analyst.queue_intervals.abandonment_rate IS 'abandoned / offered';
COMMENT ON COLUMN analyst.queue_intervals.abandonment_rate_net IS '(abandoned - short_abandons) / (offered - short_abandons)';
COMMENT ON COLUMN analyst.queue_intervals.wait_ms IS 'sum of the waits: bridged_at - joined_at of handled attempts, leaving_at - joined_at of the rest';
COMMENT ON COLUMN analyst.queue_intervals.handled_wait_ms IS 'sum of bridged_at - joined_at over handled';
COMMENT ON COLUMN analyst.queue_intervals.asa_ms IS 'average speed of answer: handled_wait_ms / handled';
COMMENT ON COLUMN analyst.queue_intervals.mean_wait_ms IS 'wait_ms / offered';
COMMENT ON COLUMN analyst.queue_intervals.longest_wait_ms IS 'the longest wait; null when nobody was offered';
COMMENT ON COLUMN analyst.queue_intervals.handled_in_time IS 'handled with a wait <= threshold (20 s)';
COMMENT ON COLUMN analyst.queue_intervals.abandoned_in_time IS 'abandoned with a wait <= threshold';
COMMENT ON COLUMN analyst.queue_intervals.service_level IS 'kind 1, the one that is meant where no kind is named: handled_in_time / offered';
COMMENT ON COLUMN analyst.queue_intervals.service_level_2 IS 'kind 2: handled_in_time / (offered - abandoned_in_time)';
COMMENT ON COLUMN analyst.queue_intervals.service_level_3 IS 'kind 3: handled_in_time / handled';
COMMENT ON COLUMN analyst.queue_intervals.service_level_4 IS 'kind 4: (handled_in_time + abandoned_in_time) / offered';
COMMENT ON COLUMN analyst.queue_intervals.asterisk_service_level_perf IS 'Asterisk''s ServicelevelPerf as a share: kind 3, handled_in_time / handled';
COMMENT ON COLUMN analyst.queue_intervals.asterisk_service_level_perf_2 IS 'Asterisk''s ServicelevelPerf2 as a share: kind 4 of completed and abandoned calls only, where abandoned means that the caller hung up: (handled_in_time + hung up in time) / (handled + hung up)';
COMMENT ON COLUMN analyst.queue_intervals.talk_ms IS 'sum of ended_at - bridged_at, with hold';
COMMENT ON COLUMN analyst.queue_intervals.wrap_up_ms IS 'sum of leaving_at - processing_at; nothing for an attempt without processing';
COMMENT ON COLUMN analyst.queue_intervals.aht_ms IS 'average handle time: (talk_ms + wrap_up_ms) / handled';
COMMENT ON COLUMN analyst.queue_intervals.aht_outbound_ms IS 'the same with ring counted, in outbound queues only: (talk_ms + wrap_up_ms + ring_handled_ms) / handled';
COMMENT ON COLUMN analyst.queue_intervals.offers IS 'offers to agents (attempt.offering with an agent)';
COMMENT ON COLUMN analyst.queue_intervals.misses IS 'offers that ended in attempt.missed';
COMMENT ON COLUMN analyst.queue_intervals.miss_rate IS 'misses / offers';
COMMENT ON COLUMN analyst.queue_intervals.ring_handled_ms IS 'sum over handled of bridged_at - the last offering_at';
COMMENT ON COLUMN analyst.queue_intervals.ring_missed_ms IS 'sum over missed offers of attempt.missed - attempt.offering';
COMMENT ON COLUMN analyst.queue_intervals.transferred IS 'handled with result_reason = transferred';
COMMENT ON COLUMN analyst.queue_intervals.transfer_rate IS 'transferred / handled';
COMMENT ON COLUMN analyst.queue_intervals.solved IS 'handled with cc_result = success whose member (by member_id, else by destination, which makes it an estimate) did not join this queue again within 168 hours of joined_at; provisional until then';
COMMENT ON COLUMN analyst.queue_intervals.fcr IS 'first contact resolution: solved / handled';
COMMENT ON COLUMN analyst.queue_intervals.dialled IS 'attempts of outbound queues with dial_at: the attempts of the figures below';
COMMENT ON COLUMN analyst.queue_intervals.answered IS 'dialled with member_answered_at';
COMMENT ON COLUMN analyst.queue_intervals.connected IS 'dialled with call_bill_sec > 0';
COMMENT ON COLUMN analyst.queue_intervals.connect_rate IS 'connected / dialled';
COMMENT ON COLUMN analyst.queue_intervals.live_answered IS 'answered with amd_result HUMAN or NOTSURE';
COMMENT ON COLUMN analyst.queue_intervals.live_answer_rate IS 'live_answered / dialled; 0 in queues without answering machine detection';
COMMENT ON COLUMN analyst.queue_intervals.contacts IS 'dialled with bridged_at';
COMMENT ON COLUMN analyst.queue_intervals.contact_rate IS 'contacts / dialled';
COMMENT ON COLUMN analyst.queue_intervals.right_party_contacts IS 'contacts with cc_result = success';
COMMENT ON COLUMN analyst.queue_intervals.right_party_contact_rate IS 'right_party_contacts / dialled';
COMMENT ON COLUMN analyst.queue_intervals.attempts_per_contact IS 'dialled / contacts';
COMMENT ON COLUMN analyst.queue_intervals.conversions IS 'contacts that the agent reported as a success (result_reason = reported_success)';
COMMENT ON COLUMN analyst.queue_intervals.conversion_rate IS 'conversions / contacts';
COMMENT ON COLUMN analyst.queue_intervals.dropped IS 'dialled, answered by a person (amd_result null, HUMAN or NOTSURE), and not bridged within drop_after (2 s) of person_at, else of member_answered_at';
COMMENT ON COLUMN analyst.queue_intervals.dropped_rate IS 'dropped / (dropped + contacts that were not dropped)';
COMMENT ON COLUMN analyst.queue_intervals.dropped_unbridged IS 'the other reading: dialled, answered by a person, cc_result = abandoned, call_bill_sec > 0 and no bridged_at';
COMMENT ON COLUMN analyst.queue_intervals.dropped_unbridged_rate IS 'dropped_unbridged / (dropped_unbridged + contacts)';
COMMENT ON COLUMN analyst.queue_intervals.amd_machines IS 'answered with amd_result MACHINE';
COMMENT ON COLUMN analyst.queue_intervals.amd_machine_share IS 'amd_machines / answered';
COMMENT ON COLUMN analyst.queue_intervals.amd_delay_ms IS 'mean time from member_answered_at to the result of the detection, which is person_at, else bridged_at, else ended_at; without CANCEL';
COMMENT ON COLUMN analyst.queue_intervals.busy IS 'dialled, not answered, and call_cause USER_BUSY; or, where call_cause says none of the four, the switch''s call_sip_code 486 or 600';
COMMENT ON COLUMN analyst.queue_intervals.busy_share IS 'busy / dialled';
COMMENT ON COLUMN analyst.queue_intervals.no_answer IS 'the same with NO_ANSWER or NO_USER_RESPONSE; 408 or 480';
COMMENT ON COLUMN analyst.queue_intervals.no_answer_share IS 'no_answer / dialled';
COMMENT ON COLUMN analyst.queue_intervals.invalid IS 'the same with UNALLOCATED_NUMBER, NUMBER_CHANGED or INVALID_NUMBER_FORMAT; 404, 410, 484 or 604';
COMMENT ON COLUMN analyst.queue_intervals.invalid_share IS 'invalid / dialled';
COMMENT ON COLUMN analyst.queue_intervals.network IS 'the same with NORMAL_CIRCUIT_CONGESTION, NETWORK_OUT_OF_ORDER or DESTINATION_OUT_OF_ORDER; 500 to 599';
COMMENT ON COLUMN analyst.queue_intervals.network_share IS 'network / dialled';
COMMENT ON COLUMN analyst.queue_intervals.mean_queue_length IS 'wait_ms / length of the interval (Little)';
COMMENT ON COLUMN analyst.queue_intervals.traffic IS 'offered traffic in Erlang: (talk_ms + wrap_up_ms) / length of the interval';

-- Roles that were made before may use what is new.
REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA analyst FROM PUBLIC;
-- +goose StatementBegin
DO $$
DECLARE
    analyst name;
BEGIN
    FOR analyst IN
        SELECT r.rolname FROM pg_namespace AS n, aclexplode(n.nspacl) AS a JOIN pg_roles AS r ON r.oid = a.grantee
        WHERE n.nspname = 'analyst' AND a.privilege_type = 'USAGE' AND a.grantee <> n.nspowner
    LOOP
        EXECUTE format('GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO %I', analyst);
        EXECUTE format('GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA analyst TO %I', analyst);
    END LOOP;
END $$;
-- +goose StatementEnd

-- +goose Down
DROP VIEW analyst.list_progress, analyst.queue_intervals;
DROP FUNCTION analyst.queue_intervals, analyst.intervals, analyst.ratio, analyst.ms;
DROP VIEW analyst.rejections, analyst.agent_states, analyst.open_attempts;
DROP INDEX events_agent_state;
DROP VIEW analyst.attempts;
ALTER TABLE attempts DROP COLUMN person_at;
CREATE VIEW analyst.attempts AS
SELECT domain_id, recorded_at, id AS attempt_id, queue_id, queue_name, queue_type, channel, destination, use_processing,
       member_name, member_id, member_channel_id, cc_attempt_seq, priority, variables, joined_at, dial_at, member_ringing_at,
       member_answered_at, offering_at, agent_answered_at, bridged_at, ended_at, processing_at, reporting_at, leaving_at,
       agent_id, agent_name, user_id, agent_extension, agent_channel_id, offers, misses, cc_result, result_reason, call_cause,
       call_sip_code, amd_result, agent_cause, call_bill_sec, call_duration, call_voice_sec, wait_sec, retry_at
FROM attempts WHERE NOT test;
