// Package desk keeps the live engine of one domain in step with its log.
//
// Callers hand over a command and wait. Whatever came while the last
// transaction was under way is the next batch: one transaction that locks the
// domain's head row, takes over what other replicas changed, steps every
// command, writes events and changed records in bulk and commits; then every
// caller is answered. A refused command leaves no trace, but for the event that
// tells of a refused join, and does not fail its batch. After a failed commit
// the engine is thrown away and loaded again.
package desk

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/offhook/offhook/queue"
)

// ErrUnavailable says that the log could not be read or written. Whether the
// command took effect is unknown after a failed commit; nothing was
// acknowledged.
var ErrUnavailable = errors.New("the log is unavailable")

// ErrStopped says that the desk no longer runs; the command had no effect.
var ErrStopped = errors.New("the desk has stopped")

const (
	// maxBatch bounds the commands of one transaction, so that one batch stays
	// well below a second.
	maxBatch = 4000
	// idsAhead is how many ids are taken from the sequence at once.
	idsAhead = 10_000
	// stockLeast is how many ids the engine has at least for whom it dials itself.
	stockLeast = 2000
	// updateTimeout bounds one transaction.
	updateTimeout = 15 * time.Second
	// pollEvery is how often an idle desk looks for what other replicas did, so
	// that the deadlines which a dead replica left behind are carried out. What a
	// look at the engine sees is no older.
	pollEvery = 2 * time.Second
	// reloadEvery is the pause between attempts to reach a lost log.
	reloadEvery = 250 * time.Millisecond
)

// Config is what a desk is given. Now and Logger must be set.
type Config struct {
	// Now is the clock: the instant at which a batch is stepped.
	Now    func() time.Time
	Logger *slog.Logger
	// OnCommit is called after each commit, in the order of the log, with the
	// batch's events (perhaps none). It must not block and not keep the slice's
	// backing array from being read by others. Nil = nobody listens.
	OnCommit func(events []queue.Event, head Head)
	// Lists is where the members of outbound queues are; nil = nowhere, so that
	// members are dialled by command only.
	Lists Lists
	// Zones gives time zones by their IANA names, such as time.LoadLocation; nil =
	// calendars know UTC only.
	Zones func(name string) (*time.Location, error)
}

// Answer is what became of one command. The events of its Result are those that
// the engine gave, without their places in the log.
type Answer struct {
	Result queue.Result
	// Err is a *queue.Error when the engine refused the command.
	Err error
}

// Desk serialises the commands of one domain. Its methods may be called by any
// number of goroutines while Run is running.
type Desk struct {
	log Log
	cfg Config

	mu      sync.Mutex
	pending []*request
	wake    chan struct{} // one slot: something is pending
	stopped chan struct{} // closed when Run has returned

	// Only Run touches what follows.
	engine *queue.Engine // nil = to be loaded
	head   Head
	now    time.Time // the last instant that was stepped; time never goes back
	// caughtUp is when the engine was last brought in step with the log.
	caughtUp time.Time
	ids      int64 // next fresh id
	idsEnd   int64 // first id that is not ours

	refills refills
}

// request is what a caller waits for: commands to step, or a look at the
// engine.
type request struct {
	cmds    []queue.Command
	answers []Answer
	clerk   *Clerk // nil = nothing is noted
	read    func(*queue.Engine)
	fills   []fill // hoppers to be filled, after the commands
	err     error
	done    chan struct{}
}

// New returns a desk over the log. Run starts it.
func New(log Log, cfg Config) *Desk {
	return &Desk{log: log, cfg: cfg, wake: make(chan struct{}, 1), stopped: make(chan struct{}), refills: newRefills()}
}

// Do carries out one command and returns when its effect is committed. A
// refusal is a *queue.Error; other errors wrap ErrUnavailable, ErrStopped or
// the context's error, after which the command may or may not have taken
// effect.
func (d *Desk) Do(ctx context.Context, cmd queue.Command) (queue.Result, error) {
	answers, err := d.DoAll(ctx, []queue.Command{cmd})
	if err != nil {
		return queue.Result{}, err
	}
	return answers[0].Result, answers[0].Err
}

// DoAll carries out the commands in order, in one transaction, and returns one
// answer for each. The error is not about a single command: with one, nothing
// was acknowledged.
func (d *Desk) DoAll(ctx context.Context, cmds []queue.Command) ([]Answer, error) {
	return d.DoNoted(ctx, cmds, nil)
}

