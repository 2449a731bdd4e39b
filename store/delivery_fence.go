package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/offhook/offhook/dispatcher"
)

// A replica has two advisory locks, (51083371, its number) and (51083372, its
// number). A session of its own holds the first one as long as it lives. Every
// write of the replica shares the second until it commits, and whoever strikes
// it off takes that one alone: so no write of a dead replica is under way when
// others read where things stand, and none comes later.
//
// Two statements, so that the second one sees what was committed while the
// first one waited.
const (
	shareWrites = `SELECT pg_advisory_xact_lock_shared(51083372, $1)`
	// Divides by zero when the writer is struck off or holds a lease no more: in
	// a pipeline only an error stops what follows. An endpoint that is gone has
	// no lease, which is no offence.
	checkLeases = `
SELECT 1 / (EXISTS (SELECT FROM replicas WHERE number = $1) AND NOT EXISTS (
    SELECT FROM unnest($2::bigint[], $3::uuid[], $4::bigint[]) AS w (domain_id, endpoint_id, epoch)
    JOIN leases l ON l.domain_id = w.domain_id AND l.endpoint_id = w.endpoint_id
    WHERE l.epoch <> w.epoch OR l.holder IS DISTINCT FROM $1))::int`
	divisionByZero = "22012"
)

const (
	isStruckOff = `SELECT NOT EXISTS (SELECT FROM replicas WHERE number = $1)`
	lostLeases  = `
SELECT l.domain_id, l.endpoint_id
FROM unnest($2::bigint[], $3::uuid[], $4::bigint[]) AS w (domain_id, endpoint_id, epoch)
JOIN leases l ON l.domain_id = w.domain_id AND l.endpoint_id = w.endpoint_id
WHERE l.epoch <> w.epoch OR l.holder IS DISTINCT FROM $1
ORDER BY l.domain_id, l.endpoint_id`
)

// fence makes a batch fail whose writer is not entitled to it. The zero fence
// lets everything pass.
type fence struct {
	replica int64
	leases  placeColumns // seq is the epoch
}

func newFence(replica int64, leases []dispatcher.Lease) *fence {
	f := &fence{replica: replica}
	for _, l := range leases {
		f.leases.add(l.Ref, dispatcher.Position{Seq: l.Epoch})
	}
	return f
}

// queue adds the fence to a batch, in front of what it guards.
func (f *fence) queue(batch *pgx.Batch) {
	if f.replica != 0 {
		batch.Queue(shareWrites, f.replica)
		batch.Queue(checkLeases, f.replica, f.leases.domain, f.leases.endpoint, f.leases.seq)
	}
}

// meaning turns the fence's error into what it says: ErrSuperseded or a
// *LostError.
func (f *fence) meaning(ctx context.Context, d *Delivery, err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != divisionByZero {
		return err
	}
	var struckOff bool
	if err := d.pool.QueryRow(ctx, isStruckOff, f.replica).Scan(&struckOff); err != nil {
		return fmt.Errorf("ask which lease is lost: %w", err)
	}
	if struckOff {
		return dispatcher.ErrSuperseded
	}
	rows, _ := d.pool.Query(ctx, lostLeases, f.replica, f.leases.domain, f.leases.endpoint, f.leases.seq)
	var lost dispatcher.LostError
	var ref dispatcher.Ref
	var id uuid.UUID
	if _, askErr := pgx.ForEachRow(rows, []any{&ref.DomainID, &id}, func() error {
		ref.EndpointID = "ep_" + id.String()
		lost.Refs = append(lost.Refs, ref)
		return nil
	}); askErr != nil {
		return fmt.Errorf("ask which lease is lost: %w", askErr)
	}
	if len(lost.Refs) == 0 {
		return err
	}
	return &lost
}
