// Package store is the only home of SQL: the log of events, the live state that
// belongs to it, its history, and what other packages keep in Postgres.
//
// Instants are parameters everywhere: the store has no clock, and a fact never
// comes from the database's.
package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"

	"github.com/offhook/offhook/migrations"
)

// ErrNotFound says that nothing has the id that was asked for.
var ErrNotFound = errors.New("not found")

// Store reads and writes one database. It is safe for concurrent use.
type Store struct {
	pool       *pgxpool.Pool
	statements *statements // nil when the pool does not count
}

// New returns a Store on a pool whose database is migrated. Closing the pool
// stays the caller's business.
func New(pool *pgxpool.Pool) *Store {
	counter, _ := pool.Config().ConnConfig.Tracer.(*statements)
	return &Store{pool: pool, statements: counter}
}

// Config says how to reach the database.
type Config struct {
	// URL is a Postgres connection URL or keyword string. Its parameters
	// pool_max_conns and the like win over the fields below.
	URL string
	// MaxConns bounds the connections; 0 means the pool's own default.
	MaxConns int32
}

// Open connects to the database and returns a pool for New. The error never
// shows a password.
func Open(ctx context.Context, cfg Config) (*pgxpool.Pool, error) {
	c, err := pgxpool.ParseConfig(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("read the database URL: %w", err)
	}
	if cfg.MaxConns > 0 {
		c.MaxConns = cfg.MaxConns
	}
	c.AfterConnect = setUpSession
	c.ConnConfig.Tracer = &statements{}
	if c.ConnConfig.RuntimeParams["application_name"] == "" {
		c.ConnConfig.RuntimeParams["application_name"] = "offhook"
	}
	pool, err := pgxpool.NewWithConfig(ctx, c)
	if err != nil {
		return nil, fmt.Errorf("open the database: %w", err)
	}
	if err := pool.Ping(ctx); err != nil {
		pool.Close()
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}

// Our statements name their partitions by parameters: a plan made once prunes
// them at run time, one made for every call costs more than the reading. The
// tables of current state are short and full of dead rows; a planner that saw
// them short would read them whole, so it is told to use the index. Compiling
// never pays for such statements. And a process that is halted or cut off in the
// middle of a transaction must not keep a domain's head, or an endpoint, from the
// other replicas.
const sessionSettings = `
SELECT set_config('plan_cache_mode', 'force_generic_plan', false),
       set_config('enable_seqscan', 'off', false),
       set_config('jit', 'off', false),
       set_config('idle_in_transaction_session_timeout', '10s', false),
       set_config('tcp_keepalives_idle', '5', false),
       set_config('tcp_keepalives_interval', '2', false),
       set_config('tcp_keepalives_count', '3', false)`

func setUpSession(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, sessionSettings)
	return err
}

// Migrate brings the schema up to date. Replicas that do so at once wait for
// each other.
func Migrate(ctx context.Context, pool *pgxpool.Pool) error {
	locker, err := lock.NewPostgresSessionLocker()
	if err != nil {
		return fmt.Errorf("migrate: make the lock: %w", err)
	}
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS, goose.WithSessionLocker(locker))
	if err != nil {
		return fmt.Errorf("migrate: read the migrations: %w", err)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// inTx runs f in a transaction that commits when f returns nil.
func (s *Store) inTx(ctx context.Context, f func(pgx.Tx) error) error {
	return pgx.BeginFunc(ctx, s.pool, f)
}

// notFound turns pgx's word for no row into ours.
func notFound(err error) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return ErrNotFound
	}
	return err
}

// violates reports whether err is the breach of the named constraint.
func violates(err error, constraint string) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.ConstraintName == constraint
}

// null turns the zero instant into NULL.
func null(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// instant turns a scanned instant into ours: UTC, zero for NULL.
func instant(t *time.Time) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.UTC()
}
