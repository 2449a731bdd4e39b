package dispatcher

import (
	"context"
	"slices"
	"time"
)

// A recovery puts events that were given up, or never sent, into parked, a
// bounded number at a time, and counts that in Subscription.Recoveries. The
// worker takes them over like everything parked: they go out in lanes, by the
// endpoint's schedule, within its limits.

const (
	// lookAgain is how often a worker looks for recovered events while a recovery
	// is under way, lookFor how long after it found the last ones.
	lookAgain = 500 * time.Millisecond
	lookFor   = 15 * time.Second
)

// recovered notes how many pieces of recoveries there were; more than were
// known make the worker look for them.
func (w *worker) recovered(pieces int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if pieces == w.recoveries {
		return
	}
	now := w.d.cfg.Now()
	w.recoveries, w.lookAt, w.lookUntil = pieces, now, now.Add(lookFor)
	signal(w.wake)
}

// adopt takes over the events that recoveries have put into parked.
func (w *worker) adopt(ctx context.Context) (bool, error) {
	known := w.beforeLooking()
	if known == nil {
		return false, nil
	}
	found, err := w.d.store.Recovered(ctx, w.ref)
	if err != nil {
		return false, err
	}
	found = slices.DeleteFunc(found, func(p Parked) bool { return known[p.Seq] })
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.cfg.Now()
	for _, p := range found {
		w.lanes.insert(p.Lane, w.itemOf(p))
	}
	if len(found) > 0 {
		w.lookUntil = now.Add(lookFor)
	}
	if w.lookAt = now.Add(lookAgain); w.lookAt.After(w.lookUntil) {
		w.lookAt = time.Time{}
	}
	return len(found) > 0, nil
}

// beforeLooking returns the events that the worker has, or has just done with;
// nil when it is not time to look. A row of one of these must not be taken for
// a new one while its end is on the way to the store.
func (w *worker) beforeLooking() map[int64]bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lookAt.IsZero() || w.lookAt.After(w.d.cfg.Now()) || w.stopping {
		return nil
	}
	known := make(map[int64]bool, len(w.ending))
	for seq := range w.ending {
		known[seq] = true
	}
	for _, l := range w.lanes.byKey {
		for _, it := range l.items {
			known[it.pos.Seq] = true
		}
	}
	return known
}

// itemOf is a parked event as the worker keeps it.
func (w *worker) itemOf(p Parked) *item {
	return &item{pos: p.Position, sequence: p.Sequence, tries: p.Tries, lost: p.Lost, nextAt: p.NextAt, heldSince: p.HeldSince,
		recoveredAt: p.RecoveredAt}
}

// since is the instant from which on the age of an event counts for its
// schedule.
func (it *item) since() time.Time {
	if !it.recoveredAt.IsZero() {
		return it.recoveredAt
	}
	return it.pos.RecordedAt
}
