package store_test

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// manyMembers fills queue 7 inside Postgres with so many members in seven time
// zones and five priorities. Nearly everybody of the highest priority waits for
// his retry, and every twentieth has stopped. The indexes are made afterwards,
// which is five times as fast.
func manyMembers(t testing.TB, pool *pgxpool.Pool, n int) {
	t.Helper()
	ctx := t.Context()
	exec := func(sql string, args ...any) {
		t.Helper()
		if _, err := pool.Exec(ctx, sql, args...); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
	rows, err := pool.Query(ctx, `SELECT indexdef, indexname FROM pg_indexes WHERE tablename = 'members' AND indexname <> 'members_pkey'`)
	if err != nil {
		t.Fatal(err)
	}
	var indexes, names []string
	for rows.Next() {
		var def, name string
		if err := rows.Scan(&def, &name); err != nil {
			t.Fatal(err)
		}
		indexes, names = append(indexes, def), append(names, name)
	}
	exec(`DROP INDEX ` + strings.Join(names, ", "))
	exec(`
INSERT INTO members (domain_id, id, queue_id, name, numbers, priority, variables, time_zone, created_at, edition, attempts,
                     ready_at, stopped_at, stop_cause)
SELECT 1, n, 7, 'Member ' || n,
       jsonb_build_array(jsonb_build_object('number', '+49' || (1000000000 + n)), jsonb_build_object('number', '+44' || (1000000000 + n))),
       n % 5, jsonb_build_object('city', 'Springfield', 'tariff', (n % 7)::text),
       (ARRAY['Europe/Berlin', 'Europe/London', 'America/New_York', 'America/Chicago', 'America/Denver', 'America/Los_Angeles', ''])[1 + n % 7],
       $2::timestamptz, 1, n % 3,
       CASE WHEN n % 5 = 4 AND n % 1000 <> 4 THEN $2 + (1 + n % 7200) * interval '1 s' ELSE $2 - (n % 86400) * interval '1 s' END,
       CASE WHEN n % 20 = 3 THEN $2 END, CASE WHEN n % 20 = 3 THEN 'success' ELSE '' END
FROM generate_series(1, $1) AS n`, n, t0)
	for _, def := range indexes {
		exec(def)
	}
	exec(`VACUUM (ANALYZE) members`)
}

// allZones are those of manyMembers.
var allZones = []string{
	"", "America/Chicago", "America/Denver", "America/Los_Angeles", "America/New_York", "Europe/Berlin", "Europe/London",
}

// BenchmarkHopper refills a hopper from ten million members while others of the
// list are dialled, leave and get new retry times. It reports the 99th of a
// hundred refills; OFFHOOK_BENCH_MEMBERS is another number of members.
func BenchmarkHopper(b *testing.B) {
	count := 10_000_000
	if given := os.Getenv("OFFHOOK_BENCH_MEMBERS"); given != "" {
		if _, err := fmt.Sscan(given, &count); err != nil {
			b.Fatal(err)
		}
	}
	pool := storetest.New(b)
	began := time.Now()
	manyMembers(b, pool, count)
	b.Logf("%d members made in %v", count, time.Since(began).Round(time.Second))
	// What making them has left to be written is not what is measured.
	if _, err := pool.Exec(b.Context(), `CHECKPOINT`); err != nil {
		b.Log("cannot order a checkpoint: ", err)
	}
	lists := store.New(pool).DeskLists(1)
	refill := desk.Ready{QueueID: 7, Zones: allZones, At: t0, Limit: 1000}

	ctx, stop := context.WithCancel(b.Context())
	var churning sync.WaitGroup
	churning.Go(func() { churn(ctx, b, pool) })
	var took []time.Duration
	b.ResetTimer()
	for b.Loop() {
		began := time.Now()
		members, _, err := lists.Ready(b.Context(), refill)
		if err != nil || len(members) != refill.Limit {
			b.Fatalf("%d members, %v", len(members), err)
		}
		took = append(took, time.Since(began))
		refill.At = refill.At.Add(time.Second)
	}
	b.StopTimer()
	stop()
	churning.Wait()
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	b.ReportMetric(ms(took[len(took)/2]), "p50_ms")
	b.ReportMetric(ms(took[(len(took)*99-1)/100]), "hopper_ms")
}

// churn dials a thousand of those who are first a second, and gives them a later
// time, until ctx ends.
func churn(ctx context.Context, b *testing.B, pool *pgxpool.Pool) {
	const dial = `
WITH first AS (
    SELECT id FROM members WHERE domain_id = 1 AND queue_id = 7 AND time_zone = $1 AND priority = 3
      AND open_attempt = 0 AND stopped_at IS NULL AND ready_at <= $2
    ORDER BY ready_at, id LIMIT 50)
UPDATE members AS m SET open_attempt = m.id, last_attempt = m.id, changed = $3 FROM first WHERE m.domain_id = 1 AND m.id = first.id`
	const leave = `
UPDATE members SET open_attempt = 0, attempts = attempts + 1, ready_at = $1::timestamptz + interval '5 minutes', changed = $2
WHERE domain_id = 1 AND queue_id = 7 AND open_attempt <> 0`
	pace := time.NewTicker(50 * time.Millisecond)
	defer pace.Stop()
	for i := 1; ctx.Err() == nil; i++ {
		<-pace.C
		if _, err := pool.Exec(ctx, dial, allZones[i%len(allZones)], t0, i); err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
		if _, err := pool.Exec(ctx, leave, t0, i); err != nil && ctx.Err() == nil {
			b.Error(err)
			return
		}
	}
}
