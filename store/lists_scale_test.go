package store_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

const (
	logDays   = 12
	logEvents = 24_000
)

// longLog gives domain 1 a log of so many events and days up to t0, a quarter as
// many attempts, and as many entries of the audit log. Queue 5 and agent 30 are
// rare, and so are events of transfers. Every 700th event was recorded hours
// after it happened.
func longLog(t testing.TB, pool *pgxpool.Pool) *store.Store {
	t.Helper()
	s := store.New(pool)
	began := t0.AddDate(0, 0, -logDays)
	fatal(t, s.EnsurePartitions(t.Context(), began, logDays+1))
	const place = `
FROM (SELECT g, $1::timestamptz + g * ($2::timestamptz - $1) / $3 AS at,
             CASE WHEN g % 997 = 5 THEN 5 ELSE 1 + g % 4 END AS queue_id, CASE WHEN g % 1009 = 7 THEN 30 ELSE 1 + g % 20 END AS agent_id
      FROM generate_series(1, $3::bigint) AS g) AS x`
	for _, sql := range []string{`
INSERT INTO events (domain_id, recorded_at, seq, id, type, at, sequence, queue_id, queue_name, queue_type, attempt_id, channel,
                    use_processing, agent_id, agent_name, cc_attempt_seq, cc_result, ext, subject_kind, subject_id, data)
SELECT 1, at, g, gen_random_uuid(), type, at - CASE WHEN g % 700 = 3 THEN interval '5 hours' ELSE interval '1 ms' END,
       CASE WHEN own THEN 1 END, queue_id, 'q', 'inbound', g / 8 + 1, CASE WHEN own THEN 'call' END, CASE WHEN own THEN false END,
       CASE WHEN own THEN agent_id END, CASE WHEN own THEN 'Ann' END, CASE WHEN own THEN 1 END, CASE WHEN type = 'attempt.leaving' THEN 'success' END,
       CASE WHEN own THEN '{}'::jsonb END, CASE WHEN NOT own THEN 'agent' END, CASE WHEN NOT own THEN agent_id::text END, CASE WHEN NOT own THEN '{}'::json END` + place +
		`, LATERAL (SELECT CASE WHEN g % 1999 = 9 THEN 'attempt.agent_changed' ELSE (ARRAY['attempt.joined', 'attempt.offering', 'agent.state', 'attempt.leaving'])[1 + g % 4] END AS type) AS y,
  LATERAL (SELECT type <> 'agent.state' AS own) AS z`, `
INSERT INTO attempts (domain_id, recorded_at, id, changed, queue_id, queue_name, queue_type, channel, use_processing, cc_attempt_seq, priority,
                      joined_at, leaving_at, agent_id, agent_name, offers, misses, cc_result, uncounted, last_sequence, test)
SELECT 1, at, g, 1, queue_id, 'q', 'inbound', 'call', false, 1, 0, at - interval '3 minutes', at, agent_id, 'Ann', 1, 0,
       CASE WHEN g % 1301 = 4 THEN 'cancel' ELSE 'success' END, false, 1, false` + strings.Replace(place, "$3::bigint", "$3::bigint / 4", 1), `
INSERT INTO audit_log (domain_id, at, key_id, action, object_kind, object_id)
SELECT 1, at, CASE WHEN g % 5003 = 2 THEN 'key_rare' ELSE 'key_common' END, 'agent.update', 'agent', agent_id::text` + place,
	} {
		if _, err := pool.Exec(t.Context(), sql, began, t0, logEvents); err != nil {
			t.Fatalf("%v: %s", err, sql)
		}
	}
	_, err := pool.Exec(t.Context(), `UPDATE domains SET head_seq = $1, head_recorded_at = $2 WHERE id = 1`, logEvents, t0)
	fatal(t, err)
	_, err = pool.Exec(t.Context(), `ANALYZE`)
	fatal(t, err)
	return s
}

var filtersOfEvents = map[string]store.EventFilter{
	"all":                       {},
	"a type":                    {Types: []queue.EventType{queue.EventJoined}},
	"a rare type":               {Types: []queue.EventType{queue.EventAgentChanged}},
	"a rare type and another":   {Types: []queue.EventType{queue.EventAgentChanged, queue.EventLeaving}},
	"a type that never was":     {Types: []queue.EventType{queue.EventEndpointDeleted}},
	"a queue":                   {QueueID: 2},
	"a rare queue":              {QueueID: 5},
	"a queue and a rare type":   {QueueID: 2, Types: []queue.EventType{queue.EventAgentChanged}},
	"an agent":                  {AgentID: 3},
	"a rare agent":              {AgentID: 30},
	"an agent in another queue": {AgentID: 3, QueueID: 5},
	"an attempt":                {AttemptID: 100},
	"a while":                   {Since: t0.AddDate(0, 0, -5), Until: t0.AddDate(0, 0, -4)},
	"a queue in a while":        {QueueID: 3, Since: t0.AddDate(0, 0, -5), Until: t0.AddDate(0, 0, -4)},
	"until":                     {Until: t0.AddDate(0, 0, -9)},
}

