package asterisk

import (
	"errors"
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

// rehearsalDomain is fixed, so that a rehearsal gives the same ids every time.
var rehearsalDomain = queue.Domain{ID: 1, Namespace: queue.UUID{
	0x6f, 0x66, 0x66, 0x68, 0x6f, 0x6f, 0x4b, 0x00, 0x8a, 0x73, 0x74, 0x65, 0x72, 0x69, 0x73, 0x6b,
}}

// closingSpan is how long time runs on after a recording ends, so that what is
// being processed can end by its own deadline. The safety nets of external
// queues are longer: what they hold is closed as recovered.
const closingSpan = time.Hour

// Rehearsal carries out a recording in virtual time on an engine of its own: no
// server, no database, and the same events every time.
type Rehearsal struct {
	engine *queue.Engine
	nextID int64
	now    time.Time
	emit   func(*queue.Event) error
}

// NewRehearsal returns an empty one that hands every event to emit, in order. An
// error of emit ends the call that caused the event and is returned.
func NewRehearsal(emit func(*queue.Event) error) *Rehearsal {
	return &Rehearsal{engine: queue.New(rehearsalDomain), emit: emit}
}

// Step runs time on to the command and carries it out. A refusal is a
// *queue.Error and has no effect.
func (r *Rehearsal) Step(cmd Timed) error {
	if err := r.runTo(cmd.At); err != nil {
		return err
	}
	return r.carryOut(cmd.Cmd)
}

// Finish lets time run through the deadlines and closes what is still open.
func (r *Rehearsal) Finish(closing queue.Reconcile) error {
	horizon := r.now.Add(closingSpan)
	for {
		due, ok := r.engine.NextDeadline()
		if !ok || due.After(horizon) {
			break
		}
		if err := r.runTo(due); err != nil {
			return err
		}
	}
	closing.At = r.now
	return r.carryOut(closing)
}

// runTo carries out what falls due up to the instant.
func (r *Rehearsal) runTo(to time.Time) error {
	for {
		due, ok := r.engine.NextDeadline()
		if !ok || due.After(to) {
			break
		}
		if due.After(r.now) {
			r.now = due
		}
		if err := r.carryOut(queue.Tick{}); err != nil {
			return err
		}
		if next, ok := r.engine.NextDeadline(); ok && !next.After(due) && !due.After(r.now) {
			return fmt.Errorf("run time on: the deadline of %s does not go away", due)
		}
	}
	if to.After(r.now) {
		r.now = to
	}
	return nil
}

func (r *Rehearsal) carryOut(cmd queue.Command) error {
	if n := r.engine.Needs(cmd); n > 0 {
		ids := make([]int64, n)
		for i := range ids {
			r.nextID++
			ids[i] = r.nextID
		}
		cmd = queue.WithIDs(cmd, ids...)
	}
	res, err := r.engine.Step(r.now, cmd)
	if err != nil {
		return err
	}
	for i := range res.Events {
		if err := r.emit(&res.Events[i]); err != nil {
			return err
		}
	}
	return nil
}

// Refused reports whether an error of Step is the engine's refusal of that one
// command.
func Refused(err error) bool {
	var refusal *queue.Error
	return errors.As(err, &refusal)
}
