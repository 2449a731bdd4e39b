package store_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store/storetest"
)

// flaky is a receiver that refuses the first try of every seventh request.
type flaky struct {
	mu   sync.Mutex
	n    int
	seen map[string]int // by id and try
	good map[string]bool
}

func (f *flaky) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	f.mu.Lock()
	defer f.mu.Unlock()
	id, try := r.Header.Get("webhook-id"), r.Header.Get("Offhook-Try")
	f.seen[id+"/"+try]++
	if f.n++; f.n%7 == 0 && try == "1" {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	f.good[id] = true
}

func (f *flaky) accepted() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.good)
}

// The dispatcher on Postgres, with failures, retries and a restart in the
// middle: everything arrives, and the record is what the receiver saw.
func TestDispatcherOnPostgres(t *testing.T) {
	t.Parallel()
	const total = 600
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	f := &flaky{seen: map[string]int{}, good: map[string]bool{}}
	server := httptest.NewServer(f)
	defer server.Close()
	ep := dispatchertest.Endpoint(server.URL)
	createAt(t, d, ep, dispatcher.Position{})
	now := time.Now().UTC().Truncate(time.Microsecond)
	var evs []queue.Event
	for i := range total / 5 {
		evs = append(evs, dispatchertest.Attempt(int64(i+1), 5, now)...)
	}
	evs = appendEvents(t, pool, now, evs...)

	var skew time.Duration // moved by hand, so that retries come soon
	var mu sync.Mutex
	cfg := benchConfig()
	cfg.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return time.Now().Add(skew) }
	until := func(what string, cond func() bool) {
		disp := dispatcher.New(d, cfg)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- disp.Run(ctx) }()
		deadline := time.After(60 * time.Second)
		for !cond() {
			mu.Lock()
			skew += 200 * time.Millisecond
			mu.Unlock()
			disp.Wake()
			select {
			case <-time.After(10 * time.Millisecond):
			case <-deadline:
				t.Fatalf("waited in vain: %s", what)
			}
		}
		cancel()
		fatal(t, <-ended)
	}
	until("some", func() bool { return f.accepted() > total/3 })
	until("all", func() bool { return f.accepted() == total })

	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	b, err := d.Backlog(t.Context(), ref)
	fatal(t, err)
	if last := evs[total-1].Seq; b.Settled.Seq != last || b.Claimed.Seq != last || len(b.Parked) != 0 {
		t.Errorf("in the end: %+v", b)
	}
	checkRecord(t, pool, ref, f)
	told, err := d.DeliveriesOfEvents(t.Context(), 1, evs[:10])
	fatal(t, err)
	for i, dl := range told {
		if len(dl) != 1 || dl[0].State != dispatcher.StateDelivered {
			t.Errorf("event %d: %+v", i+1, dl)
		}
	}
}
