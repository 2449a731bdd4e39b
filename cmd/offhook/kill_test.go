package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// kills is how often TestKillNine kills the server:
//
//	go test ./cmd/offhook -run KillNine -args -kills 20
var kills = flag.Int("kills", 3, "how often the server is killed under load")

const (
	joinsPerSecond = 200
	// killFail is the share of requests that the receiver fails, so that the
	// server is also killed with events parked.
	killFail = 0.05
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

func (w *witness) keptAll(events []queue.Event) []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var missing []string
	for i := range events {
		if id := queue.EventID(events[i].ID); events[i].Listed != nil && !w.kept[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

// load joins callers at a fixed rate, lets every other one hang up again, and
// keeps the attempts whose joining was acknowledged. Errors are expected: the server
// is being killed.
type load struct {
	rest  *restClient
	queue int64
	mu    sync.Mutex
	acked map[int64]bool
	ended map[int64]bool
}

func (l *load) run(ctx context.Context) {
	var callers sync.WaitGroup
	defer callers.Wait()
	tick := time.NewTicker(time.Second / joinsPerSecond)
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

func (l *load) call(ctx context.Context, n int) {
	var joined struct {
		AttemptID int64 `json:"attempt_id"`
	}
	path := fmt.Sprintf("/v1/queues/%d/attempts", l.queue)
	if l.rest.post(ctx, path, map[string]string{"destination": fmt.Sprintf("+1202555%04d", n%10_000)}, &joined) != nil {
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
	if l.rest.post(ctx, "/v1/reports", report, &results) != nil {
		return
	}
	l.mu.Lock()
	l.ended[joined.AttemptID] = true
	l.mu.Unlock()
}

// TestKillNine kills the server again and again under 200 joins a second. What
// was acknowledged is stored, what is stored arrives in order, and every
// request that the receiver saw is on record.
func TestKillNine(t *testing.T) {
	t.Parallel()
	url := storetest.URL(t)
	address := freeAddress(t)
	env := []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k"), "OFFHOOK_LISTEN=" + address,
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}
	key := strings.TrimSpace(runOffhook(t, env, "keys", "create", "--role", "admin").stdout)
	rest := newRESTClient("http://"+address, key)
	rest.http.Transport = &http.Transport{MaxIdleConnsPerHost: 64}
	w := newWitness(t, killFail)

	server := startServer(t, env)
	endpoint, secret, err := rest.registerEndpoint(t.Context(), w.server.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	w.setSecret(secret)
	l := &load{rest: rest, queue: openShortQueue(t, rest), acked: map[int64]bool{}, ended: map[int64]bool{}}
	ctx, stopLoad := context.WithCancel(t.Context())
	defer stopLoad()
	calling := start(func() error { l.run(ctx); return nil })
	for i := range *kills {
		// At any moment of a second, and differently in every round.
		<-time.After(time.Duration(300+(i*377)%700) * time.Millisecond)
		_ = server.cmd.Process.Kill()
		<-server.logs
		_ = server.cmd.Wait()
		server = startServer(t, env)
	}
	<-time.After(300 * time.Millisecond)
	stopLoad()
	_ = calling.wait()
	verifyAfterKills(t, l, w, url, endpoint)
	if code, logs := server.stop(); code != exitDone {
		t.Errorf("the last server ends with %d:\n%s", code, logs)
	}
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

func verifyAfterKills(t *testing.T, l *load, w *witness, url, endpoint string) {
	t.Helper()
	pool, err := store.Open(t.Context(), store.Config{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	st := store.New(pool)
	deadline := time.After(60 * time.Second)
	var events []queue.Event
	var missing []string
	for done := false; !done; {
		if events, err = readLog(t.Context(), st, dispatcher.Position{}); err != nil {
			t.Fatal(err)
		}
		missing = w.keptAll(events)
		select {
		case <-deadline:
			done = true
		case <-time.After(50 * time.Millisecond):
			done = len(missing) == 0 && everybodyLeft(events)
		}
	}
	if len(missing) > 0 {
		t.Errorf("%d of %d events did not arrive: %v …", len(missing), len(events), missing[:min(5, len(missing))])
	}
	joined, left := map[int64]int{}, map[int64]int{}
	for i := range events {
		switch events[i].Type {
		case queue.EventJoined:
			joined[events[i].AttemptID]++
		case queue.EventLeaving:
			left[events[i].AttemptID]++
		}
	}
	for id := range l.acked {
		if joined[id] != 1 {
			t.Errorf("attempt %d was acknowledged and has %d joined events", id, joined[id])
		}
	}
	for id := range l.ended {
		if left[id] != 1 {
			t.Errorf("the end of attempt %d was acknowledged and it has %d leaving events", id, left[id])
		}
	}
	if least := *kills * joinsPerSecond / 10; len(l.acked) < least {
		t.Errorf("only %d joins were acknowledged", len(l.acked))
	}
	for _, rec := range w.broken {
		t.Errorf("out of order or not genuine: %+v", rec)
	}
	recorded := recordedTries(t, store.NewDelivery(st, nil), dispatcher.Ref{DomainID: firstDomain, EndpointID: endpoint})
	for seen, n := range w.seen {
		if recorded[seen] != n {
			t.Errorf("the receiver saw try %d of %s %d times, %d are on record", seen.try, seen.event, n, recorded[seen])
		}
	}
	t.Logf("%d kills, %d joins acknowledged, %d events, %d requests, %d tries on record",
		*kills, len(l.acked), len(events), len(w.seen), len(recorded))
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

// recordedTries reads every try of an endpoint. The last outcomes may still be
// on their way into the table, so it waits until two readings agree.
func recordedTries(t *testing.T, d *store.Delivery, ref dispatcher.Ref) map[seenRequest]int {
	t.Helper()
	var last []seenRequest
	for {
		recorded := map[seenRequest]int{}
		filter := store.TryFilter{Limit: 1000}
		for {
			page, err := d.Tries(t.Context(), ref, filter)
			if err != nil {
				t.Fatal(err)
			}
			for _, try := range page {
				recorded[seenRequest{queue.EventID(try.EventID), try.Number}]++
			}
			if len(page) < filter.Limit {
				break
			}
			filter.Before = store.CursorOf(page[len(page)-1])
		}
		keys := slices.Collect(maps.Keys(recorded))
		if len(last) == len(keys) {
			return recorded
		}
		last = keys
		<-time.After(300 * time.Millisecond)
	}
}
