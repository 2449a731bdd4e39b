package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Outcomes are written when there are so many, or so long after the first.
const (
	settleCount = 1000
	settleAfter = 20 * time.Millisecond
)

// settler writes the outcomes of all endpoints in bulk, one write after the
// other: the outcomes of a lane reach the store in the order in which they
// happened, so that what is stored of a lane is always a beginning of it.
type settler struct {
	store      Store
	replica    int64
	superseded func() // others take us for dead
	now        func() time.Time
	logger     *slog.Logger
	kick       chan struct{} // there is something
	full       chan struct{} // there is enough
	count      atomic.Int64
	room       []Try // of flush alone, and empty

	mu    sync.Mutex
	dirty []*worker
}

func newSettler(d *Dispatcher, replica int64) *settler {
	return &settler{store: d.store, replica: replica, superseded: d.superseded, now: d.cfg.Now, logger: d.cfg.Logger,
		kick: make(chan struct{}, 1), full: make(chan struct{}, 1)}
}

// add notes that w has something to write; w calls it once until it was
// collected.
func (s *settler) add(w *worker) {
	s.mu.Lock()
	s.dirty = append(s.dirty, w)
	s.mu.Unlock()
	signal(s.kick)
}

// counted notes an outcome.
func (s *settler) counted() {
	if s.count.Add(1) == settleCount {
		signal(s.full)
	}
}

// signal sends unless a signal is waiting already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

func (s *settler) run(ctx context.Context) {
	timer := time.NewTimer(settleAfter)
	defer timer.Stop()
	for {
		select {
		case <-s.kick:
		case <-ctx.Done():
			return
		}
		timer.Reset(settleAfter)
		select {
		case <-timer.C:
		case <-s.full:
		case <-ctx.Done():
			return
		}
		s.flush(ctx)
	}
}

func (s *settler) flush(ctx context.Context) {
	s.mu.Lock()
	workers := s.dirty
	s.dirty = nil
	s.mu.Unlock()
	s.count.Store(0)
	select { // stale: what it announced is part of this flush
	case <-s.full:
	default:
	}
	batch := Settlement{Replica: s.replica, At: s.now().UTC(), Tries: s.room}
	parts := make([]part, 0, len(workers))
	for _, w := range workers {
		parts = append(parts, w.collect(&batch))
	}
	defer s.keep(batch.Tries)
	if parts = s.write(ctx, batch, parts); parts == nil {
		return
	}
	for _, p := range parts {
		p.worker.saved(p)
	}
}

// keep keeps the array of tries that were written for the next ones.
func (s *settler) keep(tries []Try) {
	clear(tries) // what they point to is not kept
	if s.room = tries[:0]; cap(tries) > 4*settleCount {
		s.room = nil
	}
}

// write repeats until the store has taken the batch, and returns the parts that
// were written: what belongs to an endpoint that we lost is left out. It returns
// none when ctx ended before, or when nothing of ours is taken any more. A batch
// whose commit was lost on the way is written twice, which is the same as once.
func (s *settler) write(ctx context.Context, batch Settlement, parts []part) []part {
	wait := 50 * time.Millisecond
	for {
		err := s.writeOnce(ctx, batch)
		var lost *LostError
		switch {
		case err == nil:
			return parts
		case ctx.Err() != nil:
			return nil
		case errors.Is(err, ErrSuperseded):
			s.superseded() // whoever delivers now takes these for unknown
			return nil
		case errors.As(err, &lost):
			parts = slices.DeleteFunc(parts, func(p part) bool {
				gone := slices.Contains(lost.Refs, p.worker.ref)
				if gone {
					p.worker.lose()
				}
				return gone
			})
			batch = batch.without(lost.Refs)
			continue
		}
		s.logger.Error("outcomes are not written, trying again", "outcomes", len(batch.Tries), "error", err)
		if !sleep(ctx, wait) {
			return nil
		}
		wait = min(2*wait, 2*time.Second)
	}
}

func (s *settler) writeOnce(ctx context.Context, batch Settlement) error {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return s.store.Settle(ctx, batch)
}

// sleep waits; false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
