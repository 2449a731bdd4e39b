package dispatcher

import (
	"context"
	"errors"
	"sync"
	"time"
)

// serve is the time as one replica: until ctx ends or others take it for dead.
func (d *Dispatcher) serve(ctx context.Context, replica int64) {
	ctx, over := context.WithCancel(ctx)
	defer over()
	// Writing goes on for a while after ctx has ended.
	late, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	d.replica, d.over, d.claims, d.settles = replica, over, newClaimer(d.store, replica), newSettler(d, replica)
	d.released() // what an earlier replica held is not ours to hand back
	d.cfg.Logger.Info("delivering", "instance", d.cfg.Instance, "replica", replica)
	var writers sync.WaitGroup
	writers.Go(func() { d.claims.run(late) })
	writers.Go(func() { d.settles.run(late) })
	bound := context.AfterFunc(ctx, func() { time.AfterFunc(2*d.cfg.DrainTimeout, stop) })
	defer bound()
	d.supervise(ctx, late)
	stop()
	writers.Wait()
}

// supervise keeps one worker an endpoint that we hold until ctx ends, and
// returns when all have ended. Until then it says that we live.
func (d *Dispatcher) supervise(ctx, late context.Context) {
	var group sync.WaitGroup
	start := func(ctx context.Context, w *worker) {
		group.Go(func() {
			clean := w.run(ctx, late)
			d.ended(w, clean)
		})
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	var subs []Subscription
	var stale time.Time // when subs are to be read again
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-d.reload:
			stale = time.Time{}
		case <-timer.C:
		}
		wait := d.cfg.LeaseTTL / beats
		if now := time.Now(); !now.Before(stale) {
			if fresh, err := d.active(ctx); err == nil {
				subs, stale = fresh, now.Add(d.cfg.ReloadEvery)
			} else if ctx.Err() == nil {
				d.cfg.Logger.Error("endpoints are not read, trying again", "error", err)
				wait = min(wait, time.Second)
			}
		}
		if held, err := d.hold(ctx, false); err == nil {
			var told bool
			subs, told = d.sinceHolding(ctx, subs, held)
			d.reconcile(ctx, subs, d.workOn(held, refsOf(subs), told), start)
		} else if errors.Is(err, ErrSuperseded) {
			d.superseded()
		} else if ctx.Err() == nil {
			d.cfg.Logger.Error("leases are not renewed, trying again", "error", err)
			wait = min(wait, time.Second)
		}
		timer.Reset(wait)
	}
	quiet := make(chan struct{})
	go func() { group.Wait(); close(quiet) }()
	d.stayAlive(late, quiet)
}

// stayAlive keeps others from taking over what is being finished, and hands over
// what is done.
func (d *Dispatcher) stayAlive(late context.Context, quiet <-chan struct{}) {
	for {
		select {
		case <-quiet:
			return
		case <-d.reload: // a worker has ended
		case <-time.After(d.cfg.LeaseTTL / beats):
		}
		// An error leaves it to the end, which frees all that we hold.
		_, _ = d.hold(late, true)
	}
}

func (d *Dispatcher) active(ctx context.Context) ([]Subscription, error) {
	ctx, cancel := context.WithTimeout(ctx, storeTimeout)
	defer cancel()
	return d.store.Active(ctx)
}

// refsOf returns which endpoints there are.
func refsOf(subs []Subscription) map[Ref]bool {
	refs := make(map[Ref]bool, len(subs))
	for i := range subs {
		refs[subs[i].Endpoint.ref()] = true
	}
	return refs
}

// reconcile starts and changes workers, so that they are those of the endpoints
// in subs that we hold; workOn has stopped the others.
func (d *Dispatcher) reconcile(ctx context.Context, subs []Subscription, held map[Ref]Lease, start func(context.Context, *worker)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for i := range subs {
		ref := subs[i].Endpoint.ref()
		lease, ok := held[ref]
		if !ok {
			continue
		}
		if w := d.workers[ref]; w != nil && w.knows(subs[i].Endpoint.UpdatedAt) {
			w.recovered(subs[i].Recoveries)
			continue
		}
		version := subs[i].Endpoint.UpdatedAt
		if at, tried := d.unserved[ref]; tried && at.Equal(version) {
			continue // it is as it was, and that has been said
		}
		delete(d.unserved, ref)
		t, err := newTarget(subs[i].Endpoint, d.cfg.UserAgent)
		if err != nil {
			d.unserved[ref] = version
			d.cfg.Logger.Error("endpoint cannot be served", "endpoint", subs[i].Endpoint.ID, "error", err)
			continue
		}
		if w := d.workers[t.ref()]; w != nil {
			w.change(t) // a worker that is ending takes no notice; ended reloads
			continue
		}
		w := newWorker(d, d.logOf(t.DomainID), t, lease)
		w.recoveries = subs[i].Recoveries
		d.workers[t.ref()] = w
		own, cancel := context.WithCancel(ctx)
		w.stop = cancel
		start(own, w)
	}
}

// ended forgets a worker and hands its lease back, unless something of it may
// still be on its way to the store. Its endpoint may have been enabled again
// meanwhile.
func (d *Dispatcher) ended(w *worker, clean bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	w.stop()
	delete(d.workers, w.ref)
	if clean {
		d.release = append(d.release, w.lease)
	}
	// What is fed of a domain without workers would be kept for nobody.
	for ref := range d.workers {
		if ref.DomainID == w.ref.DomainID {
			d.Reload()
			return
		}
	}
	delete(d.logs, w.ref.DomainID)
	d.Reload()
}
