// Package storetest gives every test a fresh, migrated Postgres database of its
// own within milliseconds: one private server a test binary, one template
// database, one clone a test.
//
// A test binary that uses it says in TestMain:
//
//	func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
//
// OFFHOOK_TEST_DATABASE_URL names a server that is there and is used instead;
// its account must be allowed to create databases. OFFHOOK_TEST_DURABLE=1 puts
// the private server on disk with fsync and synchronous commits, for
// benchmarks.
package storetest

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/migrations"
	"github.com/offhook/offhook/store"
)

// patience bounds every single step on the server: a machine that runs all
// packages at once is slow, but not for ever.
const patience = 2 * time.Minute

// binary is what all tests of one test binary share.
var binary struct {
	once   sync.Once
	server *server
	err    error
	clones atomic.Int64
	kept   atomic.Int64
}

// Main runs the tests and returns the exit code for os.Exit. It stops the
// server, if a test started it, and removes its folder, unless databases of
// failed tests are kept in it.
func Main(m *testing.M) int {
	code := m.Run()
	s := binary.server
	if s == nil {
		return code
	}
	if err := s.stop(binary.kept.Load() > 0); err != nil {
		fmt.Fprintln(os.Stderr, "storetest:", err)
		return max(code, 1)
	}
	return code
}

// New returns a pool on a fresh database with all migrations applied. The
// database is dropped when the test succeeds, and kept and named when it fails.
func New(t testing.TB) *pgxpool.Pool {
	t.Helper()
	return open(t, URL(t))
}

// URL is New for those who connect themselves.
func URL(t testing.TB) string {
	t.Helper()
	s := shared(t)
	name := fmt.Sprintf("offhook_test_%d_%d", os.Getpid(), binary.clones.Add(1))
	if err := s.clone(t.Context(), name); err != nil {
		t.Fatal(err)
	}
	address := s.url(name)
	t.Cleanup(func() {
		if t.Failed() {
			binary.kept.Add(1)
			t.Logf("the database of this test is kept: %s", address)
			return
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return address
}

// Empty returns the URL of a fresh database without any migration.
func Empty(t testing.TB) string {
	t.Helper()
	s := shared(t)
	name := fmt.Sprintf("offhook_empty_%d_%d", os.Getpid(), binary.clones.Add(1))
	if err := s.exec(t.Context(), "CREATE DATABASE "+name); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
			t.Errorf("drop the test's database: %v", err)
		}
	})
	return s.url(name)
}

func open(t testing.TB, address string) *pgxpool.Pool {
	t.Helper()
	pool, err := store.Open(t.Context(), store.Config{URL: address, MaxConns: 8})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func shared(t testing.TB) *server {
	t.Helper()
	binary.once.Do(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		binary.server, binary.err = begin(ctx)
	})
	if binary.err != nil {
		t.Fatal(binary.err)
	}
	return binary.server
}

// begin starts the server or takes the given one, and sees to its template.
func begin(ctx context.Context) (*server, error) {
	s := &server{admin: os.Getenv("OFFHOOK_TEST_DATABASE_URL")}
	if s.admin == "" {
		if err := s.start(ctx); err != nil {
			return nil, err
		}
	}
	hash, err := migrationsHash()
	if err == nil {
		s.template = "offhook_template_" + hash
		err = s.makeTemplate(ctx)
	}
	if err != nil {
		if stopErr := s.stop(false); stopErr != nil {
			return nil, fmt.Errorf("%w; then %w", err, stopErr)
		}
		return nil, err
	}
	return s, nil
}

func migrationsHash() (string, error) {
	sum := sha256.New()
	err := fs.WalkDir(migrations.FS, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		data, err := fs.ReadFile(migrations.FS, path)
		fmt.Fprintf(sum, "%s %d\n%s", path, len(data), data)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hash the migrations: %w", err)
	}
	return hex.EncodeToString(sum.Sum(nil)[:6]), nil
}

// url returns the address of another database on the server.
func (s *server) url(database string) string {
	u, err := url.Parse(s.admin)
	if err != nil || !strings.HasPrefix(u.Scheme, "postgres") {
		return s.admin + " dbname=" + database // keyword form: the last word wins
	}
	u.Path = "/" + database
	return u.String()
}

// exec runs one statement on a connection of its own to the server's own
// database.
func (s *server) exec(ctx context.Context, sql string) error {
	conn, err := pgx.Connect(ctx, s.admin)
	if err != nil {
		return fmt.Errorf("reach the test server: %w", err)
	}
	defer conn.Close(ctx)
	_, err = conn.Exec(ctx, sql)
	return err
}
