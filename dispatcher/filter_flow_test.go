package dispatcher_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// TestAFilterLetsThroughWhatItSays, and Offhook-Prev-Sequence knows about it,
// after a restart too: what came before is matched again.
func TestAFilterLetsThroughWhatItSays(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Filter = `type == "attempt.joined" || data.cc_result == "abandoned" || type == "attempt.missed" && sequence > 3`
	m.Create(ep, dispatcher.Position{})
	all := dispatchertest.Attempt(1, 7, time.Now()) // joined offering missed offering missed offering leaving
	m.Append(time.Now(), all[:4]...)
	_, stop := run(t, m, loopback())
	r.eventually("the first half", func() bool { return r.distinct() == 1 })
	settledAt(t, m, ep, 4)
	stop()
	run(t, m, loopback())
	m.Append(time.Now(), all[4:]...)
	r.eventually("all", func() bool { return r.distinct() == 3 })
	settledAt(t, m, ep, 7)
	var prevs []int
	for _, d := range r.all() {
		prevs = append(prevs, d.prev)
	}
	equal(t, "sequences", sequences(r.all(), 1), []int{1, 5, 7})
	equal(t, "prev", prevs, []int{0, 1, 5})
	equal(t, "tries", len(m.Tries(ref(ep))), 3)
}

// TestAChangedFilterIsTakenOver: for what is read from then on.
func TestAChangedFilterIsTakenOver(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Filter = `queue.id == 8 || sequence == 2`
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 2, 2, time.Now())
	d, _ := run(t, m, loopback())
	r.eventually("what it lets through", func() bool { return r.distinct() == 2 })
	ep.Filter = `queue.id == 7`
	m.Change(ep)
	d.Reload()
	attempt := int64(2)
	waitFor(t, "events of queue 7", nil, func() bool {
		attempt++
		d.Feed(m.Append(time.Now(), dispatchertest.Attempt(attempt, 1, time.Now())...))
		return r.distinct() > 2
	})
	equal(t, "what came before", fmt.Sprint(sequences(r.all(), 1), sequences(r.all(), 2)), "[2] [2]")
}

// lines is a log that can be read while it is written.
type lines struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.buf.String()
}

// TestAFailingFilterIsLogged, sends nothing, and holds nobody up.
func TestAFailingFilterIsLogged(t *testing.T) {
	t.Parallel()
	var log lines
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, nil)
	ep.Filter = `type == "attempt.joined" || int(variables.campaign) > 3`
	other, ep2 := newReceiver(t, nil)
	m.Create(ep, dispatcher.Position{})
	m.Create(ep2, dispatcher.Position{})
	attempts(m, 1, 2, 3, time.Now())
	cfg := loopback()
	cfg.Logger = slog.New(slog.NewTextHandler(&log, nil))
	registry := prometheus.NewRegistry()
	cfg.Metrics = dispatcher.NewMetrics(registry)
	run(t, m, cfg)
	other.eventually("the others", func() bool { return other.distinct() == 6 })
	settledAt(t, m, ep, 6)
	equal(t, "sent", r.distinct(), 2)
	waitFor(t, "the log line", nil, func() bool { return strings.Contains(log.String(), "the filter fails at events") })
	if text := log.String(); strings.Contains(text, "spring") || !strings.Contains(text, fmt.Sprintf("endpoint=%s", ep.ID)) {
		t.Errorf("the log: %s", text)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if n := f.GetMetric()[0].GetCounter().GetValue(); f.GetName() == "offhook_webhook_filter_failures_total" && n != 4 {
			t.Errorf("%v failures are counted, want 4", n)
		}
	}
	if m, err := ep.Matcher(); err != nil || m.Wants(&queue.Event{DomainID: 1, Type: queue.EventMissed}) {
		t.Errorf("an event without variables: %v", err)
	}
}
