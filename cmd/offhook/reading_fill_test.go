package main

// The statements that make the history which TestReading reads. They run inside
// Postgres, one for each domain and day.
//
// A day of a domain has so many events, one every tick. They come in blocks in
// which as many attempts run beside each other as there are lines: first all
// join, then all go on by a step, until all have left. So numbers are dense,
// and the events of an attempt lie minutes apart, as in life. Each attempt has
// eight events.

// fillDay are the arguments of both: domain, begin of the day, events of the
// day, events before it, lines, tick, then queues and agents by parallel arrays.
const fillDay = `
WITH day AS (
    SELECT $1::bigint AS domain_id, $2::timestamptz AS began, $3::bigint AS events, $4::bigint AS before,
           $5::bigint AS lines, $6::interval AS tick,
           $7::bigint[] AS queue_ids, $8::text[] AS queue_names, $9::text[] AS queue_types,
           $10::bigint[] AS agent_ids, $11::text[] AS agent_names
)`

// The last queue and the last agent are rare; of the others the first queues
// have most of the attempts.
const fillPlot = `
, plot AS (
    SELECT a.*, day.*,
           CASE WHEN a.h % 10 < 6 THEN 0 WHEN a.h % 10 < 8 THEN 1 ELSE 2 END AS story,
           CASE WHEN a.h % 20000 = 11 THEN cardinality(queue_ids)
                ELSE 1 + floor(power((a.h / 10 % 100000) / 100000.0, 2) * (cardinality(queue_ids) - 1))::int END AS q,
           CASE WHEN a.h % 50000 = 3 THEN cardinality(agent_ids)
                ELSE 1 + (a.h / 7 % (cardinality(agent_ids) - 1))::int END AS g,
           began + joined_slot * tick AS joined_at
    FROM day, LATERAL (
        SELECT n, before / 8 + n + domain_id * 100000000 AS attempt_id,
               (hashint8(before / 8 + n) & 2147483647)::bigint AS h,
               n / lines * lines * 8 + n % lines AS joined_slot
        FROM generate_series(0, events / 8 - 1) AS n) AS a
)`

// What happens in each of the three stories, by step: served at once, served by
// the second agent, abandoned.
const fillSteps = `
, steps (story, step, type, sequence) AS (VALUES
    (0, 0, 'attempt.joined', 1), (0, 1, 'attempt.offering', 2), (0, 2, 'agent.state', NULL), (0, 3, 'attempt.bridged', 3),
    (0, 4, 'switch.bridge', NULL), (0, 5, 'attempt.processing', 4), (0, 6, 'agent.state', NULL), (0, 7, 'attempt.leaving', 5),
    (1, 0, 'attempt.joined', 1), (1, 1, 'attempt.offering', 2), (1, 2, 'attempt.missed', 3), (1, 3, 'agent.state', NULL),
    (1, 4, 'attempt.offering', 4), (1, 5, 'attempt.bridged', 5), (1, 6, 'attempt.processing', 6), (1, 7, 'attempt.leaving', 7),
    (2, 0, 'attempt.joined', 1), (2, 1, 'attempt.offering', 2), (2, 2, 'attempt.missed', 3), (2, 3, 'agent.state', NULL),
    (2, 4, 'attempt.offering', 4), (2, 5, 'attempt.missed', 5), (2, 6, 'agent.state', NULL), (2, 7, 'attempt.leaving', 6))`

