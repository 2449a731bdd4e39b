package dispatcher

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/offhook/offhook/queue"
)

// Lease is the right to deliver to one endpoint. Of all replicas one holds it.
type Lease struct {
	Ref
	// Epoch rises by one whenever the lease is taken. Every claim and settlement
	// carries it, and the store refuses what comes from an older one.
	Epoch int64
}

// Beat is what a replica tells the store every few seconds.
type Beat struct {
	Replica int64
	// TTL is how long the replica counts as living unless it beats again.
	TTL time.Duration
	// Release are leases that it hands back. One that is not its own is passed
	// over.
	Release []Lease
	// Leaving says that it finishes what it is sending and then ends: its share is
	// none from now on, and the others share the endpoints out without it.
	Leaving bool
}

// Holding is what a replica holds after a beat.
type Holding struct {
	Leases []Lease // by endpoint
	// Share is how many it should hold (see Share). It is given no more, and
	// hands back what is above.
	Share int
}

// Share returns how many of the endpoints the replica of a rank holds, ranks
// counting from 0: as many as every other, or one more. The shares of all
// replicas are all endpoints, so that shares settle and leases do not wander.
func Share(endpoints, replicas, rank int) int {
	if rank < 0 || rank >= replicas {
		return 0
	}
	share := endpoints / replicas
	if rank < endpoints%replicas {
		share++
	}
	return share
}

// ErrSuperseded says that the replica is taken for dead: others may deliver in
// its place. Nothing was written.
var ErrSuperseded = errors.New("this replica is taken for dead")

// LostError says that others hold the leases of these endpoints now. Nothing was
// written.
type LostError struct{ Refs []Ref }

func (e *LostError) Error() string {
	return fmt.Sprintf("another replica delivers to %d of the endpoints now, %s among them", len(e.Refs), e.Refs[0].EndpointID)
}

// beats is how many beats fit into the time after which a silent replica is
// dead: one may be lost and one late.
const beats = 3

// hold tells the store that we live and what we hand back, and returns what we
// hold.
func (d *Dispatcher) hold(ctx context.Context, leaving bool) (Holding, error) {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.LeaseTTL)
	defer cancel()
	release := d.released()
	h, err := d.store.Hold(ctx, Beat{Replica: d.replica, TTL: d.cfg.LeaseTTL, Release: release, Leaving: leaving})
	if err != nil {
		d.giveBack(release...) // perhaps a second time, which is the same
		return Holding{}, err
	}
	d.lastTurn.Store(d.cfg.Now().UnixNano())
	return h, nil
}

// giveBack lets go of leases with the next beat.
func (d *Dispatcher) giveBack(leases ...Lease) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.release = append(d.release, leases...)
}

func (d *Dispatcher) released() []Lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	out := d.release
	d.release = nil
	return out
}

// sinceHolding returns the endpoints as they are after a beat, if they need be
// known: when a lease is gone, they tell whether its endpoint was deleted, or is
// somebody else's now. Told is false when they need be known and are not.
func (d *Dispatcher) sinceHolding(ctx context.Context, subs []Subscription, h Holding) (_ []Subscription, told bool) {
	if !d.vanished(h) {
		return subs, true
	}
	if fresh, err := d.active(ctx); err == nil {
		return fresh, true
	}
	return subs, false
}

