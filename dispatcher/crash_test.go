package dispatcher_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// mortal is a store whose process dies at a certain write: before it, or after
// it was committed and before its answer came. From then on nothing is stored.
type mortal struct {
	*dispatchertest.Memory
	left   atomic.Int64 // writes until death
	commit bool         // the last write is committed
	dead   chan struct{}
}

var errDead = errors.New("the process is dead")

func newMortal(m *dispatchertest.Memory, writes int64, commit bool) *mortal {
	s := &mortal{Memory: m, commit: commit, dead: make(chan struct{})}
	s.left.Store(writes)
	return s
}

// write does one write, unless death comes first.
func (s *mortal) write(f func() error) error {
	switch left := s.left.Add(-1); {
	case left > 0:
		return f()
	case left == 0:
		defer close(s.dead)
		if s.commit {
			_ = f()
		}
	}
	return errDead
}

func (s *mortal) Claim(ctx context.Context, replica int64, claims []dispatcher.Claim) error {
	return s.write(func() error { return s.Memory.Claim(ctx, replica, claims) })
}

func (s *mortal) Settle(ctx context.Context, st dispatcher.Settlement) error {
	return s.write(func() error { return s.Memory.Settle(ctx, st) })
}

// TestCrashes kills the dispatcher at random writes, a few times in a row, while
// the receiver fails at random, and looks at what the receiver saw in the end.
func TestCrashes(t *testing.T) {
	t.Parallel()
	var overtaken atomic.Int64
	t.Cleanup(func() {
		if overtaken.Load() == 0 {
			t.Error("nothing was overtaken in all these crashes")
		}
	})
	for seed := range uint64(24) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			overtaken.Add(int64(crashes(t, rand.New(rand.NewPCG(seed, 1)))))
		})
	}
}

// crashes returns how many events were overtaken.
func crashes(t *testing.T, rnd *rand.Rand) int {
	const total = 200
	m := &dispatchertest.Memory{}
	failing := rnd.Perm(400)[:rnd.IntN(80)]
	bad := map[int]bool{}
	for _, n := range failing {
		bad[n] = true
	}
	var requests atomic.Int64
	r, ep := newReceiver(t, func(_ *delivery, w http.ResponseWriter) {
		if bad[int(requests.Add(1))] {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	ep.OrderWait = []time.Duration{0, time.Second, 30 * time.Second}[rnd.IntN(3)]
	now := newClock()
	cfg := loopback()
	cfg.Now, cfg.DrainTimeout = now.Now, time.Millisecond
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 40, total/40, now.Now())

	for range 1 + rnd.IntN(4) {
		store := newMortal(m, 1+rnd.Int64N(12), rnd.IntN(2) == 0)
		d, stop := run(t, store, cfg)
		passTime(t, d, now, "death", func() bool {
			select {
			case <-store.dead:
				return true
			default:
				return r.distinct() == total
			}
		})
		stop()
	}
	cfg.DrainTimeout = 0
	d, stop := run(t, m, cfg)
	passTime(t, d, now, "a quiet end", func() bool {
		b, err := m.Backlog(t.Context(), ref(ep))
		return err == nil && b.Settled.Seq >= total && len(b.Parked) == 0
	})
	stop()

	seen := r.all()
	overtaken := inOrder(t, seen)
	recorded := map[string]bool{}
	for _, try := range m.Tries(ref(ep)) {
		recorded[fmt.Sprintf("%s/%d", eventID(try), try.Number)] = true
	}
	for _, d := range seen {
		if !recorded[fmt.Sprintf("%s/%d", d.id, d.try)] {
			t.Errorf("try %d of %s reached the receiver and is not on record", d.try, d.id)
		}
	}
	if n := r.distinct(); n != total {
		t.Errorf("%d of %d events were accepted", n, total)
	}
	return overtaken
}

// passTime moves the clock, faster and faster, until the condition holds.
func passTime(t *testing.T, d *dispatcher.Dispatcher, now *clock, what string, cond func() bool) {
	t.Helper()
	step := 500 * time.Millisecond
	waitFor(t, what, nil, func() bool {
		if cond() {
			return true
		}
		now.add(step)
		step = min(step*21/20, time.Hour)
		d.Wake()
		return false
	})
}
