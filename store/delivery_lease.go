package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

const signOfLife = `
UPDATE replicas SET expires_at = now() + $2::interval, leaving = $3 WHERE number = $1 RETURNING number`

// Dead is who was silent for too long, or whose session is gone: a process that
// is killed takes it along. But when Postgres itself was restarted, or our own
// session was lost, nobody could say that he lives and the sessions of others
// were lost too: they have a moment to come back before we believe it.
const isDead = `
    number <> $1
    AND pg_postmaster_start_time() < now() - interval '2 seconds'
    AND EXISTS (SELECT FROM replicas me WHERE me.number = $1
                AND (me.session_at = me.joined_at OR me.session_at < now() - interval '3 seconds'))
    AND (expires_at < now() OR NOT EXISTS (
        SELECT FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.classid = 51083371 AND l.objid = number::oid AND l.objsubid = 2 AND l.granted
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())))`

const deadReplicas = `SELECT number FROM replicas WHERE` + isDead

const strikeOffDead = `DELETE FROM replicas WHERE number = $2 AND` + isDead

const releaseLeases = `
UPDATE leases l SET holder = NULL
FROM unnest($2::bigint[], $3::uuid[], $4::bigint[]) AS w (domain_id, endpoint_id, epoch)
WHERE l.domain_id = w.domain_id AND l.endpoint_id = w.endpoint_id AND l.epoch = w.epoch AND l.holder = $1`

// standing is what a share is made of: how many endpoints there are to deliver
// to, how many replicas, and how many of those came before us; who leaves has no
// rank and is not counted.
const standing = `
SELECT (SELECT count(*) FROM endpoints WHERE NOT disabled), count(*) FILTER (WHERE NOT leaving),
       CASE WHEN bool_or(leaving AND number = $1) THEN -1 ELSE count(*) FILTER (WHERE NOT leaving AND number < $1) END
FROM replicas`

const heldLeases = `
SELECT domain_id, endpoint_id, epoch FROM leases WHERE holder = $1 ORDER BY domain_id, endpoint_id`

const listLeases = `
INSERT INTO leases (domain_id, endpoint_id)
SELECT e.domain_id, e.id FROM endpoints e
WHERE NOT e.disabled
  AND NOT EXISTS (SELECT FROM leases l WHERE l.domain_id = e.domain_id AND l.endpoint_id = e.id)
ON CONFLICT DO NOTHING`

const takeLeases = `
WITH free AS (
    SELECT l.domain_id, l.endpoint_id
    FROM leases l JOIN endpoints e ON e.domain_id = l.domain_id AND e.id = l.endpoint_id
    WHERE l.holder IS NULL AND NOT e.disabled
    ORDER BY l.domain_id, l.endpoint_id LIMIT $2 FOR NO KEY UPDATE OF l SKIP LOCKED
)
UPDATE leases l SET holder = $1, epoch = l.epoch + 1
FROM free f WHERE l.domain_id = f.domain_id AND l.endpoint_id = f.endpoint_id`

// Hold prolongs the replica's life, hands back, strikes off and takes.
func (d *Delivery) Hold(ctx context.Context, b dispatcher.Beat) (dispatcher.Holding, error) {
	dead, err := d.live(ctx, b)
	if err != nil {
		return dispatcher.Holding{}, fmt.Errorf("prolong a replica's life: %w", err)
	}
	for _, number := range dead {
		// One whose last write does not end stays for the next beat.
		_ = d.strikeOff(ctx, number, strikeOffDead, b.Replica, number)
	}
	h, err := d.standing(ctx, b.Replica)
	if missing := h.Share - len(h.Leases); err == nil && missing > 0 {
		if err = d.take(ctx, b.Replica, missing); err == nil {
			h, err = d.standing(ctx, b.Replica)
		}
	}
	if err != nil {
		return dispatcher.Holding{}, fmt.Errorf("hold leases: %w", err)
	}
	return h, nil
}

// live prolongs and hands back, and returns who else is dead.
func (d *Delivery) live(ctx context.Context, b dispatcher.Beat) (dead []int64, err error) {
	batch := &pgx.Batch{}
	batch.Queue(signOfLife, b.Replica, b.TTL, b.Leaving).QueryRow(func(row pgx.Row) error {
		return row.Scan(nil)
	})
	if len(b.Release) > 0 {
		f := newFence(b.Replica, b.Release)
		batch.Queue(releaseLeases, b.Replica, f.leases.domain, f.leases.endpoint, f.leases.seq)
		batch.Queue(notifyEndpoints)
	}
	batch.Queue(deadReplicas, b.Replica).Query(func(rows pgx.Rows) error {
		dead, err = pgx.CollectRows(rows, pgx.RowTo[int64])
		return err
	})
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		if errors.Is(err, pgx.ErrNoRows) {
			return nil, dispatcher.ErrSuperseded
		}
		return nil, err
	}
	return dead, nil
}

// standing returns what a replica holds and should hold.
func (d *Delivery) standing(ctx context.Context, replica int64) (h dispatcher.Holding, err error) {
	batch := &pgx.Batch{}
	batch.Queue(standing, replica).QueryRow(func(row pgx.Row) error {
		var endpoints, replicas, rank int
		err := row.Scan(&endpoints, &replicas, &rank)
		h.Share = dispatcher.Share(endpoints, replicas, rank)
		return err
	})
	batch.Queue(heldLeases, replica).Query(func(rows pgx.Rows) error {
		h.Leases, err = pgx.CollectRows(rows, scanLease)
		return err
	})
	return h, d.pool.SendBatch(ctx, batch).Close()
}

func scanLease(row pgx.CollectableRow) (dispatcher.Lease, error) {
	var l dispatcher.Lease
	var id uuid.UUID
	err := row.Scan(&l.DomainID, &id, &l.Epoch)
	l.EndpointID = "ep_" + id.String()
	return l, err
}

// take takes up to n free leases. A replica that was struck off meanwhile gets
// an error: it is no holder.
func (d *Delivery) take(ctx context.Context, replica int64, n int) error {
	batch := &pgx.Batch{}
	batch.Queue(listLeases)
	batch.Queue(takeLeases, replica, n)
	return d.pool.SendBatch(ctx, batch).Close()
}
