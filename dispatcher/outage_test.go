package dispatcher_test

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// bubble is a dispatcher in virtual time, on a store in memory.
type bubble struct {
	t   *testing.T
	m   *dispatchertest.Memory
	net *network
	ep  dispatcher.Endpoint
	d   *dispatcher.Dispatcher
	// store is what the next start runs on.
	store dispatcher.Store
	// stop ends it, and start runs another one on the same store.
	stop func()
}

func newBubble(t *testing.T, change func(*dispatcher.Endpoint), answer func(n int, r *http.Request) (*http.Response, error)) *bubble {
	t.Helper()
	b := &bubble{t: t, m: &dispatchertest.Memory{}, net: &network{answer: answer}, ep: dispatchertest.Endpoint("https://crm.example/")}
	change(&b.ep)
	b.m.Create(b.ep, dispatcher.Position{})
	b.store = b.m
	b.start()
	return b
}

func (b *bubble) start() {
	cfg := loopback()
	cfg.PollEvery, cfg.ReloadEvery, cfg.Jitter = time.Minute, time.Minute, func() float64 { return 0 }
	b.d = dispatcher.New(b.store, cfg)
	b.d.SetTransport(b.net)
	ctx, cancel := context.WithCancel(b.t.Context())
	ended := make(chan error, 1)
	go func() { ended <- b.d.Run(ctx) }()
	b.stop = func() {
		cancel()
		if err := <-ended; err != nil {
			b.t.Error(err)
		}
	}
}

// pass lets time go by.
func (b *bubble) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (b *bubble) join(attempt int64, n int) {
	b.d.Feed(b.m.Append(time.Now(), dispatchertest.Attempt(attempt, n, time.Now())...))
}

func (b *bubble) backlog() dispatcher.Backlog {
	b.t.Helper()
	back, err := b.m.Backlog(b.t.Context(), ref(b.ep))
	if err != nil {
		b.t.Fatal(err)
	}
	return back
}

func (b *bubble) health() dispatcher.Health {
	sub, _ := b.m.Subscription(ref(b.ep))
	return sub.Endpoint.Health
}

// requests returns how many were made since an instant.
func (b *bubble) requests(since time.Time) (n int) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	for _, at := range b.net.at {
		if !at.Before(since) {
			n++
		}
	}
	return n
}

// An endpoint that is dead for a day costs no rows but those that opened the
// breaker and a probe now and then, and catches up at the rate of its limits, in
// order.
func TestADayWithoutTheEndpoint(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		back := began.Add(24 * time.Hour)
		last := map[string]int{}
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.Rate, e.OrderWait = 10, time.Minute },
			func(_ int, r *http.Request) (*http.Response, error) {
				if time.Now().Before(back) {
					return nil, errors.New("EOF")
				}
				return reply(200)
			})
		deliver := b.net.answer
		b.net.answer = func(n int, r *http.Request) (*http.Response, error) {
			resp, err := deliver(n, r)
			if err == nil {
				attempt, seq := r.Header.Get("Offhook-Attempt"), 0
				seq, _ = strconv.Atoi(r.Header.Get("Offhook-Sequence"))
				b.net.mu.Lock()
				if seq <= last[attempt] {
					t.Errorf("attempt %s: %d after %d", attempt, seq, last[attempt])
				}
				last[attempt] = seq
				b.net.mu.Unlock()
			}
			return resp, err
		}
		var attempt int64
		parked, most := 0, 0
		for time.Now().Before(back) {
			attempt++
			b.join(attempt, 5)
			b.pass(time.Minute)
			n := len(b.backlog().Parked)
			if time.Since(began) < 10*time.Minute {
				parked = n
			}
			if most = max(most, n); attempt%500 == 0 { // a restart changes nothing
				b.stop()
				b.start()
			}
		}
		if most > parked || parked > 12 {
			t.Errorf("%d events were parked after ten minutes, %d at most in a day", parked, most)
		}
		if h := b.health(); h.Breaker(time.Now()) == dispatcher.BreakerClosed || h.Openings < 10 || h.FailingSince.Sub(began) > time.Minute {
			t.Errorf("after a day: %+v", h)
		}
		if n := b.requests(began); n > 330 || n < 288 {
			t.Errorf("%d requests to an endpoint that was dead for a day, want one in five minutes", n)
		}
		// Within five minutes the next probe finds it back.
		total := int(attempt) * 5
		b.pass(5 * time.Minute)
		first := time.Now()
		b.pass(time.Minute)
		if n := b.requests(first); n < 590 || n > 610 {
			t.Errorf("%d requests in a minute of catching up, at a rate of 10", n)
		}
		b.pass(time.Duration(total/10) * time.Second)
		if back := b.backlog(); len(back.Parked) != 0 || back.Settled.Seq < int64(total) {
			t.Errorf("in the end %d are parked, settled %d of %d", len(back.Parked), back.Settled.Seq, total)
		}
		if h := b.health(); h.Breaker(time.Now()) != dispatcher.BreakerClosed || h.LastSuccess.IsZero() || !h.FailingSince.IsZero() {
			t.Errorf("in the end: %+v", h)
		}
		if len(last) != int(attempt) {
			t.Errorf("%d attempts arrived, want %d", len(last), attempt)
		}
		b.stop()
	})
}

// However often a request is cut off by a restart, or by a replica that is taken
// for dead, its event is not given up: nobody has refused it.
func TestLostRequestsDoNotUseUpTheSchedule(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(*bubble){
		"restarted": func(b *bubble) { b.stop(); b.start(); b.pass(time.Second) },
		"dead":      func(b *bubble) { b.m.StrikeOff(); b.pass(10 * time.Second) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				var well atomic.Bool
				b := newBubble(t, func(e *dispatcher.Endpoint) {
					e.Profile, e.Schedule, e.Timeout = dispatcher.ProfileCustom, []time.Duration{time.Second}, 30*time.Second
				}, func(_ int, r *http.Request) (*http.Response, error) {
					if well.Load() {
						return reply(200)
					}
					<-r.Context().Done()
					return nil, r.Context().Err()
				})
				b.join(1, 2)
				b.pass(time.Second)
				const times = 10
				for range times {
					lose(b)
				}
				well.Store(true)
				lose(b)
				b.stop()
				outcomes := map[dispatcher.Outcome]int{}
				for _, try := range b.m.Tries(ref(b.ep)) {
					outcomes[try.Outcome]++
					if try.State == dispatcher.StateExhausted {
						t.Errorf("event %d is given up after try %d, which was %s", try.Seq, try.Number, try.Outcome)
					}
				}
				if outcomes[dispatcher.OutcomeDelivered] != 2 || outcomes[dispatcher.OutcomeUnknown] < times || len(outcomes) != 2 {
					t.Errorf("outcomes: %v", outcomes)
				}
			})
		})
	}
}
