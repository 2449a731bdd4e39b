package dispatcher

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/offhook/offhook/queue"
)

// How far a worker reads ahead of its endpoint.
const (
	// readAhead: no more is read while so many events are unsent or unwritten.
	readAhead = 2 * pageSize
	// maxWindow bounds the distance between settled and claimed when one lane
	// is stuck while others go on.
	maxWindow = 64 * pageSize
	// stalledAfter: an endpoint whose senders are all busy, and none of them
	// done for so long, reads no further, so that it costs the others nothing.
	stalledAfter = 10 * time.Millisecond
)

// worker runs one endpoint. One goroutine reads, claims and fetches (run);
// senders come and go with the work (sendLoop); the settler collects outcomes.
// They meet in the fields under mu. No call leaves this package while mu is
// held.
type worker struct {
	d      *Dispatcher
	ref    Ref
	lease  Lease
	log    *eventLog
	logger *slog.Logger
	wake   chan struct{}
	stop   context.CancelFunc // ends run
	prevs  prevFinder         // of run alone
	// filterLog is of run alone, too.
	filterLog filterLog
	// claimedFor is the Claim.For that the store has; of run alone.
	claimedFor string
	// sending ends with abort: it is the context of all requests.
	sending context.Context
	abort   context.CancelFunc

	mu     sync.Mutex
	target *target
	lanes  *laneSet
	// pos is how far the log was read and claimed. window are the fresh items
	// up to there, from the first that is not resolved on.
	pos         Position
	window      []*item
	first       int // the window's front
	open        int // fresh items that are not resolved
	inFlight    int
	lastDone    time.Time // when a sender began or ended its work last
	stalled     bool      // the reader waits for a sender
	stopping    bool
	lost        bool // the lease is somebody else's
	health      Health
	breaker     breaker
	probe       *item // what is sent while the breaker is half open
	pace        pace
	lastFailed  bool      // the last outcome
	lastOutcome Outcome   // of those that failed
	watchAt     time.Time // see failing.go

	// See adopt.go: how many pieces of recoveries are known, when to look for
	// others and how long, and parked events whose end the store does not know.
	recoveries        int64
	lookAt, lookUntil time.Time
	ending            map[int64]bool

	// What the settler collects.
	listed      bool   // the settler knows of us
	tries       []*Try // which do not change any more
	dirty       []*item
	healthSaved bool // the store knows health
	notices     []queue.Notice
	exhausted   []exhausted
	unclaim     bool     // the store is to lower its claimed mark to pos
	lowered     bool     // and has not answered yet
	weight      int64    // of the outcomes that are not stored
	uncollected int64    // of that, what the settler has not got
	off         string   // the reason to disable the endpoint for
	switched    bool     // the store was told that reason, or will be
	unsaved     int      // outcomes that are not stored
	settled     Position // as stored
}

func newWorker(d *Dispatcher, log *eventLog, t *target, lease Lease) *worker {
	w := &worker{d: d, ref: t.ref(), lease: lease, log: log, target: t, lanes: newLaneSet(t.OrderWait),
		logger: d.cfg.Logger.With("endpoint", t.ID), wake: make(chan struct{}, 1),
		health: t.Health, healthSaved: true, ending: map[int64]bool{},
		prevs: prevFinder{store: d.store, last: map[int64]int{}}}
	w.sending, w.abort = context.WithCancel(context.Background())
	return w
}

// knows reports whether a version of the settings is the one that the worker
// has: then nothing need be made ready.
func (w *worker) knows(version time.Time) bool {
	return w.settings().UpdatedAt.Equal(version)
}

// settings returns those that are in force now.
func (w *worker) settings() *target {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.target
}

// change takes over new settings for what is read and sent from now on.
func (w *worker) change(t *target) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if t.URL != w.target.URL {
		w.breaker = breaker{}
	}
	w.lanes.rewait(t.OrderWait)
	w.target, w.health, w.healthSaved = t, t.Health, true
	signal(w.wake)
}

