package dispatcher_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// told returns the operational events on the log of domain 1.
func told(t *testing.T, m *dispatchertest.Memory) (out []queue.Event) {
	t.Helper()
	all, err := m.Events(t.Context(), 1, dispatcher.Position{}, 1_000_000)
	if err != nil {
		t.Fatal(err)
	}
	for _, ev := range all {
		if ev.Sequence == 0 {
			out = append(out, ev)
		}
	}
	return out
}

func endpointData(t *testing.T, ev queue.Event) (d queue.EndpointData) {
	t.Helper()
	if err := json.Unmarshal(ev.Data, &d); err != nil {
		t.Fatal(err)
	}
	return d
}

func dead(int, *http.Request) (*http.Response, error) { return nil, io.ErrUnexpectedEOF }

// An endpoint that accepts nothing is told of after an hour, a day, three days
// and a day before its end, and is disabled after five, whatever restarts in
// between.
func TestAnEndpointThatFailsIsToldOfAndDisabled(t *testing.T) {
	if testing.Short() {
		t.Skip("many virtual weeks")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(*dispatcher.Endpoint) {}, dead)
		b.pass(30 * 24 * time.Hour) // it has nothing to do: that is no failing
		if n := len(told(t, b.m)); n != 0 {
			t.Fatalf("an idle endpoint is told of: %v", told(t, b.m))
		}
		began := time.Now()
		b.join(1, 5)
		b.join(2, 5)
		var marks []string
		for n := 0; ; {
			b.pass(time.Minute)
			if time.Since(began) > 200*time.Hour {
				t.Fatal("it is never disabled")
			}
			if time.Since(began)%(11*time.Hour) == 0 {
				b.stop()
				b.start()
			}
			for _, ev := range told(t, b.m)[n:] {
				n++
				marks = append(marks, fmt.Sprintf("%s after %s", ev.Type, ev.At.Sub(began).Round(time.Minute)))
				if ev.Type == queue.EventDeliveryExhausted {
					continue // the event that asks is at the end of its schedule
				}
				d := endpointData(t, ev)
				if d.FailingSince == nil || *d.FailingSince != *queue.Instant(began) || d.EndpointID != b.ep.ID || d.Host != "crm.example" {
					t.Errorf("%s: %s", ev.Type, ev.Data)
				}
				if ev.Type == queue.EventEndpointFailing && (*d.DisableAt != *queue.Instant(began.Add(120 * time.Hour)) || *d.LastOutcome != "reset") {
					t.Errorf("%s: %s", ev.Type, ev.Data)
				}
			}
			if sub, _ := b.m.Subscription(ref(b.ep)); sub.Endpoint.Disabled {
				equal(t, "reason", sub.Endpoint.DisabledReason, dispatcher.DisabledFailing)
				break
			}
		}
		equal(t, "told", marks, []string{"endpoint.failing after 1h0m0s", "endpoint.failing after 24h0m0s", "endpoint.failing after 72h0m0s",
			"delivery.exhausted after 75h40m0s", "endpoint.failing after 96h0m0s", "endpoint.disabled after 120h0m0s"})
		before := b.requests(began)
		b.pass(24 * time.Hour)
		equal(t, "requests after its end", b.requests(began), before)
		b.stop()
	})
}

func TestAFewBadEventsDisableNobody(t *testing.T) {
	t.Parallel()
	for name, attempts := range map[string][]int{"nine events": {5, 4}, "one attempt": {40}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				b := newBubble(t, func(*dispatcher.Endpoint) {}, dead)
				for i, n := range attempts {
					b.join(int64(i+1), n)
				}
				b.pass(130 * time.Hour)
				if sub, _ := b.m.Subscription(ref(b.ep)); sub.Endpoint.Disabled {
					t.Error("it is disabled")
				}
				b.join(8, 7) // and now there are enough
				b.pass(2 * time.Hour)
				if sub, _ := b.m.Subscription(ref(b.ep)); !sub.Endpoint.Disabled {
					t.Error("it is not disabled, although enough has failed")
				}
				b.stop()
			})
		})
	}
}

