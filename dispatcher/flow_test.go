package dispatcher_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// settledAt waits until the endpoint's cursor has passed seq in the store.
func settledAt(t *testing.T, m *dispatchertest.Memory, ep dispatcher.Endpoint, seq int64) {
	t.Helper()
	waitFor(t, fmt.Sprintf("settled %d", seq), nil, func() bool {
		sub, _ := m.Subscription(ref(ep))
		return sub.Settled.Seq >= seq
	})
}

// sequences returns the sequences of one attempt as they came.
func sequences(seen []delivery, attempt int64) (out []int) {
	for _, d := range seen {
		if d.attempt == attempt {
			out = append(out, d.sequence)
		}
	}
	return out
}

func equal(t *testing.T, what string, got, want any) {
	t.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s: %v, want %v", what, got, want)
	}
}

func TestAFailedEventHoldsItsLaneOnly(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	broken.Store(true)
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(d *delivery, w http.ResponseWriter) {
		if d.attempt == 1 && d.sequence == 2 && broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	now := newClock()
	cfg := loopback()
	cfg.Now, cfg.Jitter = now.Now, func() float64 { return 0 }
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 3, 4, now.Now())
	d, _ := run(t, m, cfg)
	r.eventually("the other lanes", func() bool { return r.distinct() == 9 })
	settledAt(t, m, ep, 12)
	equal(t, "lane 1", sequences(r.all(), 1), []int{1, 2})
	b, _ := m.Backlog(t.Context(), ref(ep))
	if len(b.Parked) != 3 || b.Parked[0].Tries != 1 || !b.Parked[0].NextAt.Equal(start.Add(2*time.Second)) ||
		b.Parked[1].Tries != 0 || !b.Parked[1].NextAt.IsZero() {
		t.Errorf("parked: %+v", b.Parked)
	}
	// An event that comes now is held as well.
	d.Feed(m.Append(now.Now(), dispatchertest.Event(1, 5, queue.EventLeaving, now.Now())))
	settledAt(t, m, ep, 13)

	now.add(2 * time.Second)
	d.Wake()
	r.eventually("the second try", func() bool { return len(r.all()) == 11 })
	waitFor(t, "its outcome", nil, func() bool { return len(m.Tries(ref(ep))) == 11 })
	broken.Store(false)
	now.add(10 * time.Second)
	d.Wake()
	r.eventually("the whole lane", func() bool { return r.distinct() == 13 })
	waitFor(t, "nothing parked", nil, func() bool { b, _ := m.Backlog(t.Context(), ref(ep)); return len(b.Parked) == 0 })
	equal(t, "lane 1", sequences(r.all(), 1), []int{1, 2, 2, 2, 3, 4, 5})
	var outcomes []string
	for _, try := range m.Tries(ref(ep)) {
		if try.Seq == 4 { // attempt 1, sequence 2
			outcomes = append(outcomes, fmt.Sprintf("%d %s %s", try.Number, try.Outcome, try.State))
		}
	}
	equal(t, "tries", outcomes, []string{"1 upstream retrying", "2 upstream retrying", "3 delivered delivered"})
	ids := map[string]bool{}
	for _, d := range r.all() {
		if d.attempt == 1 && d.sequence == 2 {
			ids[d.id+string(d.body)] = true
		}
	}
	equal(t, "different ids and bodies of one event", len(ids), 1)
}

