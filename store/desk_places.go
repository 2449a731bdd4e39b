package store

import (
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// placeRows are the places of a batch. Each has another queue or destination,
// because a batch holds a record once.
type placeRows struct {
	columns
	destination []string
	until       []time.Time
}

func (p *placeRows) gather(r *queue.Place) error {
	p.destination = append(p.destination, r.Destination)
	p.until = append(p.until, r.Until)
	return p.add(r.QueueID, r)
}

const (
	readPlaces    = `SELECT record FROM places WHERE domain_id = $1 ORDER BY queue_id, destination`
	changedPlaces = `
SELECT record FROM places
WHERE domain_id = $1 AND changed > $2 AND changed <= $3 AND changed > 0 ORDER BY queue_id, destination`

	putPlaces = `
INSERT INTO places (domain_id, queue_id, destination, until, record, changed)
SELECT $1, r.queue_id, r.destination, r.until, r.record::jsonb, $2
FROM unnest($3::bigint[], $4::text[], $5::timestamptz[], $6::text[]) AS r (queue_id, destination, until, record)
ON CONFLICT (domain_id, queue_id, destination) DO UPDATE
SET until = EXCLUDED.until, record = EXCLUDED.record, changed = EXCLUDED.changed`
	// A little later than until, so that no replica misses that one was taken,
	// and few at a time: each batch with places drops more than it adds.
	dropPlaces = `
DELETE FROM places WHERE domain_id = $1 AND ctid = ANY (ARRAY(
    SELECT ctid FROM places WHERE domain_id = $1 AND until < $2::timestamptz - interval '1 minute' ORDER BY until LIMIT $3))`
)

// queue stores the places, and drops some that are over at the instant now.
func (p *placeRows) queue(batch *pgx.Batch, domain, version int64, now time.Time) {
	if len(p.id) == 0 {
		return
	}
	batch.Queue(putPlaces, domain, version, p.id, p.destination, p.until, p.record)
	if !now.IsZero() {
		batch.Queue(dropPlaces, domain, now, 2*len(p.id)+10)
	}
}
