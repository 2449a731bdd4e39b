package desk

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

// update steps the commands of the batch in one transaction of the log. When a
// member whom they dial was edited meanwhile, nothing was written: an engine that
// knows nobody from before steps them once more; and if a member whom a command
// brought is it, once more without that command.
func (d *Desk) update(ctx context.Context, batch []*request) error {
	for try := 0; ; try++ {
		err := d.transact(ctx, batch, try)
		if try == 2 || !errors.Is(err, ErrStale) {
			return err
		}
		d.cfg.Logger.Info("desk: a member was changed from outside while he was dialled; the batch is stepped again", "try", try+1)
		d.engine = nil
	}
}

func (d *Desk) transact(ctx context.Context, batch []*request, try int) error {
	commands := 0
	for _, r := range batch {
		commands += len(r.cmds) + len(r.fills)
	}
	if d.engine == nil {
		if err := d.load(ctx); err != nil {
			return err
		}
	} else if now := d.cfg.Now(); commands == 0 && len(batch) > 0 && !d.due(now) && now.Sub(d.caughtUp) < pollEvery {
		return nil // only looks at the engine
	}
	if err := d.reserve(ctx, 2*commands); err != nil {
		return err
	}
	if err := d.stock(ctx); err != nil {
		return err
	}
	var w work
	err := d.log.Update(ctx, d.head, func(s Snapshot) (Batch, error) {
		d.engine.Put(s.Records...)
		if d.cfg.Lists != nil {
			d.refills.touch(s.Records, s.Head.Version)
		}
		// Most commands have an event or two, and change a record or two.
		w = work{d: d, head: s.Head, changed: make(map[queue.Key]int, commands), try: try,
			events: make([]queue.Event, 0, 2*commands), records: make([]queue.Record, 0, commands)}
		w.step(batch)
		return w.batch(), nil
	})
	if err != nil {
		return err
	}
	d.head, d.caughtUp = w.head, d.cfg.Now()
	if d.cfg.Lists != nil {
		d.refills.touch(w.records, w.head.Version)
		d.refills.prune(batch)
	}
	if d.cfg.OnCommit != nil {
		d.cfg.OnCommit(w.events, w.head)
	}
	return nil
}

// load reads the whole engine from the log.
func (d *Desk) load(ctx context.Context) error {
	s, err := d.log.Load(ctx)
	if err != nil {
		return fmt.Errorf("load the domain: %w", err)
	}
	engine := queue.New(s.Domain)
	engine.UseZones(d.cfg.Zones)
	engine.Put(s.Records...)
	d.engine, d.head = engine, s.Head
	d.refills.forget(s.Head.Version)
	return nil
}

// reserve makes sure that n fresh ids are at hand.
func (d *Desk) reserve(ctx context.Context, n int) error {
	if d.idsEnd-d.ids >= int64(n) {
		return nil
	}
	n = max(n, idsAhead)
	first, err := d.log.IDs(ctx, n)
	if err != nil {
		return fmt.Errorf("reserve ids: %w", err)
	}
	d.ids, d.idsEnd = first, first+int64(n)
	return nil
}

// stock makes sure that the engine has ids for the members whom it dials by
// itself.
func (d *Desk) stock(ctx context.Context) error {
	if d.engine.Stocked() >= stockLeast {
		return nil
	}
	first, err := d.log.IDs(ctx, idsAhead)
	if err != nil {
		return fmt.Errorf("stock ids: %w", err)
	}
	d.engine.Stock(first, first+idsAhead)
	return nil
}

// due reports whether a deadline of the engine has come.
func (d *Desk) due(now time.Time) bool {
	due, ok := d.engine.NextDeadline()
	return ok && !due.After(now)
}

// work is what a batch has caused so far.
type work struct {
	d       *Desk
	head    Head
	now     time.Time
	events  []queue.Event
	records []queue.Record
	changed map[queue.Key]int // place in records
	notes   []Note
	try     int // how often the batch was stepped before
}

// step carries out what is due, then every command of the batch.
func (w *work) step(batch []*request) {
	w.now = w.d.cfg.Now().UTC().Truncate(time.Millisecond)
	if w.now.Before(w.d.now) {
		w.now = w.d.now // engine.md B.10, 22
	}
	w.d.now = w.now
	if w.d.due(w.now) {
		w.one(queue.Tick{})
	}
	for _, r := range batch {
		if err := r.guarded(w.d.engine); err != nil {
			for i := range r.answers {
				r.answers[i] = Answer{Err: err}
			}
			continue
		}
		if r.clerk != nil && r.clerk.Look != nil {
			r.clerk.Look(w.d.engine)
		}
		anything := false
		for i, cmd := range r.cmds {
			r.answers[i] = w.unlessStale(cmd)
			anything = anything || len(r.answers[i].Result.Events)+len(r.answers[i].Result.Changed) > 0
		}
		if anything && r.clerk != nil && r.clerk.Note != nil {
			w.note(r)
		}
		for _, x := range r.fills {
			w.load(x)
		}
	}
}

func (r *request) guarded(e *queue.Engine) error {
	if r.clerk == nil || r.clerk.Guard == nil {
		return nil
	}
	return r.clerk.Guard(e)
}

func (w *work) note(r *request) {
	if n, ok := r.clerk.Note(r.answers); ok {
		n.At = w.now
		w.notes = append(w.notes, n)
	}
}

func (w *work) one(cmd queue.Command) Answer {
	if n := w.d.engine.Needs(cmd); n > 0 {
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = w.d.ids + int64(i)
		}
		w.d.ids += int64(n)
		cmd = queue.WithIDs(cmd, ids...)
	}
	res, err := w.d.engine.Step(w.now, cmd)
	w.events = append(w.events, res.Events...)
	if err != nil {
		return Answer{Err: err}
	}
	for _, r := range res.Changed {
		w.change(r)
	}
	return Answer{Result: res}
}

// change keeps the last version of each record, in the order of first change.
func (w *work) change(r queue.Record) {
	key := queue.KeyOf(r)
	if i, ok := w.changed[key]; ok {
		w.records[i] = r
		return
	}
	w.changed[key] = len(w.records)
	w.records = append(w.records, r)
}

// batch numbers the events and closes the books. When nothing happened, the
// head stays where it is.
func (w *work) batch() Batch {
	if len(w.events) == 0 && len(w.records) == 0 {
		return Batch{Head: w.head}
	}
	w.head.Version++
	if len(w.events) > 0 {
		if w.now.After(w.head.RecordedAt) {
			w.head.RecordedAt = w.now
		}
		for i := range w.events {
			w.head.Seq++
			w.events[i].Seq, w.events[i].RecordedAt = w.head.Seq, w.head.RecordedAt
		}
	}
	return Batch{Head: w.head, Events: w.events, Changed: w.records, Notes: w.notes}
}
