package store_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// BenchmarkDesk measures commands per second through a desk and its Postgres,
// with so many callers at once who each wait for their answer: half of the
// commands join, half hang up.
func BenchmarkDesk(b *testing.B) {
	for _, callers := range []int{1, 16, 256, 2048} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			d, queueID := benchDesk(b)
			number := "+12025550101"
			var left atomic.Int64
			left.Store(int64(b.N))
			var wait sync.WaitGroup
			b.ResetTimer()
			for range callers {
				wait.Go(func() {
					for left.Add(-2) > -2 {
						res, err := d.Do(b.Context(), queue.Join{QueueID: queueID, Destination: &number})
						if err == nil {
							_, err = d.Do(b.Context(), queue.SwitchReport{AttemptID: res.Attempt.ID, Leg: queue.LegMember, Event: queue.SwitchEnded})
						}
						if err != nil {
							b.Error(err)
							return
						}
					}
				})
			}
			wait.Wait()
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commands/s")
		})
	}
}

// benchDesk runs a desk over a fresh database with one queue.
func benchDesk(b *testing.B) (*desk.Desk, int64) {
	b.Helper()
	st := store.New(storetest.New(b))
	if err := st.EnsurePartitions(b.Context(), time.Now(), 2); err != nil {
		b.Fatal(err)
	}
	d := desk.New(st.DeskLog(1), desk.Config{Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { _ = d.Run(ctx) })
	b.Cleanup(func() { stop(); running.Wait() })
	res, err := d.Do(b.Context(), queue.SaveQueue{Queue: queue.DefaultQueue(0, "bench", queue.Inbound)})
	if err != nil {
		b.Fatal(err)
	}
	return d, res.Changed[0].(*queue.Queue).ID
}
