package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

func newServeCommand() *cobra.Command {
	var dev bool
	var role string
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server: REST API, queues, webhooks",
		Long: `serve runs the REST API, the queues and the delivery of webhooks, and connects
with an Asterisk if one is configured. It brings the database's schema up to
date first. SIGTERM and SIGINT stop it after what is under way.

Any number of servers may run on one database; they share the webhooks out among
themselves. With --role api a server takes commands only, with --role dispatch
it only delivers.

With --dev it needs nothing: it runs a private Postgres in a data folder, keeps
a key ring there, prints an admin key at its first start, and lets webhooks go
to http and to this machine.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd, dev, role) },
	}
	cmd.Flags().BoolVar(&dev, "dev", false, "private Postgres, key ring and admin key; http and loopback targets")
	cmd.Flags().StringVar(&role, "role", "", "all, api or dispatch; unset means what OFFHOOK_ROLE says")
	return cmd
}

// heapFloor is memory that nobody touches, so that it takes up none, but that the
// garbage collector counts as in use. It collects each time the heap has doubled;
// a server holds so little that under load this was every few milliseconds.
const heapFloor = 48 << 20

func serve(cmd *cobra.Command, dev bool, role string) error {
	ctx := cmd.Context()
	cfg, err := loadConfig()
	if err != nil {
		return err
	}
	if role != "" {
		if cfg.Role = role; !slices.Contains(serverRoles, role) {
			return usageError{fmt.Errorf("--role is all, api or dispatch, not %q", role)}
		}
	}
	logger := newLogger(cmd.ErrOrStderr(), cfg)
	logAllBy(logger)
	guard, err := cfg.Webhook.guard()
	if err != nil {
		return err
	}
	var private *localpg.Options
	if dev {
		guard = devGuard(guard)
		if private, err = prepareDev(&cfg, logger); err != nil {
			return err
		}
	}
	ring, err := keyRing(cfg)
	if err != nil {
		return err
	}
	// The port is taken first: a second server on it must not touch the data.
	listener, err := net.Listen("tcp", cfg.Listen)
	if err != nil {
		return fmt.Errorf("listen for the API: %w; OFFHOOK_LISTEN names another address", err)
	}
	defer listener.Close()
	db, err := openFor(ctx, cfg, private)
	if err != nil {
		return err
	}
	defer closeFor(db, logger)
	if dev {
		if err := showFirstKey(ctx, cmd, db); err != nil {
			return err
		}
	}
	sys, err := newSystem(ctx, systemConfig{
		role: cfg.Role, instance: cfg.instance(), drain: time.Duration(cfg.DrainSec) * time.Second,
		db: db, ring: ring, guard: guard, resolver: cfg.Webhook.resolver(), retain: cfg.Retain, rate: api.RateLimit{PerSecond: cfg.API.Rate, Burst: cfg.API.Burst}, listener: listener, logger: logger,
		adapters: func(s *system) []func(context.Context) error { return switches(cfg, s) },
	})
	if err != nil {
		return err
	}
	floor := make([]byte, heapFloor)
	defer runtime.KeepAlive(floor)
	logger.Info("serving", "address", listener.Addr().String(), "version", version, "role", cfg.Role)
	err = sys.Run(ctx)
	logger.Info("stopped")
	return err
}

// logAllBy makes what the libraries log on their own lines like all others:
// net/http quotes receivers that say more than they should.
func logAllBy(logger *slog.Logger) {
	slog.SetDefault(logger)
	slog.SetLogLoggerLevel(slog.LevelDebug)
}

// openFor opens the configured database, or, for --dev, which has options for
// it, a private one when none is configured.
func openFor(ctx context.Context, cfg Config, private *localpg.Options) (*database, error) {
	if private == nil {
		return openDatabase(ctx, cfg)
	}
	return openPrivate(ctx, cfg, *private)
}

func closeFor(db *database, logger *slog.Logger) {
	if err := db.Close(); err != nil {
		logger.Error("close the database", "error", err)
	}
}

// instance is the server's name among the replicas.
func (c *Config) instance() string {
	if c.Instance != "" {
		return c.Instance
	}
	host, err := os.Hostname()
	if err != nil {
		host = "offhook"
	}
	return host + "-" + strings.ToLower(rand.Text()[:6])
}

func keyRing(cfg Config) (*store.KeyRing, error) {
	if cfg.KeyRing == "" {
		return nil, errors.New("OFFHOOK_KEY_RING is not set: it encrypts the secrets of endpoints; " +
			`make one with: echo "k1:$(openssl rand -base64 32)"`)
	}
	ring, err := store.ParseKeyRing(cfg.KeyRing)
	if err != nil {
		return nil, fmt.Errorf("OFFHOOK_KEY_RING: %w", err)
	}
	return ring, nil
}

// prepareDev fills in what --dev keeps in its data folder.
func prepareDev(cfg *Config, logger *slog.Logger) (*localpg.Options, error) {
	folder, err := devFolder(*cfg)
	if err != nil {
		return nil, err
	}
	if cfg.KeyRing == "" {
		if cfg.KeyRing, err = devKeyRing(folder, logger); err != nil {
			return nil, err
		}
	}
	return &localpg.Options{DataDir: folder, Durable: true, Logger: logger}, nil
}

// showFirstKey makes an admin key when there is none at all, and prints it: the
// only moment at which it can be seen.
func showFirstKey(ctx context.Context, cmd *cobra.Command, db *database) error {
	keys, err := db.Keys(ctx, firstDomain)
	if err != nil || len(keys) > 0 {
		return err
	}
	_, secret, err := db.CreateKey(ctx, firstDomain, store.RoleAdmin, "serve --dev", shellUser())
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "admin key (shown once): %s\n", secret)
	return err
}

// devGuard also lets webhooks go to this machine and to private networks.
func devGuard(g dispatcher.GuardConfig) dispatcher.GuardConfig {
	g.AllowHTTP = true
	for _, net := range []string{"127.0.0.0/8", "::1/128", "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7"} {
		g.Allow = append(g.Allow, netip.MustParsePrefix(net))
	}
	return g
}
