package main

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// domainsEvery is how often new domains are looked for.
const domainsEvery = 2 * time.Second

// desks are the desks of all domains, those included that are made while it
// runs.
type desks struct {
	db       *store.Store
	logger   *slog.Logger
	onCommit func([]queue.Event, desk.Head)

	mu   sync.Mutex
	byID map[int64]*desk.Desk
	run  func(*desk.Desk) // starts one; nil while Run does not run
}

func newDesks(db *store.Store, logger *slog.Logger, onCommit func([]queue.Event, desk.Head)) *desks {
	return &desks{db: db, logger: logger, onCommit: onCommit, byID: map[int64]*desk.Desk{}}
}

// look makes a desk for each domain that has none.
func (d *desks) look(ctx context.Context) error {
	domains, err := d.db.Domains(ctx)
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, domain := range domains {
		if d.byID[domain.ID] != nil {
			continue
		}
		made := desk.New(d.db.DeskLog(domain.ID), desk.Config{
			Now: time.Now, Logger: d.logger.With("domain", domain.ID), OnCommit: d.onCommit,
			Lists: d.db.DeskLists(domain.ID), Zones: time.LoadLocation,
		})
		d.byID[domain.ID] = made
		if d.run != nil {
			d.logger.Info("serving a new domain", "domain", domain.ID, "name", domain.Name)
			d.run(made)
		}
	}
	return nil
}

// of returns the desk of a domain. One that is not known was perhaps made a
// moment ago.
func (d *desks) of(domain int64) (api.Desk, bool) {
	if found := d.known(domain); found != nil {
		return found, true
	}
	ctx, cancel := context.WithTimeout(context.Background(), domainsEvery)
	defer cancel()
	if err := d.look(ctx); err != nil {
		d.logger.Error("look for new domains", "error", err)
	}
	found := d.known(domain)
	return found, found != nil
}

func (d *desks) known(domain int64) *desk.Desk {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.byID[domain]
}

func (d *desks) all() map[int64]*desk.Desk {
	d.mu.Lock()
	defer d.mu.Unlock()
	all := make(map[int64]*desk.Desk, len(d.byID))
	for id, found := range d.byID {
		all[id] = found
	}
	return all
}

// Probe errs unless every desk carries out what it is given.
func (d *desks) Probe(ctx context.Context) error {
	for id, found := range d.all() {
		if err := found.Read(ctx, func(*queue.Engine) {}); err != nil {
			return fmt.Errorf("domain %d: %w", id, err)
		}
	}
	return nil
}

// Run runs all desks until ctx ends, and waits for their batches under way.
func (d *desks) Run(ctx context.Context) error {
	var group sync.WaitGroup
	defer group.Wait()
	d.start(func(one *desk.Desk) { group.Go(func() { _ = one.Run(ctx) }) }) // returns nil
	defer d.stop()
	ticker := time.NewTicker(domainsEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
		if err := d.look(ctx); err != nil && ctx.Err() == nil {
			d.logger.Error("look for new domains", "error", err)
		}
	}
}

func (d *desks) start(run func(*desk.Desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.run = run
	for _, found := range d.byID {
		run(found)
	}
}

func (d *desks) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.run = nil
}