const fillEvents = fillDay + fillPlot + fillSteps + `
INSERT INTO events (domain_id, recorded_at, seq, id, type, at, sequence, queue_id, queue_name, queue_type, attempt_id,
                    subject_kind, subject_id, channel, destination, use_processing, agent_channel_id, member_channel_id,
                    agent_name, agent_id, agent_extension, member_name, cc_attempt_seq, cc_result, call_bill_sec,
                    call_duration, call_cause, call_sip_code, call_voice_sec, variables, ext, data)
SELECT domain_id, recorded_at, before + slot + 1, gen_random_uuid(),
       CASE WHEN rare THEN 'endpoint.failing' ELSE type END, recorded_at - interval '3 ms', sequence,
       CASE WHEN own OR type = 'switch.bridge' THEN queue_ids[q] END, CASE WHEN own OR type = 'switch.bridge' THEN queue_names[q] END,
       CASE WHEN own OR type = 'switch.bridge' THEN queue_types[q] END, CASE WHEN type <> 'agent.state' THEN attempt_id END,
       CASE WHEN rare THEN 'endpoint' WHEN type = 'switch.bridge' THEN 'switch' WHEN NOT own THEN 'agent' END,
       CASE WHEN rare THEN 'ep_' || gen_random_uuid() WHEN type = 'switch.bridge' THEN attempt_id::text WHEN NOT own THEN agent_ids[g]::text END,
       CASE WHEN own THEN 'call' END, CASE WHEN own THEN '+1202' || lpad((h % 10000000)::text, 7, '0') END, CASE WHEN own THEN true END,
       CASE WHEN named THEN 'agent-leg-' || attempt_id END, CASE WHEN own THEN 'member-leg-' || attempt_id END,
       CASE WHEN named THEN agent_names[g] END, CASE WHEN named THEN agent_ids[g] END, CASE WHEN named THEN '100' END,
       CASE WHEN own THEN 'Erika Mustermann' END, CASE WHEN own THEN 1 END,
       CASE WHEN left_now THEN CASE story WHEN 2 THEN 'abandoned' ELSE 'success' END END,
       CASE WHEN own AND step > 3 THEN 20 + h % 300 END, CASE WHEN own AND step > 3 THEN 22 + h % 300 END,
       CASE WHEN left_now THEN 'NORMAL_CLEARING' END, CASE WHEN left_now THEN 200 END, CASE WHEN left_now AND story < 2 THEN h % 300 END,
       CASE WHEN own THEN '{"campaign":"spring","language":"de","tariff":"premium"}'::jsonb END,
       CASE WHEN own THEN jsonb_build_object('state', substr(type, 9), 'joined_at', joined, 'offering_at', joined, 'offer_no', 1,
                                             'wait_sec', h % 90, 'agent_cause', 'NORMAL_CLEARING') END,
       CASE WHEN NOT own THEN format('{"agent_id":%s,"agent_name":"%s","status":"online","reason":null,"channel":"call","state":"%s","since":"%s","attempt_id":%s}',
                                  agent_ids[g], agent_names[g], CASE WHEN step < 4 THEN 'offering' ELSE 'waiting' END, joined, attempt_id)::json END
FROM plot JOIN steps USING (story), LATERAL (
    SELECT joined_slot + step * lines AS slot, began + (joined_slot + step * lines) * tick AS recorded_at,
           sequence IS NOT NULL AS own, step = 7 AS left_now, type = 'agent.state' AND h % 20000 = 17 AS rare,
           sequence > 1 AND NOT (story = 2 AND step = 7) AS named,
           to_char(joined_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') AS joined) AS e
ORDER BY slot`

const fillAttempts = fillDay + fillPlot + `
INSERT INTO attempts (domain_id, recorded_at, id, changed, queue_id, queue_name, queue_type, channel, destination, use_processing,
                      member_name, member_channel_id, cc_attempt_seq, priority, variables, joined_at, offering_at,
                      agent_answered_at, bridged_at, ended_at, processing_at, leaving_at, agent_id, agent_name, agent_extension,
                      agent_channel_id, offers, misses, cc_result, result_reason, call_cause, call_sip_code, call_bill_sec,
                      call_duration, call_voice_sec, wait_sec, uncounted, last_sequence, test)
SELECT domain_id, left_at, attempt_id, 1, queue_ids[q], queue_names[q], queue_types[q], 'call', '+1202' || lpad((h % 10000000)::text, 7, '0'), true,
       'Erika Mustermann', 'member-leg-' || attempt_id, 1, 0, '{"campaign":"spring","language":"de","tariff":"premium"}',
       joined_at, joined_at + lines * tick, talked, talked, CASE WHEN served THEN left_at - interval '20 s' END,
       CASE WHEN served THEN left_at - interval '20 s' END, left_at,
       CASE WHEN served THEN agent_ids[g] END, CASE WHEN served THEN agent_names[g] END, CASE WHEN served THEN '100' END,
       CASE WHEN served THEN 'agent-leg-' || attempt_id END, 1 + (story > 0)::int, story, CASE WHEN served THEN 'success' ELSE 'abandoned' END,
       CASE WHEN served THEN 'reported_success' ELSE 'member_hangup' END, 'NORMAL_CLEARING', 200, 20 + h % 300, 22 + h % 300,
       CASE WHEN served THEN h % 300 END, h % 90, false, 5 + story, false
FROM plot, LATERAL (
    SELECT story < 2 AS served, joined_at + 7 * lines * tick AS left_at,
           CASE WHEN story < 2 THEN joined_at + (3 + story * 2) * lines * tick END AS talked) AS e
ORDER BY joined_slot`

