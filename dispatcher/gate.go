package dispatcher

import "time"

// heed takes what a try says about the endpoint into account: whether it may go
// on, is to be left alone for a while, or is back; it reports whether that has
// changed. The caller holds mu.
func (w *worker) heed(it *item, try *Try, v verdict, now time.Time) bool {
	h, was := &w.health, w.health
	standing := standingOf(try.Outcome)
	probed := w.probe == it
	if probed {
		w.probe = nil
	}
	w.fares(try, now)
	switch {
	case !v.pause.IsZero():
		if v.pause.After(h.PausedUntil) {
			h.PausedUntil, h.PausedReason = micros(v.pause), try.Outcome
		}
		if try.Outcome == OutcomeThrottled {
			h.Openings = 0 // it is there, and speaks for itself
		}
	case probed && standing == isBroken:
		h.Openings++
		h.PausedUntil, h.PausedReason = micros(now.Add(opening(h.Openings))), try.Outcome
	case probed && standing == answers:
		h.PausedUntil, h.PausedReason, h.Openings = time.Time{}, "", 0
		w.breaker = breaker{}
	case h.PausedUntil.IsZero() && w.breaker.note(standing, it.pos.Seq, now):
		h.Openings = 1
		h.PausedUntil, h.PausedReason = micros(now.Add(opening(1))), try.Outcome
	}
	if *h == was {
		return probed
	}
	w.healthSaved = false
	if h.PausedUntil.After(was.PausedUntil) {
		w.logger.Warn("endpoint is left alone for a while", "outcome", try.Outcome, "until", h.PausedUntil)
		w.unread()
	} else if h.PausedUntil.IsZero() && !was.PausedUntil.IsZero() {
		w.logger.Info("endpoint is back")
	}
	return true
}

// micros cuts an instant to what the store keeps of it.
func micros(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

// takeNext takes an item that may be sent now, or nil; the caller holds mu.
// While the breaker is half open that is one at a time, the oldest there is.
func (w *worker) takeNext(now time.Time) *item {
	if w.stopping || w.heavy() {
		return nil
	}
	switch w.health.Breaker(now) {
	case BreakerOpen:
		return nil
	case BreakerHalfOpen:
		if w.probe != nil || w.inFlight > 1 { // the one that asks is counted
			return nil
		}
		w.probe = w.lanes.takeOldest()
		return w.probe
	}
	if w.lanes.readyCount() == 0 {
		return nil
	}
	// What is not sent because it is too old or gone takes no slot.
	if it := w.lanes.peek(); it.entry != nil && !Expired(w.target.Profile, it.since(), now) && !w.pace.take(now, w.target.Rate) {
		signal(w.wake) // to be woken when there is a slot
		return nil
	}
	return w.lanes.take()
}

// room returns how many senders may start now; the caller holds mu.
func (w *worker) room(now time.Time) int {
	if w.stopping || w.heavy() {
		return 0
	}
	n := min(w.target.MaxInFlight-w.inFlight, w.lanes.readyCount())
	switch w.health.Breaker(now) {
	case BreakerOpen:
		return 0
	case BreakerHalfOpen:
		if w.probe != nil || w.inFlight > 0 {
			return 0
		}
		return min(n, 1)
	}
	if w.target.Rate > 0 {
		if now.Before(w.pace.next) {
			return 0
		}
		// No more than the slots there are: the others would end at once.
		n = min(n, 1+int(catchUp.Seconds()*w.target.Rate))
	}
	return n
}

// unread takes back what was read and claimed and is not sent: while nothing
// goes to the endpoint, the log is the backlog and costs no memory and no row.
// It ends where something was sent, so that the log is read on from one place;
// what stands before that stays. The caller holds mu.
func (w *worker) unread() {
	n := len(w.window)
	for n > w.first && w.window[n-1].unsent() {
		n--
	}
	if n == len(w.window) {
		return
	}
	first := w.window[n].pos
	for i := len(w.window) - 1; i >= n; i-- {
		it := w.window[i]
		if !it.parked {
			w.open--
		}
		w.lanes.drop(it)
		if it.row || it.queued {
			w.touch(it)
		}
		w.window[i] = nil
	}
	w.window = w.window[:n]
	w.pos = Position{RecordedAt: first.RecordedAt, Seq: first.Seq - 1}
	w.unclaim = true
	w.list()
}

// unsent reports whether no request was made for a fresh item, and none is under
// way.
func (it *item) unsent() bool {
	return !it.final && it.tries == 0 && !it.sending && !it.fetched
}
