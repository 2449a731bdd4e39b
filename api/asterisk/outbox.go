package asterisk

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// Desk takes commands; *desk.Desk is one. DoAll answers every command, in
// order; its own error means that nothing was stored.
type Desk interface {
	DoAll(ctx context.Context, cmds []queue.Command) ([]desk.Answer, error)
}

// Bounds of what waits for the desk. When it is full the connection is not read
// any more, and the switch will close it: the rebuild after that is better than
// a memory without end.
const (
	outboxSize = 100_000
	batchSize  = 1000
)

// Waits between two tries of a batch that the desk could not store.
const (
	deskRetryMin   = 50 * time.Millisecond
	deskRetryLimit = 5 * time.Second
	deskLastTry    = 5 * time.Second // for what is left when the client stops
)

// outbox carries commands to the desk in order, without losing one: what the
// desk could not store is tried again until it could.
type outbox struct {
	desk Desk
	log  *slog.Logger

	mu      sync.Mutex
	waiting []queue.Command
	room    chan struct{} // signalled when waiting has shrunk
	more    chan struct{} // signalled when waiting has grown
}

func newOutbox(d Desk, log *slog.Logger) *outbox {
	return &outbox{desk: d, log: log, room: make(chan struct{}, 1), more: make(chan struct{}, 1)}
}

// put appends commands. It waits while the outbox is full.
func (o *outbox) put(ctx context.Context, cmds []Timed) error {
	for len(cmds) > 0 {
		n := o.accept(cmds)
		cmds = cmds[n:]
		if n > 0 {
			signal(o.more)
			continue
		}
		select {
		case <-o.room:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

func (o *outbox) accept(cmds []Timed) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(cmds), outboxSize-len(o.waiting))
	for _, c := range cmds[:n] {
		o.waiting = append(o.waiting, c.Cmd)
	}
	return n
}

func (o *outbox) take() []queue.Command {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := min(len(o.waiting), batchSize)
	batch := o.waiting[:n:n]
	o.waiting = o.waiting[n:]
	if len(o.waiting) == 0 {
		o.waiting = nil
	}
	return batch
}

// run hands batches to the desk until ctx ends, and what is left then within
// deskLastTry.
func (o *outbox) run(ctx context.Context) {
	var left []queue.Command
	for len(left) == 0 && ctx.Err() == nil {
		if batch := o.take(); len(batch) > 0 {
			signal(o.room)
			left = o.deliver(ctx, batch)
			continue
		}
		select {
		case <-o.more:
		case <-ctx.Done():
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), deskLastTry)
	defer cancel()
	for {
		if len(left) == 0 {
			left = o.take()
		}
		if len(left) == 0 {
			return
		}
		if left = o.deliver(last, left); len(left) > 0 {
			o.log.Error("stopping with reports that could not be stored", "commands", len(left)+len(o.take()))
			return
		}
	}
}

// deliver tries until every command of the batch is stored or refused. It
// returns what is left when ctx ends before.
func (o *outbox) deliver(ctx context.Context, batch []queue.Command) []queue.Command {
	for wait := deskRetryMin; ; wait = min(wait*2, deskRetryLimit) {
		answers, err := o.desk.DoAll(ctx, batch)
		if err == nil {
			batch, err = o.sort(batch, answers)
		}
		if err == nil {
			return nil
		}
		if ctx.Err() == nil {
			o.log.Warn("the desk could not store what the switch reported, trying again",
				"commands", len(batch), "error", err, "wait", wait)
		}
		if !sleep(ctx, wait) {
			return batch
		}
	}
}

// sort returns the commands that were not stored. A refusal is final: what the
// switch reports is not repeated for ever.
func (o *outbox) sort(batch []queue.Command, answers []desk.Answer) ([]queue.Command, error) {
	var again []queue.Command
	var failed error
	for i, a := range answers {
		var refusal *queue.Error
		switch {
		case a.Err == nil:
		case errors.As(a.Err, &refusal):
			o.log.Warn("a report of the switch was refused", "code", refusal.Code, "detail", refusal.Detail)
		default:
			again, failed = append(again, batch[i]), a.Err
		}
	}
	return again, failed
}

// signal wakes the other side, if it is not awake already.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// sleep waits; false when ctx ended before.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