func TestThrottlingPausesTheEndpointAlone(t *testing.T) {
	t.Parallel()
	var limited atomic.Bool
	limited.Store(true)
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(_ *delivery, w http.ResponseWriter) {
		if limited.Load() {
			w.Header().Set("Retry-After", "120")
			w.WriteHeader(http.StatusTooManyRequests)
		}
	})
	ep.MaxInFlight = 1
	other, ep2 := newReceiver(t, nil)
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	m.Create(ep, dispatcher.Position{})
	m.Create(ep2, dispatcher.Position{})
	attempts(m, 1, 5, 2, now.Now())
	_, stop := run(t, m, cfg)
	other.eventually("the other endpoint", func() bool { return other.distinct() == 10 })
	waitFor(t, "the pause", nil, func() bool { sub, _ := m.Subscription(ref(ep)); return !sub.Endpoint.PausedUntil.IsZero() })
	sub, _ := m.Subscription(ref(ep))
	equal(t, "pause", sub.Endpoint.PausedUntil, start.Add(120*time.Second))
	equal(t, "reason", sub.Endpoint.PausedReason, dispatcher.OutcomeThrottled)
	stop() // the pause survives a restart
	now.add(119 * time.Second)
	d, _ := run(t, m, cfg)
	fed := m.Append(now.Now(), dispatchertest.Attempt(9, 1, now.Now())...)
	d.Feed(fed)
	other.eventually("the other endpoint again", func() bool { return other.distinct() == 11 })
	equal(t, "requests while paused", len(r.all()), 1)
	limited.Store(false)
	now.add(time.Second)
	d.Wake()
	r.eventually("everything", func() bool { return r.distinct() == 11 })
	inOrder(t, r.all())
	for _, try := range m.Tries(ref(ep)) {
		if try.Number > 1 && try.Seq != 1 {
			t.Errorf("event %d spent %d tries, but only the first was throttled", try.Seq, try.Number)
		}
	}
}

func TestGoneDisablesAtOnce(t *testing.T) {
	t.Parallel()
	var gone atomic.Bool
	gone.Store(true)
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(_ *delivery, w http.ResponseWriter) {
		if gone.Load() {
			w.WriteHeader(http.StatusGone)
		}
	})
	ep.MaxInFlight = 1
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 1, 4, time.Now())
	d, _ := run(t, m, loopback())
	waitFor(t, "the disabling", nil, func() bool { sub, _ := m.Subscription(ref(ep)); return sub.Endpoint.Disabled })
	sub, _ := m.Subscription(ref(ep))
	equal(t, "reason", sub.Endpoint.DisabledReason, dispatcher.DisabledGone)
	equal(t, "requests", len(r.all()), 1)
	equal(t, "state", m.Tries(ref(ep))[0].State, dispatcher.StateRefused)
	// Enabled again, it goes on behind the event that was refused.
	gone.Store(false)
	back := sub.Endpoint
	back.Disabled, back.DisabledReason = false, ""
	m.Change(back)
	d.Reload()
	r.eventually("the rest", func() bool { return r.distinct() == 3 })
	equal(t, "lane", sequences(r.all(), 1), []int{1, 2, 3, 4})
}

func TestABlockedTargetPausesAndSpendsNoTry(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	ep := dispatchertest.Endpoint("http://10.0.0.1/hook")
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 1, 2, now.Now())
	d, _ := run(t, m, cfg)
	waitFor(t, "the row", nil, func() bool { return len(m.Tries(ref(ep))) == 1 })
	now.add(5 * time.Minute)
	d.Wake()
	waitFor(t, "the second row", nil, func() bool { return len(m.Tries(ref(ep))) == 2 })
	for _, try := range m.Tries(ref(ep)) {
		if try.Outcome != dispatcher.OutcomeBlocked || try.Number != 1 || try.Seq != 1 || try.State != dispatcher.StateRetrying {
			t.Errorf("try: %+v", try)
		}
	}
	sub, _ := m.Subscription(ref(ep))
	equal(t, "reason", sub.Endpoint.PausedReason, dispatcher.OutcomeBlocked)
}

func TestLiveEventsExpire(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Profile = dispatcher.ProfileLive
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	m.Create(ep, dispatcher.Position{})
	m.Append(start.Add(-61*time.Second), dispatchertest.Event(1, 1, queue.EventJoined, start))
	m.Append(start.Add(-59*time.Second), dispatchertest.Event(1, 2, queue.EventLeaving, start))
	run(t, m, cfg)
	r.eventually("the younger event", func() bool { return r.distinct() == 1 })
	waitFor(t, "both rows", nil, func() bool { return len(m.Tries(ref(ep))) == 2 })
	equal(t, "sent", sequences(r.all(), 1), []int{2})
	old := m.Tries(ref(ep))[0]
	if old.Outcome != dispatcher.OutcomeExpired || old.State != dispatcher.StateExhausted || old.Number != 0 || old.Seq != 1 {
		t.Errorf("the expired event: %+v", old)
	}
}

