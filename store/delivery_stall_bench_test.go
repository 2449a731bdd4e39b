package store_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

const (
	stallPairs  = 7
	stallRate   = 300 // events a second
	stallWindow = 5 * time.Second
	stallWarm   = time.Second // in front of each window, not counted: connections and plans are made
	stallAnswer = 15 * time.Second
)

// BenchmarkStall compares the latency of a healthy endpoint, from the commit to
// the request's arrival, beside an endpoint that answers after 15 s with its
// latency alone: the median of the ratios of alternating pairs.
func BenchmarkStall(b *testing.B) {
	pool := storetest.New(b)
	if err := store.New(pool).EnsurePartitions(b.Context(), time.Now(), 1); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		stallWindowP99(b, pool, false, 1) // warm
		var ratios, alone, beside []float64
		for pair := range stallPairs {
			// Which of the two comes first alternates too.
			p := map[bool]float64{}
			for _, stalled := range []bool{pair%2 == 1, pair%2 == 0} {
				p[stalled] = stallWindowP99(b, pool, stalled, stallRate*int((stallWarm+stallWindow)/time.Second))
			}
			ratios, alone, beside = append(ratios, p[true]/p[false]), append(alone, p[false]), append(beside, p[true])
		}
		b.ReportMetric(median(alone)*1000, "alone_p99_ms")
		b.ReportMetric(median(beside)*1000, "beside_p99_ms")
		b.ReportMetric(median(ratios), "stall_p99_ratio")
	}
}

// arrivals notes when the event of each attempt came.
type arrivals struct {
	mu   sync.Mutex
	at   map[int64]time.Time
	want int
	done chan struct{}
}

func (a *arrivals) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	now := time.Now()
	id, _ := strconv.ParseInt(r.Header.Get("Offhook-Attempt"), 10, 64)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.at[id] = now
	if len(a.at) == a.want {
		close(a.done)
	}
}

// stallWindowP99 sends n events at the fixed rate and returns the 99th
// percentile of the healthy endpoint's latency in seconds.
func stallWindowP99(b *testing.B, pool *pgxpool.Pool, stalled bool, n int) float64 {
	d := newDelivery(b, pool)
	got := &arrivals{at: map[int64]time.Time{}, want: n, done: make(chan struct{})}
	healthy := httptest.NewServer(got)
	defer healthy.Close()
	end := make(chan struct{})
	stall := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(stallAnswer):
		case <-end:
		case <-r.Context().Done():
		}
	}))
	defer stall.Close()
	defer close(end)
	urls := []string{healthy.URL}
	if stalled {
		urls = append(urls, stall.URL)
	}
	for _, url := range urls {
		ep := dispatchertest.Endpoint(url)
		ep.Timeout = 20 * time.Second // the stalled one does answer
		if err := d.CreateEndpoint(b.Context(), ep, store.From{}, store.By{At: time.Now()}); err != nil {
			b.Fatal(err)
		}
		defer d.DeleteEndpoint(context.WithoutCancel(b.Context()), dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}, store.By{At: time.Now()})
	}
	cfg := benchConfig()
	cfg.DrainTimeout = 200 * time.Millisecond
	disp := dispatcher.New(d, cfg)
	ctx, cancel := context.WithCancel(b.Context())
	ended := make(chan error, 1)
	go func() { ended <- disp.Run(ctx) }()
	defer func() { cancel(); <-ended }()
	return p99(feedAtRate(b, pool, disp, got, n), got)
}

// feedAtRate commits and feeds one event at a time and returns when each that
// counts was handed over; it waits until all have arrived.
func feedAtRate(b *testing.B, pool *pgxpool.Pool, disp *dispatcher.Dispatcher, got *arrivals, n int) map[int64]time.Time {
	sent := make(map[int64]time.Time, n)
	tick := time.NewTicker(time.Second / stallRate)
	defer tick.Stop()
	for i := range n {
		<-tick.C
		at := time.Now()
		id := at.UnixMicro()*10 + int64(i%10) // unique in the database
		evs := appendEvents(b, pool, at.UTC().Truncate(time.Microsecond), dispatchertest.Event(id, 1, queue.EventJoined, at))
		if warm := stallRate * int(stallWarm/time.Second); i >= min(warm, n-1) {
			sent[id] = time.Now()
		}
		disp.Feed(evs)
	}
	select {
	case <-got.done:
	case <-time.After(30 * time.Second):
		b.Fatal("the healthy endpoint did not get everything")
	}
	return sent
}

func p99(sent map[int64]time.Time, got *arrivals) float64 {
	got.mu.Lock()
	defer got.mu.Unlock()
	var v []float64
	for id, at := range sent {
		v = append(v, got.at[id].Sub(at).Seconds())
	}
	slices.Sort(v)
	return v[len(v)*99/100]
}
