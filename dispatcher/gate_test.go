package dispatcher_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// gaps are the times between requests.
func (b *bubble) gaps() (out []time.Duration) {
	b.net.mu.Lock()
	defer b.net.mu.Unlock()
	for i := 1; i < len(b.net.at); i++ {
		out = append(out, b.net.at[i].Sub(b.net.at[i-1]).Round(100*time.Millisecond))
	}
	return out
}

// Once open, the breaker lets one request through after 5 s, 10 s and so on, for
// the oldest event, and a restart between changes nothing of that.
func TestProbesOfTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.MaxInFlight = 1 }, dead)
		for a := int64(1); a <= 50; a++ {
			b.join(a, 2)
		}
		b.pass(60 * time.Second)
		equal(t, "gaps", b.gaps(), []time.Duration{0, 0, 0, 0, 5 * time.Second, 10 * time.Second, 20 * time.Second})
		back := b.backlog()
		// Five first events of attempts, with the four between them that are held.
		if back.Claimed.Seq != 9 || back.Settled.Seq != 9 || len(back.Parked) != 9 {
			t.Errorf("while it is open: settled %d, claimed %d, %d parked; want 9 each", back.Settled.Seq, back.Claimed.Seq, len(back.Parked))
		}
		b.stop()
		b.pass(5 * time.Second)
		b.start()
		b.pass(2 * time.Minute)
		equal(t, "gaps", b.gaps()[7:], []time.Duration{40 * time.Second, 80 * time.Second})
		var probed []int64
		for _, try := range b.m.Tries(ref(b.ep))[5:] {
			probed = append(probed, try.Seq)
		}
		equal(t, "probed", probed, []int64{1, 1, 1, 1, 1})
		// By its schedule (2 s, 10 s, 60 s, 5 min) its tries were due three times;
		// the others were for the endpoint's sake.
		if last := b.m.Tries(ref(b.ep)); last[len(last)-1].State != dispatcher.StateRetrying || b.backlog().Parked[0].Tries != 4 {
			t.Errorf("after five probes %d tries are spent", b.backlog().Parked[0].Tries)
		}
		b.stop()
	})
}

// An endpoint that refuses everything is there: it is not left alone.
func TestRefusalsNeverOpenTheBreaker(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(*dispatcher.Endpoint) {}, func(int, *http.Request) (*http.Response, error) { return reply(403) })
		for a := int64(1); a <= 100; a++ {
			b.join(a, 1)
		}
		b.pass(time.Second)
		equal(t, "requests", len(b.net.at), 100)
		h := b.health()
		equal(t, "breaker", h.Breaker(time.Now()), dispatcher.BreakerClosed)
		b.stop()
	})
}

// 429 costs the event that got it a try, and no other one; the pause ends with
// one request.
func TestAPauseEndsWithOneRequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		busy := time.Now().Add(10 * time.Minute)
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.MaxInFlight = 1 }, func(int, *http.Request) (*http.Response, error) {
			if time.Now().Before(busy) {
				resp, err := reply(503)
				resp.Header.Set("Retry-After", "100")
				return resp, err
			}
			return reply(200)
		})
		for a := int64(1); a <= 30; a++ {
			b.join(a, 2)
		}
		b.pass(9 * time.Minute)
		for _, gap := range b.gaps() {
			if gap < 100*time.Second {
				t.Errorf("a request came %s after the one before", gap)
			}
		}
		for _, try := range b.m.Tries(ref(b.ep)) {
			if try.Seq != 1 || try.Outcome != dispatcher.OutcomeThrottled {
				t.Errorf("event %d was tried: %s", try.Seq, try.Outcome)
			}
		}
		h := b.health()
		if h.PausedReason != dispatcher.OutcomeThrottled || h.Openings != 0 || len(b.backlog().Parked) != 1 {
			t.Errorf("while it pauses: %+v, %d parked", h, len(b.backlog().Parked))
		}
		b.pass(10 * time.Minute)
		if back := b.backlog(); len(back.Parked) != 0 || back.Settled.Seq != 60 {
			t.Errorf("in the end: settled %d, %d parked", back.Settled.Seq, len(back.Parked))
		}
		b.stop()
	})
}

func TestARateIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.Rate, e.MaxInFlight = 4, 100 },
			func(int, *http.Request) (*http.Response, error) { return reply(200) })
		for a := int64(1); a <= 50; a++ {
			b.join(a, 2)
		}
		b.pass(10 * time.Second)
		if n := len(b.net.at); n < 40 || n > 42 {
			t.Errorf("%d requests in 10 s, at a rate of 4", n)
		}
		for i, gap := range b.gaps() {
			if gap < 100*time.Millisecond && i > 1 {
				t.Errorf("requests %d and %d came at once", i, i+1)
			}
		}
		b.pass(20 * time.Second)
		equal(t, "in the end", len(b.net.at), 100)
		b.stop()
	})
}

// Answers that are not stored are bounded by their bytes: with the store away, an
// endpoint with large answers gets no more requests than fit.
func TestLargeAnswersWaitForTheStore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		large := strings.Repeat("x", 100<<10)
		b := newBubble(t, func(e *dispatcher.Endpoint) { e.MaxInFlight = 4 }, func(int, *http.Request) (*http.Response, error) {
			return &http.Response{StatusCode: 200, Header: http.Header{"X-Large": {large[:7<<10]}}, Body: io.NopCloser(bytes.NewReader([]byte(large)))}, nil
		})
		b.stop()
		for a := int64(1); a <= 2000; a++ {
			b.m.Append(time.Now(), dispatchertest.Attempt(a, 1, time.Now())...)
		}
		away := &unsettled{Memory: b.m, away: make(chan struct{})}
		b.store = away
		b.start()
		b.pass(10 * time.Second)
		// 23 KiB are kept of each.
		if n := len(b.net.at); n < 300 || n > 400 {
			t.Errorf("%d answers are in memory", n)
		}
		close(away.away)
		b.pass(time.Minute)
		equal(t, "in the end", len(b.net.at), 2000)
		b.stop()
	})
}

// unsettled is a store that takes no outcomes for a while.
type unsettled struct {
	*dispatchertest.Memory
	away chan struct{}
}

func (s *unsettled) Settle(ctx context.Context, st dispatcher.Settlement) error {
	if len(st.Tries) > 0 {
		select {
		case <-s.away:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return s.Memory.Settle(ctx, st)
}