func TestPrevSequenceShowsWhatTheFilterLeavesOut(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Events = []queue.EventType{queue.EventJoined, queue.EventMissed, queue.EventLeaving}
	m.Create(ep, dispatcher.Position{})
	// joined offering missed offering missed offering leaving
	all := dispatchertest.Attempt(1, 7, time.Now())
	m.Append(time.Now(), all[:4]...)
	_, stop := run(t, m, loopback())
	r.eventually("the first half", func() bool { return r.distinct() == 2 })
	stop() // what came before is found again
	run(t, m, loopback())
	m.Append(time.Now(), all[4:]...)
	r.eventually("all", func() bool { return r.distinct() == 4 })
	var prevs []int
	for _, d := range r.all() {
		prevs = append(prevs, d.prev)
	}
	equal(t, "sequences", sequences(r.all(), 1), []int{1, 3, 5, 7})
	equal(t, "prev", prevs, []int{0, 1, 3, 5})
}

func TestMaxInFlightAndOrderNone(t *testing.T) {
	t.Parallel()
	var now, most atomic.Int64
	release := make(chan struct{})
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
		n := now.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		<-release
		now.Add(-1)
	})
	ep.Ordering, ep.MaxInFlight = dispatcher.OrderNone, 3
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 1, 10, time.Now()) // one attempt: with order it would be one at a time
	run(t, m, loopback())
	r.eventually("three at once", func() bool { return now.Load() == 3 })
	close(release)
	r.eventually("all", func() bool { return r.distinct() == 10 })
	equal(t, "most at once", most.Load(), 3)
}

func TestChangesAreTakenOver(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	first, ep := newReceiver(t, nil)
	second, ep2 := newReceiver(t, nil)
	m.Create(ep, dispatcher.Position{})
	d, _ := run(t, m, loopback())
	d.Feed(m.Append(time.Now(), dispatchertest.Attempt(1, 2, time.Now())...))
	first.eventually("the first URL", func() bool { return first.distinct() == 2 })
	moved := ep
	moved.URL, moved.Secrets = ep2.URL, ep2.Secrets
	m.Change(moved)
	before := m.Calls("Active")
	d.Reload()
	waitFor(t, "the change", nil, func() bool { return m.Calls("Active") > before })
	waitFor(t, "the second URL", nil, func() bool {
		d.Feed(m.Append(time.Now(), dispatchertest.Attempt(2+int64(second.distinct()), 1, time.Now())...))
		return second.distinct() > 0
	})
	n := len(first.all())
	m.Delete(ref(ep))
	d.Reload()
	equal(t, "requests to the old URL", len(first.all()), n)
}

func TestARunThatEndsWaitsForRequestsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
		entered <- struct{}{}
		<-release
	})
	ep.MaxInFlight = 2
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 4, 2, time.Now())
	_, stop := run(t, m, loopback())
	<-entered
	<-entered
	stopped := make(chan struct{})
	go func() { stop(); close(stopped) }()
	close(release)
	<-stopped
	equal(t, "tries", len(m.Tries(ref(ep))), len(r.all()))
	b, _ := m.Backlog(t.Context(), ref(ep))
	// What was not sent is given back to the log, without a row.
	if b.Settled != b.Claimed || b.Claimed.Seq != int64(len(r.all())) || len(b.Parked) != 0 {
		t.Errorf("after a quiet end: %+v", b)
	}
	run(t, m, loopback())
	r.eventually("the rest", func() bool { return r.distinct() == 8 })
	inOrder(t, r.all())
	equal(t, "requests", len(r.all()), 8) // nothing twice
}

func TestARunThatEndsGivesUpOnAStalledRequest(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}, 10), make(chan struct{})
	var open atomic.Bool
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
		if !open.Load() {
			entered <- struct{}{}
			<-release
		}
	})
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 1, 2, time.Now())
	cfg := loopback()
	cfg.DrainTimeout = 500 * time.Millisecond
	_, stop := run(t, m, cfg)
	<-entered
	began := time.Now()
	stop()
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("stopping took %s", took)
	}
	tries := m.Tries(ref(ep))
	if len(tries) != 1 || tries[0].Outcome != dispatcher.OutcomeUnknown || tries[0].State != dispatcher.StateRetrying {
		t.Errorf("tries: %+v", tries)
	}
	open.Store(true)
	close(release)
	run(t, m, loopback())
	r.eventually("both", func() bool { return len(sequences(r.all(), 1)) == 3 })
	equal(t, "lane", sequences(r.all(), 1), []int{1, 1, 2})
}
