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
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// replicaRun is one process that delivers: Enlist in its own goroutine.
type replicaRun struct {
	number int64
	over   chan struct{} // closed when serve's context ended
	stop   func()
}

func enlist(t *testing.T, d *store.Delivery) *replicaRun {
	t.Helper()
	r := &replicaRun{over: make(chan struct{})}
	ctx, cancel := context.WithCancel(t.Context())
	began, ended := make(chan struct{}), make(chan error, 1)
	go func() {
		ended <- d.Enlist(ctx, "test", time.Hour, func(ctx context.Context, number int64) {
			r.number = number
			close(began)
			<-ctx.Done()
			close(r.over)
		})
	}()
	<-began
	r.stop = func() { cancel(); <-ended }
	return r
}

func hold(t *testing.T, d *store.Delivery, r *replicaRun) dispatcher.Holding {
	t.Helper()
	h, err := d.Hold(t.Context(), dispatcher.Beat{Replica: r.number, TTL: time.Hour})
	fatal(t, err)
	return h
}

const sessionOf = `SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted
  AND classid = 51083371 AND objid = $1::int::oid
  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// killSession ends the session that shows a replica to be alive, and returns its
// process.
func killSession(t *testing.T, pool *pgxpool.Pool, number int64) (pid int) {
	t.Helper()
	fatal(t, pool.QueryRow(t.Context(), sessionOf, number).Scan(&pid))
	_, err := pool.Exec(t.Context(), `SELECT pg_terminate_backend($1)`, pid)
	fatal(t, err)
	return pid
}

// A session that is lost is made again, and the replica goes on.
func TestALostSessionDoesNotEndTheReplica(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	r := enlist(t, d)
	defer r.stop()
	pid, again := killSession(t, pool, r.number), 0
	until(t, "a new session", func() bool {
		_ = pool.QueryRow(t.Context(), sessionOf, r.number).Scan(&again)
		return again != 0 && again != pid
	})
	select {
	case <-r.over:
		t.Fatal("the replica has ended")
	default:
	}
	hold(t, d, r)
}

// A process that is killed loses its leases long before they expire: its session
// is gone. One that was only cut off knows as soon as it is back.
func TestWhoIsCutOffLosesItsLeases(t *testing.T) {
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

	mine, d := newDelivery(t, pool), newDelivery(t, other)
	ep := dispatchertest.Endpoint("https://crm.example/")
	createAt(t, d, ep, dispatcher.Position{})
	one := enlist(t, mine)
	old := hold(t, mine, one)
	if len(old.Leases) != 1 {
		t.Fatalf("held: %+v", old)
	}
	two := enlist(t, d)
	defer two.stop()
	cut.Store(true)
	pool.Reset() // what it has left of connections
	killSession(t, other, one.number)
	began := time.Now()
	var now dispatcher.Holding
	until(t, "the lease is taken over", func() bool {
		now = hold(t, d, two)
		return len(now.Leases) == 1
	})
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("taken over after %v", took)
	}
	ref := now.Leases[0].Ref
	fatal(t, d.Claim(t.Context(), two.number, []dispatcher.Claim{{Ref: ref, Epoch: now.Leases[0].Epoch}}))
	late := dispatcher.Settlement{Replica: one.number, Leases: old.Leases, At: time.Now()}
	if err := d.Settle(t.Context(), late); !errors.Is(err, dispatcher.ErrSuperseded) {
		t.Errorf("a write of the old holder: %v", err)
	}
	select {
	case <-one.over:
		t.Error("who is cut off cannot know that it lost its leases")
	default:
	}
	cut.Store(false)
	<-one.over
	one.stop()
}

// A write that is under way is waited for before its replica is struck off: what
// it commits is there when the next one reads, and nothing comes later.
func TestAWriteUnderWayIsWaitedFor(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	one, two := enlist(t, d), enlist(t, d)
	defer one.stop()
	defer two.stop()
	tx, err := pool.Begin(t.Context())
	fatal(t, err)
	_, err = tx.Exec(t.Context(), `SELECT pg_advisory_xact_lock_shared(51083372, $1)`, one.number)
	fatal(t, err)
	_, err = d.Hold(t.Context(), dispatcher.Beat{Replica: one.number, TTL: -time.Second})
	fatal(t, err)
	listed := func() int {
		all, err := d.Replicas(t.Context())
		fatal(t, err)
		return len(all)
	}
	began := time.Now()
	until(t, "somebody waited for the write", func() bool {
		hold(t, d, two)
		return time.Since(began) > 3*time.Second
	})
	if listed() != 2 {
		t.Fatal("struck off while a write was under way")
	}
	fatal(t, tx.Commit(t.Context()))
	until(t, "struck off", func() bool { hold(t, d, two); return listed() == 1 })
}

func TestReplicasAreListed(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	createAt(t, d, dispatchertest.Endpoint("https://crm.example/"), dispatcher.Position{})
	r := enlist(t, d)
	hold(t, d, r)
	all, err := d.Replicas(t.Context())
	fatal(t, err)
	if len(all) != 1 || all[0].Number != r.number || all[0].Instance != "test" || all[0].Endpoints != 1 || all[0].JoinedAt.IsZero() {
		t.Errorf("listed: %+v", all)
	}
	r.stop()
	if all, err = d.Replicas(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("after its end: %+v, %v", all, err)
	}
}
