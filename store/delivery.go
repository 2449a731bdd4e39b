package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

var _ dispatcher.Store = (*Delivery)(nil)

const activeEndpoints = endpointColumns + ` WHERE NOT e.disabled ORDER BY e.domain_id, e.id`

// Active returns every endpoint of every domain that is not disabled. One whose
// secrets no key of the ring opens comes without them.
func (d *Delivery) Active(ctx context.Context) ([]dispatcher.Subscription, error) {
	rows, _ := d.pool.Query(ctx, activeEndpoints)
	subs, err := pgx.CollectRows(rows, d.scanListed)
	if err != nil {
		return nil, fmt.Errorf("read active endpoints: %w", err)
	}
	return subs, nil
}

// Events returns up to limit events behind a position, in the order of the log.
func (d *Delivery) Events(ctx context.Context, domainID int64, after dispatcher.Position, limit int) ([]queue.Event, error) {
	return d.store.EventsAfter(ctx, domainID, after, limit)
}

// EventsAt returns the events at the positions that are still stored.
func (d *Delivery) EventsAt(ctx context.Context, domainID int64, at []dispatcher.Position) ([]queue.Event, error) {
	return d.store.EventsAt(ctx, domainID, at)
}

const earlierEvents = `
SELECT attempt_id, sequence, type, recorded_at, seq FROM events
WHERE domain_id = $1 AND attempt_id = ANY ($2) AND recorded_at >= $3 AND sequence IS NOT NULL
ORDER BY attempt_id, sequence`

// Earlier returns number, type and place of the attempt.* events of the attempts that
// were recorded at or after since, which prunes partitions: there may be one for
// each of 400 days.
func (d *Delivery) Earlier(ctx context.Context, domainID int64, attempts []int64, since time.Time) (map[int64][]dispatcher.Earlier, error) {
	rows, _ := d.pool.Query(ctx, earlierEvents, domainID, attempts, since)
	out := map[int64][]dispatcher.Earlier{}
	var attempt int64
	var e dispatcher.Earlier
	_, err := pgx.ForEachRow(rows, []any{&attempt, &e.Sequence, &e.Type, &e.RecordedAt, &e.Seq}, func() error {
		e.RecordedAt = e.RecordedAt.UTC()
		out[attempt] = append(out[attempt], e)
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read earlier events: %w", err)
	}
	return out, nil
}

const selectCursor = `
SELECT settled_at, settled_seq, claimed_at, claimed_seq, coalesce(claimed_for, ''),
       paused_until, paused_reason, breaker_openings, last_success_at, failing_since, failing_told
FROM endpoint_cursors WHERE domain_id = $1 AND endpoint_id = $2`

const selectParked = `
SELECT ` + parkedColumns + `
FROM parked WHERE domain_id = $1 AND endpoint_id = $2 ORDER BY seq`

const selectDone = `
SELECT DISTINCT t.seq
FROM tries t JOIN endpoint_cursors c ON c.domain_id = t.domain_id AND c.endpoint_id = t.endpoint_id
WHERE t.domain_id = $1 AND t.endpoint_id = $2 AND t.seq > c.settled_seq AND t.seq <= c.claimed_seq
  AND t.state IN ('delivered', 'refused', 'exhausted') AND NOT t.manual`

// Backlog returns what an endpoint's worker starts from, or dispatcher.ErrGone.
func (d *Delivery) Backlog(ctx context.Context, ref dispatcher.Ref) (dispatcher.Backlog, error) {
	var b dispatcher.Backlog
	var paused, success, failing *time.Time
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return b, dispatcher.ErrGone
	}
	err = pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error {
			err := tx.QueryRow(ctx, selectCursor, ref.DomainID, id).Scan(
				&b.Settled.RecordedAt, &b.Settled.Seq, &b.Claimed.RecordedAt, &b.Claimed.Seq, &b.ClaimedFor,
				&paused, &b.Health.PausedReason, &b.Health.Openings, &success, &failing, &b.Health.Told)
			if errors.Is(err, pgx.ErrNoRows) {
				return dispatcher.ErrGone
			}
			if err != nil {
				return err
			}
			rows, _ := tx.Query(ctx, selectParked, ref.DomainID, id)
			if b.Parked, err = pgx.CollectRows(rows, scanParked); err != nil {
				return err
			}
			rows, _ = tx.Query(ctx, selectDone, ref.DomainID, id)
			b.Done, err = pgx.CollectRows(rows, pgx.RowTo[int64])
			return err
		})
	if err != nil {
		return dispatcher.Backlog{}, fmt.Errorf("read backlog: %w", err)
	}
	b.Health.PausedUntil, b.Health.LastSuccess, b.Health.FailingSince = instant(paused), instant(success), instant(failing)
	b.Settled.RecordedAt, b.Claimed.RecordedAt = b.Settled.RecordedAt.UTC(), b.Claimed.RecordedAt.UTC()
	return b, nil
}

// Cursors are locked in the order of their keys, here and in settleCursors:
// claims and settlements of many endpoints run side by side.
const claimCursors = `
WITH wanted AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::text[])
        AS w (domain_id, endpoint_id, at, seq, claimed_for)
), locked AS (
    SELECT w.*
    FROM endpoint_cursors c JOIN wanted w ON c.domain_id = w.domain_id AND c.endpoint_id = w.endpoint_id
    WHERE c.claimed_seq < w.seq OR w.claimed_for <> ''
    ORDER BY c.domain_id, c.endpoint_id FOR NO KEY UPDATE OF c
)
UPDATE endpoint_cursors c
SET claimed_at  = CASE WHEN l.seq > c.claimed_seq THEN l.at ELSE c.claimed_at END,
    claimed_seq = greatest(c.claimed_seq, l.seq),
    claimed_for = CASE WHEN l.claimed_for <> '' THEN l.claimed_for ELSE c.claimed_for END
FROM locked l WHERE c.domain_id = l.domain_id AND c.endpoint_id = l.endpoint_id`

const claimParked = `
UPDATE parked p SET claimed = true
FROM unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS w (domain_id, endpoint_id, seq)
WHERE p.domain_id = w.domain_id AND p.endpoint_id = w.endpoint_id AND p.seq = w.seq`

// Claim marks what is about to be sent, in one round trip.
func (d *Delivery) Claim(ctx context.Context, replica int64, claims []dispatcher.Claim) error {
	var cursors, parked placeColumns
	var claimedFor []string
	leases := make([]dispatcher.Lease, len(claims))
	for i := range claims {
		c := &claims[i]
		leases[i] = dispatcher.Lease{Ref: c.Ref, Epoch: c.Epoch}
		if c.Upto.Seq > 0 {
			cursors.add(c.Ref, c.Upto)
			claimedFor = append(claimedFor, c.For)
		}
		for _, seq := range c.Parked {
			parked.add(c.Ref, dispatcher.Position{Seq: seq})
		}
	}
	batch, guard := &pgx.Batch{}, newFence(replica, leases)
	guard.queue(batch)
	if len(cursors.seq) > 0 {
		batch.Queue(claimCursors, cursors.domain, cursors.endpoint, cursors.at, cursors.seq, claimedFor)
	}
	if len(parked.seq) > 0 {
		batch.Queue(claimParked, parked.domain, parked.endpoint, parked.seq)
	}
	if batch.Len() == 0 {
		return nil
	}
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("claim deliveries: %w", guard.meaning(ctx, d, err))
	}
	return nil
}
