package dispatcher_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

func TestSharesAreEvenAndWhole(t *testing.T) {
	t.Parallel()
	for endpoints := range 30 {
		for replicas := 1; replicas < 8; replicas++ {
			var shares []int
			total := 0
			for rank := range replicas {
				shares = append(shares, dispatcher.Share(endpoints, replicas, rank))
				total += shares[rank]
			}
			if total != endpoints || slices.Max(shares)-slices.Min(shares) > 1 {
				t.Errorf("%d endpoints over %d replicas: %v", endpoints, replicas, shares)
			}
		}
	}
	for _, rank := range []int{-1, 3} {
		if n := dispatcher.Share(10, 3, rank); n != 0 {
			t.Errorf("rank %d of 3 has a share of %d", rank, n)
		}
	}
}

// quick is a replica whose leases move within a fraction of a second.
func quick() dispatcher.Config {
	cfg := loopback()
	cfg.LeaseTTL, cfg.ReloadEvery = 300*time.Millisecond, 20*time.Millisecond
	return cfg
}

// pool is a number of endpoints with a receiver each.
func pool(t *testing.T, m *dispatchertest.Memory, n int) []*receiver {
	t.Helper()
	var all []*receiver
	for range n {
		r, ep := newReceiver(t, nil)
		m.Create(ep, dispatcher.Position{})
		all = append(all, r)
	}
	return all
}

// TestSharesMoveInPeace: a second and a third replica come and go under load.
// Every endpoint gets every event once and in order, and no request is taken
// for lost.
func TestSharesMoveInPeace(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	receivers := pool(t, m, 7)
	ctx, stopLoad := context.WithCancel(t.Context())
	defer stopLoad()
	var load sync.WaitGroup
	events := 0
	load.Go(func() {
		for id := 1; ctx.Err() == nil; id++ {
			events += len(attempts(m, id, 1, 6, time.Now()))
			<-time.After(2 * time.Millisecond)
		}
	})
	// Nobody is taken for dead, however slow the machine is, and all look often.
	cfg := loopback()
	cfg.LeaseTTL = time.Hour
	var replicas []*dispatcher.Dispatcher
	join := func() (leave func()) {
		d, stop := run(t, m, cfg)
		replicas = append(replicas, d)
		return stop
	}
	shared := func(n int) {
		waitFor(t, fmt.Sprint("shares of ", n), nil, func() bool {
			for _, d := range replicas {
				d.Reload()
			}
			holders := m.Holders()
			return len(holders) == n && !slices.ContainsFunc(holders, func(held int) bool { return held < 7/n })
		})
	}
	stopFirst := join()
	shared(1)
	stopSecond := join()
	shared(2)
	join()
	shared(3)
	stopFirst()
	shared(2)
	stopSecond()
	shared(1)
	stopLoad()
	load.Wait()
	for i, r := range receivers {
		r.eventually(fmt.Sprint("endpoint ", i), func() bool { return r.distinct() == events })
		inOrder(t, r.all())
		if n := len(r.all()); n != events {
			t.Errorf("endpoint %d saw %d requests for %d events", i, n, events)
		}
	}
}

// steal makes somebody else take every lease, who ends at once, so that they are
// free again.
func steal(t *testing.T, m *dispatchertest.Memory) {
	t.Helper()
	err := m.Enlist(t.Context(), "thief", time.Hour, func(ctx context.Context, thief int64) {
		m.Usurp(thief)
	})
	if err != nil {
		t.Error(err)
	}
}

// TestWhoLosesALeaseDropsTheEndpoint: somebody else takes the lease while a
// request is under way. What comes of it is not written; the request is on
// record as unknown, once, and the event arrives.
func TestWhoLosesALeaseDropsTheEndpoint(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	entered, release := make(chan struct{}, 10), make(chan struct{})
	r, ep := newReceiver(t, func(d *delivery, _ http.ResponseWriter) {
		entered <- struct{}{}
		if d.try == 1 {
			<-release
		}
	})
	m.Create(ep, dispatcher.Position{})
	attempts(m, 1, 1, 1, time.Now())
	cfg := quick()
	cfg.LeaseTTL = 6 * time.Second // nobody looks before the write
	d, _ := run(t, m, cfg)
	<-entered
	steal(t, m)
	close(release)
	d.Reload()
	<-entered
	waitFor(t, "the second try", nil, func() bool { return len(m.Tries(ref(ep))) == 2 })
	tries := m.Tries(ref(ep))
	if tries[0].Outcome != dispatcher.OutcomeUnknown || tries[1].Outcome != dispatcher.OutcomeDelivered || tries[1].Number != 2 {
		t.Errorf("tries: %+v", tries)
	}
	if n := r.distinct(); n != 1 {
		t.Errorf("%d events arrived", n)
	}
}

// TestASilentReplicaBeginsAnew: others took it for dead. It drops everything,
// comes back under another number and goes on.
func TestASilentReplicaBeginsAnew(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r := pool(t, m, 1)[0]
	run(t, m, quick())
	attempts(m, 1, 5, 2, time.Now())
	r.eventually("the first events", func() bool { return r.distinct() == 10 })
	m.StrikeOff()
	attempts(m, 6, 5, 2, time.Now())
	r.eventually("the others", func() bool { return r.distinct() == 20 })
	inOrder(t, r.all())
	if n := m.Calls("Enlist"); n < 2 { // on a busy machine it may be late by itself, too
		t.Errorf("enlisted %d times, want 2", n)
	}
}

// TestWhoDrainsHandsOverWhatIsDone: while a replica that ends waits for one slow
// request, another one delivers to all other endpoints.
func TestWhoDrainsHandsOverWhatIsDone(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	answer, asked := make(chan struct{}), make(chan struct{}, 1)
	_, slow := newReceiver(t, func(*delivery, http.ResponseWriter) {
		asked <- struct{}{}
		<-answer
	})
	m.Create(slow, dispatcher.Position{})
	others := pool(t, m, 3)
	attempts(m, 1, 1, 1, time.Now())
	cfg := quick()
	cfg.DrainTimeout = time.Minute
	ended := make(chan struct{})
	_, stop := run(t, m, cfg)
	<-asked
	for _, r := range others {
		r.eventually("the first event", func() bool { return r.distinct() == 1 })
	}
	go func() {
		stop()
		close(ended)
	}()
	run(t, m, cfg)
	attempts(m, 2, 1, 1, time.Now())
	for _, r := range others {
		r.eventually("the second event", func() bool { return r.distinct() == 2 })
	}
	select {
	case <-ended:
		t.Error("the slow request was not waited for")
	default:
	}
	close(answer)
	<-ended
}
