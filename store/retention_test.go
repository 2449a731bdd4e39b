package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// diskOf returns the bytes of all tables and indexes, by what is on disk.
func diskOf(t *testing.T, pool *pgxpool.Pool) (bytes int64) {
	t.Helper()
	const sql = `
SELECT sum(pg_total_relation_size(oid))::bigint FROM pg_class
WHERE relkind IN ('r', 'm') AND relnamespace = 'public'::regnamespace`
	fatal(t, pool.QueryRow(t.Context(), sql).Scan(&bytes))
	return bytes
}

func count(t *testing.T, pool *pgxpool.Pool, table string) (n int) {
	t.Helper()
	fatal(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM `+table).Scan(&n))
	return n
}

// Sixty simulated days with the same work each, swept every day: from the day on
// at which the first one goes, the disk stays flat and every row is accounted
// for.
func TestSixtyDaysOfRetention(t *testing.T) {
	t.Parallel()
	const perDay = 30 // attempts
	pool := storetest.New(t)
	s, d := store.New(pool), newDelivery(t, pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	noon := t0.Truncate(24 * time.Hour).Add(12 * time.Hour)
	fatal(t, s.EnsurePartitions(t.Context(), noon, 1))
	r := newReplica(t, pool)
	r.must(noon, centre()...)
	sales := r.engine.QueueByName("sales").ID
	keep := store.Retention{Events: 10 * 24 * time.Hour, Tries: 5 * 24 * time.Hour, Audit: 10 * 24 * time.Hour, Tasks: 5 * 24 * time.Hour}
	events := map[int]int{} // by day
	var flat int64
	before := count(t, pool, "events") // the endpoint's creation
	for day := range 60 {
		now := noon.AddDate(0, 0, day)
		fatal(t, s.EnsurePartitions(t.Context(), now, 1))
		had := len(r.events)
		var joins, ends []queue.Command
		for range perDay {
			joins = append(joins, queue.Join{QueueID: sales, Destination: ptr("+12025550101")})
		}
		r.must(now, joins...)
		for _, ev := range r.events[had:] {
			if ev.Type == queue.EventJoined {
				ends = append(ends, queue.Cancel{AttemptID: ev.AttemptID})
			}
		}
		r.must(now, ends...)
		fresh := r.events[had:]
		events[day] = len(fresh)
		var tries []dispatcher.Try
		for i := range fresh {
			try := tryOf(dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}, fresh[i], dispatcher.StateDelivered, false)
			try.StartedAt, try.Body = now, make([]byte, 200)
			tries = append(tries, try)
		}
		fatal(t, d.Settle(t.Context(), dispatcher.Settlement{At: now, Tries: tries}))
		fatal(t, s.NoteDeed(t.Context(), 1, store.Deed{Action: "test", Kind: "day", ObjectID: "x"}, store.By{At: now}))
		_, err := s.Sweep(t.Context(), keep, now)
		fatal(t, err)
		if day%5 == 0 { // autovacuum does it more often
			if _, err := pool.Exec(t.Context(), `VACUUM`); err != nil {
				t.Fatal(err)
			}
		}

		// A day stays as long as a part of it is young enough: that of today and as
		// many before it.
		want := func(days int) (n int) {
			for back := range min(days+1, day+1) {
				n += events[day-back]
			}
			return n
		}
		wantEvents := want(10)
		if day < 10 { // it is older than the noon of the first day
			wantEvents += before
		}
		if n := count(t, pool, "events"); n != wantEvents {
			t.Fatalf("day %d: %d events, want %d", day, n, wantEvents)
		}
		if n := count(t, pool, "attempts"); n != perDay*min(11, day+1) {
			t.Fatalf("day %d: %d finished attempts, want %d", day, n, perDay*min(11, day+1))
		}
		if n := count(t, pool, "tries"); n != want(5) {
			t.Fatalf("day %d: %d tries, want %d", day, n, want(5))
		}
		if n := count(t, pool, "audit_log WHERE object_kind = 'day'"); n != min(11, day+1) {
			t.Fatalf("day %d: %d audit rows, want %d", day, n, min(11, day+1))
		}
		switch disk := diskOf(t, pool); {
		case day == 15:
			flat = disk
		case day > 15 && (disk > flat*105/100 || disk < flat*95/100):
			t.Fatalf("day %d: %d bytes on disk, %d on day 15", day, disk, flat)
		}
	}
}
