package dispatcher_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// Recovered events are taken over while the dispatcher runs, once each, and
// stand before what waits behind them in their attempt.
func TestRecoveredEventsAreTakenOver(t *testing.T) {
	t.Parallel()
	var broken atomic.Bool
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(d *delivery, w http.ResponseWriter) {
		if broken.Load() && d.attempt == 1 {
			w.WriteHeader(http.StatusBadRequest)
		}
	})
	now := newClock()
	cfg := loopback()
	cfg.Now, cfg.Jitter = now.Now, func() float64 { return 0 }
	cfg.ReloadEvery = 10 * time.Millisecond
	m.Create(ep, dispatcher.Position{})
	evs := attempts(m, 1, 3, 4, now.Now()) // three attempts with four events each, in turns
	d, stop := run(t, m, cfg)
	r.eventually("everything", func() bool { return r.distinct() == 12 })
	settledAt(t, m, ep, 12)

	now.add(time.Second) // a try is known by when it began
	broken.Store(true)
	m.Recover(ref(ep), now.Now(), evs[6])
	d.Reload()
	r.eventually("the third event again, in vain", func() bool { return len(r.all()) == 13 })
	failed := func(parked int) {
		t.Helper()
		waitFor(t, "the failure to be written", nil, func() bool {
			b, _ := m.Backlog(t.Context(), ref(ep))
			return len(b.Parked) == parked && b.Parked[0].Tries == 1
		})
	}
	failed(1)
	m.Recover(ref(ep), now.Now(), evs[0], evs[9], evs[4])
	d.Reload()
	r.eventually("the first event, before the third, and that of another attempt", func() bool { return len(r.all()) == 15 })
	failed(3)
	broken.Store(false)
	for range 4 {
		now.add(time.Hour)
		d.Wake()
	}
	r.eventually("all of them", func() bool { return len(r.all()) == 18 })
	settledAt(t, m, ep, 12)
	stop()
	equal(t, "attempt 1", sequences(r.all(), 1)[4:], []int{3, 1, 1, 3, 4})
	equal(t, "attempt 2", sequences(r.all(), 2)[4:], []int{2})
	if b, _ := m.Backlog(t.Context(), ref(ep)); len(b.Parked) != 0 {
		t.Errorf("parked in the end: %+v", b.Parked)
	}
}

// The age of a recovered event counts from its recovery on: else a live
// endpoint would never get what it missed.
func TestARecoveredEventIsYoungAgain(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Profile = dispatcher.ProfileLive
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	m.Create(ep, dispatcher.Position{})
	evs := attempts(m, 1, 1, 2, now.Now())
	now.add(time.Hour)
	_, stop := run(t, m, cfg)
	settledAt(t, m, ep, 2)
	stop()
	if n := len(r.all()); n != 0 {
		t.Fatalf("%d requests for events that are too old", n)
	}
	m.Recover(ref(ep), now.Now(), evs...)
	_, stop = run(t, m, cfg) // found at the start as well
	r.eventually("both", func() bool { return r.distinct() == 2 })
	stop()
	equal(t, "in order", sequences(r.all(), 1), []int{1, 2})
}
