package store

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// statements counts the SQL statements of a pool, also those within batches.
// COPY goes past it.
type statements struct{ n atomic.Int64 }

// TraceQueryStart counts a statement.
func (s *statements) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	s.n.Add(1)
	return ctx
}

// TraceQueryEnd does nothing.
func (s *statements) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart does nothing: its statements count one by one.
func (s *statements) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return ctx
}

// TraceBatchQuery counts a statement.
func (s *statements) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) { s.n.Add(1) }

// TraceBatchEnd does nothing.
func (s *statements) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// Statements returns how many SQL statements the process has sent through the
// pool of this store; 0 for a pool that Open has not made.
func (s *Store) Statements() int64 {
	if s.statements == nil {
		return 0
	}
	return s.statements.n.Load()
}

// ConnectionsInUse returns how many connections carry out something now.
func (s *Store) ConnectionsInUse() int { return int(s.pool.Stat().AcquiredConns()) }

// The clock is the database's own, as is the age that it measures. Our own
// readers are among them.
const oldestSnapshot = `
SELECT coalesce(max(age(backend_xmin)), 0)::bigint,
       coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8
FROM pg_stat_activity WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid()`

// OldestSnapshot returns how many transactions, and for how long, the oldest
// snapshot in the database is behind: vacuum frees nothing that is younger.
func (s *Store) OldestSnapshot(ctx context.Context) (transactions int64, age time.Duration, err error) {
	var seconds float64
	if err := s.pool.QueryRow(ctx, oldestSnapshot).Scan(&transactions, &seconds); err != nil {
		return 0, 0, fmt.Errorf("read the oldest snapshot: %w", err)
	}
	return transactions, time.Duration(seconds * float64(time.Second)), nil
}
