package dispatcher

import "slices"

// touch notes that the store must learn of an item; the caller holds mu.
func (w *worker) touch(it *item) {
	if it.queued {
		return
	}
	it.queued = true
	it.unsaved++
	w.dirty = append(w.dirty, it)
	w.list()
}

// list tells the settler that there is something to collect; the caller holds
// mu.
func (w *worker) list() {
	if !w.listed {
		w.listed = true
		w.d.settles.add(w)
	}
}

// part is what one write of the settler holds of one worker.
type part struct {
	worker  *worker
	items   []*item
	tries   int
	weight  int64
	settled Position
	lowered bool // the claimed mark comes down
}

// collect adds what the store does not know to the settlement.
func (w *worker) collect(s *Settlement) part {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = false
	if w.lost {
		return part{worker: w}
	}
	s.Leases = append(s.Leases, w.lease)
	p := part{worker: w, items: w.dirty, tries: len(w.tries), settled: w.settledNow()}
	p.weight, w.uncollected = w.uncollected, 0
	s.Tries = slices.Grow(s.Tries, len(w.tries))
	for _, t := range w.tries {
		s.Tries = append(s.Tries, *t)
	}
	w.tries, w.dirty = nil, nil
	for _, it := range p.items {
		it.queued = false
		switch {
		case !it.final:
			it.row = true
			s.Park = append(s.Park, Parked{Ref: w.ref, Position: it.pos, Lane: it.lane.key,
				Tries: it.tries, Lost: it.lost, NextAt: it.nextAt, Claimed: it.claimed, HeldSince: it.heldSince, Sequence: it.sequence,
				RecoveredAt: it.recoveredAt})
		case it.row:
			s.Unpark = append(s.Unpark, ParkedKey{Ref: w.ref, Seq: it.pos.Seq})
		}
	}
	if p.settled.Seq > w.settled.Seq {
		s.Cursors = append(s.Cursors, Cursor{Ref: w.ref, Settled: p.settled})
	}
	if w.unclaim {
		s.Unclaim = append(s.Unclaim, Unclaim{Ref: w.ref, Claimed: w.pos})
		w.unclaim, w.lowered, p.lowered = false, true, true
	}
	if !w.healthSaved {
		s.Healths = append(s.Healths, HealthOf{Ref: w.ref, Version: w.target.UpdatedAt, Health: w.health})
		w.healthSaved = true
	}
	s.Notices = append(s.Notices, w.takeNotices()...)
	if w.off != "" {
		s.Disable = append(s.Disable, Disabling{Ref: w.ref, Reason: w.off})
		w.off = ""
	}
	return p
}

// settledNow pops what is resolved from the window's front and returns the
// place in the log up to which everything is.
func (w *worker) settledNow() Position {
	for w.first < len(w.window) {
		it := w.window[w.first]
		if !it.final && !it.parked {
			return Position{RecordedAt: it.pos.RecordedAt, Seq: it.pos.Seq - 1}
		}
		w.window[w.first] = nil
		w.first++
	}
	w.window, w.first = w.window[:0], 0
	return w.pos
}

// saved takes over that a part was written.
func (w *worker) saved(p part) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, it := range p.items {
		if it.unsaved--; it.final {
			delete(w.ending, it.pos.Seq)
		}
	}
	w.unsaved -= p.tries
	w.carry(-p.weight)
	if p.lowered {
		w.lowered = false
	}
	if p.settled.Seq > w.settled.Seq {
		w.settled = p.settled
	}
	signal(w.wake)
}
