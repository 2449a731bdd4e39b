package api

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// However many ask at once, a key gets its burst and then so many a second; and
// what it does takes nothing from the others.
func TestLimiterLetsThroughWhatItSays(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(RateLimit{PerSecond: 10, Burst: 50})
		const asking = 20 * time.Second
		end := time.Now().Add(asking)
		var greedy, modest, refused atomic.Int64
		var clients sync.WaitGroup
		for range 8 {
			clients.Go(func() {
				for time.Now().Before(end) {
					if l.take("greedy", time.Now()) == 0 {
						greedy.Add(1)
					}
					time.Sleep(time.Millisecond)
				}
			})
		}
		clients.Go(func() {
			for time.Now().Before(end) {
				if l.take("modest", time.Now()) != 0 {
					refused.Add(1)
				}
				modest.Add(1)
				time.Sleep(time.Second / 10)
			}
		})
		clients.Wait()
		if n := greedy.Load(); n < 248 || n > 250 {
			t.Errorf("%d requests in 20 s, want the burst of 50 and 10 a second", n)
		}
		if modest.Load() != 200 || refused.Load() != 0 {
			t.Errorf("of %d requests of the other key %d were refused", modest.Load(), refused.Load())
		}
	})
}

// Who waits as long as he was told is let through, and not a moment earlier.
func TestLimiterTellsHowLong(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newLimiter(RateLimit{PerSecond: 2, Burst: 1})
		for range 5 {
			if wait := l.take("k", time.Now()); wait != 0 {
				t.Fatalf("a rested key is told to wait %v", wait)
			}
			wait := l.take("k", time.Now())
			if wait != 500*time.Millisecond {
				t.Fatalf("wait %v", wait)
			}
			time.Sleep(wait - 1)
			if early := l.take("k", time.Now()); early != 1 {
				t.Errorf("a moment too early: wait %v", early)
			}
			time.Sleep(time.Nanosecond)
		}
	})
}

// No limit is no limit.
func TestLimiterWithoutLimit(t *testing.T) {
	t.Parallel()
	l := newLimiter(RateLimit{})
	for range 100_000 {
		if l.take("k", time.Time{}) != 0 {
			t.Fatal("no limit limits")
		}
	}
}

// Keys that have rested are forgotten.
func TestLimiterForgets(t *testing.T) {
	t.Parallel()
	l := newLimiter(RateLimit{PerSecond: 1, Burst: 2})
	now := time.Unix(1_000_000, 0)
	for i := range 100_000 {
		now = now.Add(10 * time.Millisecond)
		l.take(fmt.Sprint(i), now)
	}
	if len(l.rested) > firstSweep {
		t.Errorf("%d keys are remembered, of which 100 are not rested", len(l.rested))
	}
}
