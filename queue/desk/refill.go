package desk

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/queue"
)

const (
	// lookEvery is how often the hoppers are looked at.
	lookEvery = 500 * time.Millisecond
	// zonesFor is how long the time zones of a queue's members are taken to stay
	// as they are.
	zonesFor = 30 * time.Second
	// readTimeout bounds the reading for one refill.
	readTimeout = 10 * time.Second
	// maxTouched bounds the members that are remembered as written.
	maxTouched = 100_000
)

// refills fills the engine's hoppers. Members are read beside the batches, one
// refill at a time, so that no command waits for a list.
type refills struct {
	mu    sync.Mutex
	asked map[int64]bool // queues whose hoppers somebody wants filled now
	wake  chan struct{}  // one slot: asked has grown

	// Only Run touches what follows.
	running sync.WaitGroup
	busy    bool
	done    chan []fill
	zones   map[int64]zones
	notAt   time.Time // the last refill failed: none before this
	// touched are the members whom this engine wrote or took over, with the version
	// at which: what was read before that is out of date. Below floor, everything
	// is.
	touched map[int64]int64
	floor   int64
}

// zones are the time zones of a queue's members, as they were at an instant.
type zones struct {
	names []string
	at    time.Time
}

// fill is what is read for one hopper: its zones, as long as these are not known,
// then its members.
type fill struct {
	queue.Want
	at      time.Time
	zones   []string
	known   bool     // open is set
	open    []string // the zones in which it is time to call; none = nobody is
	members []*queue.Member
	version int64
	err     error
}

func newRefills() refills {
	return refills{
		asked: map[int64]bool{}, wake: make(chan struct{}, 1), done: make(chan []fill, 1), zones: map[int64]zones{}, touched: map[int64]int64{},
	}
}

// Refill has the hopper of the queue filled now: its list has grown.
func (d *Desk) Refill(queueID int64) {
	if d.cfg.Lists == nil {
		return
	}
	d.refills.mu.Lock()
	d.refills.asked[queueID] = true
	d.refills.mu.Unlock()
	select {
	case d.refills.wake <- struct{}{}:
	default:
	}
}

// startRefill begins to read for the hoppers that want it.
func (d *Desk) startRefill(ctx context.Context) {
	f := &d.refills
	now := d.cfg.Now()
	if d.cfg.Lists == nil || d.engine == nil || f.busy || now.Before(f.notAt) {
		return
	}
	f.mu.Lock()
	asked := make([]int64, 0, len(f.asked))
	for id := range f.asked {
		asked = append(asked, id)
		delete(f.zones, id) // who came may be in another one
	}
	clear(f.asked)
	f.mu.Unlock()
	var fills []fill
	for _, want := range d.engine.Wants(now, asked...) {
		x := fill{Want: want, at: now}
		if z, ok := f.zones[want.QueueID]; ok && now.Sub(z.at) < zonesFor {
			d.openZones(&x, z.names)
		}
		fills = append(fills, x)
	}
	d.read(ctx, fills)
}

// openZones sets the zones in which it is time to call.
func (d *Desk) openZones(x *fill, names []string) {
	x.known = true
	for _, zone := range names {
		if d.engine.Open(x.QueueID, zone, x.at) {
			x.open = append(x.open, zone)
		}
	}
}

// read has the fills read beside the batches.
func (d *Desk) read(ctx context.Context, fills []fill) {
	if len(fills) > 0 {
		d.refills.busy = true
		d.refills.running.Go(func() { d.refills.done <- d.readFills(ctx, fills) })
	}
}

// readFills asks the lists. Only what it is given is touched.
func (d *Desk) readFills(ctx context.Context, fills []fill) []fill {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	for i := range fills {
		x := &fills[i]
		switch {
		case !x.known:
			x.zones, x.err = d.cfg.Lists.Zones(ctx, x.QueueID)
		case len(x.open) > 0:
			x.members, x.version, x.err = d.cfg.Lists.Ready(ctx, Ready{QueueID: x.QueueID, Zones: x.open, At: x.at, Limit: x.Limit})
		}
	}
	return fills
}

// endRefill takes over what was read: where it was zones, their members are asked
// for next; members go into the next batch.
func (d *Desk) endRefill(ctx context.Context, fills []fill) *request {
	f := &d.refills
	f.busy = false
	r := &request{done: make(chan struct{})}
	var next []fill
	for _, x := range fills {
		switch {
		case x.err != nil && ctx.Err() == nil:
			d.cfg.Logger.Warn("desk: members could not be read", "queue", x.QueueID, "error", x.err)
			f.notAt = d.cfg.Now().Add(time.Second)
		case x.err != nil || d.engine == nil: // the desk stops, or begins anew
		case x.known:
			r.fills = append(r.fills, x)
		default:
			f.zones[x.QueueID] = zones{names: x.zones, at: x.at}
			d.openZones(&x, x.zones)
			next = append(next, x)
		}
	}
	d.read(ctx, next)
	return r
}

// forget starts anew with an engine that was loaded: what was read before is out
// of date.
func (f *refills) forget(version int64) {
	clear(f.touched)
	f.floor = version
}

// touch remembers the members among the records.
func (f *refills) touch(records []queue.Record, version int64) {
	for _, r := range records {
		if m, ok := r.(*queue.Member); ok {
			f.touched[m.ID] = version
		}
	}
	if len(f.touched) > maxTouched {
		f.forget(version)
	}
}

// prune forgets, after a refill, whom no later reading can miss.
func (f *refills) prune(batch []*request) {
	read := int64(0)
	for _, r := range batch {
		for _, x := range r.fills {
			read = max(read, x.version)
		}
	}
	if read == 0 {
		return
	}
	for id, at := range f.touched {
		if at <= read {
			delete(f.touched, id)
		}
	}
}

// unlessStale steps the command, unless it brings a member who may have been what
// failed the batch twice.
func (w *work) unlessStale(cmd queue.Command) Answer {
	if c, ok := cmd.(queue.Dial); ok && c.Member != nil && w.try == 2 {
		return Answer{Err: &queue.Error{
			Code: queue.CodeLostRace, Detail: fmt.Sprintf("member %d was changed at the same time; read him again", c.Member.ID),
		}}
	}
	return w.one(cmd)
}

// load steps the Load of a hopper with those whom nobody has written since they
// were read.
func (w *work) load(x fill) {
	f := &w.d.refills
	if w.try > 0 || len(x.open) > 0 && x.version < f.floor {
		return
	}
	members := slices.DeleteFunc(x.members, func(m *queue.Member) bool {
		_, now := w.changed[queue.KeyOf(m)]
		return now || f.touched[m.ID] > x.version
	})
	w.one(queue.Load{QueueID: x.QueueID, Members: members})
}
