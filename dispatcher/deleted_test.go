package dispatcher_test

import (
	"net/http"
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
