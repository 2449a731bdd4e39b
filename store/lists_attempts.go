package store

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// AttemptFilter says which attempts a list shows. Zero fields ask for nothing.
type AttemptFilter struct {
	Open     bool // only open ones
	Finished bool // only those that have left
	QueueID  int64
	// AgentID is the agent who last accepted.
	AgentID int64
	Result  queue.CCResult
	// Since and Until bound joined_at: from Since on, before Until.
	Since, Until time.Time
	// Before is where the page before ended; the zero place begins with the
	// youngest.
	Before AttemptPlace
	Limit  int
}

// AttemptPlace is a place in a list of attempts.
type AttemptPlace struct {
	JoinedAt time.Time
	ID       int64
}

// compare orders places as the list has them: the youngest first.
func (p AttemptPlace) compare(q AttemptPlace) int {
	return cmp.Or(q.JoinedAt.Compare(p.JoinedAt), cmp.Compare(q.ID, p.ID))
}

func placeOfAttempt(a *queue.Attempt) AttemptPlace { return AttemptPlace{a.JoinedAt, a.ID} }

// Attempts lists a domain's attempts, open and finished, by falling joined_at:
// the youngest first. A page may hold fewer than f.Limit, or none, while next is
// not nil: then the list goes on there.
func (s *Store) Attempts(ctx context.Context, domainID int64, f AttemptFilter) (found []*queue.Attempt, next *AttemptPlace, err error) {
	// The open ones are read first: one that leaves in between is then seen
	// twice, never missed.
	if !f.Finished && f.Result == "" {
		if found, err = s.openAttempts(ctx, domainID, f); err != nil {
			return nil, nil, fmt.Errorf("list open attempts: %w", err)
		}
	}
	if !f.Open {
		var finished []*queue.Attempt
		if finished, next, err = s.finishedAttempts(ctx, domainID, f); err != nil {
			return nil, nil, fmt.Errorf("list finished attempts: %w", err)
		}
		found = append(finished, found...)
	}
	slices.SortStableFunc(found, func(a, b *queue.Attempt) int { return placeOfAttempt(a).compare(placeOfAttempt(b)) })
	found = slices.CompactFunc(found, func(a, b *queue.Attempt) bool { return a.ID == b.ID })
	if next != nil { // what is behind that place was not looked at, but for open ones
		found = slices.DeleteFunc(found, func(a *queue.Attempt) bool { return placeOfAttempt(a).compare(*next) > 0 })
	}
	if len(found) >= f.Limit {
		found = found[:f.Limit]
		last := placeOfAttempt(found[f.Limit-1])
		next = &last
	}
	return found, next, nil
}

// Few are open, so they are sorted.
const openAttemptsSQL = `
SELECT record
FROM open_attempts
WHERE domain_id = $1
  AND (joined_at, id) < (coalesce($2::timestamptz, 'infinity'), $3::bigint)
  AND ($4::bigint = 0 OR queue_id = $4)
  AND ($5::bigint = 0 OR (record -> 'agent' ->> 'id')::bigint = $5)
  AND ($6::timestamptz IS NULL OR joined_at >= $6)
  AND ($7::timestamptz IS NULL OR joined_at < $7)
ORDER BY joined_at DESC, id DESC
LIMIT $8`

func (s *Store) openAttempts(ctx context.Context, domainID int64, f AttemptFilter) ([]*queue.Attempt, error) {
	rows, err := s.pool.Query(ctx, openAttemptsSQL,
		domainID, null(f.Before.JoinedAt), f.Before.ID, f.QueueID, f.AgentID, null(f.Since), null(f.Until), f.Limit)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, scanOpenAttempt)
}

// attemptsBound is how many finished attempts one page looks at, so that a
// filter that hardly anything passes gives a short page and a place to go on.
const attemptsBound = 1000

// finishedFrom begins what looks at finished attempts, the youngest first, along
// an index, from one place on: of two upper bounds Postgres would take the wrong
// one to begin at. An attempt's leaving is never recorded before its joining
// happened, so the lower bound prunes partitions.
const finishedFrom = `
FROM attempts
WHERE domain_id = $1
  AND joined_at <= coalesce($2::timestamptz, 'infinity') AND (joined_at, id) < (coalesce($2::timestamptz, 'infinity'), $3::bigint)
  AND joined_at >= coalesce($4::timestamptz, '-infinity') AND recorded_at >= coalesce($4::timestamptz, '-infinity')`

