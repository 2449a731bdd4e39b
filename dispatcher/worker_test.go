package dispatcher_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// A pause may end between two looks at the clock: the worker must not sleep
// through it. Here every look moves the clock.
func TestAPauseIsNotSleptThrough(t *testing.T) {
	t.Parallel()
	for step := 50 * time.Millisecond; step < 2*time.Second; step += 50 * time.Millisecond {
		synctest.Test(t, func(t *testing.T) {
			m := &dispatchertest.Memory{}
			ep := dispatchertest.Endpoint("https://crm.example/")
			m.Create(ep, dispatcher.Position{})
			m.Append(time.Now(), dispatchertest.Event(1, 1, queue.EventJoined, time.Now()))
			net := &network{answer: func(n int, _ *http.Request) (*http.Response, error) {
				if n == 1 {
					return reply(429)
				}
				return reply(200)
			}}
			var looks atomic.Int64
			cfg := loopback()
			cfg.PollEvery, cfg.ReloadEvery = time.Second, time.Hour
			cfg.Now = func() time.Time { return time.Now().Add(time.Duration(looks.Add(1)) * step) }
			d := dispatcher.New(m, cfg)
			d.SetTransport(net)
			ctx, cancel := context.WithCancel(t.Context())
			ended := make(chan error, 1)
			go func() { ended <- d.Run(ctx) }()
			time.Sleep(time.Minute) // virtual
			cancel()
			<-ended
			if len(net.at) != 2 {
				t.Errorf("%d requests within a minute of a pause of two seconds, clock step %s", len(net.at), step)
			}
		})
	}
}

// unclaimed is a store whose claims fail for a while.
type unclaimed struct {
	*dispatchertest.Memory
	fails atomic.Int64
}

func (s *unclaimed) Claim(ctx context.Context, replica int64, claims []dispatcher.Claim) error {
	if s.fails.Add(-1) >= 0 {
		return errors.New("the database is away")
	}
	return s.Memory.Claim(ctx, replica, claims)
}

func TestPrevSequenceAfterAClaimThatFailed(t *testing.T) {
	t.Parallel()
	m := &unclaimed{Memory: &dispatchertest.Memory{}}
	m.fails.Store(2)
	r, ep := newReceiver(t, nil)
	ep.Events = []queue.EventType{queue.EventJoined, queue.EventMissed}
	m.Create(ep, dispatcher.Position{})
	// joined offering missed offering missed offering leaving
	m.Append(time.Now(), dispatchertest.Attempt(1, 7, time.Now())...)
	run(t, m, loopback())
	r.eventually("all", func() bool { return r.distinct() == 3 })
	var prevs []int
	for _, d := range r.all() {
		prevs = append(prevs, d.prev)
	}
	equal(t, "sequences", sequences(r.all(), 1), []int{1, 3, 5})
	equal(t, "prev", prevs, []int{0, 1, 3})
}

// An endpoint that fails every other event would park without end, although its
// last outcome is often a success.
func TestParkedEventsAreBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &dispatchertest.Memory{}
		ep := dispatchertest.Endpoint("https://crm.example/")
		ep.MaxInFlight = 1 // so that each page ends with a success
		m.Create(ep, dispatcher.Position{})
		const total = 15_000
		for a := int64(1); a <= total; a += 1000 {
			var batch []queue.Event
			for i := range int64(1000) {
				batch = append(batch, dispatchertest.Event(a+i, 1, queue.EventJoined, start))
			}
			m.Append(start, batch...)
		}
		cfg := loopback()
		cfg.Now, cfg.MaxParked, cfg.PollEvery = newClock().Now, 50, time.Second // no retry comes
		d := dispatcher.New(m, cfg)
		d.SetTransport(&network{answer: func(_ int, r *http.Request) (*http.Response, error) {
			if n := r.Header.Get("Offhook-Attempt"); (n[len(n)-1]-'0')%2 == 1 {
				return reply(404) // not a reason to leave the endpoint alone
			}
			return reply(200)
		}})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(time.Minute) // virtual
		cancel()
		<-ended
		b, err := m.Backlog(t.Context(), ref(ep))
		if err != nil {
			t.Fatal(err)
		}
		if n := len(b.Parked); n < 500 || n > 500+3000 { // what was read ahead may still be parked
			t.Errorf("%d events are parked, want about ten times MaxParked", n)
		}
	})
}

