package store_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
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

// recovery queues a task for an endpoint and takes it on.
func recovery(t *testing.T, s *store.Store, r store.Recovery) store.Task {
	t.Helper()
	parameters, err := json.Marshal(r)
	fatal(t, err)
	_, err = s.CreateTask(t.Context(), store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "endpoint.recover", Parameters: parameters}, store.By{At: t0})
	fatal(t, err)
	task, err := s.ClaimTask(t.Context(), []string{"endpoint.recover"}, "test", t0)
	fatal(t, err)
	return task
}

// attemptsLog makes a log of n attempts with three events each, one attempt a
// minute, and returns the events.
func attemptsLog(t *testing.T, pool *pgxpool.Pool, n int) []queue.Event {
	t.Helper()
	var all []queue.Event
	for i := range n {
		all = append(all, appendEvents(t, pool, at(60*i), dispatchertest.Attempt(int64(i+1), 3, at(60*i))...)...)
	}
	return all
}

func tryOf(ref dispatcher.Ref, ev queue.Event, state dispatcher.State, manual bool) dispatcher.Try {
	outcome := dispatcher.OutcomeUpstream
	if state == dispatcher.StateDelivered {
		outcome = dispatcher.OutcomeDelivered
	}
	return dispatcher.Try{DomainID: 1, EndpointID: ref.EndpointID, Seq: ev.Seq, EventID: ev.ID, EventType: ev.Type, AttemptID: ev.AttemptID,
		Number: 1, Manual: manual, Outcome: outcome, State: state, StartedAt: ev.RecordedAt}
}

func TestWhatARecoveryTakesUp(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d, s := newDelivery(t, pool), store.New(pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	evs := attemptsLog(t, pool, 4) // and the endpoint's own creation, which it does not get
	// Attempt 1 was delivered, of attempt 2 one event was given up, one given up
	// and delivered by hand, one given up and tried in vain by hand; attempt 3 was
	// never sent but one event by hand; of attempt 4 one event waits.
	tries := []dispatcher.Try{
		tryOf(ref, evs[0], dispatcher.StateDelivered, false), tryOf(ref, evs[1], dispatcher.StateDelivered, false),
		tryOf(ref, evs[2], dispatcher.StateDelivered, false),
		tryOf(ref, evs[3], dispatcher.StateExhausted, false),
		tryOf(ref, evs[4], dispatcher.StateRefused, false), tryOf(ref, evs[4], dispatcher.StateDelivered, true),
		tryOf(ref, evs[5], dispatcher.StateExhausted, false), tryOf(ref, evs[5], dispatcher.StateExhausted, true),
		tryOf(ref, evs[6], dispatcher.StateDelivered, true), tryOf(ref, evs[7], dispatcher.StateExhausted, true),
		tryOf(ref, evs[9], dispatcher.StateRetrying, false),
	}
	for i := range tries {
		tries[i].StartedAt = tries[i].StartedAt.Add(time.Duration(i) * time.Millisecond)
	}
	last := evs[len(evs)-1]
	fatal(t, d.Settle(t.Context(), dispatcher.Settlement{At: t0, Tries: tries,
		Park: []dispatcher.Parked{
			{Ref: ref, Position: dispatcher.Position{RecordedAt: evs[9].RecordedAt, Seq: evs[9].Seq}, Lane: "attempt/4", Tries: 1, NextAt: at(9999)}},
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: dispatcher.Position{RecordedAt: last.RecordedAt, Seq: last.Seq}}}}))
	for i, c := range []struct {
		which        store.Which
		since, until time.Time
		want         []int // places in evs
		looked       int64
	}{
		{store.RecoverFailed, t0, at(9999), []int{3, 5}, 12},
		{store.RecoverMissing, t0, at(9999), []int{7, 8, 10, 11}, 12},
		{store.RecoverAll, t0, at(9999), []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 10, 11}, 12},
		{store.RecoverAll, at(60), at(120), []int{3, 4, 5}, 3},
		{store.RecoverAll, at(5000), at(9999), nil, 0},
	} {
		r := store.Recovery{EndpointID: ep.ID, Since: c.since, Until: c.until, Which: c.which}
		total, err := d.RecoveryTotal(t.Context(), 1, r)
		fatal(t, err)
		task := recovery(t, s, r)
		got, err := d.Recover(t.Context(), &task, at(9000))
		fatal(t, err)
		up, err := d.Recovered(t.Context(), ref)
		fatal(t, err)
		var seqs, want []int64
		for _, p := range up {
			seqs = append(seqs, p.Seq)
			if !p.RecoveredAt.Equal(at(9000)) || !p.NextAt.Equal(at(9000)) || p.Tries != 0 || p.Lane == "" || p.Sequence == 0 {
				t.Errorf("put up: %+v", p)
			}
		}
		for _, i := range c.want {
			want = append(want, evs[i].Seq)
		}
		if !equalSeqs(seqs, want) || got.Taken != int64(len(want)) || !got.Done || task.Progress.Done != c.looked ||
			total < c.looked || i == 0 && total != c.looked { // later ones count the notices about the tasks before
			t.Errorf("%s of %v–%v: put up %v, want %v; %+v, looked at %d of %d", c.which, c.since, c.until, seqs, want, got, task.Progress.Done, total)
		}
		if _, err := pool.Exec(t.Context(), `DELETE FROM parked WHERE recovered_at IS NOT NULL`); err != nil {
			t.Fatal(err)
		}
		task.State = store.TaskDone
		fatal(t, s.FinishTask(t.Context(), task, t0))
	}
}

