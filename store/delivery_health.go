package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

const failedEvents = `
SELECT coalesce(attempt_id, 0), count(DISTINCT seq) FROM tries
WHERE domain_id = $1 AND endpoint_id = $2 AND started_at >= $3 AND seq > 0 AND NOT manual
  AND outcome NOT IN ('delivered', 'expired', 'unknown')
GROUP BY 1 LIMIT 1000`

// Failed returns how many events of each attempt failed at an endpoint since an
// instant, of up to 1,000 attempts: nobody asks for more than a few.
func (d *Delivery) Failed(ctx context.Context, ref dispatcher.Ref, since time.Time) (map[int64]int, error) {
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return nil, dispatcher.ErrGone
	}
	out := map[int64]int{}
	var attempt int64
	var n int
	rows, _ := d.pool.Query(ctx, failedEvents, ref.DomainID, id, since)
	if _, err := pgx.ForEachRow(rows, []any{&attempt, &n}, func() error { out[attempt] = n; return nil }); err != nil {
		return nil, fmt.Errorf("count what failed: %w", err)
	}
	return out, nil
}

const settleDisable = `
UPDATE endpoints e SET disabled = true, disabled_reason = g.reason,
       updated_at = greatest($4, e.updated_at + interval '1 microsecond')
FROM unnest($1::bigint[], $2::uuid[], $3::text[]) AS g (domain_id, endpoint_id, reason)
WHERE e.domain_id = g.domain_id AND e.id = g.endpoint_id AND NOT e.disabled`

func queueDisable(batch *pgx.Batch, off []dispatcher.Disabling, at time.Time) {
	if len(off) == 0 {
		return
	}
	var k placeColumns
	reasons := make([]string, len(off))
	for i := range off {
		k.add(off[i].Ref, dispatcher.Position{})
		reasons[i] = off[i].Reason
	}
	batch.Queue(settleDisable, k.domain, k.endpoint, reasons, at)
}

// A seq of 0 raises nothing, and no unclaim lowers nothing. Health is written
// where the settings are those that it was found under: an admin who has changed
// them meanwhile wants it begun anew.
const settleCursors = `
WITH wanted AS (
    SELECT * FROM unnest($1::bigint[], $2::uuid[], $3::timestamptz[], $4::bigint[], $5::timestamptz[], $6::bigint[],
                         $7::timestamptz[], $8::timestamptz[], $9::text[], $10::int[], $11::timestamptz[],
                         $12::timestamptz[], $13::int[])
        AS w (domain_id, endpoint_id, at, seq, unclaim_at, unclaim_seq, version, paused_until, paused_reason,
              openings, success_at, failing_since, told)
), locked AS (
    SELECT w.*, EXISTS (SELECT FROM endpoints e
                        WHERE e.domain_id = w.domain_id AND e.id = w.endpoint_id AND e.updated_at = w.version) AS health
    FROM endpoint_cursors c JOIN wanted w ON c.domain_id = w.domain_id AND c.endpoint_id = w.endpoint_id
    ORDER BY c.domain_id, c.endpoint_id FOR NO KEY UPDATE OF c
)
UPDATE endpoint_cursors c
SET settled_at       = CASE WHEN l.seq > c.settled_seq THEN l.at ELSE c.settled_at END,
    settled_seq      = greatest(c.settled_seq, l.seq),
    claimed_at       = CASE WHEN least(c.claimed_seq, l.unclaim_seq) > greatest(c.settled_seq, l.seq)
                            THEN CASE WHEN l.unclaim_seq < c.claimed_seq THEN l.unclaim_at ELSE c.claimed_at END
                            WHEN l.seq > c.settled_seq THEN l.at ELSE c.settled_at END,
    claimed_seq      = greatest(c.settled_seq, l.seq, least(c.claimed_seq, l.unclaim_seq)),
    paused_until     = CASE WHEN l.health THEN l.paused_until ELSE c.paused_until END,
    paused_reason    = CASE WHEN l.health THEN l.paused_reason ELSE c.paused_reason END,
    breaker_openings = CASE WHEN l.health THEN l.openings ELSE c.breaker_openings END,
    last_success_at  = CASE WHEN l.health THEN l.success_at ELSE c.last_success_at END,
    failing_since    = CASE WHEN l.health THEN l.failing_since ELSE c.failing_since END,
    failing_told     = CASE WHEN l.health THEN l.told ELSE c.failing_told END
FROM locked l WHERE c.domain_id = l.domain_id AND c.endpoint_id = l.endpoint_id`

// cursorColumns are the rows of settleCursors.
type cursorColumns struct {
	placeColumns
	unclaimAt                       []*time.Time
	unclaimSeq                      []*int64
	version, paused, success, since []*time.Time
	reason                          []string
	openings, told                  []int32

	place map[dispatcher.Ref]int
}

// row returns the place of an endpoint's row.
func (c *cursorColumns) row(ref dispatcher.Ref) int {
	i, ok := c.place[ref]
	if ok {
		return i
	}
	i = len(c.version)
	c.place[ref] = i
	c.add(ref, dispatcher.Position{})
	c.unclaimAt, c.unclaimSeq = append(c.unclaimAt, nil), append(c.unclaimSeq, nil)
	c.version, c.paused = append(c.version, nil), append(c.paused, nil)
	c.success, c.since = append(c.success, nil), append(c.since, nil)
	c.reason, c.openings, c.told = append(c.reason, ""), append(c.openings, 0), append(c.told, 0)
	return i
}

// queueCursors adds one statement for all that a settlement says of cursors.
func queueCursors(batch *pgx.Batch, s *dispatcher.Settlement) {
	c := cursorColumns{place: map[dispatcher.Ref]int{}}
	for i := range s.Cursors {
		j := c.row(s.Cursors[i].Ref)
		c.at[j], c.seq[j] = s.Cursors[i].Settled.RecordedAt, s.Cursors[i].Settled.Seq
	}
	for i := range s.Unclaim {
		j := c.row(s.Unclaim[i].Ref)
		c.unclaimAt[j], c.unclaimSeq[j] = &s.Unclaim[i].Claimed.RecordedAt, &s.Unclaim[i].Claimed.Seq
	}
	for i := range s.Healths {
		h := &s.Healths[i]
		j := c.row(h.Ref)
		c.version[j], c.paused[j], c.reason[j] = &h.Version, null(h.PausedUntil), string(h.PausedReason)
		c.openings[j], c.success[j] = int32(h.Openings), null(h.LastSuccess)
		c.since[j], c.told[j] = null(h.FailingSince), int32(h.Told)
	}
	if len(c.version) > 0 {
		batch.Queue(settleCursors, c.domain, c.endpoint, c.at, c.seq, c.unclaimAt, c.unclaimSeq, c.version,
			c.paused, c.reason, c.openings, c.success, c.since, c.told)
	}
}
