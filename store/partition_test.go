package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// tables returns the number of events a partition holds, by its name.
func tables(t *testing.T, pool *pgxpool.Pool) map[string]int {
	t.Helper()
	rows, err := pool.Query(t.Context(), `SELECT tableoid::regclass::text, count(*) FROM events GROUP BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]int{}
	for rows.Next() {
		var name string
		var n int
		if err := rows.Scan(&name, &n); err != nil {
			t.Fatal(err)
		}
		out[name] = n
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return out
}

func partitionsOf(t *testing.T, pool *pgxpool.Pool, table string) (n int) {
	t.Helper()
	const count = `SELECT count(*) FROM pg_inherits WHERE inhparent = $1::regclass`
	if err := pool.QueryRow(t.Context(), count, table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestPartitionsAheadAndByAge(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	// Several replicas at once, and again: nothing is made twice.
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			if err := s.EnsurePartitions(context.Background(), t0, 2); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, table := range []string{"events", "attempts", "tries"} {
		if n := partitionsOf(t, pool, table); n != 4 {
			t.Errorf("%s has %d partitions, want three days and the default", table, n)
		}
	}

	r := newReplica(t, pool)
	r.must(at(0), centre()...)
	sales := r.engine.QueueByName("sales").ID
	days := []time.Time{
		t0,
		t0.AddDate(0, 0, 1).Truncate(24 * time.Hour),                        // its first instant
		t0.AddDate(0, 0, 3).Truncate(24 * time.Hour).Add(-time.Millisecond), // its last
		t0.AddDate(0, 0, 9), // not made: default
	}
	for _, d := range days {
		r.must(d, queue.Join{QueueID: sales, Destination: ptr("x")})
	}
	got := tables(t, pool)
	want := map[string]int{"events_20260822": 1, "events_20260823": 1, "events_20260824": 1, "events_default": 1}
	for name, n := range want {
		if got[name] != n {
			t.Errorf("partitions hold %v, want %v", got, want)
			break
		}
	}

	// A day that the default partition has taken stays there; the next is made.
	if err := s.EnsurePartitions(t.Context(), t0.AddDate(0, 0, 9), 1); err != nil {
		t.Fatal(err)
	}
	if n := partitionsOf(t, pool, "events"); n != 5 {
		t.Errorf("events has %d partitions, want one more", n)
	}

	// Reading walks over all of them in order, from the middle too.
	events, err := s.EventsAfter(t.Context(), 1, dispatcher.Position{RecordedAt: r.events[1].RecordedAt, Seq: 2}, 10)
	if err != nil || len(events) != 2 || events[0].Seq != 3 || events[1].Seq != 4 {
		t.Errorf("EventsAfter = %d events, %v", len(events), err)
	}

	dropped, err := s.DropPartitions(t.Context(), "events", t0.AddDate(0, 0, 2))
	if err != nil || dropped != 2 {
		t.Errorf("DropPartitions = %d, %v; want the two days that are over", dropped, err)
	}
	dropped, err = s.DropPartitions(t.Context(), "events", t0.AddDate(0, 0, 30))
	if err != nil || dropped != 2 {
		t.Errorf("DropPartitions = %d, %v", dropped, err)
	}
	if got := tables(t, pool); len(got) != 0 {
		t.Errorf("rows are left: %v", got)
	}
	if _, err := s.DropPartitions(t.Context(), "domains", t0); err == nil {
		t.Error("dropped partitions of a table without")
	}
}

func TestHintsReachListeners(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	ctx, cancel := context.WithCancel(t.Context())
	hints := make(chan struct{}, 100)
	n := s.NewNotifier()
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Listen(ctx, store.Hints{Log: func() { hints <- struct{}{} }, Endpoints: func() {}}); err != nil {
			t.Error(err)
		}
	})
	<-hints // listening
	wg.Go(func() {
		if err := n.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	started := time.Now()
	for range 1000 {
		n.Wake()
	}
	<-hints
	n.Wake()
	<-hints
	if took := time.Since(started); took < 70*time.Millisecond {
		t.Errorf("two hints within %v", took)
	}

	// A connection that is cut comes back, with a hint.
	if _, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE query LIKE 'LISTEN offhook_log%' AND datname = current_database()`); err != nil {
		t.Fatal(err)
	}
	<-hints
	cancel()
	wg.Wait()
}

func TestHead(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	s := store.New(pool)
	if head, err := s.Head(t.Context(), 1); err != nil || head != r.head {
		t.Errorf("Head of an empty log = %+v, %v", head, err)
	}
	r.must(at(0), centre()...)
	r.must(at(1), queue.Join{QueueID: r.engine.QueueByName("sales").ID, Destination: ptr("x")})
	if head, err := s.Head(t.Context(), 1); err != nil || head != r.head || head.Seq != 1 {
		t.Errorf("Head = %+v, %v; want %+v", head, err, r.head)
	}
}
