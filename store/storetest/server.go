package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/localpg"
)

const (
	folderPrefix = "offhook-test-"
	// shmRoom is what must be free in memory for the data to live there.
	shmRoom = 1 << 30
	// abandoned is the age at which a folder without a lock has no launcher
	// that is just about to take it.
	abandoned = time.Hour
)

// server is the Postgres that this binary's tests use.
type server struct {
	admin    string // the URL of its own database
	template string
	strategy string

	own *localpg.Server // nil when it was given
	dir string
}

func (s *server) start(ctx context.Context) error {
	base := baseFolder()
	// Benchmarks want a server that keeps its promises: on disk, with fsync.
	settings := map[string]string{"max_wal_size": "256MB", "autovacuum_naptime": "5s"}
	durable := os.Getenv("OFFHOOK_TEST_DURABLE") != ""
	if durable {
		base, settings = os.TempDir(), nil
	}
	if err := cleanLeftovers(base, time.Now()); err != nil {
		return err
	}
	dir, err := os.MkdirTemp(base, folderPrefix)
	if err != nil {
		return fmt.Errorf("make a folder for the test server: %w", err)
	}
	// The account that root drops to must pass through.
	if err := os.Chmod(dir, 0o711); err != nil {
		return fmt.Errorf("open the test server's folder: %w", err)
	}
	own, err := localpg.Start(ctx, localpg.Options{
		DataDir:  dir,
		Durable:  durable,
		Settings: settings,
	})
	if err != nil {
		return errors.Join(fmt.Errorf("start the test server: %w", err), os.RemoveAll(dir))
	}
	s.own, s.dir, s.admin = own, dir, own.URL("postgres")
	if own.Major() >= 15 && base == shm {
		s.strategy = " STRATEGY file_copy" // in memory, copying beats logging
	}
	return nil
}

const shm = "/dev/shm"

// baseFolder is memory when there is room, else the temporary folder.
func baseFolder() string {
	var st syscall.Statfs_t
	if err := syscall.Statfs(shm, &st); err == nil && uint64(st.Bavail)*uint64(st.Bsize) >= shmRoom {
		if probe, err := os.MkdirTemp(shm, folderPrefix+"probe-"); err == nil && os.Remove(probe) == nil {
			return shm
		}
	}
	return os.TempDir()
}

// cleanLeftovers removes the folders of test binaries that were killed. Those
// of live ones are locked; one that has no lock yet may be about to get it.
func cleanLeftovers(base string, now time.Time) error {
	dirs, err := filepath.Glob(filepath.Join(base, folderPrefix+"*"))
	if err != nil {
		return fmt.Errorf("look for leftovers: %w", err)
	}
	for _, dir := range dirs {
		info, err := os.Stat(dir)
		if err != nil {
			continue // another binary was faster
		}
		locks, err := filepath.Glob(filepath.Join(dir, "pg*", "lock"))
		if err != nil {
			return fmt.Errorf("look for leftovers: %w", err)
		}
		if len(locks) == 0 && now.Sub(info.ModTime()) < abandoned {
			continue
		}
		err = localpg.Remove(dir)
		if err != nil && !errors.Is(err, localpg.ErrInUse) && !errors.Is(err, os.ErrPermission) {
			return fmt.Errorf("remove a leftover: %w", err)
		}
	}
	return nil
}

// stop ends an own server; its folder goes unless keep says otherwise. A kept
// one goes with the next run.
func (s *server) stop(keep bool) error {
	if s.own == nil {
		return nil
	}
	if err := s.own.Stop(); err != nil {
		return err
	}
	if keep {
		fmt.Fprintf(os.Stderr, "storetest: databases of failed tests are kept until the next run; look at them with\n"+
			"  postgres -D %s/data -k /tmp -c listen_addresses=\n", s.own.Dir())
		return nil
	}
	return localpg.Remove(s.dir)
}

const hasDatabase = `SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)`

// templateLock is any number: it serialises the binaries that share a server.
const templateLock = `SELECT pg_advisory_lock(7263548190)`

// makeTemplate creates and migrates the template, unless a server that is
// shared has it already. It gets its name last, so a name means a whole one.
func (s *server) makeTemplate(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return fmt.Errorf("reach the test server: %w", err)
	}
	defer conn.Close(ctx) // releases the lock
	if _, err := conn.Exec(ctx, templateLock); err != nil {
		return fmt.Errorf("lock the template: %w", err)
	}
	var there bool
	if err := conn.QueryRow(ctx, hasDatabase, s.template).Scan(&there); err != nil {
		return fmt.Errorf("look for the template: %w", err)
	}
	if there {
		return nil
	}
	raw := s.template + "_new"
	for _, sql := range []string{"DROP DATABASE IF EXISTS " + raw + " WITH (FORCE)", "CREATE DATABASE " + raw} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("create the template: %w", err)
		}
	}
	if err := migrate(ctx, s.url(raw)); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "ALTER DATABASE "+raw+" RENAME TO "+s.template); err != nil {
		return fmt.Errorf("name the template: %w", err)
	}
	return nil
}

func migrate(ctx context.Context, address string) error {
	pool, err := store.Open(ctx, store.Config{URL: address})
	if err != nil {
		return err
	}
	defer pool.Close()
	return store.Migrate(ctx, pool)
}

func (s *server) clone(ctx context.Context, name string) error {
	if err := s.exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+s.template+s.strategy); err != nil {
		return fmt.Errorf("clone the template: %w", err)
	}
	return nil
}
