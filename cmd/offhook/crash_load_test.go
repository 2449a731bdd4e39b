package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// seenRequest is one request as a receiver can name it.
type seenRequest struct {
	event string
	try   int
}

// witness is a receiver in the test's own process: it outlives the servers, and
// remembers every request.
type witness struct {
	*receiver
	server *httptest.Server
	mu     sync.Mutex
	seen   map[seenRequest]int
	kept   map[string]bool
	broken []receipt
}

func newWitness(t *testing.T, fail float64) *witness {
	t.Helper()
	w := &witness{receiver: newReceiver("", fail, time.Now), seen: map[seenRequest]int{}, kept: map[string]bool{}}
	w.server = httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		body, err := io.ReadAll(req.Body)
		if err != nil {
			return // cut off with its sender: as if it had not come
		}
		rec := w.take(req.Header, body)
		w.mu.Lock()
		w.seen[seenRequest{rec.ID, rec.Try}]++
		if rec.kept() {
			w.kept[rec.ID] = true
		}
		if rec.Misordered != "" || rec.Verdict == rejected {
			w.broken = append(w.broken, rec)
		}
		w.mu.Unlock()
		rw.WriteHeader(rec.Status)
	}))
	t.Cleanup(w.server.Close)
	return w
}

// missing returns those of the events that have not arrived.
func (w *witness) missing(events []queue.Event) (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range events {
		if id := queue.EventID(events[i].ID); events[i].Listed != nil && !w.kept[id] {
			ids = append(ids, id)
		}
	}
	return ids
}

// requests returns every request so far, and how often it came.
func (w *witness) requests() map[seenRequest]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.seen)
}

// load joins callers at a fixed rate, at one server and the other, lets every
// other caller hang up again, and keeps the attempts whose joining was
// acknowledged. Errors are expected: servers are being killed.
type load struct {
	rest  []*restClient
	queue int64
	rate  int // joins a second
	mu    sync.Mutex
	acked map[int64]bool
	ended map[int64]bool
}

func (l *load) run(ctx context.Context) {
	var callers sync.WaitGroup
	defer callers.Wait()
	tick := time.NewTicker(time.Second / time.Duration(l.rate))
	defer tick.Stop()
	for n := 0; ; n++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		callers.Go(func() { l.call(ctx, n) })
	}
}

// call is one caller. What he says after his joining may reach another server
// than his joining did.
func (l *load) call(ctx context.Context, n int) {
	var joined struct {
		AttemptID int64 `json:"attempt_id"`
	}
	path := fmt.Sprintf("/v1/queues/%d/attempts", l.queue)
	if l.rest[n%len(l.rest)].post(ctx, path, map[string]string{"destination": fmt.Sprintf("+1202555%04d", n%10_000)}, &joined) != nil {
		return
	}
	l.mu.Lock()
	l.acked[joined.AttemptID] = true
	l.mu.Unlock()
	if n%2 == 0 {
		return // he waits until the queue gives him up
	}
	var results any
	report := map[string]any{"attempt_id": joined.AttemptID, "leg": "member", "event": "ended"}
	if l.rest[n/2%len(l.rest)].post(ctx, "/v1/reports", report, &results) != nil {
		return
	}
	l.mu.Lock()
	l.ended[joined.AttemptID] = true
	l.mu.Unlock()
}

// recoverLate asks at one of the servers that an endpoint be sent again what was
// recorded in the last seconds, as somebody does who has lost it. It returns the
// task, "" when nobody took the request.
func recoverLate(ctx context.Context, rest *restClient, endpoint string) (task string) {
	var begun struct{ ID string }
	body := map[string]any{"since": time.Now().Add(-3 * time.Second).UTC(), "which": "all"}
	if rest.post(ctx, "/v1/endpoints/"+endpoint+"/recover", body, &begun) != nil {
		return ""
	}
	return begun.ID
}

// tasksDone waits until tasks that were taken have ended, and returns how many
// have not come to a good end.
func tasksDone(t *testing.T, rest *restClient, tasks []string, patience time.Duration) (lost int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for _, id := range tasks {
		var task struct{ State string }
		for {
			err := rest.call(t.Context(), http.MethodGet, "/v1/tasks/"+id, nil, &task)
			if err == nil && task.State == "done" {
				break
			}
			if time.Now().After(deadline) {
				t.Errorf("recovery %s: %q, %v", id, task.State, err)
				lost++
				break
			}
			<-time.After(20 * time.Millisecond)
		}
	}
	return lost
}

// openShortQueue makes a queue whose callers wait three seconds at most, and
// agents who never answer, so that offers and misses come on their own.
func openShortQueue(t *testing.T, rest *restClient) int64 {
	t.Helper()
	var queue, agent struct{ ID int64 }
	err := rest.post(t.Context(), "/v1/queues", map[string]any{
		"name": "sales", "type": "inbound", "max_wait_sec": 3, "offer_timeout_sec": 1, "no_answer_delay_sec": 1,
	}, &queue)
	for i := 0; err == nil && i < 5; i++ {
		if err = rest.post(t.Context(), "/v1/agents", map[string]any{"name": fmt.Sprint("agent ", i), "queues": []int64{queue.ID}}, &agent); err == nil {
			err = rest.call(t.Context(), http.MethodPut, fmt.Sprintf("/v1/agents/%d/status", agent.ID), []byte(`{"status":"online"}`), nil)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return queue.ID
}

// everybodyLeft reports that every attempt has its last event.
func everybodyLeft(events []queue.Event) bool {
	open := 0
	for i := range events {
		switch events[i].Type {
		case queue.EventJoined:
			open++
		case queue.EventLeaving:
			open--
		}
	}
	return open == 0
}

// recordedTries reads every try of an endpoint, and what came of it. The last
// outcomes may still be on their way into the table, so it waits until two
// readings agree.
func recordedTries(t *testing.T, d *store.Delivery, ref dispatcher.Ref) map[seenRequest][]dispatcher.Try {
	t.Helper()
	last := -1
	for {
		recorded := map[seenRequest][]dispatcher.Try{}
		n := 0
		filter := store.TryFilter{Limit: 1000}
		for {
			page, err := d.Tries(t.Context(), ref, filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, try := range page {
				n++
				request := seenRequest{queue.EventID(try.EventID), try.Number}
				recorded[request] = append(recorded[request], dispatcher.Try{Outcome: try.Outcome, Status: try.Status, StartedAt: try.StartedAt})
			}
			if len(page) < filter.Limit {
				break
			}
			filter.Before = store.CursorOf(page[len(page)-1])
		}
		if n == last {
			return recorded
		}
		last = n
		<-time.After(300 * time.Millisecond)
	}
}
