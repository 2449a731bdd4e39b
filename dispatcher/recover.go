package dispatcher

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// recover brings the endpoint to a known state after whatever ended the last
// run, and starts from there.
//
// What was claimed and has no outcome may have been sent: each such event gets
// a try with the outcome unknown and is parked, due at once. So afterwards
// settled equals claimed, and everything open is in parked.
//
// Why the order of a lane survives: within a lane the next event is sent only
// after the one before is delivered or final, and the settler writes outcomes
// in the order in which they happened, one write after the other. So of the
// claimed events of a lane the ones with an outcome are a beginning, and the
// ones without are the rest. Sending the rest again, in order, never sends an
// event before one of its lane that was not delivered. The receiver may see
// events a second time: those that it had accepted when the process died
// within the last moments before their outcome was written. It sees them again
// in order, and in front of everything that it has not seen. What was written as
// delivered is not sent again.
//
// Parked events that were claimed for a next try are treated the same: an
// unknown try, due at once, at their old place in their lane.
func (w *worker) recover(ctx, late context.Context) error {
	t := w.settings()
	b, err := w.d.store.Backlog(ctx, w.ref)
	if err != nil {
		return err
	}
	now := micros(w.d.cfg.Now())
	s := Settlement{Replica: w.d.replica, Leases: []Lease{w.lease}, At: now}
	if err := w.lostParked(ctx, &b, &s); err != nil {
		return err
	}
	if err := w.lostFresh(ctx, t, &b, &s); err != nil {
		return err
	}
	if b.Claimed.Seq > b.Settled.Seq {
		s.Cursors = []Cursor{{Ref: w.ref, Settled: b.Claimed}}
	}
	if len(s.Park)+len(s.Cursors) > 0 {
		// Not ctx: whether it was written must be known when we stop.
		if err := w.d.settles.writeOnce(late, s); err != nil {
			return err
		}
		w.logger.Info("endpoint recovered", "sent_again", len(s.Tries))
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	slices.SortFunc(b.Parked, func(p, q Parked) int { return cmp.Compare(p.Seq, q.Seq) }) // lostFresh has added its own
	for _, p := range b.Parked {
		w.lanes.load(p.Lane, w.itemOf(p))
	}
	w.lanes.rewait(w.target.OrderWait)
	w.pos, w.settled, w.claimedFor = b.Claimed, b.Claimed, b.ClaimedFor
	if w.target == t { // else the health that came with the newer settings is the newer one
		w.health = b.Health
	}
	return nil
}

// lostParked adds an unknown try for every parked event that was claimed.
func (w *worker) lostParked(ctx context.Context, b *Backlog, s *Settlement) error {
	var at []Position
	for _, p := range b.Parked {
		if p.Claimed {
			at = append(at, p.Position)
		}
	}
	if len(at) == 0 {
		return nil
	}
	events, err := w.d.store.EventsAt(ctx, w.ref.DomainID, at)
	if err != nil {
		return err
	}
	bySeq := map[int64]*entry{}
	for _, e := range newEntries(events) {
		bySeq[e.ev.Seq] = e
	}
	for i := range b.Parked {
		p := &b.Parked[i]
		if !p.Claimed {
			continue
		}
		p.Claimed = false
		if e := bySeq[p.Seq]; e != nil { // else it left the log, which its next try will say
			p.Tries++
			p.Lost++
			p.NextAt = s.At
			s.Tries = append(s.Tries, w.unknown(e, p.Tries, s.At))
		}
		s.Park = append(s.Park, *p)
	}
	return nil
}

// lostFresh parks the events in (settled, claimed] that have no outcome, of those
// that the endpoint was subscribed to when they were claimed: its settings may
// be others by now.
func (w *worker) lostFresh(ctx context.Context, t *target, b *Backlog, s *Settlement) error {
	known := make(map[int64]bool, len(b.Done)+len(b.Parked))
	for _, seq := range b.Done {
		known[seq] = true
	}
	for _, p := range b.Parked {
		known[p.Seq] = true
	}
	was, err := t.matchOf(b.ClaimedFor)
	if err != nil {
		return err
	}
	for pos := b.Settled; pos.Seq < b.Claimed.Seq; {
		events, err := w.d.store.Events(ctx, w.ref.DomainID, pos, pageSize)
		if err != nil {
			return err
		}
		for _, e := range newEntries(events) {
			pos = e.pos()
			if pos.Seq > b.Claimed.Seq || known[pos.Seq] || !was.Wants(&e.ev) {
				continue
			}
			p := Parked{Ref: w.ref, Position: pos, Lane: e.lane(t.Ordering), Tries: 1, Lost: 1, NextAt: s.At,
				HeldSince: s.At, Sequence: e.ev.Sequence}
			b.Parked = append(b.Parked, p)
			s.Park = append(s.Park, p)
			s.Tries = append(s.Tries, w.unknown(e, 1, s.At))
		}
		if len(events) < pageSize {
			break
		}
	}
	return nil
}

func (w *worker) unknown(e *entry, number int, at time.Time) Try {
	return Try{DomainID: w.ref.DomainID, EndpointID: w.ref.EndpointID, Seq: e.ev.Seq, EventID: e.ev.ID,
		EventType: e.ev.Type, AttemptID: e.ev.AttemptID, Number: number, Outcome: OutcomeUnknown,
		State: StateRetrying, StartedAt: at, NextAt: at, Error: "the process ended before the outcome was written"}
}