func TestAnEndpointRecovers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		back := time.Now().Add(90 * time.Minute)
		b := newBubble(t, func(*dispatcher.Endpoint) {}, func(int, *http.Request) (*http.Response, error) {
			if time.Now().Before(back) {
				return reply(401) // the breaker has no part in this
			}
			return reply(200)
		})
		b.join(1, 3)
		b.pass(30 * time.Minute)
		if h := b.health(); h.Breaker(time.Now()) != dispatcher.BreakerClosed || h.FailingSince.IsZero() {
			t.Errorf("after 30 minutes of 401: %+v", h)
		}
		b.pass(10 * time.Hour)
		var types []string
		for _, ev := range told(t, b.m) {
			types = append(types, string(ev.Type))
		}
		equal(t, "told", types, []string{"endpoint.failing", "endpoint.recovered"})
		if h := b.health(); !h.FailingSince.IsZero() || h.Told != 0 || h.LastSuccess.IsZero() {
			t.Errorf("in the end: %+v", h)
		}
		// A short failure is not worth a word.
		b.net.answer = func(n int, _ *http.Request) (*http.Response, error) {
			if n%2 == 0 {
				return reply(500)
			}
			return reply(200)
		}
		b.join(2, 6)
		b.pass(time.Hour)
		equal(t, "told after short failures", len(told(t, b.m)), 2)
		b.stop()
	})
}

// The end of a schedule and the end of an event's life are told, together where
// they come together.
func TestExhaustedDeliveriesAreTold(t *testing.T) {
	t.Parallel()
	exhausted := func(t *testing.T, m *dispatchertest.Memory) (out []queue.Exhausted, events int) {
		for _, ev := range told(t, m) {
			if ev.Type == queue.EventDeliveryExhausted {
				var d queue.ExhaustedData
				if err := json.Unmarshal(ev.Data, &d); err != nil {
					t.Fatal(err)
				}
				out, events = append(out, d.Deliveries...), events+1
				if len(d.Deliveries) > queue.MaxExhausted || d.Host != "crm.example" {
					t.Errorf("%d deliveries at %s", len(d.Deliveries), d.Host)
				}
			}
		}
		return out, events
	}
	t.Run("a schedule of its own", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, func(e *dispatcher.Endpoint) {
				e.Profile, e.Schedule = dispatcher.ProfileCustom, []time.Duration{3 * time.Second, 7 * time.Second}
			}, func(int, *http.Request) (*http.Response, error) { return reply(404) })
			b.join(4, 2)
			b.pass(time.Minute)
			equal(t, "requests", len(b.net.at), 6)
			got, events := exhausted(t, b.m)
			if len(got) != 2 || events != 2 || got[0].Tries != 3 || got[0].Outcome != "rejected" || *got[0].AttemptID != 4 || got[0].EventType != queue.EventJoined {
				t.Errorf("told: %+v", got)
			}
			equal(t, "parked", len(b.backlog().Parked), 0)
			b.stop()
		})
	})
	t.Run("too old", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			b := newBubble(t, func(e *dispatcher.Endpoint) { e.Profile = dispatcher.ProfileLive }, func(int, *http.Request) (*http.Response, error) { return reply(200) })
			b.stop()
			for i := range int64(100) {
				b.m.Append(time.Now(), dispatchertest.Attempt(i+1, 3, time.Now())...)
			}
			b.pass(time.Minute)
			b.start()
			b.pass(time.Minute)
			equal(t, "requests", len(b.net.at), 0)
			got, events := exhausted(t, b.m)
			if len(got) != 300 || events > 10 || got[0].Outcome != "expired" || got[0].Tries != 0 {
				t.Errorf("%d told in %d events, the first %+v", len(got), events, got[0])
			}
			b.stop()
		})
	})
	t.Run("of each other", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			change := func(e *dispatcher.Endpoint) {
				e.Profile, e.Schedule = dispatcher.ProfileCustom, []time.Duration{time.Second}
				e.Events = []queue.EventType{queue.EventJoined, queue.EventDeliveryExhausted}
			}
			b := newBubble(t, change, func(int, *http.Request) (*http.Response, error) { return reply(404) })
			other := dispatchertest.Endpoint("https://ops.example/")
			change(&other)
			b.m.Create(other, dispatcher.Position{})
			b.d.Reload()
			b.join(4, 1)
			b.pass(time.Hour)
			equal(t, "events that tell", len(told(t, b.m)), 2) // one of each
			b.stop()
		})
	})
}

// An endpoint that answers 410 to several requests at once is disabled once.
func TestGoneIsToldOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(*dispatcher.Endpoint) {}, func(n int, _ *http.Request) (*http.Response, error) {
			time.Sleep(time.Duration(n) * 100 * time.Millisecond) // longer apart than outcomes wait to be written
			return reply(http.StatusGone)
		})
		for a := int64(1); a <= 5; a++ {
			b.join(a, 1)
		}
		b.pass(time.Minute)
		b.stop()
		if events := told(t, b.m); len(events) != 1 || events[0].Type != queue.EventEndpointDisabled {
			t.Errorf("told: %+v", events)
		}
		equal(t, "requests", len(b.net.at), 5)
	})
}