// Whatever is asked for, the pages together are exactly what matches, in the
// order of the log, and there are few of them: a list does not end too early,
// and does not go on for ever.
func TestPagesOfTheLog(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := longLog(t, pool)
	const matching = `
SELECT coalesce(array_agg(seq ORDER BY recorded_at, seq), '{}') FROM events
WHERE domain_id = 1 AND (cardinality($1::text[]) = 0 OR type = ANY ($1)) AND ($2::bigint = 0 OR queue_id = $2)
  AND ($3::bigint = 0 OR agent_id = $3 OR subject_kind = 'agent' AND subject_id = $3::text) AND ($4::bigint = 0 OR attempt_id = $4)
  AND ($5::timestamptz IS NULL OR at >= $5) AND ($6::timestamptz IS NULL OR at < $6)`
	bound := func(at time.Time) *time.Time {
		if at.IsZero() {
			return nil
		}
		return &at
	}
	for name, f := range filtersOfEvents {
		types := []string{}
		for _, typ := range f.Types {
			types = append(types, string(typ))
		}
		var want, got []int64
		fatal(t, pool.QueryRow(t.Context(), matching, types, f.QueueID, f.AgentID, f.AttemptID, bound(f.Since), bound(f.Until)).Scan(&want))
		pages := 0
		for f.Limit = 100; ; pages++ {
			page, err := s.ListEvents(t.Context(), 1, f)
			fatal(t, err)
			for i := range page.Events {
				got = append(got, page.Events[i].Seq)
			}
			if f.After = page.Next; !page.More {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d events, want %d", name, len(got), len(want))
		}
		if most := 2 + len(want)/f.Limit + logEvents/500; pages > most {
			t.Errorf("%s: %d pages for %d events", name, pages, len(want))
		}
		if f.After.Seq != logEvents {
			t.Errorf("%s: ends at %d", name, f.After.Seq)
		}
	}
}

var filtersOfAttempts = map[string]store.AttemptFilter{
	"all": {}, "a queue": {QueueID: 2}, "a rare queue": {QueueID: 5}, "an agent": {AgentID: 3}, "a rare agent": {AgentID: 30},
	"a result": {Result: queue.ResultSuccess}, "a rare result": {Result: queue.ResultCancel},
	"an agent in a queue": {AgentID: 4, QueueID: 1}, "a while": {Since: t0.AddDate(0, 0, -11), Until: t0.AddDate(0, 0, -10)},
	"until": {Until: t0.AddDate(0, 0, -11)}, "a rare result in a queue": {QueueID: 1, Result: queue.ResultAbandoned},
}

// The same of the attempts.
func TestPagesOfAttempts(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := longLog(t, pool)
	const matching = `
SELECT coalesce(array_agg(id ORDER BY joined_at DESC, id DESC), '{}') FROM attempts
WHERE domain_id = 1 AND ($1::bigint = 0 OR queue_id = $1) AND ($2::bigint = 0 OR agent_id = $2) AND ($3 = '' OR cc_result = $3)
  AND joined_at >= $4 AND joined_at < $5`
	for name, f := range filtersOfAttempts {
		until := f.Until
		if until.IsZero() {
			until = t0.AddDate(1, 0, 0)
		}
		var want, got []int64
		fatal(t, pool.QueryRow(t.Context(), matching, f.QueueID, f.AgentID, string(f.Result), f.Since, until).Scan(&want))
		for f.Limit = 100; ; {
			page, next, err := s.Attempts(t.Context(), 1, f)
			fatal(t, err)
			for _, a := range page {
				got = append(got, a.ID)
			}
			if next == nil {
				break
			}
			f.Before = *next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d attempts, want %d", name, len(got), len(want))
		}
	}
}

var wholeTables = regexp.MustCompile(`Seq Scan on (events|attempts|audit_log|tries)\w*`)

// looksAt fails the test unless the statement looks at no more rows than it may,
// sorts no more than it shows, and reads along the index.
func looksAt(t *testing.T, pool *pgxpool.Pool, name string, st store.Statement, index string) (plan string) {
	t.Helper()
	plan, busiest := explain(t, pool, st.SQL, st.Args...)
	// Merging the partitions needs one row of each in advance.
	if busiest > st.Bound+2*logDays || wholeTables.MatchString(plan) || !strings.Contains(plan, index) {
		t.Errorf("%s: %d rows in one node, along %q\n%.3000s", name, busiest, index, plan)
	}
	return plan
}

// Every list is read along its index, and in the partitions of its time.
func TestPlansOfTheLog(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	longLog(t, pool)
	along := map[string]string{
		"all": "_pkey", "a type": "_pkey", "a rare type": "_recorded_at_seq_idx", "a type that never was": "_recorded_at_seq_idx",
		"a queue": "_queue_id_recorded_at_seq_idx", "a rare queue": "_queue_id_recorded_at_seq_idx", "a queue in a while": "_queue_id_recorded_at_seq_idx",
		"an agent": "_agent_id_recorded_at_seq_idx", "a rare agent": "_agent_id_recorded_at_seq_idx", "an attempt": "_attempt_id_idx",
		"an agent in another queue": "_agent_id_recorded_at_seq_idx",
	}
	for name, f := range filtersOfEvents {
		f.Limit = 50
		for i, st := range store.EventStatements(f, 1, logEvents) {
			index := along[name]
			if i > 0 {
				index = "_recorded_at_seq_idx"
			}
			plan := looksAt(t, pool, "events of "+name, st, index)
			if name == "a while" && i == 0 && !prunes(plan, logDays-2) {
				t.Errorf("a day of the log is looked for everywhere:\n%.3000s", plan)
			}
		}
		f.After = dispatcher.Position{RecordedAt: t0.AddDate(0, 0, -1), Seq: logEvents * (logDays - 1) / logDays}
		for i, st := range store.EventStatements(f, 1, logEvents) {
			if plan := looksAt(t, pool, "the last day's events of "+name, st, ""); i == 0 && f.AttemptID == 0 && f.Until.IsZero() && !prunes(plan, logDays-2) {
				t.Errorf("the end of the log is looked for everywhere:\n%.3000s", plan)
			}
		}
	}
}

var removed = regexp.MustCompile(`Subplans Removed: (\d+)`)

// prunes reports whether at least n partitions are not looked into.
func prunes(plan string, n int) bool {
	most := 0
	for _, m := range removed.FindAllStringSubmatch(plan, -1) {
		var k int
		fmt.Sscan(m[1], &k)
		most = max(most, k)
	}
	return most >= n
}

func TestPlansOfAttempts(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	longLog(t, pool)
	for name, f := range filtersOfAttempts {
		f.Limit = 50
		index := "_joined_at_id_idx"
		switch {
		case f.AgentID != 0:
			index = "_agent_id_joined_at_id_idx"
		case f.QueueID != 0:
			index = "_queue_id_joined_at_id_idx"
		}
		plan := looksAt(t, pool, "attempts of "+name, store.AttemptStatement(f, 1), index)
		if f.Since = t0.AddDate(0, 0, -1); !prunes(looksAt(t, pool, "yesterday's attempts of "+name, store.AttemptStatement(f, 1), index), logDays-2) {
			t.Errorf("yesterday's attempts are looked for everywhere:\n%.3000s", plan)
		}
	}
}

func TestPlansOfTheAuditLogAndOfSingleThings(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	longLog(t, pool)
	for name, f := range map[string]store.AuditFilter{
		"all": {}, "a kind": {Kind: "agent"}, "no such kind": {Kind: "queue"}, "a rare key": {KeyID: "key_rare"}, "an action": {Action: "agent.update"},
		"an object": {Kind: "agent", ObjectID: "30"}, "a while": {Since: t0.AddDate(0, 0, -5), Until: t0.AddDate(0, 0, -4)},
	} {
		f.Limit = 50
		looksAt(t, pool, "the audit log of "+name, store.AuditStatement(f, 1), "")
	}
	d := newDelivery(t, pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	fillTries(t, pool, ep, 10_000)
	for name, st := range store.SingleStatements(1, 100, queue.UUID{1}, []int64{1, 2, 3, 4}, t0.AddDate(0, 0, -6)) {
		looksAt(t, pool, name, st, "")
	}
	plan := looksAt(t, pool, "stats", store.StatsStatement(1, ep.ID, t0.Add(-24*time.Hour), t0), "_started_at_seq_idx")
	if !prunes(plan, 5) {
		t.Errorf("a day of tries is looked for everywhere:\n%.3000s", plan)
	}
}
