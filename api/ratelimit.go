package api

import (
	"fmt"
	"math"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// RateLimit bounds what one API key may ask of this server, so that a client in
// a loop leaves room for the others.
type RateLimit struct {
	// PerSecond is how many requests a second a key may make in the long run; 0 =
	// as many as it likes.
	PerSecond int
	// Burst is how many it may make at once after a rest; at least 1.
	Burst int
}

// limiter counts the requests of each key. A key begins with Burst requests and
// gets PerSecond more each second, up to Burst again. That is kept as one
// instant a key: when it will have rested.
type limiter struct {
	limit RateLimit
	mu    sync.Mutex
	// rested holds only keys that exist, and of these only who is not rested.
	rested map[string]time.Time
	sweep  int // entries at which those that have rested are thrown out
}

const firstSweep = 1024

func newLimiter(limit RateLimit) *limiter {
	return &limiter{limit: limit, rested: map[string]time.Time{}, sweep: firstSweep}
}

// take counts a request at the instant now. It returns 0, or how long the key
// has to wait before it may make one.
func (l *limiter) take(key string, now time.Time) time.Duration {
	if l.limit.PerSecond == 0 {
		return 0
	}
	each := time.Second / time.Duration(l.limit.PerSecond)
	l.mu.Lock()
	defer l.mu.Unlock()
	rested := l.rested[key]
	if rested.Before(now) {
		rested = now
	}
	rested = rested.Add(each)
	if wait := rested.Sub(now) - time.Duration(l.limit.Burst)*each; wait > 0 {
		return wait
	}
	l.rested[key] = rested
	if len(l.rested) >= l.sweep {
		for key, rested := range l.rested {
			if !rested.After(now) {
				delete(l.rested, key)
			}
		}
		l.sweep = max(firstSweep, 2*len(l.rested))
	}
	return 0
}

// limited refuses a request that came too early.
func (h *handler) limited(c caller) *Problem {
	wait := h.limits.take(c.key, h.cfg.Now())
	if wait == 0 {
		return nil
	}
	p := problem(CodeRateLimited, fmt.Sprintf("This API key may make %d requests a second, and %d at once after a rest. Nothing was done; try again after Retry-After.",
		h.cfg.RateLimit.PerSecond, h.cfg.RateLimit.Burst))
	p.header = http.Header{"Retry-After": {strconv.Itoa(int(math.Ceil(wait.Seconds())))}}
	return p
}
