package dispatcher_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// A resent event goes out at once, with its own bytes and headers, is on
// record as manual, and leaves the schedule alone.
func TestResendIsBesideTheSchedule(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	var broken atomic.Bool
	broken.Store(true)
	r, ep := newReceiver(t, func(_ *delivery, w http.ResponseWriter) {
		if broken.Load() {
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	now := newClock()
	cfg := loopback()
	cfg.Now, cfg.Jitter = now.Now, func() float64 { return 0 }
	m.Create(ep, dispatcher.Position{})
	evs := attempts(m, 1, 1, 3, now.Now())
	d, stop := run(t, m, cfg)
	r.eventually("the first event", func() bool { return len(r.all()) == 1 })
	settledAt(t, m, ep, 3)
	before, _ := m.Backlog(t.Context(), ref(ep))
	again, err := d.Resend(t.Context(), ep, evs[1], 1)
	if err != nil || again.Outcome != dispatcher.OutcomeUpstream || again.State != dispatcher.StateExhausted || !again.Manual {
		t.Errorf("resent to a broken endpoint: %+v, %v", again, err)
	}
	broken.Store(false)
	again, err = d.Resend(t.Context(), ep, evs[1], 2)
	if err != nil || again.State != dispatcher.StateDelivered || again.Number != 2 {
		t.Errorf("resent: %+v, %v", again, err)
	}
	stop()
	after, _ := m.Backlog(t.Context(), ref(ep))
	equal(t, "the schedule", after, before)
	last := r.all()[2]
	if last.id != queue.EventID(evs[1].ID) || last.header.Get("Offhook-Try") != "2" || last.header.Get("Offhook-Prev-Sequence") != "1" ||
		string(last.body) != string(evs[1].AppendBody(nil, ep.Format)) {
		t.Errorf("what was resent: %v %s", last.header, last.body)
	}
	var manual []dispatcher.Outcome
	for _, try := range m.Tries(ref(ep)) {
		if try.Manual {
			manual = append(manual, try.Outcome)
		}
	}
	equal(t, "manual tries on record", manual, []dispatcher.Outcome{dispatcher.OutcomeUpstream, dispatcher.OutcomeDelivered})
}

// A manual try is on record before it is sent: one that is never answered
// because the process died is unknown.
func TestManualTryIsOnRecordBeforeItIsSent(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	var of dispatcher.Ref
	recorded := make(chan []dispatcher.Try, 1)
	_, ep := newReceiver(t, func(*delivery, http.ResponseWriter) { recorded <- m.Tries(of) })
	of = ref(ep)
	m.Create(ep, dispatcher.Position{})
	if _, err := dispatcher.New(m, loopback()).TestEvent(t.Context(), ep); err != nil {
		t.Fatal(err)
	}
	during, after := <-recorded, m.Tries(of)
	if len(during) != 1 || during[0].Outcome != dispatcher.OutcomeUnknown || !during[0].Manual {
		t.Errorf("while it is under way: %+v", during)
	}
	if len(after) != 1 || after[0].Outcome != dispatcher.OutcomeDelivered || after[0].Seq != 0 {
		t.Errorf("afterwards: %+v", after)
	}
}