// DoNoted is DoAll with a note for the audit log, which the clerk writes if the
// commands changed anything. The note is stored in the transaction of the
// commands: there is neither without the other. A nil clerk writes none.
func (d *Desk) DoNoted(ctx context.Context, cmds []queue.Command, clerk *Clerk) ([]Answer, error) {
	if len(cmds) == 0 {
		return nil, nil
	}
	r := &request{cmds: cmds, answers: make([]Answer, len(cmds)), clerk: clerk}
	if err := d.submit(ctx, r); err != nil {
		return nil, err
	}
	return r.answers, r.err
}

// Read lets f look at the live state between two batches. f must neither keep
// nor change the engine. It is not called any more once Read has returned, so
// that what it writes is its caller's alone, also after the context has ended.
func (d *Desk) Read(ctx context.Context, f func(*queue.Engine)) error {
	var mu sync.Mutex
	left := false
	r := &request{read: func(e *queue.Engine) {
		mu.Lock()
		defer mu.Unlock()
		if !left {
			f(e)
		}
	}}
	if err := d.submit(ctx, r); err != nil {
		mu.Lock()
		defer mu.Unlock()
		left = true
		return err
	}
	return r.err
}

// ReadAt is Read that also tells how far the engine has come: it holds what the
// log says up to head, and nothing behind it.
func (d *Desk) ReadAt(ctx context.Context, f func(e *queue.Engine, head Head)) error {
	return d.Read(ctx, func(e *queue.Engine) { f(e, d.head) }) // in Run's goroutine
}

func (d *Desk) submit(ctx context.Context, r *request) error {
	r.done = make(chan struct{})
	d.mu.Lock()
	d.pending = append(d.pending, r)
	d.mu.Unlock()
	d.rouse()
	select {
	case <-r.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-d.stopped:
		select {
		case <-r.done: // answered just before the stop
			return nil
		default:
			return ErrStopped
		}
	}
}

// rouse says that something is pending.
func (d *Desk) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Pending returns how many requests wait for the next batch.
func (d *Desk) Pending() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.pending)
}

// take returns the next batch of requests: all that are pending, up to
// maxBatch commands.
func (d *Desk) take() []*request {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, commands := 0, 0
	for n < len(d.pending) && (n == 0 || commands+len(d.pending[n].cmds) <= maxBatch) {
		commands += len(d.pending[n].cmds)
		n++
	}
	batch := d.pending[:n:n]
	d.pending = d.pending[n:]
	if len(d.pending) == 0 {
		d.pending = nil
	}
	return batch
}

// Run carries out commands and deadlines until ctx ends, and finishes the
// batch that is under way. It returns nil: a log that is away is waited for.
func (d *Desk) Run(ctx context.Context) error {
	defer close(d.stopped)
	defer d.refills.running.Wait()
	timer := time.NewTimer(0)
	defer timer.Stop()
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		var batch []*request
		idle := false
		select {
		case <-ctx.Done():
			return nil
		case <-d.wake:
		case <-timer.C:
			idle = true
		case fills := <-d.refills.done:
			batch = []*request{d.endRefill(ctx, fills)}
		case <-d.refills.wake:
			d.startRefill(ctx)
			continue
		case <-look.C:
			d.startRefill(ctx)
			continue
		}
		if batch = append(batch, d.take()...); (len(batch) > 0 || idle) && ctx.Err() == nil {
			d.serve(ctx, batch)
		}
		if d.Pending() > 0 { // next in turn, with the hoppers and the end of the program
			d.rouse()
		}
		timer.Reset(d.pause())
	}
}

// pause says how long an idle desk may sleep.
func (d *Desk) pause() time.Duration {
	if d.engine == nil {
		return reloadEvery
	}
	pause := pollEvery
	if due, ok := d.engine.NextDeadline(); ok {
		pause = min(pause, max(0, due.Sub(d.cfg.Now())))
	}
	return pause
}

// serve carries out one batch and answers it. An empty batch catches up with
// other replicas and carries out what is due; one of looks at the engine alone
// does so only when it is time to, so that many looks hold nothing up.
func (d *Desk) serve(ctx context.Context, batch []*request) {
	// A commit that is under way is not cut off by the stop of the program.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), updateTimeout)
	defer cancel()
	err := d.update(ctx, batch)
	if err != nil {
		d.engine = nil
		d.cfg.Logger.Error("desk: batch lost", "commands", len(batch), "error", err)
		err = fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	for _, r := range batch {
		if r.read != nil && err == nil {
			r.read(d.engine)
		}
		r.err = err
		close(r.done)
	}
}