// vanished reports whether a worker's endpoint has no lease of ours any more.
func (d *Dispatcher) vanished(h Holding) bool {
	held := make(map[Ref]bool, len(h.Leases))
	for _, l := range h.Leases {
		held[l.Ref] = true
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for ref := range d.workers {
		if !held[ref] {
			return true
		}
	}
	return false
}

// workOn compares what we hold with the workers that run: one that lost its
// lease is dropped, one that is more than our share ends in peace, and what we
// hold without use is handed back. Where nobody told whether an endpoint without
// a lease exists, its worker ends at once and leaves it to the store what is
// written. It returns the leases to work on.
func (d *Dispatcher) workOn(h Holding, active map[Ref]bool, told bool) map[Ref]Lease {
	d.mu.Lock()
	defer d.mu.Unlock()
	held := make(map[Ref]Lease, len(h.Leases))
	for _, l := range h.Leases {
		if !slices.Contains(d.release, l) { // else a worker ended meanwhile
			held[l.Ref] = l
		}
	}
	for ref, w := range d.workers {
		switch l, ok := held[ref]; {
		case ok && l == w.lease:
		case !ok && told && !active[ref]:
			// Its endpoint was deleted, and the lease with it: nobody else delivers,
			// and what was sent is still to be recorded. Were it not so, the store
			// would refuse that.
			w.stop()
		case !ok && !told:
			w.cut()
		default:
			w.lose()
		}
	}
	work := make(map[Ref]Lease, len(held))
	for _, l := range h.Leases { // in order, so that every beat chooses the same ones
		_, ok := held[l.Ref]
		w := d.workers[l.Ref]
		switch {
		case !ok:
		case active[l.Ref] && len(work) < h.Share:
			work[l.Ref] = l
		case w != nil:
			w.stop() // hands back as it ends
		default:
			d.release = append(d.release, l)
		}
	}
	return work
}

// superseded ends our time as this replica: nothing that we write is taken any
// more.
func (d *Dispatcher) superseded() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, w := range d.workers {
		w.lose()
	}
	d.over()
}

// lose drops the endpoint: another replica delivers to it. Requests under way
// are cut off; they were claimed, so whoever delivers now has them on record.
func (w *worker) lose() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.lost {
		return
	}
	w.lost = true
	w.end()
}

// cut ends the worker and its requests at once. What came of them is written if
// the store takes it: it does when the endpoint was deleted.
func (w *worker) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end()
}

// end is what lose and cut have in common; the caller holds mu.
func (w *worker) end() {
	w.stopping = true
	w.abort()
	w.stop()
	signal(w.wake)
}

// refused takes over an error of the store; true when it says that the endpoint
// is no longer ours.
func (w *worker) refused(err error) bool {
	var lost *LostError
	switch {
	case errors.As(err, &lost):
		w.lose()
		return true
	case errors.Is(err, ErrSuperseded):
		w.d.superseded()
		return true
	default:
		return false
	}
}

// without returns the settlement without what is about the endpoints.
func (s Settlement) without(refs []Ref) Settlement {
	gone := make(map[Ref]bool, len(refs))
	for _, ref := range refs {
		gone[ref] = true
	}
	s.Leases = except(s.Leases, gone, func(l Lease) Ref { return l.Ref })
	ofTry := func(t Try) Ref { return Ref{DomainID: t.DomainID, EndpointID: t.EndpointID} }
	s.Tries, s.Answered = except(s.Tries, gone, ofTry), except(s.Answered, gone, ofTry)
	s.Park = except(s.Park, gone, func(p Parked) Ref { return p.Ref })
	s.Unpark = except(s.Unpark, gone, func(u ParkedKey) Ref { return u.Ref })
	s.Cursors = except(s.Cursors, gone, func(c Cursor) Ref { return c.Ref })
	s.Unclaim = except(s.Unclaim, gone, func(u Unclaim) Ref { return u.Ref })
	s.Healths = except(s.Healths, gone, func(h HealthOf) Ref { return h.Ref })
	s.Disable = except(s.Disable, gone, func(d Disabling) Ref { return d.Ref })
	s.Notices = except(s.Notices, gone, func(n queue.Notice) Ref { return Ref{DomainID: n.DomainID, EndpointID: n.Subject.ID} })
	return s
}

func except[T any](all []T, gone map[Ref]bool, of func(T) Ref) []T {
	return slices.DeleteFunc(all, func(x T) bool { return gone[of(x)] })
}
