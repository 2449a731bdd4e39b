package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

// database is an open, migrated database, and the private server below it if
// there is one.
type database struct {
	*store.Store
	url     string
	private *localpg.Server
	close   func()
}

var errNoDatabase = errors.New("OFFHOOK_DATABASE_URL is not set: it names the Postgres to use")

// openDatabase opens the database of the configuration and brings its schema up
// to date.
func openDatabase(ctx context.Context, cfg Config) (*database, error) {
	if cfg.DatabaseURL == "" {
		return nil, errNoDatabase
	}
	pool, err := store.Open(ctx, store.Config{URL: cfg.DatabaseURL, MaxConns: cfg.DatabaseMaxConns})
	if err != nil {
		return nil, err
	}
	if err := store.Migrate(ctx, pool); err != nil {
		pool.Close()
		return nil, err
	}
	return &database{Store: store.New(pool), url: cfg.DatabaseURL, close: pool.Close}, nil
}

// openPrivate starts a private Postgres and opens it. With cfg.DatabaseURL set
// it opens that instead.
func openPrivate(ctx context.Context, cfg Config, opts localpg.Options) (*database, error) {
	if cfg.DatabaseURL != "" {
		return openDatabase(ctx, cfg)
	}
	server, err := localpg.Start(ctx, opts)
	if err != nil {
		return nil, fmt.Errorf("start a private Postgres: %w", err)
	}
	cfg.DatabaseURL = server.URL("postgres")
	db, err := openDatabase(ctx, cfg)
	if err != nil {
		return nil, errors.Join(err, server.Stop())
	}
	db.private = server
	return db, nil
}

// Close closes the connections and stops the private server.
func (d *database) Close() error {
	d.close()
	if d.private != nil {
		return d.private.Stop()
	}
	return nil
}

// watch errs when the private server ends on its own.
func (d *database) watch(ctx context.Context) error {
	if d.private == nil {
		<-ctx.Done()
		return nil
	}
	select {
	case <-ctx.Done():
		return nil
	case <-d.private.Done():
		return errors.New("the private Postgres has ended; server.log in " + d.private.Dir() + " says why")
	}
}

// devFolder is where serve --dev keeps what it keeps.
func devFolder(cfg Config) (string, error) {
	if cfg.DataDir != "" {
		return filepath.Abs(cfg.DataDir)
	}
	return localpg.DefaultDataDir()
}

// devKeyRing returns the key ring of a data folder, and makes one in an empty
// folder.
func devKeyRing(folder string, log *slog.Logger) (string, error) {
	path := filepath.Join(folder, "key_ring")
	text, err := os.ReadFile(path)
	if err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	if !errors.Is(err, os.ErrNotExist) {
		return "", fmt.Errorf("read the key ring: %w", err)
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return "", fmt.Errorf("make the data folder: %w", err)
	}
	ring := store.NewKeyRingText("dev")
	// Written aside and then linked into its place, whole or not at all: two
	// servers must not end up with two rings, nor one with half a ring.
	f, err := os.CreateTemp(folder, "key_ring.*") // readable by its owner only
	if err != nil {
		return "", fmt.Errorf("write the key ring: %w", err)
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(ring + "\n")
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return "", fmt.Errorf("write the key ring: %w", err)
	}
	if err := os.Link(f.Name(), path); errors.Is(err, os.ErrExist) {
		return devKeyRing(folder, log)
	} else if err != nil {
		return "", fmt.Errorf("write the key ring: %w", err)
	}
	log.Info("made a key ring", "file", path)
	return ring, nil
}
