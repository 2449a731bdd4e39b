package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/offhook/offhook/dispatcher"
)

// placeColumns are endpoints and places in their logs, a column each, as unnest
// takes them.
type placeColumns struct {
	domain   []int64
	endpoint []uuid.UUID
	at       []time.Time
	seq      []int64
	last     string // the id that the last element of endpoint was parsed from
}

func (k *placeColumns) add(ref dispatcher.Ref, pos dispatcher.Position) {
	k.domain = append(k.domain, ref.DomainID)
	k.endpoint = append(k.endpoint, k.parse(ref.EndpointID))
	k.at = append(k.at, pos.RecordedAt)
	k.seq = append(k.seq, pos.Seq)
}

// parse returns the UUID of an endpoint's id. Rows come in runs of one
// endpoint. An id that is none names no row.
func (k *placeColumns) parse(id string) uuid.UUID {
	if n := len(k.endpoint); n > 0 && id == k.last {
		return k.endpoint[n-1]
	}
	k.last = id
	u, err := endpointUUID(id)
	if err != nil {
		return uuid.Nil
	}
	return u
}

// An endpoint that is being deleted is waited for, and what belonged to it is
// left out: without the lock it could go between the look and the insert. So is
// what an admin has passed over meanwhile (EnableEndpointFromNow): what a worker
// parks lies behind its cursor, unless it was parked before. Locks are taken in
// the order of the keys, as everywhere.
const settlePark = `
WITH p AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::int[],
                         $7::timestamptz[], $8::boolean[], $9::timestamptz[], $10::bigint[], $11::int[])
        AS p (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, claimed, held_since, sequence, lost)
), there AS MATERIALIZED (
    SELECT e.domain_id, e.id, c.settled_seq
    FROM endpoints e JOIN endpoint_cursors c ON c.domain_id = e.domain_id AND c.endpoint_id = e.id
    WHERE (e.domain_id, e.id) IN (SELECT domain_id, endpoint_id FROM p)
    ORDER BY e.domain_id, e.id FOR KEY SHARE OF e FOR NO KEY UPDATE OF c
)
INSERT INTO parked (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, claimed, held_since, sequence, lost)
SELECT p.* FROM p JOIN there e ON e.domain_id = p.domain_id AND e.id = p.endpoint_id
WHERE p.seq > e.settled_seq
   OR EXISTS (SELECT FROM parked k WHERE k.domain_id = p.domain_id AND k.endpoint_id = p.endpoint_id AND k.seq = p.seq)
ON CONFLICT (domain_id, endpoint_id, seq) DO UPDATE
SET tries = excluded.tries, lost = excluded.lost, next_at = excluded.next_at, claimed = excluded.claimed, held_since = excluded.held_since`

const settleUnpark = `
DELETE FROM parked p
USING unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS u (domain_id, endpoint_id, seq)
WHERE p.domain_id = u.domain_id AND p.endpoint_id = u.endpoint_id AND p.seq = u.seq`

// Settle writes outcomes in one transaction, unless their writer lost a lease.
// Many tries go by COPY, which takes a third of the time of an insert but knows
// no repetition: when a try turns out to be there, the settlement was committed
// before and only its answer was lost, and the insert passes over what is there.
func (d *Delivery) Settle(ctx context.Context, s dispatcher.Settlement) error {
	guard := newFence(s.Replica, s.Leases)
	if len(s.Tries) >= copyFrom {
		err := d.settleInTx(ctx, s, guard, true)
		if err == nil {
			return nil
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != uniqueViolation {
			return fmt.Errorf("settle deliveries: %w", guard.meaning(ctx, d, err))
		}
	}
	var err error
	if batch := settlement(s, guard, false); len(s.Notices) > 0 {
		err = d.settleInTx(ctx, s, guard, false)
	} else if batch.Len() > 0 {
		err = d.pool.SendBatch(ctx, batch).Close() // one round trip, and a transaction of its own
	}
	if err != nil {
		return fmt.Errorf("settle deliveries: %w", guard.meaning(ctx, d, err))
	}
	return nil
}

const uniqueViolation = "23505"

// settleInTx is for what takes more than one round trip.
func (d *Delivery) settleInTx(ctx context.Context, s dispatcher.Settlement, guard *fence, byCopy bool) error {
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if byCopy {
			if err := copySeq(ctx, tx.Conn(), "tries", triesColumns, tryRowsOf(s.Tries)); err != nil {
				return err
			}
		}
		if batch := settlement(s, guard, byCopy); batch.Len() > 0 {
			if err := tx.SendBatch(ctx, batch).Close(); err != nil {
				return err
			}
		}
		return appendNotices(ctx, tx, s.At, s.Notices...)
	})
}

// settlement is everything but the notices, and but the tries if they were
// copied. Endpoints are touched before cursors, as everywhere in this package.
func settlement(s dispatcher.Settlement, guard *fence, copied bool) *pgx.Batch {
	batch := &pgx.Batch{}
	guard.queue(batch)
	if !copied {
		queueTries(batch, s.Tries)
		queueAnswered(batch, s.Answered)
	}
	queueDisable(batch, s.Disable, s.At)
	queueParked(batch, s.Park)
	if len(s.Unpark) > 0 {
		var k placeColumns
		for _, u := range s.Unpark {
			k.add(u.Ref, dispatcher.Position{Seq: u.Seq})
		}
		batch.Queue(settleUnpark, k.domain, k.endpoint, k.seq)
	}
	queueCursors(batch, &s)
	return batch
}

func queueParked(batch *pgx.Batch, parked []dispatcher.Parked) {
	if len(parked) == 0 {
		return
	}
	var k placeColumns
	lane, tries, lost := make([]string, len(parked)), make([]int32, len(parked)), make([]int32, len(parked))
	next, claimed := make([]*time.Time, len(parked)), make([]bool, len(parked))
	held, sequence := make([]*time.Time, len(parked)), make([]int64, len(parked))
	for i, p := range parked {
		k.add(p.Ref, p.Position)
		lane[i], tries[i], lost[i], next[i], claimed[i] = p.Lane, int32(p.Tries), int32(p.Lost), null(p.NextAt), p.Claimed
		held[i], sequence[i] = null(p.HeldSince), int64(p.Sequence)
	}
	batch.Queue(settlePark, k.domain, k.endpoint, k.seq, k.at, lane, tries, next, claimed, held, sequence, lost)
}
