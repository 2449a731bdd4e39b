package dispatcher_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// TestRequestsUnderWayToADeletedEndpointAreRecorded: it goes with its lease, but
// what was sent stays on record.
func TestRequestsUnderWayToADeletedEndpointAreRecorded(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	entered, release := make(chan struct{}, 10), make(chan struct{})
	r, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
		entered <- struct{}{}
		<-release
	})
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 4, 1, time.Now())
	d, stop := run(t, m, loopback())
	for range 4 {
		<-entered
	}
	m.Delete(ref(ep))
	before := m.Calls("Active")
	d.Reload()
	waitFor(t, "the dispatcher to notice", nil, func() bool { return m.Calls("Active") > before })
	close(release)
	waitFor(t, "the tries", nil, func() bool { return len(m.Tries(ref(ep))) == 4 })
	stop()
	for _, try := range m.Tries(ref(ep)) {
		if try.Outcome != dispatcher.OutcomeDelivered {
			t.Errorf("try %d: %s (%s)", try.Seq, try.Outcome, try.Error)
		}
	}
	if n := len(r.all()); n != 4 {
		t.Errorf("%d requests", n)
	}
}

// blind is a store that does not tell for a while which endpoints there are.
type blind struct {
	*dispatchertest.Memory
	is atomic.Bool
}

func (s *blind) Active(ctx context.Context) ([]dispatcher.Subscription, error) {
	subs, err := s.Memory.Active(ctx) // counted
	if s.is.Load() {
		return nil, errors.New("no answer")
	}
	return subs, err
}

// TestRequestsUnderWayWhenNobodyTells: a lease is gone, and whether with its
// endpoint or to another replica cannot be found out. The requests are cut off and
// stay on record.
func TestRequestsUnderWayWhenNobodyTells(t *testing.T) {
	t.Parallel()
	m := &blind{Memory: &dispatchertest.Memory{}}
	entered, release := make(chan struct{}, 10), make(chan struct{})
	_, ep := newReceiver(t, func(*delivery, http.ResponseWriter) {
		entered <- struct{}{}
		<-release
	})
	defer close(release)
	m.Create(ep, dispatcher.Position{})
	attempts(m.Memory, 1, 4, 1, time.Now())
	d, _ := run(t, m, loopback())
	for range 4 {
		<-entered
	}
	m.is.Store(true)
	m.Delete(ref(ep))
	d.Reload()
	waitFor(t, "the tries", nil, func() bool { return len(m.Tries(ref(ep))) == 4 })
	for _, try := range m.Tries(ref(ep)) {
		if try.Outcome != dispatcher.OutcomeUnknown {
			t.Errorf("try %d: %s (%s)", try.Seq, try.Outcome, try.Error)
		}
	}
}
