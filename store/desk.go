package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// DeskLog returns the log and the live state of one domain, as its desk wants
// them. It is safe for concurrent use, and for use by several replicas.
func (s *Store) DeskLog(domainID int64) desk.Log {
	return &deskLog{store: s, domain: domainID}
}

type deskLog struct {
	store  *Store
	domain int64
	// place is where the domain's row was last; see lock.
	place atomic.Pointer[pgtype.TID]
}

// rollbackWait bounds the tidying after an error, which may come from a context
// that has ended.
const rollbackWait = 5 * time.Second

// Load reads all open state, as it was at one instant.
func (l *deskLog) Load(ctx context.Context) (desk.Snapshot, error) {
	var snap desk.Snapshot
	err := l.onConn(ctx, func(conn *pgx.Conn) error {
		var err error
		if snap, err = l.head(ctx, conn, beginReading, readHead); err != nil {
			return err
		}
		if snap.Records, err = openRecords(ctx, conn, l.domain); err != nil {
			return err
		}
		_, err = conn.Exec(ctx, "COMMIT")
		return err
	})
	if err != nil {
		return desk.Snapshot{}, fmt.Errorf("load domain %d: %w", l.domain, err)
	}
	return snap, nil
}

// Update is one transaction in two round trips: lock, and write with the
// commit. Reading what others changed and COPY, for large batches, add one each.
func (l *deskLog) Update(ctx context.Context, have desk.Head, step func(desk.Snapshot) (desk.Batch, error)) error {
	err := l.onConn(ctx, func(conn *pgx.Conn) error {
		snap, place, err := l.lock(ctx, conn)
		if err != nil {
			return err
		}
		switch {
		case snap.Head.Version > have.Version:
			if snap.Records, err = changedRecords(ctx, conn, l.domain, have, snap.Head); err != nil {
				return err
			}
		case snap.Head.Version < have.Version:
			return fmt.Errorf("the log is at version %d, behind ours (%d)", snap.Head.Version, have.Version)
		}
		batch, err := step(snap)
		if err != nil {
			return err
		}
		return l.write(ctx, conn, place, snap.Head, batch)
	})
	if err != nil {
		return fmt.Errorf("update domain %d: %w", l.domain, err)
	}
	return nil
}

// onConn runs f on one connection and rolls back whatever transaction an error
// left open there.
func (l *deskLog) onConn(ctx context.Context, f func(*pgx.Conn) error) error {
	conn, err := l.store.pool.Acquire(ctx)
	if err != nil {
		return fmt.Errorf("take a connection: %w", err)
	}
	defer conn.Release()
	if err := f(conn.Conn()); err != nil {
		if !conn.Conn().IsClosed() && conn.Conn().PgConn().TxStatus() != 'I' {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
			defer cancel()
			_, rollbackErr := conn.Exec(ctx, "ROLLBACK")
			err = errors.Join(err, rollbackErr)
		}
		return err
	}
	return nil
}

const (
	beginReading = `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
	readHead     = `SELECT namespace, head_seq, head_recorded_at, version FROM domains WHERE id = $1`
	lockHead     = readHead + ` FOR NO KEY UPDATE` // of who does so now and then
)

// head opens a transaction and reads the domain's row, in one round trip.
func (l *deskLog) head(ctx context.Context, conn *pgx.Conn, begin, read string) (desk.Snapshot, error) {
	snap := desk.Snapshot{Domain: queue.Domain{ID: l.domain}}
	var recordedAt *time.Time
	batch := &pgx.Batch{}
	batch.Queue(begin)
	batch.Queue(read, l.domain).QueryRow(func(row pgx.Row) error {
		return row.Scan((*[16]byte)(&snap.Domain.Namespace), &snap.Head.Seq, &recordedAt, &snap.Head.Version)
	})
	if err := conn.SendBatch(ctx, batch).Close(); err != nil {
		return desk.Snapshot{}, fmt.Errorf("read the head: %w", notFound(err))
	}
	snap.Head.RecordedAt = instant(recordedAt)
	return snap, nil
}

const (
	lockByID    = `SELECT namespace, head_seq, head_recorded_at, version, ctid FROM domains WHERE id = $1 FOR NO KEY UPDATE`
	lockByPlace = `SELECT namespace, head_seq, head_recorded_at, version, ctid FROM domains WHERE ctid = $2 AND id = $1 FOR NO KEY UPDATE`
)

// lock opens a transaction and locks the domain's row, in one round trip when
// the row is where we left it. Every batch makes a new version of that row;
// while somebody holds a snapshot none of them can go, and to find the last one
// by its key would be to walk over all. So it is looked for at its place, and by
// its key only when another replica, or a notice, has moved it.
func (l *deskLog) lock(ctx context.Context, conn *pgx.Conn) (desk.Snapshot, pgtype.TID, error) {
	snap := desk.Snapshot{Domain: queue.Domain{ID: l.domain}}
	var recordedAt *time.Time
	var place pgtype.TID
	scan := func(row pgx.Row) error {
		return row.Scan((*[16]byte)(&snap.Domain.Namespace), &snap.Head.Seq, &recordedAt, &snap.Head.Version, &place)
	}
	batch := &pgx.Batch{}
	batch.Queue("BEGIN")
	known := l.place.Load()
	if known != nil {
		batch.Queue(lockByPlace, l.domain, *known).QueryRow(scan)
	} else {
		batch.Queue(lockByID, l.domain).QueryRow(scan)
	}
	err := conn.SendBatch(ctx, batch).Close()
	if known != nil && errors.Is(err, pgx.ErrNoRows) {
		err = scan(conn.QueryRow(ctx, lockByID, l.domain))
	}
	if err != nil {
		return desk.Snapshot{}, place, fmt.Errorf("read the head: %w", notFound(err))
	}
	snap.Head.RecordedAt = instant(recordedAt)
	return snap, place, nil
}

// takeIDs advances the sequence by a whole block. The lock makes reading and
// setting it one step; it ends with the statement.
const takeIDs = `
WITH one_at_a_time AS MATERIALIZED (SELECT pg_advisory_xact_lock(8214630917))
SELECT setval('ids', nextval('ids') + $1 - 1) - $1 + 1 FROM one_at_a_time`

// IDs takes n consecutive fresh ids from the installation's sequence.
func (l *deskLog) IDs(ctx context.Context, n int) (int64, error) {
	if n < 1 {
		return 0, fmt.Errorf("take ids: %d asked for", n)
	}
	var first int64
	if err := l.store.pool.QueryRow(ctx, takeIDs, int64(n)).Scan(&first); err != nil {
		return 0, fmt.Errorf("take ids: %w", err)
	}
	return first, nil
}
