package dispatcher_test

import (
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// A stuck event is overtaken after the order wait, and the later requests say
// so, also when the process has been another one since the wait began.
func TestAStuckEventIsOvertaken(t *testing.T) {
	t.Parallel()
	var stuck atomic.Bool
	stuck.Store(true)
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(d *delivery, w http.ResponseWriter) {
		if d.sequence == 3 && stuck.Load() {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	ep.OrderWait = time.Minute
	// joined offering missed offering missed offering leaving
	ep.Events = []queue.EventType{queue.EventJoined, queue.EventMissed, queue.EventLeaving}
	now := newClock()
	cfg := loopback()
	cfg.Now, cfg.Jitter = now.Now, func() float64 { return 0 }
	m.Create(ep, dispatcher.Position{})
	all := dispatchertest.Attempt(1, 7, now.Now())
	m.Append(now.Now(), all[:5]...)
	d, stop := run(t, m, cfg)
	settledAt(t, m, ep, 5)
	equal(t, "before the wait", sequences(r.all(), 1), []int{1, 3})
	now.add(30 * time.Second)
	d.Feed(m.Append(now.Now(), all[5:]...)) // held as well, half a minute later
	settledAt(t, m, ep, 7)
	stop() // what is held since when survives
	now.add(30*time.Second - time.Microsecond)
	d, _ = run(t, m, cfg)
	waitFor(t, "two more tries", nil, func() bool { return len(m.Tries(ref(ep))) == 4 })
	equal(t, "just before", sequences(r.all(), 1), []int{1, 3, 3, 3})
	now.add(time.Microsecond)
	d.Wake()
	r.eventually("the event behind", func() bool { return r.distinct() == 2 })
	last := r.all()[4]
	if last.sequence != 5 || last.header.Get("Offhook-Overtakes") != "3" || last.prev != 3 {
		t.Errorf("event %d overtakes %q, prev %d", last.sequence, last.header.Get("Offhook-Overtakes"), last.prev)
	}
	waitFor(t, "its outcome", nil, func() bool { return len(m.Tries(ref(ep))) == 5 })
	now.add(30 * time.Second)
	d.Wake()
	r.eventually("the one behind that", func() bool { return r.distinct() == 3 })
	waitFor(t, "its outcome", nil, func() bool { return len(m.Tries(ref(ep))) == 6 })
	stuck.Store(false)
	now.add(30 * time.Second)
	d.Wake()
	r.eventually("everything", func() bool { return r.distinct() == 4 })
	equal(t, "accepted last", sequences(r.all(), 1)[5:], []int{7, 3})
	if n := inOrder(t, r.all()); n != 1 {
		t.Errorf("%d events were overtaken, want 1", n)
	}
}

// With an order wait of 0 nothing overtakes, however long it takes.
func TestNothingOvertakesWithoutAnOrderWait(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(d *delivery, w http.ResponseWriter) {
		if d.sequence == 2 {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	ep.OrderWait = 0
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	m.Create(ep, dispatcher.Position{})
	m.Append(now.Now(), dispatchertest.Attempt(1, 4, now.Now())...)
	d, _ := run(t, m, cfg)
	passTime(t, d, now, "the end of the schedule", func() bool { return r.distinct() == 3 })
	seen := sequences(r.all(), 1)
	equal(t, "the end", seen[len(seen)-2:], []int{3, 4})
	equal(t, "requests", len(seen), 1+12+2)
	inOrder(t, r.all())
	for _, d := range r.all() {
		if len(d.overtakes) > 0 {
			t.Errorf("event %d overtakes", d.sequence)
		}
	}
}

// What was sent under other settings than those that a crash leaves behind is on
// record all the same.
func TestAChangeOfTheFilterAndACrash(t *testing.T) {
	t.Parallel()
	for _, change := range []struct {
		name string
		make func(*dispatcher.Endpoint)
	}{
		{"types", func(e *dispatcher.Endpoint) { e.Events = []queue.EventType{queue.EventLeaving} }},
		{"queues", func(e *dispatcher.Endpoint) { e.Queues = []int64{4711} }},
		{"filter", func(e *dispatcher.Endpoint) { e.Filter = `queue.name == "nobody"` }},
		{"ordering", func(e *dispatcher.Endpoint) { e.Ordering = dispatcher.OrderNone }},
	} {
		t.Run(change.name, func(t *testing.T) {
			t.Parallel()
			m := &dispatchertest.Memory{}
			entered, release := make(chan struct{}, 100), make(chan struct{})
			r, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
				entered <- struct{}{}
				<-release
			})
			defer close(release)
			m.Create(ep, dispatcher.Position{})
			m.Append(time.Now(), dispatchertest.Attempt(1, 2, time.Now())...)
			dying := newMortal(m, 2, false) // the claim is written, the outcome is not
			cfg := loopback()
			cfg.DrainTimeout = time.Millisecond
			_, stop := run(t, dying, cfg)
			<-entered
			changed := ep
			change.make(&changed)
			m.Change(changed)
			stop()
			run(t, m, loopback())
			waitFor(t, "the record", nil, func() bool { return len(m.Tries(ref(ep))) > 0 })
			first := m.Tries(ref(ep))[0]
			if first.Seq != 1 || first.Outcome != dispatcher.OutcomeUnknown || eventID(first) != r.all()[0].id {
				t.Errorf("on record: %+v", first)
			}
		})
	}
}