// What the filter asks for that an index of its own serves; the rest is looked
// at row by row.
const (
	ofAnybody = `
  AND $6::bigint = 0`
	ofAgent = `
  AND agent_id = $6`
	ofQueue = `
  AND queue_id = $6`
)

const youngestFirst = `
ORDER BY joined_at DESC, id DESC`

// narrow chooses the index.
func (f *AttemptFilter) narrow() (condition string, id int64) {
	switch {
	case f.AgentID != 0:
		return ofAgent, f.AgentID
	case f.QueueID != 0:
		return ofQueue, f.QueueID
	default:
		return ofAnybody, 0
	}
}

// finishedSQL looks at no more than $5 attempts and returns no more than $10 of
// them. If it has looked at so many, the last one is returned in any case: there
// may be more behind it.
func (f *AttemptFilter) finishedSQL() string {
	condition, _ := f.narrow()
	return `SELECT ` + historyColumns + `, m.matches, a.place = $5
FROM (SELECT *, row_number() OVER (ORDER BY joined_at DESC, id DESC) AS place` + finishedFrom + condition + youngestFirst + ` LIMIT $5) AS a,
  LATERAL (SELECT ($7::bigint = 0 OR agent_id IS NOT DISTINCT FROM $7) AND ($8::bigint = 0 OR queue_id = $8)
                  AND ($9 = '' OR cc_result = $9) AS matches) AS m
WHERE m.matches OR a.place = $5` + youngestFirst + `
LIMIT $10`
}

func (f *AttemptFilter) args(domainID int64) []any {
	_, id := f.narrow()
	begin := f.Before
	if !f.Until.IsZero() && (begin.JoinedAt.IsZero() || f.Until.Before(begin.JoinedAt)) {
		begin = AttemptPlace{JoinedAt: f.Until} // before every id of that instant
	}
	return []any{domainID, null(begin.JoinedAt), begin.ID, null(f.Since), attemptsBound, id,
		f.AgentID, f.QueueID, string(f.Result), f.Limit}
}

func (s *Store) finishedAttempts(ctx context.Context, domainID int64, f AttemptFilter) (found []*queue.Attempt, next *AttemptPlace, err error) {
	rows, err := s.pool.Query(ctx, f.finishedSQL(), f.args(domainID)...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	found = []*queue.Attempt{}
	for rows.Next() {
		var matches, last bool
		a, err := scanFinishedAttempt(extended{rows, []any{&matches, &last}})
		if err != nil {
			return nil, nil, err
		}
		if matches {
			found = append(found, a)
		}
		if last {
			place := placeOfAttempt(a)
			next = &place
		}
	}
	return found, next, rows.Err()
}

// Each queue's last attempts are the end of its part of an index.
const handleTimesSQL = `
SELECT q.id, round(extract(epoch FROM avg(last.leaving_at - last.bridged_at)) * 1000)::bigint
FROM unnest($2::bigint[]) AS q (id) CROSS JOIN LATERAL (
    SELECT bridged_at, leaving_at FROM attempts
    WHERE domain_id = $1 AND queue_id = q.id AND joined_at >= $3 AND recorded_at >= $3
    ORDER BY joined_at DESC, id DESC LIMIT $4) AS last
WHERE last.bridged_at IS NOT NULL
GROUP BY q.id`

// HandleTimes returns for each of the queues the mean of talk and wrap-up
// (figures.md 1, AHT), to the millisecond, over those of its last attempts that
// had an agent: over up to limit attempts that joined from since on. A queue
// without any is missing.
func (s *Store) HandleTimes(ctx context.Context, domainID int64, queues []int64, since time.Time, limit int) (map[int64]time.Duration, error) {
	found := map[int64]time.Duration{}
	rows, _ := s.pool.Query(ctx, handleTimesSQL, domainID, queues, since, limit)
	var id, ms int64
	_, err := pgx.ForEachRow(rows, []any{&id, &ms}, func() error {
		found[id] = time.Duration(ms) * time.Millisecond
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("read handle times: %w", err)
	}
	return found, nil
}
