package dispatcher

import (
	"context"
	"time"
)

// drain ends the sending: no new requests, those under way may finish, what was
// claimed and not sent is parked, so that the next run need not take it for
// lost. It returns true when everything is stored, and false when late has ended
// before, or when the lease is lost: then nothing is to be stored.
func (w *worker) drain(late context.Context) bool {
	w.beginStop()
	grace := time.AfterFunc(w.d.cfg.DrainTimeout, w.abort)
	defer grace.Stop()
	for !w.quiet() { // bounded: abort ends all requests
		<-w.wake
	}
	w.abort()
	w.release()
	for !w.isSaved() {
		if w.isLost() {
			return false
		}
		select {
		case <-w.wake:
		case <-late.Done():
			return false
		}
	}
	return !w.isLost()
}

// forget ends what a worker leaves behind when it ends.
func (w *worker) forget() {
	w.abort()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.carry(-w.weight) // outcomes that will never be stored
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

// release gives back to the log what was read and not sent, as far as possible,
// parks the rest, and takes back the claims of parked items.
func (w *worker) release() {
	now := w.d.cfg.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.unread()
	for _, l := range w.lanes.byKey {
		for _, it := range l.items {
			if it.claimed || !it.parked {
				w.lanes.hold(it, now)
				w.touch(it)
			}
		}
	}
	w.list()
}

func (w *worker) isSaved() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.unsaved == 0 && len(w.dirty) == 0 && !w.listed && !w.lowered && w.settled.Seq >= w.settledNow().Seq
}
