package main

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"

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
	role     string // as OFFHOOK_ROLE; empty = all
	instance string
	drain    time.Duration // 0 = the dispatcher's own
	ring     *store.KeyRing
	guard    dispatcher.GuardConfig
	resolver dispatcher.Resolver // nil = the system's
	retain   RetainConfig
	rate     api.RateLimit // the zero value is none
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
	desks      *desks
	dispatcher *dispatcher.Dispatcher
	metrics    *systemMetrics
	notifier   *store.Notifier
	tasks      func(context.Context) error // nil in a server that takes no commands
	server     *api.Server
}

// newSystem wires everything and starts nothing.
func newSystem(ctx context.Context, cfg systemConfig) (*system, error) {
	// Today's partitions must stand before the first event.
	if err := cfg.db.EnsurePartitions(ctx, time.Now(), partitionsAhead); err != nil {
		return nil, err
	}
	s := &system{cfg: cfg, delivery: store.NewDelivery(cfg.db.Store, cfg.ring), notifier: cfg.db.NewNotifier()}
	s.desks = newDesks(cfg.db.Store, cfg.logger, s.committed)
	metrics := prometheus.NewRegistry()
	s.metrics = newSystemMetrics(metrics, cfg.db.Store)
	s.dispatcher = dispatcher.New(s.delivery, dispatcher.Config{
		Instance: cfg.instance, DrainTimeout: cfg.drain,
		Now: time.Now, Logger: cfg.logger, Guard: cfg.guard, Resolver: cfg.resolver, UserAgent: "offhook/" + version,
		Metrics: dispatcher.NewMetrics(metrics),
	})
	metrics.MustRegister(s.dispatcher)
	if s.takesCommands() {
		if err := s.desks.look(ctx); err != nil {
			return nil, err
		}
	}
	s.server = &api.Server{Listener: cfg.listener, Logger: cfg.logger, Handler: s.handler(api.Config{
		Store: cfg.db.Store, Delivery: s.delivery, Guard: cfg.guard, Desk: s.desks.of, Dispatcher: s.dispatcher,
		Metrics: metrics, Checks: s.checks(), Logger: cfg.logger, Now: time.Now, Version: version,
		RateLimit: cfg.rate,
	})}
	return s, nil
}

// handler is the whole API, or health and metrics alone.
func (s *system) handler(cfg api.Config) http.Handler {
	if !s.takesCommands() {
		return api.NewHealth(cfg)
	}
	a := api.New(cfg)
	s.tasks = a.Run
	return a
}

func (s *system) takesCommands() bool { return s.cfg.role != roleDispatch }
func (s *system) delivers() bool      { return s.cfg.role != roleAPI }

// committed takes events from a desk to whoever waits for them.
func (s *system) committed(events []queue.Event, _ desk.Head) {
	s.dispatcher.Feed(events)
	s.notifier.Wake()
	if s.cfg.onCommit != nil {
		s.cfg.onCommit(events)
	}
}

// checks are what /readyz asks: that the database answers, and, as far as this
// server does it, that each desk carries out what it is given and that the
// dispatcher looks after endpoints.
func (s *system) checks() []api.Check {
	checks := []api.Check{{Name: "database", Probe: func(ctx context.Context) error {
		_, err := s.cfg.db.Head(ctx, firstDomain)
		return err
	}}}
	if s.takesCommands() {
		checks = append(checks, api.Check{Name: "desks", Probe: s.desks.Probe})
	}
	if s.delivers() {
		checks = append(checks, api.Check{Name: "dispatcher", Probe: s.dispatcher.Probe})
	}
	return checks
}

// Run serves until ctx ends: then it takes no more requests, lets the desks
// finish their batches and the dispatcher its requests.
func (s *system) Run(ctx context.Context) error {
	intake := stage{s.server.Run, func(ctx context.Context) error {
		err := s.cfg.db.watch(ctx)
		if err != nil { // before everything else complains that it is gone
			s.cfg.logger.Error("stopping", "error", err)
		}
		return err
	}}
	var commands stage
	delivery := stage{s.upkeep, s.metrics.watch}
	if s.takesCommands() {
		intake = append(intake, s.tasks)
		if s.cfg.adapters != nil {
			intake = append(intake, s.cfg.adapters(s)...)
		}
		commands = stage{s.desks.Run}
		delivery = append(delivery, s.notifier.Run)
	}
	if s.delivers() {
		delivery = append(delivery, s.dispatcher.Run, func(ctx context.Context) error {
			return s.cfg.db.Listen(ctx, store.Hints{Log: s.dispatcher.Wake, Endpoints: s.dispatcher.Reload})
		})
	}
	return runStages(ctx, intake, commands, delivery)
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
	if _, err := s.delivery.DropIdempotency(ctx, now); err != nil {
		return err
	}
	dropped, err := s.cfg.db.Sweep(ctx, store.Retention(s.cfg.retain), now)
	for table, days := range dropped {
		s.cfg.logger.Info("dropped partitions by age", "table", table, "days", days)
	}
	if err != nil {
		return err
	}
	return s.dropOrphans(ctx)
}

// orphansAtOnce is how many members one statement deletes.
const orphansAtOnce = 10_000

// dropOrphans deletes the members of queues that were removed.
func (s *system) dropOrphans(ctx context.Context) error {
	for {
		n, err := s.cfg.db.DropOrphans(ctx, orphansAtOnce)
		if err != nil || n == 0 {
			return err
		}
		s.cfg.logger.Info("dropped the members of removed queues", "members", n)
	}
}