// run delivers until ctx ends, the endpoint is gone or the lease is lost; late
// ends later. It returns true when nothing of it is left to be written.
func (w *worker) run(ctx, late context.Context) (clean bool) {
	defer w.forget()
	if begun, clean := w.start(ctx, late); !begun {
		return clean
	}
	for wait := time.Duration(0); ctx.Err() == nil && !w.isStopping(); {
		worked, again, err := w.step(ctx, late)
		switch {
		case err != nil && w.refused(err):
		case err != nil && ctx.Err() == nil:
			w.logger.Error("endpoint makes no progress, trying again", "error", err)
			wait = min(max(2*wait, 100*time.Millisecond), 5*time.Second)
			sleep(ctx, wait)
		case worked:
			wait = 0
		default:
			w.rest(ctx, again)
		}
	}
	return w.drain(late)
}

// start recovers from whatever the last run left. Begun is false when ctx ended
// before, or the endpoint does not exist any more or is not ours; clean then
// says that nothing is left to be written.
func (w *worker) start(ctx, late context.Context) (begun, clean bool) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := w.recover(ctx, late)
		if err == nil {
			return true, false
		}
		if errors.Is(err, ErrGone) {
			return false, true
		}
		if w.refused(err) {
			return false, false
		}
		if ctx.Err() == nil {
			w.logger.Error("endpoint is not recovered, trying again", "error", err)
		}
		if !sleep(ctx, wait) {
			return false, false
		}
	}
}

// step fetches what is due, reads what is new, and starts senders. It says
// whether there was anything, and if not, when there may be.
func (w *worker) step(ctx, late context.Context) (worked bool, again time.Time, err error) {
	ctx, cancel := context.WithTimeout(ctx, 2*storeTimeout)
	defer cancel()
	adopted, err := w.adopt(ctx)
	if err != nil {
		return false, time.Time{}, err
	}
	fetched, err := w.fetchDue(ctx, late)
	if err != nil {
		return false, time.Time{}, err
	}
	read, again, err := w.readOn(ctx, late)
	if err != nil {
		return false, time.Time{}, err
	}
	w.pump()
	watch, err := w.watch(ctx)
	if again.IsZero() || !watch.IsZero() && watch.Before(again) {
		again = watch
	}
	return adopted || fetched || read, again, err
}

// readOn reads the next page, claims what the endpoint wants of it, and queues
// that.
func (w *worker) readOn(ctx, late context.Context) (bool, time.Time, error) {
	t, pos, ok := w.mayRead()
	if !ok || w.barred(t) {
		return false, time.Time{}, nil
	}
	entries, again, err := w.log.after(ctx, pos)
	if err != nil || len(entries) == 0 {
		return false, again, err
	}
	var items []*item
	for _, e := range entries {
		if t.match.Wants(&e.ev) {
			items = append(items, &item{pos: e.pos(), entry: e, claimed: true, sequence: e.ev.Sequence})
		}
	}
	w.tellOfFilter(t)
	upto := entries[len(entries)-1].pos()
	if len(items) > 0 {
		if err := w.prevs.fill(ctx, t, items); err != nil {
			return false, time.Time{}, err
		}
		// Not ctx: whether the mark was raised must be known when we stop.
		claim := Claim{Ref: w.ref, Epoch: w.lease.Epoch, Upto: upto}
		if t.claim != w.claimedFor {
			claim.For = t.claim
		}
		if err := w.d.claims.claim(late, claim); err != nil {
			return false, time.Time{}, err
		}
		w.claimedFor = t.claim
	}
	w.enqueue(t, items, pos, upto)
	return true, time.Time{}, nil
}

// mayRead says from where to read, and for which settings.
func (w *worker) mayRead() (*target, Position, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	limit := w.d.cfg.MaxParked
	if !w.lastFailed {
		limit *= 10
	}
	w.stalled = w.inFlight >= w.target.MaxInFlight && w.lanes.readyCount() >= w.target.MaxInFlight &&
		w.d.cfg.Now().Sub(w.lastDone) >= stalledAfter
	full := w.stalled || w.open+w.unsaved > readAhead || len(w.window)-w.first > maxWindow || w.lanes.parked >= limit
	switch w.health.Breaker(w.d.cfg.Now()) {
	case BreakerOpen:
		full = true
	case BreakerHalfOpen:
		full = full || len(w.lanes.byKey) > 0 // there is something to find out with
	}
	// A mark that comes down and one that goes up must not meet on their way.
	return w.target, w.pos, !full && !w.stopping && !w.unclaim && !w.lowered && !w.heavy()
}