// The first three of the domain's endpoints got every event of the last month,
// the second and the third not always at once, the fourth only what left, and
// that with trouble. Arguments: domain, begin and end of the day, endpoints.
const fillTries = `
INSERT INTO tries (domain_id, endpoint_id, seq, number, started_at, event_id, event_type, attempt_id, outcome, state,
                   duration_us, first_byte_us, status, header, body, body_truncated, error, next_at)
SELECT e.domain_id, ($4::uuid[])[p.place], e.seq, t.number, e.recorded_at + 5 * interval '1 ms' + (t.number - 1) * interval '40 s',
       e.id, e.type, e.attempt_id,
       CASE WHEN t.number < p.tries OR p.lost THEN CASE WHEN e.seq % 100000 = 16 THEN 'dns' WHEN e.seq % 3 = 0 THEN 'timeout' ELSE 'upstream' END ELSE 'delivered' END,
       CASE WHEN t.number < p.tries THEN 'retrying' WHEN p.lost THEN 'exhausted' ELSE 'delivered' END,
       1000 + (hashint8(e.seq * 4 + p.place) & 16383), 900, CASE WHEN t.number < p.tries OR p.lost THEN 503 ELSE 204 END,
       'Content-Type: text/plain; charset=utf-8', 'ok'::bytea, false, '', CASE WHEN t.number < p.tries THEN e.recorded_at + t.number * interval '40 s' END
FROM events AS e, LATERAL (VALUES
    (1, 1, false), (2, CASE WHEN e.seq % 8 = 0 THEN 2 ELSE 1 END, false),
    (3, CASE WHEN e.seq % 1000 = 5 THEN 3 ELSE 1 END, e.seq % 1000 = 5),
    (4, CASE WHEN e.type = 'attempt.leaving' THEN 2 ELSE 0 END, e.seq % 7 = 0)) AS p (place, tries, lost),
  LATERAL generate_series(1, p.tries) AS t (number)
WHERE e.domain_id = $1 AND e.recorded_at >= $2 AND e.recorded_at < $3
ORDER BY e.seq, p.place`

// What grows beside the log: lists to dial, numbers that must not be dialled,
// notes of who changed what, finished tasks, and what waits for its next try.
const (
	fillMembers = `
INSERT INTO members (domain_id, id, queue_id, name, numbers, priority, variables, time_zone, created_at, edition, attempts,
                     ready_at, stopped_at, stop_cause)
SELECT 1, 500000000 + n, $1, 'Member ' || n, jsonb_build_array(jsonb_build_object('number', '+49' || (1000000000 + n))), n % 5,
       '{"city":"Springfield"}', (ARRAY['Europe/Berlin', 'Europe/London', 'America/New_York', ''])[1 + n % 4], $2::timestamptz, 1, n % 3,
       $2 + CASE WHEN n % 5 = 4 THEN interval '1 year' ELSE interval '0' END + n * interval '1 ms',
       CASE WHEN n % 20 = 3 THEN $2 END, CASE WHEN n % 20 = 3 THEN 'success' ELSE '' END
FROM generate_series(1, $3::bigint) AS n`
	fillForbidden = `
INSERT INTO dnc (domain_id, number, note, created_at, changed)
SELECT 1, '+33' || (100000000 + n), 'asked to', $1::timestamptz, 1 FROM generate_series(1, $2::bigint) AS n`
	fillAudit = `
INSERT INTO audit_log (domain_id, at, key_id, key_name, role, request_id, action, object_kind, object_id, before, after)
SELECT 1, $1::timestamptz + n * ($2::timestamptz - $1) / $3, $4, 'reading', 'admin', 'r' || n,
       CASE WHEN n % 50000 = 7 THEN 'key.revoke' WHEN n % 9 = 0 THEN 'agent.update' ELSE 'attempt.join' END,
       CASE WHEN n % 50000 = 7 THEN 'key' WHEN n % 9 = 0 THEN 'agent' ELSE 'attempt' END, (n / 3)::text, '{}', '{"queue_id":7}'
FROM generate_series(1, $3::bigint) AS n`
	fillTasks = `
INSERT INTO tasks (domain_id, id, kind, state, parameters, created_at, created_by, finished_at)
SELECT 1, gen_random_uuid(), CASE WHEN n % 1000 = 1 THEN 'dnc.import' ELSE 'members.import' END,
       CASE WHEN n % 500 = 2 THEN 'failed' ELSE 'done' END, '{}', $1, $2, $1 FROM generate_series(1, $3::bigint) AS n`
	fillParked = `
INSERT INTO parked (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, held_since, sequence)
SELECT domain_id, $2, seq, recorded_at, coalesce(attempt_id, seq)::text, (seq % 2)::int, CASE WHEN seq % 2 = 1 THEN recorded_at + interval '1 year' END,
       recorded_at, coalesce(sequence, 0)
FROM (SELECT * FROM events WHERE domain_id = $1 AND recorded_at >= $3 ORDER BY recorded_at DESC, seq DESC LIMIT 5000) AS e`
)
