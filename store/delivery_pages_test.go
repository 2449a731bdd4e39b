package store_test

import (
	"fmt"
	"regexp"
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

// fillTries gives an endpoint n tries, one a minute back from t0, over the day
// partitions: each event has two, of which every 50th ends in failure.
func fillTries(t testing.TB, pool *pgxpool.Pool, ep dispatcher.Endpoint, n int) {
	t.Helper()
	s := store.New(pool)
	fatal(t, s.EnsurePartitions(t.Context(), t0.AddDate(0, 0, -n/1440-1), n/1440+2))
	const fill = `
INSERT INTO tries (domain_id, endpoint_id, seq, number, started_at, event_id, event_type, attempt_id, outcome, state,
                   duration_us, first_byte_us, status, header, body_truncated, error)
SELECT 1, $1, (g + 1) / 2, 1 + (g + 1) % 2, $2::timestamptz - ($3 - g) * interval '1 minute', gen_random_uuid(),
       CASE WHEN g % 1000 = 0 THEN 'attempt.missed' ELSE 'attempt.joined' END, g,
       CASE WHEN g % 2 = 1 OR g % 100 = 0 THEN 'upstream' ELSE 'delivered' END,
       CASE WHEN g % 2 = 1 THEN 'retrying' WHEN g % 100 = 0 THEN 'exhausted' ELSE 'delivered' END,
       1000, 900, 200, '', false, ''
FROM generate_series(1, $3) g`
	if _, err := pool.Exec(t.Context(), fill, strings.TrimPrefix(ep.ID, "ep_"), t0, n); err != nil {
		t.Fatal(err)
	}
	_, err := pool.Exec(t.Context(), `ANALYZE tries`)
	fatal(t, err)
}

// walk reads all pages of a list and returns how many it showed and how many
// pages there were.
func walk(t *testing.T, f store.TryFilter, page func(store.TryFilter) (int, *store.TryCursor, error)) (n, pages int) {
	t.Helper()
	for {
		got, next, err := page(f)
		fatal(t, err)
		n, pages = n+got, pages+1
		if next == nil {
			return n, pages
		}
		if pages > 1000 {
			t.Fatal("the list has no end")
		}
		f.Before = *next
	}
}

func TestPagesOfTries(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	fillTries(t, pool, ep, 10_000)
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	tries := func(f store.TryFilter) (int, *store.TryCursor, error) {
		got, next, err := d.TryPage(t.Context(), ref, f)
		for i := 1; i < len(got); i++ {
			if got[i].StartedAt.After(got[i-1].StartedAt) {
				t.Fatal("not the newest first")
			}
		}
		return len(got), next, err
	}
	deliveries := func(f store.TryFilter) (int, *store.TryCursor, error) {
		got, next, err := d.DeliveryPage(t.Context(), ref, f)
		for i := range got {
			if got[i].Number != 2 {
				t.Fatalf("event %d is shown at try %d, not at its last", got[i].Seq, got[i].Number)
			}
		}
		return len(got), next, err
	}
	for _, c := range []struct {
		name string
		page func(store.TryFilter) (int, *store.TryCursor, error)
		f    store.TryFilter
		want int
	}{
		{"tries", tries, store.TryFilter{}, 10_000},
		{"tries that failed", tries, store.TryFilter{Outcome: dispatcher.OutcomeUpstream}, 5_100},
		{"tries of a rare type", tries, store.TryFilter{Type: queue.EventMissed}, 10},
		{"tries with no such outcome", tries, store.TryFilter{Outcome: dispatcher.OutcomeDNS}, 0},
		{"tries of an hour", tries, store.TryFilter{Since: t0.Add(-time.Hour), Until: t0}, 60},
		{"deliveries", deliveries, store.TryFilter{}, 5_000},
		{"deliveries that are exhausted", deliveries, store.TryFilter{State: dispatcher.StateExhausted}, 100},
		{"deliveries of a rare type", deliveries, store.TryFilter{Type: queue.EventMissed}, 10},
	} {
		c.f.Limit = 250
		n, pages := walk(t, c.f, c.page)
		if n != c.want || pages > 1+10_000/250 {
			t.Errorf("%s: %d on %d pages, want %d", c.name, n, pages, c.want)
		}
	}
	if n, _, err := deliveries(store.TryFilter{Limit: 250, State: dispatcher.StateExhausted}); err != nil || n != 100 {
		t.Errorf("what is exhausted is found in one page: %d (%v)", n, err)
	}
}

var (
	actualRows = regexp.MustCompile(`actual time=[\d.]+ rows=(\d+) loops=(\d+)`)
	seqScan    = regexp.MustCompile(`Seq Scan on tries\w*`)
)

// explain carries out a statement by the plan that a session of ours makes for
// any arguments, and returns that plan, and how many rows its busiest node gave.
func explain(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) (plan string, busiest int) {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	fatal(t, err)
	defer conn.Release()
	_, err = conn.Conn().Prepare(t.Context(), "explained", sql)
	fatal(t, err)
	defer func() { fatal(t, conn.Conn().Deallocate(t.Context(), "explained")) }()
	rows, err := conn.Query(t.Context(), "EXPLAIN ANALYZE EXECUTE explained("+literals(args)+")")
	fatal(t, err)
	defer rows.Close()
	for rows.Next() {
		var line string
		fatal(t, rows.Scan(&line))
		plan += line + "\n"
		if m := actualRows.FindStringSubmatch(line); m != nil {
			var n, loops int
			fmt.Sscan(m[1], &n)
			fmt.Sscan(m[2], &loops)
			busiest = max(busiest, n*loops)
		}
	}
	fatal(t, rows.Err())
	return plan, busiest
}

// literals writes arguments as SQL does.
func literals(args []any) string {
	var all []string
	for _, arg := range args {
		switch v := arg.(type) {
		case *time.Time:
			if v == nil {
				all = append(all, "NULL")
				continue
			}
			arg = v.Format(time.RFC3339Nano)
		case time.Time:
			arg = v.Format(time.RFC3339Nano)
		case []string:
			arg = "{" + strings.Join(v, ",") + "}"
		case []int64:
			arg = "{" + strings.Trim(strings.ReplaceAll(fmt.Sprint(v), " ", ","), "[]") + "}"
		case [16]byte:
			arg = fmt.Sprintf("%x", v)
		}
		all = append(all, fmt.Sprintf("'%v'", arg))
	}
	return strings.Join(all, ", ")
}

// The lists of a large endpoint look at no more rows than they say, in every
// shape, and never at whole tables.
func TestPlansOfLists(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	busy, quiet := dispatchertest.Endpoint("https://a.example/"), dispatchertest.Endpoint("https://b.example/")
	createAt(t, d, busy, dispatcher.Position{})
	createAt(t, d, quiet, dispatcher.Position{})
	fillTries(t, pool, busy, 40_000)
	fillTries(t, pool, quiet, 10)
	for name, f := range map[string]store.TryFilter{
		"all":       {},
		"failed":    {Outcome: dispatcher.OutcomeUpstream},
		"exhausted": {State: dispatcher.StateExhausted},
		"rare type": {Type: queue.EventMissed},
		"no such":   {Outcome: dispatcher.OutcomeTLS},
		"a while":   {Since: t0.AddDate(0, 0, -7), Until: t0.AddDate(0, 0, -6)},
		"deep":      {Before: store.TryCursor{StartedAt: t0.AddDate(0, 0, -20), Seq: 5}},
	} {
		f.Limit = 50
		for kind, sql := range store.PageStatements(f) {
			args := store.PageArgs(f, 1, busy.ID)
			if kind != "last" {
				args = append(args, string(f.Outcome), string(f.Type), string(f.State), f.Limit)
			}
			plan, busiest := explain(t, pool, sql, args...)
			if busiest > store.ScanBound+store.ScanBound/10 || seqScan.MatchString(plan) {
				t.Errorf("%s, %s: %d rows in one node\n%s", name, kind, busiest, plan)
			}
		}
	}
}
