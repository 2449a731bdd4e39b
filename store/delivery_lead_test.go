package store_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// leading is one process that delivers: Lead in its own goroutine.
type leading struct {
	began chan int64    // the term
	over  chan struct{} // closed when deliver's context ended
	stop  func()
}

func lead(t *testing.T, d *store.Delivery) *leading {
	l := &leading{began: make(chan int64, 1), over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- d.Lead(ctx, func() {}, func(ctx context.Context, term int64) {
			l.began <- term
			<-ctx.Done()
			close(l.over)
		})
	}()
	l.stop = func() { cancel(); <-ended }
	return l
}

const leaderPID = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
  AND classid = 1 AND objid = (5108337247 - (1::bigint << 32))::oid
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// killLeader ends the session that holds the lock, and returns its process.
func killLeader(t *testing.T, pool *pgxpool.Pool) (pid int) {
	t.Helper()
	for pid == 0 { // a moment ago it may have been killed
		_ = pool.QueryRow(t.Context(), leaderPID).Scan(&pid)
	}
	_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid)
	fatal(t, err)
	return pid
}

// A session that is lost is made again, and the term goes on.
func TestALostSessionDoesNotEndTheTerm(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	l := lead(t, d)
	defer l.stop()
	term := <-l.began
	pid, again := killLeader(t, pool), 0
	for again == 0 || again == pid {
		_ = pool.QueryRow(t.Context(), leaderPID).Scan(&again)
	}
	select {
	case <-l.over:
		t.Fatal("the term is over")
	default:
	}
	fatal(t, d.Claim(t.Context(), term, nil))
}

// A process that is cut off from the database loses the lead to who waits for
// it, and knows as soon as it is back.
func TestWhoIsCutOffLosesTheLead(t *testing.T) {
	t.Parallel()
	address := storetest.URL(t)
	var cut atomic.Bool
	cfg, err := pgxpool.ParseConfig(address)
	fatal(t, err)
	cfg.BeforeConnect = func(context.Context, *pgx.ConnConfig) error {
		if cut.Load() {
			return errors.New("no way there")
		}
		return nil
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), cfg)
	fatal(t, err)
	defer pool.Close()
	other, err := pgxpool.New(t.Context(), address)
	fatal(t, err)
	defer other.Close()

	one := lead(t, newDelivery(t, pool))
	first := <-one.began
	d := newDelivery(t, other)
	two := lead(t, d)
	cut.Store(true)
	killLeader(t, other)
	second := <-two.began
	fatal(t, d.Claim(t.Context(), second, nil))
	if err := d.Settle(t.Context(), dispatcher.Settlement{Term: first, At: time.Now()}); !errors.Is(err, dispatcher.ErrSuperseded) {
		t.Errorf("a write of the old term: %v", err)
	}
	select {
	case <-one.over:
		t.Error("who is cut off cannot know that it lost the lead")
	default:
	}
	cut.Store(false)
	<-one.over
	one.stop()
	two.stop()
}

// A write of the old term that is under way is waited for: what it commits is
// there when the new term reads, and nothing comes later.
func TestANewTermWaitsForWritesUnderWay(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	tx, err := pool.Begin(t.Context())
	fatal(t, err)
	_, err = tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock_shared(5108337248)`)
	fatal(t, err)
	l := lead(t, d)
	defer l.stop()
	const waits = `SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
	  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`
	for n := 0; n == 0; {
		fatal(t, pool.QueryRow(t.Context(), waits).Scan(&n))
	}
	select {
	case <-l.began:
		t.Fatal("the term began while a write was under way")
	default:
	}
	fatal(t, tx.Commit(t.Context()))
	<-l.began
}
