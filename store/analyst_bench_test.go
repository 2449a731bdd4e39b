package store_test

import (
	"context"
	"flag"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// How long an analyst holds his snapshot.
var analystFor = flag.Duration("analyst", 20*time.Second, "how long BenchmarkAnalystReader runs")

// BenchmarkAnalystReader runs two whole systems side by side, commands and
// deliveries, each on a database of its own on the same server. In one of them
// an analyst's REPEATABLE READ transaction is open all the time. ratio is what
// that one delivers over what the other one does: whatever else the machine
// does, it does to both.
func BenchmarkAnalystReader(b *testing.B) {
	for b.Loop() {
		ctx, stop := context.WithTimeout(b.Context(), *analystFor)
		plain, read := newLoad(b), newLoad(b)
		var all sync.WaitGroup
		began := time.Now()
		all.Go(func() { holdSnapshot(b, ctx, read.pool) })
		all.Go(func() { plain.run(b, ctx) })
		all.Go(func() { read.run(b, ctx) })
		all.Wait()
		stop()
		took := time.Since(began).Seconds()
		b.ReportMetric(float64(read.delivered.Load())/float64(plain.delivered.Load()), "ratio")
		b.ReportMetric(float64(plain.delivered.Load())/took, "alone/s")
		b.ReportMetric(float64(read.delivered.Load())/took, "read/s")
	}
}

// holdSnapshot keeps one snapshot until ctx ends and asks it something now and
// then, as a person does.
func holdSnapshot(b *testing.B, ctx context.Context, pool *pgxpool.Pool) {
	err := pgx.BeginTxFunc(context.WithoutCancel(ctx), pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error {
			for {
				var n int
				if err := tx.QueryRow(context.WithoutCancel(ctx), `SELECT count(*) FROM analyst.queue_events`).Scan(&n); err != nil {
					return err
				}
				select {
				case <-ctx.Done():
					return nil
				case <-time.After(5 * time.Second):
				}
			}
		})
	if err != nil {
		b.Error(err)
	}
}

// load is a system that is kept busy.
type load struct {
	pool      *pgxpool.Pool
	delivery  *store.Delivery
	delivered *atomic.Int64
}

func newLoad(b *testing.B) *load {
	b.Helper()
	pool := storetest.New(b)
	if err := store.New(pool).EnsurePartitions(b.Context(), time.Now(), 1); err != nil {
		b.Fatal(err)
	}
	receiver := newCounter(b)
	receiver.expect(-1)
	l := &load{pool: pool, delivery: newDelivery(b, pool), delivered: &receiver.n}
	createAt(b, l.delivery, dispatchertest.Endpoint(receiver.URL), dispatcher.Position{})
	return l
}

// run has sixteen callers join and hang up, and the events delivered, until ctx
// ends.
func (l *load) run(b *testing.B, ctx context.Context) {
	disp := dispatcher.New(l.delivery, benchConfig())
	dsk := desk.New(store.New(l.pool).DeskLog(1), desk.Config{
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OnCommit: func(events []queue.Event, _ desk.Head) { disp.Feed(events) },
	})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	var machine, callers sync.WaitGroup
	machine.Go(func() { _ = disp.Run(running) })
	machine.Go(func() { _ = dsk.Run(running) })
	res, err := dsk.Do(running, queue.SaveQueue{Queue: queue.DefaultQueue(0, "load", queue.Inbound)})
	if err != nil {
		b.Error(err)
	}
	number := "+12025550101"
	for range 16 {
		callers.Go(func() {
			for ctx.Err() == nil {
				joined, err := dsk.Do(running, queue.Join{QueueID: res.Changed[0].(*queue.Queue).ID, Destination: &number})
				if err == nil {
					_, err = dsk.Do(running, queue.SwitchReport{AttemptID: joined.Attempt.ID, Leg: queue.LegMember, Event: queue.SwitchEnded})
				}
				if err != nil {
					b.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	stop()
	machine.Wait()
}