// enqueue puts fresh items, claimed from a position up to upto, into their lanes.
func (w *worker) enqueue(t *target, items []*item, from, upto Position) {
	now := w.d.cfg.Now()
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.pos != from { // what stands before was taken back meanwhile
		w.unclaim = true
		w.list()
		return
	}
	if w.first > 0 && len(w.window)+len(items) > cap(w.window) { // reuse the front before growing
		n := copy(w.window, w.window[w.first:])
		clear(w.window[n:])
		w.window, w.first = w.window[:n], 0
	}
	w.window = append(w.window, items...)
	w.open += len(items)
	for _, it := range items {
		if w.lanes.add(it.entry.lane(t.Ordering), it, now) {
			w.open--
			w.touch(it)
		}
	}
	w.pos = upto
	if w.health.Breaker(now) == BreakerOpen {
		w.unread()
	}
	// Where nothing is wanted, the cursor is written now and then only.
	if len(items) == 0 && upto.Seq-w.settled.Seq >= pageSize {
		w.list()
	}
}

// fetchDue reads and claims parked events whose time has come.
func (w *worker) fetchDue(ctx, late context.Context) (bool, error) {
	t, items := w.takeDue()
	if len(items) == 0 {
		return false, nil
	}
	err := w.fetch(ctx, late, t, items)
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.lanes.unfetched(items)
		return false, err
	}
	w.lanes.fetched(items)
	return true, nil
}

func (w *worker) takeDue() (*target, []*item) {
	w.mu.Lock()
	defer w.mu.Unlock()
	now := w.d.cfg.Now()
	if w.stopping || w.heavy() {
		return w.target, nil
	}
	switch w.health.Breaker(now) {
	case BreakerOpen:
		return w.target, nil
	case BreakerHalfOpen:
		if w.probe != nil || w.inFlight > 0 {
			return w.target, nil
		}
		return w.target, w.lanes.fetchOldest()
	}
	return w.target, w.lanes.fetch(now, pageSize)
}

func (w *worker) fetch(ctx, late context.Context, t *target, items []*item) error {
	at, seqs := make([]Position, len(items)), make([]int64, len(items))
	for i, it := range items {
		at[i], seqs[i] = it.pos, it.pos.Seq
	}
	events, err := w.d.store.EventsAt(ctx, w.ref.DomainID, at)
	if err != nil {
		return err
	}
	bySeq := make(map[int64]*entry, len(events))
	for _, e := range newEntries(events) {
		bySeq[e.ev.Seq] = e
	}
	found := items[:0:0]
	for _, it := range items {
		// An event that is gone from the log keeps a nil entry: see attempt.
		if it.entry = bySeq[it.pos.Seq]; it.entry != nil {
			found = append(found, it)
		}
	}
	if err := w.prevs.look(ctx, t, found); err != nil {
		return err
	}
	return w.d.claims.claim(late, Claim{Ref: w.ref, Epoch: w.lease.Epoch, Parked: seqs})
}

// rest waits until something may have changed, and no longer than a poll: what
// became due since step looked at the clock is then not slept through.
func (w *worker) rest(ctx context.Context, again time.Time) {
	now := w.d.cfg.Now()
	until := now.Add(w.d.cfg.PollEvery)
	earlier := func(t time.Time) {
		if t.After(now) && t.Before(until) {
			until = t
		}
	}
	earlier(again)
	w.mu.Lock()
	earlier(w.health.PausedUntil)
	earlier(w.lookAt)
	if w.lanes.readyCount() > 0 {
		earlier(w.pace.next)
	}
	if due, ok := w.lanes.nextDue(); ok {
		earlier(due) // one that is due already waits for the settler, which wakes us
	}
	w.mu.Unlock()
	timer := time.NewTimer(until.Sub(now))
	defer timer.Stop()
	select {
	case <-w.wake:
	case <-timer.C:
	case <-ctx.Done():
	}
}

func (w *worker) isLost() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.lost
}

func (w *worker) isStopping() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopping
}
