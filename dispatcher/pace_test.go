package dispatcher_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
)

// What a recovery takes up again is too old by its own age, but not by that of
// its recovery: it is sent, and so it takes its slots.
func TestARateHoldsForWhatIsRecovered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.Profile, e.Rate, e.MaxInFlight = dispatcher.ProfileLive, 1, 100 },
			func(int, *http.Request) (*http.Response, error) { return reply(200) })
		var missed []queue.Event
		for a := int64(1); a <= 20; a++ {
			missed = append(missed, b.m.Append(time.Now(), dispatchertest.Attempt(a, 1, time.Now())...)...)
		}
		b.d.Wake()
		b.pass(time.Hour)
		began := time.Now()
		b.m.Recover(ref(b.ep), began, missed...)
		b.d.Reload()
		b.pass(5 * time.Second)
		if n := b.requests(began); n < 5 || n > 6 {
			t.Errorf("%d requests in 5 s, at a rate of 1", n)
		}
		b.stop()
	})
}

// An answer with more headers than are kept is not the worse understood.
func TestRetryAfterAmongManyHeaders(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		at, tries := virtual(t, func(*dispatcher.Endpoint) {}, func(n int, _ *http.Request) (*http.Response, error) {
			if n > 1 {
				return reply(200)
			}
			resp, err := reply(429)
			for i := range 200 {
				resp.Header.Set("X-"+strconv.Itoa(i), strings.Repeat("x", 250))
			}
			resp.Header.Set("Retry-After", "1800")
			resp.Header.Set("Set-Cookie", "session=1")
			return resp, err
		})
		equal(t, "requests", at, []string{"0s", "30m0s"})
		kept := 0
		for name, values := range tries[0].Header {
			kept += len(name) + len(values[0]) + 4
		}
		if kept > 8<<10 || kept < 7<<10 || tries[0].Header.Get("X-0") == "" || tries[0].Header.Get("Set-Cookie") != "" {
			t.Errorf("%d bytes of headers are kept: %v", kept, tries[0].Header)
		}
	})
}
