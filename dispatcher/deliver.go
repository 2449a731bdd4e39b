package dispatcher

import "time"

// pump starts senders for what is ready. A sender goes on while there is
// something ready and then ends, so that no goroutine waits for an endpoint
// that has nothing to do.
func (w *worker) pump() {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.cfg.Now()
	for n := w.room(now); n > 0; n-- {
		w.inFlight++
		w.lastDone = now
		go w.sendLoop()
	}
}

// sendLoop sends until nothing is ready. drain waits for it by inFlight.
func (w *worker) sendLoop() {
	l := w.d.sender.line(w.sending)
	defer l.close()
	for {
		it, t := w.next()
		if it == nil {
			return
		}
		try := w.attempt(l, it, t)
		w.finish(it, t, &try)
		w.d.cfg.Metrics.observe(it, &try, w.d.cfg.Now())
		logTry(w.logger, &try)
	}
}

// next takes an item to send; nil when the sender is to end.
func (w *worker) next() (*item, *target) {
	now := w.d.cfg.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.inFlight <= w.target.MaxInFlight {
		if it := w.takeNext(now); it != nil {
			it.early = it.nextAt.After(now)
			it.overtakes = it.overtaken()
			return it, w.target
		}
	}
	w.inFlight--
	if w.inFlight == 0 && (w.stopping || !w.health.PausedUntil.IsZero()) {
		signal(w.wake)
	}
	return nil, nil
}

// attempt makes one try of an item.
func (w *worker) attempt(l *line, it *item, t *target) Try {
	now := w.d.cfg.Now()
	if it.entry != nil && !Expired(t.Profile, it.since(), now) {
		ev := &it.entry.ev
		return l.send(t, message{ev: ev, body: it.entry.rendered(t.Format), number: it.tries + 1, prev: it.prev,
			overtakes: it.overtakes})
	}
	try := Try{DomainID: w.ref.DomainID, EndpointID: w.ref.EndpointID, Seq: it.pos.Seq,
		Outcome: OutcomeExpired, StartedAt: micros(now)}
	if it.entry == nil {
		try.Error = "the event is not in the log any more"
		return try
	}
	try.EventID, try.EventType, try.AttemptID = it.entry.ev.ID, it.entry.ev.Type, it.entry.ev.AttemptID
	return try
}

// finish takes over the outcome of a try.
func (w *worker) finish(it *item, t *target, try *Try) {
	now := w.d.cfg.Now()
	v := judge(try, Failure{Profile: t.Profile, Waits: t.Schedule, RecordedAt: it.since(), Lost: it.lost}, now, w.d.cfg.Jitter())
	weight := try.weight()
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.URL != w.target.URL {
		v = v.ofOldURL(now)
	}
	if it.early && v.state != StateDelivered && v.state != StateRefused && try.Outcome != OutcomeExpired {
		// It was sent for the endpoint's sake: its own schedule goes on as it was.
		v = verdict{state: StateRetrying, nextAt: it.nextAt, pause: v.pause}
	}
	if try.State = v.state; !v.nextAt.IsZero() {
		try.NextAt = micros(v.nextAt)
	}
	w.tries = append(w.tries, try)
	w.unsaved++
	w.carry(weight)
	w.uncollected += weight
	w.lastFailed = v.state != StateDelivered
	w.lastDone = now
	w.resolve(it, v, try.NextAt, now)
	changed := w.probe == it
	if t.URL == w.target.URL {
		changed = w.heed(it, try, v, now)
	} else if changed { // nothing was found out about the new one
		w.probe = nil
	}
	if v.state == StateExhausted {
		w.tellExhausted(try, it.tries)
	}
	if v.gone {
		w.switchOff(DisabledGone, nil)
	}
	w.list()
	w.d.settles.counted()
	// The reader cares for parked lanes, for the end, and for room to read.
	if changed || w.stalled || v.state != StateDelivered || w.stopping || w.open == pageSize || w.open == 0 || it.row {
		signal(w.wake)
	}
}

// resolve moves the head of a lane on: away, or to the parked ones until an
// instant; the caller holds mu.
func (w *worker) resolve(it *item, v verdict, until, now time.Time) {
	fresh := !it.parked
	if v.spent {
		it.tries++
	}
	if v.lost {
		it.lost++
	}
	if v.state.Final() {
		w.lanes.done(it)
		if it.row {
			w.ending[it.pos.Seq] = true
		}
	} else {
		for _, follower := range w.lanes.park(it, until, now) {
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
}
