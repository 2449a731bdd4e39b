package store_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestDeletingBesideDeliveries deletes an endpoint while another transaction has
// what hangs on it and wants the endpoint itself: Postgres ends one of the two,
// and the deletion must not be the one that fails.
func TestDeletingBesideDeliveries(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	for range 3 {
		ep := dispatchertest.Endpoint("https://a.example/")
		fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: t0}))
		tx, err := pool.Begin(ctx)
		fatal(t, err)
		defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // else a failure would wait for its connection
		// The other one is the patient one: the deletion notices first.
		_, err = tx.Exec(ctx, `SET LOCAL deadlock_timeout = '30s'`)
		fatal(t, err)
		_, err = tx.Exec(ctx, `UPDATE endpoint_cursors SET paused_reason = '' WHERE endpoint_id = $1`, ep.ID[3:])
		fatal(t, err)
		var group sync.WaitGroup
		group.Go(func() {
			if err := d.DeleteEndpoint(ctx, dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}, store.By{At: t0}); err != nil {
				t.Errorf("the deletion: %v", err)
			}
		})
		waitForLock(ctx, t, tx)
		if _, err := tx.Exec(ctx, `SELECT FROM endpoints WHERE id = $1 FOR KEY SHARE`, ep.ID[3:]); err != nil {
			t.Errorf("the other transaction: %v", err)
		}
		fatal(t, tx.Commit(ctx))
		group.Wait()
	}
}

// TestOutcomesBesideADeletion writes outcomes while the deletion of their
// endpoint is about to be committed: the tries stay, and nothing fails.
func TestOutcomesBesideADeletion(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	gone, stays := dispatchertest.Endpoint("https://a.example/"), dispatchertest.Endpoint("https://b.example/")
	s := dispatcher.Settlement{At: t0}
	for _, ep := range []dispatcher.Endpoint{gone, stays} {
		fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: t0}))
		ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
		ev := queue.Event{RecordedAt: t0, Seq: 7}
		s.Tries = append(s.Tries, tryOf(ref, ev, dispatcher.StateRetrying, false))
		s.Park = append(s.Park, dispatcher.Parked{Ref: ref, Position: dispatcher.Position{RecordedAt: t0, Seq: 7}, Lane: "attempt/1", Tries: 1, NextAt: at(60)})
	}
	tx, err := pool.Begin(ctx)
	fatal(t, err)
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // else a failure would wait for its connection
	_, err = tx.Exec(ctx, `DELETE FROM endpoints WHERE id = $1`, gone.ID[3:])
	fatal(t, err)
	var group sync.WaitGroup
	group.Go(func() {
		if err := d.Settle(ctx, s); err != nil {
			t.Errorf("the outcomes: %v", err)
		}
	})
	waitForLock(ctx, t, tx)
	fatal(t, tx.Commit(ctx))
	group.Wait()
	var tries, parked int
	fatal(t, pool.QueryRow(ctx, `SELECT (SELECT count(*) FROM tries), (SELECT count(*) FROM parked WHERE endpoint_id = $1)`, stays.ID[3:]).Scan(&tries, &parked))
	if tries != 2 || parked != 1 {
		t.Errorf("%d tries and %d parked events, want 2 and 1", tries, parked)
	}
}

// waitForLock returns when somebody waits for the transaction. It asks pg_locks:
// what pg_stat_activity has shown once stays for the whole transaction, without
// those who connect later.
func waitForLock(ctx context.Context, t *testing.T, tx pgx.Tx) {
	t.Helper()
	for range 2000 {
		var waits bool
		fatal(t, tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`).Scan(&waits))
		if waits {
			return
		}
		<-time.After(5 * time.Millisecond)
	}
	t.Fatal("nobody waits")
}
