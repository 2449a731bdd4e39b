package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// firstDomain is the tenant that the migrations create.
const firstDomain = 1

// systemConfig is what a server in this process is made of.
type systemConfig struct {
	db       *database
	ring     *store.KeyRing
	guard    dispatcher.GuardConfig
	retain   RetainConfig
	listener net.Listener
	logger   *slog.Logger
	// onCommit, if set, sees the events of every commit, in order. It must not
	// block.
	onCommit func([]queue.Event)
	// adapters are further sources of commands, such as a telephone switch; they
	// stop first.
	adapters func(*system) []func(context.Context) error
}

// system is a whole offhook in one process.
type system struct {
	cfg        systemConfig
	delivery   *store.Delivery
	desks      map[int64]*desk.Desk
	dispatcher *dispatcher.Dispatcher
	notifier   *store.Notifier
	api        *api.API
	server     *api.Server
}

// newSystem wires everything and starts nothing.
func newSystem(ctx context.Context, cfg systemConfig) (*system, error) {
	// Today's partitions must stand before the first event.
	if err := cfg.db.EnsurePartitions(ctx, time.Now(), partitionsAhead); err != nil {
		return nil, err
	}
	s := &system{
		cfg: cfg, delivery: store.NewDelivery(cfg.db.Store, cfg.ring),
		desks: map[int64]*desk.Desk{}, notifier: cfg.db.NewNotifier(),
	}
	s.dispatcher = dispatcher.New(s.delivery, dispatcher.Config{
		Now: time.Now, Logger: cfg.logger, Guard: cfg.guard, UserAgent: "offhook/" + version,
	})
	domains, err := cfg.db.Domains(ctx)
	if err != nil {
		return nil, err
	}
	for _, d := range domains {
		s.desks[d.ID] = desk.New(cfg.db.DeskLog(d.ID), desk.Config{
			Now: time.Now, Logger: cfg.logger.With("domain", d.ID), OnCommit: s.committed,
		})
	}
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.api = api.New(api.Config{
		Store: cfg.db.Store, Delivery: s.delivery, Guard: cfg.guard, Desk: s.desk, Dispatcher: s.dispatcher,
		Metrics: metrics, Checks: s.checks(), Logger: cfg.logger, Now: time.Now, Version: version,
	})
	s.server = &api.Server{Listener: cfg.listener, Logger: cfg.logger, Handler: s.api}
	return s, nil
}

func (s *system) desk(domain int64) (api.Desk, bool) {
	d, ok := s.desks[domain]
	return d, ok
}

// committed takes events from a desk to whoever waits for them.
func (s *system) committed(events []queue.Event, _ desk.Head) {
	s.dispatcher.Feed(events)
	s.notifier.Wake()
	if s.cfg.onCommit != nil {
		s.cfg.onCommit(events)
	}
}

// checks are what /readyz asks: that the database answers, that each desk
// carries out what it is given, and that the dispatcher looks after endpoints.
func (s *system) checks() []api.Check {
	checks := []api.Check{{Name: "database", Probe: func(ctx context.Context) error {
		_, err := s.cfg.db.Head(ctx, firstDomain)
		return err
	}}}
	for id, d := range s.desks {
		checks = append(checks, api.Check{Name: fmt.Sprintf("desk %d", id), Probe: func(ctx context.Context) error {
			return d.Read(ctx, func(*queue.Engine) {})
		}})
	}
	return append(checks, api.Check{Name: "dispatcher", Probe: s.dispatcher.Probe})
}

// Run serves until ctx ends: then it takes no more requests, lets the desks
// finish their batches and the dispatcher its requests.
func (s *system) Run(ctx context.Context) error {
	intake := stage{s.server.Run, s.api.Run, func(ctx context.Context) error {
		err := s.cfg.db.watch(ctx)
		if err != nil { // before everything else complains that it is gone
			s.cfg.logger.Error("stopping", "error", err)
		}
		return err
	}}
	if s.cfg.adapters != nil {
		intake = append(intake, s.cfg.adapters(s)...)
	}
	var desks stage
	for _, d := range s.desks {
		desks = append(desks, d.Run)
	}
	delivery := stage{
		s.dispatcher.Run,
		s.notifier.Run,
		func(ctx context.Context) error {
			return s.cfg.db.Listen(ctx, store.Hints{Log: s.dispatcher.Wake, Endpoints: s.dispatcher.Reload})
		},
		s.upkeep,
	}
	return runStages(ctx, intake, desks, delivery)
}

const (
	partitionsAhead = 3 // days
	upkeepEvery     = time.Hour
)

// upkeep makes the partitions of the coming days and drops those whose time is
// over. What fails is tried again an hour later; days are made ahead for that.
func (s *system) upkeep(ctx context.Context) error {
	ticker := time.NewTicker(upkeepEvery)
	defer ticker.Stop()
	for {
		if err := s.sweep(ctx, time.Now()); err != nil && ctx.Err() == nil {
			s.cfg.logger.Error("upkeep of partitions", "error", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

func (s *system) sweep(ctx context.Context, now time.Time) error {
	if err := s.cfg.db.EnsurePartitions(ctx, now, partitionsAhead); err != nil {
		return err
	}
	if _, err := s.delivery.DropSecrets(ctx, now); err != nil {
		return err
	}
	for table, keep := range map[string]time.Duration{
		"events": s.cfg.retain.Events, "attempts": s.cfg.retain.Events, "tries": s.cfg.retain.Tries,
	} {
		dropped, err := s.cfg.db.DropPartitions(ctx, table, now.Add(-keep))
		if err != nil {
			return err
		}
		if dropped > 0 {
			s.cfg.logger.Info("dropped partitions by age", "table", table, "days", dropped)
		}
	}
	return nil
}