func equalSeqs(a, b []int64) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// A recovery puts up no more than a bounded number ahead of its endpoint, goes
// on where its task was, and stops when the task is somebody else's.
func TestARecoveryIsBoundedAndResumed(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d, s := newDelivery(t, pool), store.New(pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	var evs []queue.Event
	for i := range 500 {
		evs = append(evs, dispatchertest.Attempt(int64(i+1), 5, t0)...)
	}
	evs = appendEvents(t, pool, t0, evs...)
	last := evs[len(evs)-1]
	fatal(t, d.Settle(t.Context(), dispatcher.Settlement{At: t0, Cursors: []dispatcher.Cursor{
		{Ref: ref, Settled: dispatcher.Position{RecordedAt: last.RecordedAt, Seq: last.Seq}}}}))
	r := store.Recovery{EndpointID: ep.ID, Since: t0.Add(-time.Hour), Until: t0.Add(time.Hour), Which: store.RecoverAll}
	task := recovery(t, s, r)
	seen, pieces := map[int64]bool{}, 0
	for {
		got, err := d.Recover(t.Context(), &task, t0)
		fatal(t, err)
		up, err := d.Recovered(t.Context(), ref)
		fatal(t, err)
		if len(up) > 1000 {
			t.Fatalf("%d events are put up", len(up))
		}
		if pieces++; got.Done {
			break
		}
		if got.Full { // the endpoint takes them
			for _, p := range up {
				if seen[p.Seq] {
					t.Fatalf("event %d is put up twice", p.Seq)
				}
				seen[p.Seq] = true
			}
			if _, err := pool.Exec(t.Context(), `DELETE FROM parked`); err != nil {
				t.Fatal(err)
			}
			// The process dies; another one takes over.
			if task, err = s.ClaimTask(t.Context(), []string{"endpoint.recover"}, "next", t0.Add(time.Duration(pieces)*time.Hour)); err != nil {
				t.Fatal(err)
			}
		}
		if pieces > 100 {
			t.Fatal("the recovery has no end")
		}
	}
	if task.Progress.Done != 2501 || len(seen) != 2000 { // the last 500 are put up still
		t.Errorf("looked at %d, the endpoint took %d", task.Progress.Done, len(seen))
	}
	dead := task
	dead.Claim--
	if _, err := d.Recover(t.Context(), &dead, t0); !errors.Is(err, store.ErrTaskOver) {
		t.Errorf("an earlier holder goes on: %v", err)
	}
	fatal(t, d.DeleteEndpoint(t.Context(), ref, store.By{At: t0}))
	if _, err := d.Recover(t.Context(), &task, t0); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("for an endpoint that is gone: %v", err)
	}
}

// What was given up arrives after all: the dispatcher takes over what a recovery
// puts up, beside what comes new, in order.
func TestRecoveredEventsArrive(t *testing.T) {
	t.Parallel()
	const attempts = 400
	pool := storetest.New(t)
	d, s := newDelivery(t, pool), store.New(pool)
	var mu sync.Mutex
	good := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		good[r.Header.Get("webhook-id")]++
	}))
	defer server.Close()
	arrived := func() int {
		mu.Lock()
		defer mu.Unlock()
		return len(good)
	}
	ep := dispatchertest.Endpoint(server.URL)
	ep.Profile = dispatcher.ProfileLive // whose events are too old by themselves
	createAt(t, d, ep, dispatcher.Position{})
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	old := time.Now().Add(-time.Hour).UTC().Truncate(time.Millisecond)
	var evs []queue.Event
	for i := range attempts {
		evs = append(evs, dispatchertest.Attempt(int64(i+1), 5, old)...)
	}
	evs = appendEvents(t, pool, old, evs...)

	disp := dispatcher.New(d, benchConfig())
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- disp.Run(ctx) }()
	defer func() { cancel(); fatal(t, <-ended) }()
	await(t, "all events to expire", func() bool {
		b, err := d.Backlog(t.Context(), ref)
		fatal(t, err)
		return b.Settled.Seq >= evs[len(evs)-1].Seq && len(b.Parked) == 0
	})
	if arrived() != 0 {
		t.Fatalf("%d events were sent although they are too old", arrived())
	}
	task := recovery(t, s, store.Recovery{EndpointID: ep.ID, Since: old, Until: time.Now(), Which: store.RecoverFailed})
	await(t, "the recovery", func() bool {
		got, err := d.Recover(t.Context(), &task, time.Now())
		fatal(t, err)
		disp.Reload()
		return got.Done
	})
	await(t, "all events to arrive", func() bool { return arrived() == len(evs) })
	await(t, "nothing to be left", func() bool {
		b, err := d.Backlog(t.Context(), ref)
		fatal(t, err)
		return len(b.Parked) == 0
	})
	for id, n := range good {
		if n != 1 {
			t.Errorf("event %s came %d times", id, n)
		}
	}
}

// await waits until something holds.
func await(t *testing.T, what string, ok func() bool) {
	t.Helper()
	deadline := time.After(60 * time.Second)
	for !ok() {
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
