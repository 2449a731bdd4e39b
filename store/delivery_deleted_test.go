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
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// doomed deletes an endpoint, whose id is the path, at its first request, and
// fails one request in three.
type doomed struct {
	d        *store.Delivery
	deleting sync.WaitGroup
	mu       sync.Mutex
	seen     map[string]int // requests by endpoint
	failed   []error
}

func (s *doomed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	id := r.URL.Path[1:]
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen[id]++
	if s.seen[id] == 1 {
		s.deleting.Go(func() {
			err := s.d.DeleteEndpoint(context.WithoutCancel(r.Context()), dispatcher.Ref{DomainID: 1, EndpointID: id}, store.By{At: time.Now()})
			s.mu.Lock()
			defer s.mu.Unlock()
			if err != nil {
				s.failed = append(s.failed, err)
			}
		})
	}
	if s.seen[id]%3 == 0 {
		w.WriteHeader(http.StatusInternalServerError)
	}
}

// TestDeletedAmidTraffic deletes endpoints while requests are under way to
// them: each request has a row all the same.
func TestDeletedAmidTraffic(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := &doomed{d: newDelivery(t, pool), seen: map[string]int{}}
	server := httptest.NewServer(s)
	defer server.Close()
	var evs []queue.Event
	for i := range 40 {
		evs = append(evs, dispatchertest.Attempt(int64(i+1), 5, t0)...)
	}
	appendEvents(t, pool, t0, evs...)
	cfg := benchConfig()
	disp := dispatcher.New(s.d, cfg)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- disp.Run(ctx) }()
	var all []dispatcher.Endpoint
	for range 12 {
		ep := dispatchertest.Endpoint(server.URL)
		ep.URL += "/" + ep.ID
		createAt(t, s.d, ep, dispatcher.Position{})
		disp.Reload()
		all = append(all, ep)
	}
	for deadline := time.After(time.Minute); ; {
		s.mu.Lock()
		served := len(s.seen)
		s.mu.Unlock()
		if served == len(all) {
			break
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-deadline:
			t.Fatalf("%d of %d endpoints were served", served, len(all))
		}
	}
	s.deleting.Wait()
	disp.Reload()
	cancel()
	fatal(t, <-ended)
	for _, err := range s.failed {
		t.Error(err)
	}
	for _, ep := range all {
		// A request that was cut off before it left has a row, too.
		var rows, answered int
		fatal(t, pool.QueryRow(t.Context(), `SELECT count(*), count(status) FROM tries WHERE endpoint_id = $1`, ep.ID[3:]).Scan(&rows, &answered))
		if n := s.seen[ep.ID]; rows < n || answered > n {
			t.Errorf("%s got %d requests and has %d rows, %d of them with an answer", ep.ID, n, rows, answered)
		}
	}
}
