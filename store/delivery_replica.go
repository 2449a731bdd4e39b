package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// sessionRetry is the pause before a lost session of life is made again.
const sessionRetry = 200 * time.Millisecond

// The lock is there before the row can be seen: a row without one is dead.
const enlist = `
WITH me AS (
    INSERT INTO replicas (instance, joined_at, session_at, expires_at)
    VALUES ($1, now(), now(), now() + $2::interval) RETURNING number
)
SELECT number, pg_advisory_lock(51083371, number) FROM me`

// Enlist runs serve as a replica of a fresh number. The session that holds its
// lock of life tells others at once when the process is killed; one that is
// lost, because Postgres was restarted, is made again and the replica goes on,
// unless it was struck off meanwhile.
func (d *Delivery) Enlist(ctx context.Context, name string, ttl time.Duration, serve func(context.Context, int64)) error {
	session, err := d.session(ctx)
	if err != nil {
		return fmt.Errorf("enlist a replica: %w", err)
	}
	var number int64
	if err := session.QueryRow(ctx, enlist, name, ttl).Scan(&number, nil); err != nil {
		closeSession(ctx, session)
		return fmt.Errorf("enlist a replica: %w", err)
	}
	alive, dead := context.WithCancel(ctx)
	defer dead()
	// The session is kept until serve has ended, which is later than ctx.
	keeping, release := context.WithCancel(context.WithoutCancel(ctx))
	kept := make(chan struct{})
	go func() {
		defer close(kept)
		d.keepSession(keeping, session, number)
		dead()
	}()
	serve(alive, number)
	// Before the session ends, so that nobody takes us for dead.
	err = d.resign(ctx, number)
	release()
	<-kept
	if err != nil { // who looks next finds a replica without a session
		return fmt.Errorf("resign as a replica: %w", err)
	}
	return nil
}

// session returns a connection of its own, taken out of the pool: it must
// neither be lent to others nor closed for its age.
func (d *Delivery) session(ctx context.Context) (*pgx.Conn, error) {
	pooled, err := d.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return pooled.Hijack(), nil
}

// keepSession returns when ctx has ended or the replica was struck off.
func (d *Delivery) keepSession(ctx context.Context, session *pgx.Conn, number int64) {
	for session != nil {
		// Nobody notifies: this waits for the end of the connection.
		for ctx.Err() == nil && !session.IsClosed() {
			_, _ = session.WaitForNotification(ctx)
		}
		closeSession(ctx, session)
		session = d.renewSession(ctx, number)
	}
}

// A lock that is still held is that of our own old session, whose end Postgres
// has not noticed; until it has, nobody takes us for dead.
const renewSession = `
SELECT pg_try_advisory_lock(51083371, $1), EXISTS (SELECT FROM replicas WHERE number = $1)`

const sessionRenewed = `UPDATE replicas SET session_at = now() WHERE number = $1`

// renewSession makes a lost session again; nil when ctx ended or the replica was
// struck off.
func (d *Delivery) renewSession(ctx context.Context, number int64) *pgx.Conn {
	for ctx.Err() == nil {
		if session, err := d.session(ctx); err == nil {
			var locked, listed bool
			err = session.QueryRow(ctx, renewSession, number).Scan(&locked, &listed)
			if err == nil && locked && listed {
				if _, err = session.Exec(ctx, sessionRenewed, number); err == nil {
					return session
				}
			}
			closeSession(ctx, session)
			if err == nil && !listed {
				return nil
			}
		}
		_ = pause(ctx, sessionRetry) // the database is away
	}
	return nil
}

const leaveReplicas = `DELETE FROM replicas WHERE number = $1`

// resign frees everything that the replica holds, after its last write.
func (d *Delivery) resign(ctx context.Context, number int64) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
	defer cancel()
	return d.strikeOff(ctx, number, leaveReplicas, number)
}

// A beat must not wait long for a write that does not end.
const strikePatience = `SELECT set_config('lock_timeout', '2s', true)`

const awaitWrites = `SELECT pg_advisory_xact_lock(51083372, $1)`

// strikeOff removes a replica by a statement, as soon as no write of its is
// under way, and tells the others. Its leases are free with that.
func (d *Delivery) strikeOff(ctx context.Context, number int64, sql string, args ...any) error {
	batch := &pgx.Batch{} // a transaction of its own
	batch.Queue(strikePatience)
	batch.Queue(awaitWrites, number)
	batch.Queue(sql, args...)
	batch.Queue(notifyEndpoints)
	return d.pool.SendBatch(ctx, batch).Close()
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

// Replica is one of the processes that deliver.
type Replica struct {
	Number    int64
	Instance  string // as its configuration says
	JoinedAt  time.Time
	Endpoints int // how many it delivers to
}

const listReplicas = `
SELECT r.number, r.instance, r.joined_at, (SELECT count(*) FROM leases l WHERE l.holder = r.number)
FROM replicas r ORDER BY r.number`

// Replicas lists who delivers, by the order in which they came. One that was
// killed a moment ago may still be there.
func (d *Delivery) Replicas(ctx context.Context) ([]Replica, error) {
	rows, _ := d.pool.Query(ctx, listReplicas)
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[Replica])
	if err != nil {
		return nil, fmt.Errorf("list replicas: %w", err)
	}
	for i := range all {
		all[i].JoinedAt = all[i].JoinedAt.UTC()
	}
	return all, nil
}