// The answer of an old URL says nothing about the new one.
func TestAnAnswerOfTheOldURLDoesNotStopTheNewOne(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]int{"gone": http.StatusGone, "throttled": http.StatusTooManyRequests} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entered, release := make(chan struct{}, 1000), make(chan struct{})
			m := &dispatchertest.Memory{}
			_, ep := newReceiver(t, func(_ *delivery, w http.ResponseWriter) {
				entered <- struct{}{}
				<-release
				w.Header().Set("Retry-After", "86400")
				w.WriteHeader(status)
			})
			next, ep2 := newReceiver(t, nil)
			ep.MaxInFlight = 256
			m.Create(ep, dispatcher.Position{})
			d, _ := run(t, m, loopback())
			d.Feed(m.Append(time.Now(), dispatchertest.Event(1, 1, queue.EventJoined, time.Now())))
			<-entered
			moved := ep
			moved.URL, moved.Secrets = ep2.URL, ep2.Secrets
			m.Change(moved)
			d.Reload()
			attempt := int64(1)
			waitFor(t, "the change", nil, func() bool {
				attempt++
				d.Feed(m.Append(time.Now(), dispatchertest.Event(attempt, 1, queue.EventJoined, time.Now())))
				return next.distinct() > 0
			})
			close(release)
			waitFor(t, "the outcome", nil, func() bool {
				for _, try := range m.Tries(ref(ep)) {
					if try.Status == status {
						return true
					}
				}
				return false
			})
			if sub, _ := m.Subscription(ref(ep)); sub.Endpoint.Disabled || !sub.Endpoint.PausedUntil.IsZero() {
				t.Errorf("the endpoint is stopped: %+v", sub.Endpoint)
			}
			if status == http.StatusGone { // sent again at once, to the new URL
				next.eventually("the first event", func() bool { return len(sequences(next.all(), 1)) == 1 })
			}
		})
	}
}

// changing is a store that gives the backlog as it was before a change of the
// endpoint that the dispatcher hears of while it recovers.
type changing struct {
	*dispatchertest.Memory
	change func(*dispatcher.Backlog)
	once   sync.Once
}

func (s *changing) Backlog(ctx context.Context, ref dispatcher.Ref) (dispatcher.Backlog, error) {
	b, err := s.Memory.Backlog(ctx, ref)
	s.once.Do(func() { s.change(&b) })
	return b, err
}

// What changes while an endpoint is recovered is taken over: an endpoint that
// paused and was enabled by hand at that moment is served at once.
func TestAChangeDuringRecovery(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &dispatchertest.Memory{}
		ep := dispatchertest.Endpoint("https://crm.example/")
		ep.PausedUntil, ep.PausedReason = time.Now().Add(24*time.Hour), dispatcher.OutcomeThrottled
		m.Create(ep, dispatcher.Position{})
		evs := m.Append(time.Now(), dispatchertest.Attempt(1, 3, time.Now())...)
		var d *dispatcher.Dispatcher
		store := &changing{Memory: m, change: func(b *dispatcher.Backlog) {
			b.Claimed = dispatcher.Position{Seq: evs[1].Seq, RecordedAt: evs[1].RecordedAt} // two may have been sent
			enabled := ep
			enabled.Health = dispatcher.Health{}
			m.Change(enabled)
			d.Reload()
			time.Sleep(time.Second)
		}}
		cfg := loopback()
		cfg.PollEvery, cfg.ReloadEvery = time.Minute, time.Hour
		d = dispatcher.New(store, cfg)
		d.SetTransport(&network{answer: func(int, *http.Request) (*http.Response, error) { return reply(200) }})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(10 * time.Minute)
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		var got []dispatcher.Outcome
		for _, try := range m.Tries(ref(ep)) {
			got = append(got, try.Outcome)
		}
		equal(t, "outcomes", got, []dispatcher.Outcome{dispatcher.OutcomeUnknown, dispatcher.OutcomeUnknown,
			dispatcher.OutcomeDelivered, dispatcher.OutcomeDelivered, dispatcher.OutcomeDelivered})
	})
}

// An endpoint that cannot be served is told of once, until it is changed.
func TestAnEndpointThatCannotBeServed(t *testing.T) {
	if testing.Short() {
		t.Skip("many virtual hours")
	}
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &dispatchertest.Memory{}
		ep := dispatchertest.Endpoint("https://crm.example/")
		secrets := ep.Secrets
		ep.Secrets = nil
		m.Create(ep, dispatcher.Position{})
		m.Append(time.Now(), dispatchertest.Event(1, 1, queue.EventJoined, time.Now()))
		net := &network{answer: func(int, *http.Request) (*http.Response, error) { return reply(200) }}
		var log bytes.Buffer
		cfg := loopback()
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelWarn}))
		d := dispatcher.New(m, cfg)
		d.SetTransport(net)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(time.Hour) // virtual
		ep.Description = "still without"
		m.Change(ep)
		time.Sleep(time.Hour)
		before := len(net.at)
		ep.Secrets = secrets
		m.Change(ep)
		time.Sleep(time.Hour)
		cancel()
		<-ended
		equal(t, "lines", strings.Count(log.String(), "endpoint cannot be served"), 2)
		if before != 0 || len(net.at) != 1 {
			t.Errorf("%d requests without a secret, %d with one", before, len(net.at)-before)
		}
	})
}
