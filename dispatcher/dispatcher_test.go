package dispatcher_test

import (
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

func ref(ep dispatcher.Endpoint) dispatcher.Ref {
	return dispatcher.Ref{DomainID: ep.DomainID, EndpointID: ep.ID}
}

// attempts puts n attempts of k events each on the log, interleaved.
func attempts(m *dispatchertest.Memory, from, n, k int, at time.Time) []queue.Event {
	var all []queue.Event
	for s := range k {
		for a := range n {
			all = append(all, dispatchertest.Attempt(int64(from+a), k, at)[s])
		}
	}
	return m.Append(at, all...)
}

// inOrder fails when the first appearances of an attempt's events, as accepted,
// are not in sequence, unless the request of the later one said that it overtook
// the earlier one.
func inOrder(t *testing.T, seen []delivery) (overtaken int) {
	t.Helper()
	accepted, known := map[int64][]delivery{}, map[string]bool{}
	for _, d := range seen {
		if !d.accepted || known[d.id] {
			continue
		}
		known[d.id] = true
		late := false
		for _, before := range accepted[d.attempt] {
			if d.sequence >= before.sequence {
				continue
			}
			if late = true; !before.overtakes[d.sequence] {
				t.Fatalf("attempt %d: event %d was accepted after event %d, which did not say so: %q",
					d.attempt, d.sequence, before.sequence, before.header.Get("Offhook-Overtakes"))
			}
		}
		if late {
			overtaken++
		}
		accepted[d.attempt] = append(accepted[d.attempt], d)
	}
	return overtaken
}

func TestEveryEventIsDeliveredInOrder(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	other, ep2 := newReceiver(t, nil)
	stored := attempts(m, 1, 200, 5, time.Now()) // 1,000 events before the start
	m.Create(ep, dispatcher.Position{})
	m.Create(ep2, dispatcher.Position{RecordedAt: stored[499].RecordedAt, Seq: 500})
	d, stop := run(t, m, loopback())
	r.eventually("the stored events", func() bool { return r.distinct() == 1000 })
	fed := attempts(m, 1000, 100, 3, time.Now())
	d.Feed(fed)
	r.eventually("the fed events", func() bool { return r.distinct() == 1300 })
	other.eventually("the other endpoint", func() bool { return other.distinct() == 800 })
	m.Append(time.Now(), dispatchertest.Attempt(5000, 2, time.Now())...) // not fed: found by the poll
	r.eventually("the events that were not fed", func() bool { return r.distinct() == 1302 })
	stop()

	seen := r.all()
	inOrder(t, seen)
	inOrder(t, other.all())
	if len(seen) != 1302 {
		t.Errorf("%d requests for 1302 events", len(seen))
	}
	tries := m.Tries(ref(ep))
	if len(tries) != 1302 {
		t.Errorf("%d tries on record, want 1302", len(tries))
	}
	sub, _ := m.Subscription(ref(ep))
	if sub.Settled.Seq != 1302 || sub.Claimed.Seq != 1302 {
		t.Errorf("cursor settled %d claimed %d, want 1302", sub.Settled.Seq, sub.Claimed.Seq)
	}
	if n := m.Calls("Claim") + m.Calls("Settle"); n > 400 { // a slow machine writes more often
		t.Errorf("%d writes for 2104 deliveries", n)
	}
}

func TestRequestSaysWhatItIs(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Headers = http.Header{"Authorization": {"Bearer x"}}
	ep.Secrets = append([]dispatcher.Secret{{Key: dispatcher.NewSecret()}}, ep.Secrets...)
	r.trust(ep.Secrets[0].Key)
	ev := m.Append(start, dispatchertest.Attempt(77, 2, start)...)[1]
	m.Create(ep, dispatcher.Position{RecordedAt: start, Seq: 1})
	cfg := loopback()
	cfg.Now, cfg.UserAgent = newClock().Now, "offhook/1.2"
	run(t, m, cfg)
	r.eventually("the event", func() bool { return r.distinct() == 1 })
	got := r.all()[0]
	if string(got.body) != string(ev.AppendJSON(nil)) {
		t.Errorf("body is\n%s, want\n%s", got.body, ev.AppendJSON(nil))
	}
	for name, want := range map[string]string{
		"Content-Type":      "application/json; charset=utf-8",
		"Accept-Encoding":   "identity",
		"User-Agent":        "offhook/1.2",
		"Authorization":     "Bearer x",
		"Webhook-Id":        queue.EventID(ev.ID),
		"Webhook-Timestamp": strconv.FormatInt(start.Unix(), 10),
		"Offhook-Event":     "attempt.leaving", "Offhook-Attempt": "77", "Offhook-Sequence": "2",
		"Offhook-Prev-Sequence": "1", "Offhook-Try": "1",
		"Content-Length": strconv.Itoa(len(got.body)),
	} {
		if v := got.header.Get(name); v != want {
			t.Errorf("%s: %q, want %q", name, v, want)
		}
	}
	if err := dispatcher.Verify(got.header, got.body, []string{ep.Secrets[1].Key}, start.Add(time.Minute)); err != nil {
		t.Errorf("our own verifier refuses the older secret: %v", err)
	}
	if tp := got.header.Get("Traceparent"); len(tp) != 55 || tp[:3] != "00-" {
		t.Errorf("traceparent is %q", tp)
	}
}
