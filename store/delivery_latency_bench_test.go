package store_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

const (
	latencyRate   = 500 // commands a second
	latencyWindow = 6 * time.Second
)

// BenchmarkLatency measures the time from handing a command to the desk until
// its event arrives at the receiver, at a fixed rate of commands: through the
// engine, one durable transaction, the dispatcher and HTTP.
func BenchmarkLatency(b *testing.B) {
	for _, endpoints := range []int{1, 5} {
		b.Run(fmt.Sprintf("endpoints=%d", endpoints), func(b *testing.B) {
			for b.Loop() {
				delays := measureLatency(b, endpoints)
				slices.Sort(delays)
				b.ReportMetric(delays[len(delays)/2].Seconds()*1000, "p50_ms")
				b.ReportMetric(delays[len(delays)*99/100].Seconds()*1000, "p99_ms")
			}
		})
	}
}

// joinedAt notes when the event of each attempt arrived, at each endpoint.
type joinedAt struct {
	mu sync.Mutex
	at map[int64][]time.Time
	n  chan struct{}
}

func (j *joinedAt) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	id, _ := strconv.ParseInt(r.Header.Get("Offhook-Attempt"), 10, 64)
	j.mu.Lock()
	j.at[id] = append(j.at[id], now)
	j.mu.Unlock()
	j.n <- struct{}{}
}

func measureLatency(b *testing.B, endpoints int) []time.Duration {
	b.Helper()
	pool := storetest.New(b)
	st := store.New(pool)
	if err := st.EnsurePartitions(b.Context(), time.Now(), 2); err != nil {
		b.Fatal(err)
	}
	d := newDelivery(b, pool)
	total := int(latencyWindow/time.Second) * latencyRate
	got := &joinedAt{at: map[int64][]time.Time{}, n: make(chan struct{}, total*endpoints)}
	receiver := httptest.NewServer(got)
	defer receiver.Close()
	for range endpoints {
		if err := d.CreateEndpoint(b.Context(), dispatchertest.Endpoint(receiver.URL), store.From{}, store.By{At: time.Now()}); err != nil {
			b.Fatal(err)
		}
	}
	disp := dispatcher.New(d, benchConfig())
	dsk := desk.New(st.DeskLog(1), desk.Config{
		Now: time.Now, Logger: slog.New(slog.DiscardHandler),
		OnCommit: func(events []queue.Event, _ desk.Head) { disp.Feed(events) },
	})
	ctx, stop := context.WithCancel(b.Context())
	var running sync.WaitGroup
	running.Go(func() { _ = disp.Run(ctx) })
	running.Go(func() { _ = dsk.Run(ctx) })
	defer running.Wait()
	defer stop()
	res, err := dsk.Do(ctx, queue.SaveQueue{Queue: queue.DefaultQueue(0, "latency", queue.Inbound)})
	if err != nil {
		b.Fatal(err)
	}
	return joinAtRate(b, dsk, res.Changed[0].(*queue.Queue).ID, got, total*endpoints)
}

// joinAtRate lets callers join at the fixed rate and returns how long each
// arrival took; it waits for all of them.
func joinAtRate(b *testing.B, dsk *desk.Desk, queueID int64, got *joinedAt, arrivals int) []time.Duration {
	b.Helper()
	number := "+12025550101"
	var mu sync.Mutex
	handed := map[int64]time.Time{}
	var callers sync.WaitGroup
	tick := time.NewTicker(time.Second / latencyRate)
	defer tick.Stop()
	for range int(latencyWindow/time.Second) * latencyRate {
		<-tick.C
		callers.Go(func() {
			at := time.Now()
			res, err := dsk.Do(b.Context(), queue.Join{QueueID: queueID, Destination: &number})
			if err != nil {
				b.Error(err)
				return
			}
			mu.Lock()
			handed[res.Attempt.ID] = at
			mu.Unlock()
		})
	}
	callers.Wait()
	late := time.After(30 * time.Second)
	for n := range arrivals {
		select {
		case <-got.n:
		case <-late:
			b.Fatalf("%d of %d events arrived", n, arrivals)
		}
	}
	got.mu.Lock()
	defer got.mu.Unlock()
	var delays []time.Duration
	for id, at := range got.at {
		for _, t := range at {
			delays = append(delays, t.Sub(handed[id]))
		}
	}
	return delays
}
