package store

import (
	"context"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// DeskLists returns the members of one domain, as its desk picks from them. It
// is safe for concurrent use.
func (s *Store) DeskLists(domainID int64) desk.Lists {
	return &deskLists{store: s, domain: domainID}
}

type deskLists struct {
	store  *Store
	domain int64
}

// levelsOfZone is the beginning of a query for one zone: the priorities that
// its members have, from $6 down, each found by a leap through the index.
const levelsOfZone = `
WITH RECURSIVE levels (priority) AS (
    (SELECT m.priority FROM members AS m
     WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.time_zone = open.zone AND m.priority <= $6
       AND m.open_attempt = 0 AND m.stopped_at IS NULL
     ORDER BY m.priority DESC LIMIT 1)
  UNION ALL
    SELECT (SELECT m.priority FROM members AS m
            WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.time_zone = open.zone AND m.priority < levels.priority
              AND m.open_attempt = 0 AND m.stopped_at IS NULL
            ORDER BY m.priority DESC LIMIT 1)
    FROM levels WHERE levels.priority IS NOT NULL
)`

// readySQL reads, in the order in which members are picked, the first $5 who
// are ready at $4 in the zones $3 and come after the place of priority $6,
// ready_at $7 and id $8. The index has the members of a zone by priority, and
// within one by ready_at, so those of a priority who wait for their retries are
// stepped over: a priority costs two looks into the index, and the reading of a
// zone ends when there are enough. Its rows come in the order of the levels.
// Only the rows that are best of all are fetched whole.
const readySQL = `
SELECT ` + selectedMember + `
FROM (
    SELECT of_zone.id
    FROM unnest($3::text[]) AS open (zone) CROSS JOIN LATERAL (` + levelsOfZone + `
        SELECT ready.id, ready.priority, ready.ready_at
        FROM levels CROSS JOIN LATERAL (
            SELECT m.id, m.priority, m.ready_at FROM members AS m
            WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.time_zone = open.zone AND m.priority = levels.priority
              AND m.open_attempt = 0 AND m.stopped_at IS NULL AND m.ready_at <= $4
              AND (m.ready_at, m.id) > (CASE WHEN levels.priority < $6 THEN '-infinity' ELSE $7::timestamptz END, $8::bigint)
            ORDER BY m.ready_at, m.id LIMIT $5) AS ready
        WHERE levels.priority IS NOT NULL
        LIMIT $5
    ) AS of_zone
    ORDER BY of_zone.priority DESC, of_zone.ready_at, of_zone.id LIMIT $5
) AS best JOIN members AS m ON m.domain_id = $1 AND m.id = best.id
ORDER BY m.priority DESC, m.ready_at, m.id`

// The place before the first member of a list.
const everyPriority = int64(math.MaxInt64)

var everyInstant = pgtype.Timestamptz{InfinityModifier: pgtype.NegativeInfinity, Valid: true}

const (
	readVersion   = `SELECT version FROM domains WHERE id = $1`
	forbiddenOnes = `SELECT number FROM dnc WHERE domain_id = $1 AND number = ANY($2)`
)

// Ready returns up to q.Limit members of the queue in the zones who may be
// dialled at q.At, best first: by falling priority, then who has been ready
// longest. Numbers on the do-not-call list are marked. The version is that of
// the log at the one instant at which all this was read. Members who have
// expired are among them.
func (l *deskLists) Ready(ctx context.Context, q desk.Ready) ([]*queue.Member, int64, error) {
	var members []*queue.Member
	var version int64
	log := deskLog{store: l.store, domain: l.domain}
	err := log.onConn(ctx, func(conn *pgx.Conn) error {
		batch := &pgx.Batch{}
		batch.Queue(beginReading)
		batch.Queue(readVersion, l.domain).QueryRow(func(row pgx.Row) error { return row.Scan(&version) })
		batch.Queue(readySQL, l.domain, q.QueueID, q.Zones, q.At, q.Limit, everyPriority, everyInstant, 0).Query(func(rows pgx.Rows) error {
			var err error
			members, err = pgx.CollectRows(rows, scanMember)
			return err
		})
		if err := conn.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		if err := markForbidden(ctx, conn.Query, l.domain, members); err != nil {
			return err
		}
		_, err := conn.Exec(ctx, "COMMIT")
		return err
	})
	if err != nil {
		return nil, 0, fmt.Errorf("read who is ready in queue %d: %w", q.QueueID, notFound(err))
	}
	return members, version, nil
}

// markForbidden marks the members' numbers that are on the do-not-call list.
func markForbidden(ctx context.Context, query queryFunc, domainID int64, members []*queue.Member) error {
	var numbers []string
	for _, m := range members {
		for i := range m.Numbers {
			numbers = append(numbers, m.Numbers[i].Number)
		}
	}
	if len(numbers) == 0 {
		return nil
	}
	listed, err := forbidden(ctx, query, domainID, numbers)
	if err != nil || len(listed) == 0 {
		return err
	}
	for _, m := range members {
		for i := range m.Numbers {
			m.Numbers[i].Forbidden = listed[m.Numbers[i].Number]
		}
	}
	return nil
}

// queryFunc is the method Query of a connection, a pool or a transaction.
type queryFunc func(ctx context.Context, sql string, args ...any) (pgx.Rows, error)

// forbidden returns those of the numbers that are on the do-not-call list.
func forbidden(ctx context.Context, query queryFunc, domainID int64, numbers []string) (map[string]bool, error) {
	rows, err := query(ctx, forbiddenOnes, domainID, numbers)
	if err != nil {
		return nil, fmt.Errorf("look numbers up in the do-not-call list: %w", err)
	}
	found, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("look numbers up in the do-not-call list: %w", err)
	}
	set := make(map[string]bool, len(found))
	for _, n := range found {
		set[n] = true
	}
	return set, nil
}

// zonesSQL leaps from zone to zone through the index of who may be picked.
const zonesSQL = `
WITH RECURSIVE zones (zone) AS (
    (SELECT m.time_zone FROM members AS m
     WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.open_attempt = 0 AND m.stopped_at IS NULL
     ORDER BY m.time_zone LIMIT 1)
  UNION ALL
    SELECT (SELECT m.time_zone FROM members AS m
            WHERE m.domain_id = $1 AND m.queue_id = $2 AND m.open_attempt = 0 AND m.stopped_at IS NULL
              AND m.time_zone > zones.zone
            ORDER BY m.time_zone LIMIT 1)
    FROM zones WHERE zones.zone IS NOT NULL
)
SELECT zone FROM zones WHERE zone IS NOT NULL`

// Zones returns the distinct time zones of the queue's members who may still
// be dialled, sorted; the empty one stands for the calendar's.
func (l *deskLists) Zones(ctx context.Context, queueID int64) ([]string, error) {
	rows, err := l.store.pool.Query(ctx, zonesSQL, l.domain, queueID)
	if err != nil {
		return nil, fmt.Errorf("read the time zones of queue %d: %w", queueID, err)
	}
	zones, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, fmt.Errorf("read the time zones of queue %d: %w", queueID, err)
	}
	return zones, nil
}
