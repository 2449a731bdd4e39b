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

const settleGone = `
UPDATE endpoints e SET disabled = true, disabled_reason = 'gone',
       updated_at = greatest($3, e.updated_at + interval '1 microsecond')
FROM unnest($1::bigint[], $2::uuid[]) AS g (domain_id, endpoint_id)
WHERE e.domain_id = g.domain_id AND e.id = g.endpoint_id AND NOT e.disabled`

const settlePark = `
INSERT INTO parked (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, claimed)
SELECT p.* FROM unnest($1::bigint[], $2::uuid[], $3::bigint[], $4::timestamptz[], $5::text[], $6::int[],
                       $7::timestamptz[], $8::boolean[])
    AS p (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, claimed)
WHERE EXISTS (SELECT FROM endpoints e WHERE e.domain_id = p.domain_id AND e.id = p.endpoint_id)
ON CONFLICT (domain_id, endpoint_id, seq) DO UPDATE
SET tries = excluded.tries, next_at = excluded.next_at, claimed = excluded.claimed`

const settleUnpark = `
DELETE FROM parked p
USING unnest($1::bigint[], $2::uuid[], $3::bigint[]) AS u (domain_id, endpoint_id, seq)
WHERE p.domain_id = u.domain_id AND p.endpoint_id = u.endpoint_id AND p.seq = u.seq`

// A seq of 0 raises nothing, a null pause changes none.
const settleCursors = `
WITH wanted AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::text[])
        AS w (domain_id, endpoint_id, at, seq, paused_until, paused_reason)
), locked AS (
    SELECT w.* FROM endpoint_cursors c JOIN wanted w ON c.domain_id = w.domain_id AND c.endpoint_id = w.endpoint_id
    ORDER BY c.domain_id, c.endpoint_id FOR NO KEY UPDATE OF c
)
UPDATE endpoint_cursors c
SET settled_at    = CASE WHEN l.seq > c.settled_seq THEN l.at ELSE c.settled_at END,
    settled_seq   = greatest(c.settled_seq, l.seq),
    claimed_at    = CASE WHEN l.seq > c.claimed_seq THEN l.at ELSE c.claimed_at END,
    claimed_seq   = greatest(c.claimed_seq, l.seq),
    paused_until  = coalesce(l.paused_until, c.paused_until),
    paused_reason = CASE WHEN l.paused_until IS NULL THEN c.paused_reason ELSE l.paused_reason END
FROM locked l WHERE c.domain_id = l.domain_id AND c.endpoint_id = l.endpoint_id`

// Settle writes outcomes in one transaction, unless their term is over. Many tries go by COPY, which takes
// a third of the time of an insert but knows no repetition: when a try turns
// out to be there, the settlement was committed before and only its answer was
// lost, and the insert passes over what is there.
func (d *Delivery) Settle(ctx context.Context, s dispatcher.Settlement) error {
	if len(s.Tries) >= copyFrom {
		err := d.settleByCopy(ctx, s)
		if err == nil {
			return nil
		}
		var pg *pgconn.PgError
		if !errors.As(err, &pg) || pg.Code != uniqueViolation {
			return fmt.Errorf("settle deliveries: %w", superseded(err))
		}
	}
	batch := &pgx.Batch{} // one round trip, and a transaction of its own
	fence(batch, s.Term)
	queueTries(batch, s.Tries)
	queueSettlement(batch, s)
	if batch.Len() == 0 {
		return nil
	}
	if err := d.pool.SendBatch(ctx, batch).Close(); err != nil {
		return fmt.Errorf("settle deliveries: %w", superseded(err))
	}
	return nil
}

const uniqueViolation = "23505"

func (d *Delivery) settleByCopy(ctx context.Context, s dispatcher.Settlement) error {
	rows := make([][]any, len(s.Tries))
	for i := range s.Tries {
		rows[i] = tryRow(&s.Tries[i])
	}
	return pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if err := copyRows(ctx, tx.Conn(), "tries", triesColumns, rows); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		fence(batch, s.Term)
		queueSettlement(batch, s)
		if batch.Len() == 0 {
			return nil
		}
		return tx.SendBatch(ctx, batch).Close()
	})
}

// queueSettlement adds everything but the tries. Endpoints are touched before
// cursors, as everywhere in this package.
func queueSettlement(batch *pgx.Batch, s dispatcher.Settlement) {
	if len(s.Gone) > 0 {
		var k placeColumns
		for _, ref := range s.Gone {
			k.add(ref, dispatcher.Position{})
		}
		batch.Queue(settleGone, k.domain, k.endpoint, s.At)
	}
	queueParked(batch, s.Park)
	if len(s.Unpark) > 0 {
		var k placeColumns
		for _, u := range s.Unpark {
			k.add(u.Ref, dispatcher.Position{Seq: u.Seq})
		}
		batch.Queue(settleUnpark, k.domain, k.endpoint, k.seq)
	}
	queueCursors(batch, s.Cursors, s.Pauses)
}

func queueParked(batch *pgx.Batch, parked []dispatcher.Parked) {
	if len(parked) == 0 {
		return
	}
	var k placeColumns
	lane, tries := make([]string, len(parked)), make([]int32, len(parked))
	next, claimed := make([]*time.Time, len(parked)), make([]bool, len(parked))
	for i, p := range parked {
		k.add(p.Ref, p.Position)
		lane[i], tries[i], next[i], claimed[i] = p.Lane, int32(p.Tries), null(p.NextAt), p.Claimed
	}
	batch.Queue(settlePark, k.domain, k.endpoint, k.seq, k.at, lane, tries, next, claimed)
}

func queueCursors(batch *pgx.Batch, cursors []dispatcher.Cursor, pauses []dispatcher.Pause) {
	var k placeColumns
	var until []*time.Time
	var reason []string
	place := map[dispatcher.Ref]int{}
	row := func(ref dispatcher.Ref, pos dispatcher.Position) int {
		i, ok := place[ref]
		if !ok {
			i = len(until)
			place[ref] = i
			k.add(ref, pos)
			until, reason = append(until, nil), append(reason, "")
		}
		return i
	}
	for _, c := range cursors {
		row(c.Ref, c.Settled)
	}
	for i := range pauses {
		j := row(pauses[i].Ref, dispatcher.Position{})
		until[j], reason[j] = &pauses[i].Until, string(pauses[i].Reason)
	}
	if len(until) > 0 {
		batch.Queue(settleCursors, k.domain, k.endpoint, k.at, k.seq, until, reason)
	}
}
