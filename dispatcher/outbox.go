package dispatcher

import (
	"context"
	"time"
)

// pump starts senders for what is ready. A sender goes on while there is
// something ready and then ends, so that no goroutine waits for an endpoint
// that has nothing to do.
func (w *worker) pump() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopping || w.paused() {
		return
	}
	for n := min(w.target.MaxInFlight-w.inFlight, w.lanes.readyCount()); n > 0; n-- {
		w.inFlight++
		go w.sendLoop()
	}
}

// sendLoop sends until nothing is ready. drain waits for it by inFlight.
func (w *worker) sendLoop() {
	for {
		it, t := w.next()
		if it == nil {
			return
		}
		w.finish(it, t, w.attempt(it, t))
	}
}

// next takes an item to send; nil when the sender is to end.
func (w *worker) next() (*item, *target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopping && w.inFlight <= w.target.MaxInFlight && !w.paused() {
		if it := w.lanes.take(); it != nil {
			return it, w.target
		}
	}
	w.inFlight--
	if w.stopping && w.inFlight == 0 {
		signal(w.wake)
	}
	return nil, nil
}

// attempt makes one try of an item.
func (w *worker) attempt(it *item, t *target) Try {
	now := w.d.cfg.Now()
	if it.entry != nil && !Expired(t.Profile, it.pos.RecordedAt, now) {
		ev := &it.entry.ev
		return w.d.sender.send(w.sending, t, message{ev: ev, body: it.entry.rendered(), number: it.tries + 1, prev: it.prev})
	}
	try := Try{DomainID: w.ref.DomainID, EndpointID: w.ref.EndpointID, Seq: it.pos.Seq,
		Outcome: OutcomeExpired, StartedAt: now.UTC().Truncate(time.Microsecond)}
	if it.entry == nil {
		try.Error = "the event is not in the log any more"
		return try
	}
	try.EventID, try.EventType, try.AttemptID = it.entry.ev.ID, it.entry.ev.Type, it.entry.ev.AttemptID
	return try
}

// finish takes over the outcome of a try.
func (w *worker) finish(it *item, t *target, try Try) {
	now := w.d.cfg.Now()
	v := judge(&try, Failure{Profile: t.Profile, RecordedAt: it.pos.RecordedAt}, now, w.d.cfg.Jitter())
	try.State, try.NextAt = v.state, v.nextAt.UTC().Truncate(time.Microsecond)
	if v.nextAt.IsZero() {
		try.NextAt = time.Time{}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.tries = append(w.tries, try)
	w.unsaved++
	w.lastFailed = v.state != StateDelivered
	fresh := !it.parked
	if v.spent {
		it.tries++
	}
	if v.state.Final() {
		w.lanes.done(it)
	} else {
		for _, follower := range w.lanes.park(it, try.NextAt) {
			if !follower.row {
				w.open--
			}
			w.touch(follower)
		}
	}
	if !it.final || it.row { // a fresh success has nothing to write but its try
		w.touch(it)
	}
	if fresh {
		w.open--
	}
	if v.pause.After(w.pausedUntil) {
		w.pausedUntil = v.pause
		w.pause = &Pause{Ref: w.ref, Until: v.pause.UTC().Truncate(time.Microsecond), Reason: try.Outcome}
	}
	if v.gone {
		w.gone, w.stopping = true, true
	}
	w.list()
	w.d.settles.counted()
	// The reader cares for parked lanes, for the end, and for room to read.
	if v.state != StateDelivered || w.stopping || w.open == pageSize || w.open == 0 || it.row {
		signal(w.wake)
	}
}

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
	settled Position
}

// collect adds what the store does not know to the settlement.
func (w *worker) collect(s *Settlement) part {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.listed = false
	p := part{worker: w, items: w.dirty, tries: len(w.tries), settled: w.settledNow()}
	s.Tries = append(s.Tries, w.tries...)
	w.tries, w.dirty = nil, nil
	for _, it := range p.items {
		it.queued = false
		switch {
		case !it.final:
			it.row = true
			s.Park = append(s.Park, Parked{Ref: w.ref, Position: it.pos, Lane: it.lane.key,
				Tries: it.tries, NextAt: it.nextAt, Claimed: it.claimed})
		case it.row:
			s.Unpark = append(s.Unpark, ParkedKey{Ref: w.ref, Seq: it.pos.Seq})
		}
	}
	if p.settled.Seq > w.settled.Seq {
		s.Cursors = append(s.Cursors, Cursor{Ref: w.ref, Settled: p.settled})
	}
	if w.pause != nil {
		s.Pauses = append(s.Pauses, *w.pause)
		w.pause = nil
	}
	if w.gone {
		s.Gone = append(s.Gone, w.ref)
		w.gone = false
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
		it.unsaved--
	}
	w.unsaved -= p.tries
	if p.settled.Seq > w.settled.Seq {
		w.settled = p.settled
	}
	signal(w.wake)
}

// drain ends the sending: no new requests, those under way may finish, what was
// claimed and not sent is parked, so that the next run need not take it for
// lost. It returns when everything is stored, or late has ended.
func (w *worker) drain(late context.Context) {
	w.beginStop()
	grace := time.AfterFunc(w.d.cfg.DrainTimeout, w.abort)
	defer grace.Stop()
	for !w.quiet() { // bounded: abort ends all requests
		<-w.wake
	}
	w.abort()
	w.release()
	for !w.isSaved() {
		select {
		case <-w.wake:
		case <-late.Done():
			return
		}
	}
}

func (w *worker) beginStop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopping = true
}

func (w *worker) quiet() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.inFlight == 0
}

// release parks every fresh item that was not sent, and takes back the claims
// of parked ones.
func (w *worker) release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, l := range w.lanes.byKey {
		for _, it := range l.items {
			if it.claimed || !it.parked {
				w.lanes.hold(it)
				w.touch(it)
			}
		}
	}
	w.list()
}

func (w *worker) isSaved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unsaved == 0 && len(w.dirty) == 0 && !w.listed && w.settled.Seq >= w.settledNow().Seq
}
