package dispatcher

import (
	"context"
	"time"

	"github.com/offhook/offhook/queue"
)

// prevFinder knows, for each attempt, the sequence of the last event that an
// endpoint was owed: the header Offhook-Prev-Sequence, by which a receiver sees
// gaps although its filter leaves events out. After a restart it is found again
// by matching the attempt's earlier events against the filter.
type prevFinder struct {
	store Store
	last  map[int64]int
}

// maxPrevs bounds what is remembered; what was forgotten is looked up.
const maxPrevs = 50_000

// fill sets prev of fresh items, which come in the order of the log.
func (p *prevFinder) fill(ctx context.Context, t *target, items []*item) error {
	if len(p.last) > maxPrevs {
		clear(p.last)
	}
	var unknown []*item
	for _, it := range items {
		ev := &it.entry.ev
		if ev.Sequence == 0 {
			continue
		}
		if t.whole {
			it.prev = ev.Sequence - 1
			continue
		}
		// What is not before the event was remembered for a page that could not be
		// claimed and comes again.
		prev, known := p.last[ev.AttemptID]
		if known = known && prev < ev.Sequence; known {
			it.prev = prev
		} else if ev.Sequence > 1 {
			unknown = append(unknown, it)
		}
		p.last[ev.AttemptID] = ev.Sequence
		if ev.Type == queue.EventLeaving {
			delete(p.last, ev.AttemptID)
		}
	}
	return p.look(ctx, t, unknown)
}

// look sets prev of items by looking at the earlier events of their attempts.
func (p *prevFinder) look(ctx context.Context, t *target, items []*item) error {
	var attempts []int64
	var since time.Time
	for _, it := range items {
		switch ev := &it.entry.ev; {
		case ev.Sequence <= 1:
		case t.whole:
			it.prev = ev.Sequence - 1
		default:
			// Nothing is recorded before it happened, so that no day before the
			// first joining need be looked at.
			if joined := ev.Ext.JoinedAt; len(attempts) == 0 || joined.Before(since) {
				since = joined
			}
			attempts = append(attempts, ev.AttemptID)
		}
	}
	if len(attempts) == 0 {
		return nil
	}
	earlier, err := p.store.Earlier(ctx, t.DomainID, attempts, since)
	if err != nil {
		return err
	}
	owed, err := p.owed(ctx, t, earlier)
	if err != nil {
		return err
	}
	for _, it := range items {
		for _, e := range earlier[it.entry.ev.AttemptID] {
			if e.Sequence < it.entry.ev.Sequence && owed(e) {
				it.prev = max(it.prev, e.Sequence)
			}
		}
	}
	return nil
}

// owed returns the judgement of earlier events: by their types, and, where the
// endpoint has a filter, by the whole events.
func (p *prevFinder) owed(ctx context.Context, t *target, earlier map[int64][]Earlier) (func(Earlier) bool, error) {
	if t.Filter == "" {
		return func(e Earlier) bool { return t.match.types[e.Type] }, nil
	}
	var at []Position
	for _, events := range earlier {
		for _, e := range events {
			if t.match.types[e.Type] {
				at = append(at, e.Position)
			}
		}
	}
	found, err := p.store.EventsAt(ctx, t.DomainID, at)
	if err != nil {
		return nil, err
	}
	wanted := make(map[int64]bool, len(found))
	for i := range found {
		wanted[found[i].Seq] = t.match.Wants(&found[i])
	}
	return func(e Earlier) bool { return wanted[e.Seq] }, nil
}
