package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/offhook/offhook/dispatcher"
)

// How often a process that waits to deliver asks again, and how long it has to
// wait before it says so: a server that was just killed takes a moment to be
// gone.
const (
	leadPoll  = 200 * time.Millisecond
	leadTells = 5 // polls
)

// tryLead does not wait in the database: a statement that waits holds a
// snapshot, and that keeps vacuum from everything younger.
const tryLead = `SELECT pg_try_advisory_lock(5108337247)`

// No write of an older term may be under way when the new one reads where
// things stand, and none may come later. The first is what the lock is for,
// which each write shares until it commits; the second the number.
const beginTerm = `
WITH alone AS MATERIALIZED (SELECT pg_advisory_xact_lock(5108337248))
UPDATE delivery_term SET term = term + 1 FROM alone RETURNING term`

// Two statements, so that the second one sees what was committed while the
// first one waited.
const (
	shareTerm = `SELECT pg_advisory_xact_lock_shared(5108337248)`
	// Divides by zero when the term is over: in a pipeline only an error stops
	// what follows.
	checkTerm      = `SELECT 1 / count(*) FROM delivery_term WHERE term = $1`
	divisionByZero = "22012"
)

const readTerm = `SELECT term FROM delivery_term`

// fence makes the transaction of the batch fail when the term is over. A term
// of 0 is always on.
func fence(batch *pgx.Batch, term int64) {
	if term != 0 {
		batch.Queue(shareTerm)
		batch.Queue(checkTerm, term)
	}
}

// superseded turns the fence's error into its meaning.
func superseded(err error) error {
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == divisionByZero {
		return dispatcher.ErrSuperseded
	}
	return err
}

// Lead runs deliver as the only process that delivers from the database. Who is
// to deliver is settled by an advisory lock of a session, so that the next one
// can begin as soon as a killed one's connection is gone; that no two do is
// settled by the number of the term. A session that is lost, because Postgres
// was restarted, is made again and the term goes on, unless somebody else has
// begun one.
func (d *Delivery) Lead(ctx context.Context, waiting func(), deliver func(context.Context, int64)) error {
	session, err := d.awaitLead(ctx, waiting)
	if err != nil {
		return fmt.Errorf("lead deliveries: %w", err)
	}
	var term int64
	if err := session.QueryRow(ctx, beginTerm).Scan(&term); err != nil {
		closeSession(ctx, session)
		return fmt.Errorf("begin a term of deliveries: %w", err)
	}
	held, over := context.WithCancel(ctx)
	defer over()
	// The session is kept until deliver has ended, which is later than ctx.
	keeping, release := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		d.keepLead(keeping, session, term)
		over()
	}()
	deliver(held, term)
	release()
	<-kept
	return nil
}

// awaitLead returns the session that holds the lock.
func (d *Delivery) awaitLead(ctx context.Context, waiting func()) (*pgx.Conn, error) {
	for poll := 1; ; poll++ {
		session, err := d.takeLead(ctx)
		if err != nil || session != nil {
			return session, err
		}
		if poll == leadTells {
			waiting()
		}
		if err := pause(ctx, leadPoll); err != nil {
			return nil, err
		}
	}
}

// takeLead returns a session that holds the lock, or nil when another one does.
func (d *Delivery) takeLead(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	// Taken out of the pool: it must neither be lent to others nor closed for
	// its age.
	session := pooled.Hijack()
	var got bool
	if err := session.QueryRow(ctx, tryLead).Scan(&got); err != nil || !got {
		closeSession(ctx, session)
		return nil, err
	}
	return session, nil
}

// keepLead returns when ctx has ended or somebody else leads.
func (d *Delivery) keepLead(ctx context.Context, session *pgx.Conn, term int64) {
	for session != nil {
		// Nobody notifies: this waits for the end of the connection.
		for ctx.Err() == nil && !session.IsClosed() {
			_, _ = session.WaitForNotification(ctx)
		}
		closeSession(ctx, session)
		session = d.retakeLead(ctx, term)
	}
}

// retakeLead makes a lost session again; nil when ctx ended or somebody else has
// begun a term. Until then the term goes on: what it writes is checked there.
func (d *Delivery) retakeLead(ctx context.Context, term int64) *pgx.Conn {
	for ctx.Err() == nil {
		session, err := d.takeLead(ctx)
		if err == nil && session == nil {
			return nil
		}
		if err == nil {
			var now int64
			if err = session.QueryRow(ctx, readTerm).Scan(&now); err == nil && now == term {
				return session
			}
			closeSession(ctx, session)
			if err == nil {
				return nil
			}
		}
		_ = pause(ctx, leadPoll) // the database is away
	}
	return nil
}

func closeSession(ctx context.Context, session *pgx.Conn) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
	defer cancel()
	_ = session.Close(ctx)
}

// pause waits, or returns why it did not.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
