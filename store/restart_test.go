package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

// TestPostgresRestarts stops Postgres under a running desk and dispatcher and
// starts it again, twice: both go on by themselves, what was acknowledged is
// delivered, and every request is on record once.
func TestPostgresRestarts(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "pg")
	start := func() *localpg.Server {
		s, err := localpg.Start(t.Context(), localpg.Options{DataDir: folder})
		fatal(t, err)
		return s
	}
	server := start()
	defer func() {
		// Root's server lives beside t.TempDir, which its account may not enter.
		if err := errors.Join(server.Stop(), localpg.Remove(folder)); err != nil {
			t.Errorf("put the server away: %v", err)
		}
	}()
	pool, err := store.Open(t.Context(), store.Config{URL: server.URL("postgres")})
	fatal(t, err)
	defer pool.Close()
	fatal(t, store.Migrate(t.Context(), pool))

	f := &flaky{seen: map[string]int{}, good: map[string]bool{}}
	receiver := httptest.NewServer(http.HandlerFunc(f.ServeHTTP))
	defer receiver.Close()
	d := newDelivery(t, pool)
	ep := dispatchertest.Endpoint(receiver.URL)
	ep.Events = []queue.EventType{queue.EventJoined}
	createAt(t, d, ep, dispatcher.Position{})

	disp := dispatcher.New(d, benchConfig())
	line := desk.New(store.New(pool).DeskLog(1), desk.Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OnCommit: func(evs []queue.Event, _ desk.Head) { disp.Feed(evs) }})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	go func() { ended <- disp.Run(ctx) }()
	go func() { ended <- line.Run(ctx) }()

	var acknowledged atomic.Int64
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() { defer close(stopped); joinUntil(t, line, stop, &acknowledged) }()
	for range 2 {
		more(t, func() int64 { return acknowledged.Load() }, 50)
		fatal(t, server.Stop())
		server = start()
	}
	more(t, func() int64 { return acknowledged.Load() }, 50)
	close(stop)
	<-stopped
	// A commit whose answer was lost counts too: then there are more.
	head, err := store.New(pool).Head(t.Context(), 1)
	fatal(t, err)
	until(t, "everything is delivered", func() bool { return f.accepted() >= int(acknowledged.Load()) })
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	until(t, "everything is settled", func() bool {
		b, err := d.Backlog(t.Context(), ref)
		return err == nil && b.Settled.Seq == head.Seq && len(b.Parked) == 0
	})
	cancel()
	fatal(t, errors.Join(<-ended, <-ended))
	checkRecord(t, pool, ref, f)
}

// joinUntil joins attempts one after the other and counts those that were
// acknowledged.
func joinUntil(t *testing.T, line *desk.Desk, stop <-chan struct{}, acknowledged *atomic.Int64) {
	var sales int64
	for sales == 0 {
		if res, err := line.Do(t.Context(), queue.SaveQueue{Queue: queue.DefaultQueue(0, "sales", queue.Inbound)}); err == nil {
			sales = res.Changed[0].(*queue.Queue).ID
		}
	}
	number := "+12025550101"
	for {
		select {
		case <-stop:
			return
		default:
		}
		_, err := line.Do(t.Context(), queue.Join{QueueID: sales, Destination: &number})
		if err == nil {
			acknowledged.Add(1)
		} else if !errors.Is(err, desk.ErrUnavailable) {
			t.Errorf("join: %v", err)
			return
		}
	}
}

// more waits until a count has grown by n.
func more(t *testing.T, count func() int64, n int64) {
	t.Helper()
	from := count()
	until(t, "more joins", func() bool { return count() >= from+n })
}

func until(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for !cond() {
		select {
		case <-time.After(10 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain: %s", what)
		}
	}
}

// checkRecord fails when a request that the receiver saw is not on record.
func checkRecord(t *testing.T, pool *pgxpool.Pool, ref dispatcher.Ref, f *flaky) {
	t.Helper()
	tries, err := newDelivery(t, pool).Tries(t.Context(), ref, store.TryFilter{Limit: 1_000_000})
	fatal(t, err)
	recorded := map[string]int{}
	for _, tr := range tries {
		recorded[requestKey(tr)]++
	}
	for key, n := range f.seen {
		if n != 1 || recorded[key] != 1 {
			t.Errorf("request %s was seen %d times and is on record %d times", key, n, recorded[key])
		}
	}
	if len(recorded) != len(f.seen) {
		t.Errorf("%d requests on record, %d seen", len(recorded), len(f.seen))
	}
}

// requestKey names a request as the receiver sees it.
func requestKey(tr dispatcher.Try) string {
	return fmt.Sprintf("%s/%d", queue.EventID(tr.EventID), tr.Number)
}
