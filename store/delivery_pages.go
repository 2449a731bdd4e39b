package store

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

// scanBound is how many tries one page looks at: a filter that hardly anything
// passes gives a short page and a place to go on, not a walk through millions
// of rows.
const scanBound = 500

// LastTry is a delivery as lists show it: the last try of an event at an
// endpoint, and what comes next.
type LastTry struct {
	dispatcher.Try
	// Tries is how many there were by the schedule that ended or goes on last.
	Tries int
	// Waits says that the event waits for its next try, or is held behind
	// another one; NextAt is zero then.
	Waits bool
}

// triesFrom begins what looks at an endpoint's tries, newest first. All that
// Postgres reads lies between its bounds.
const triesFrom = `
FROM tries t
WHERE t.domain_id = $1 AND t.endpoint_id = $2
  AND t.started_at >= coalesce($3::timestamptz, '-infinity')
  AND t.started_at <= coalesce($4::timestamptz, 'infinity')
  AND (t.started_at, t.seq, t.number) < (coalesce($4::timestamptz, 'infinity'), $5::bigint, $6::bigint)`

// Conditions that let the indexes of what went wrong serve: few rows among many.
const (
	onlyFailed = `
  AND t.outcome <> 'delivered'`
	onlyGivenUp = `
  AND t.state IN ('refused', 'exhausted')`
)

const newestFirst = `
ORDER BY t.started_at DESC, t.seq DESC, t.number DESC`

const matching = `
WHERE ($8 = '' OR t.outcome = $8) AND ($9 = '' OR t.event_type = $9) AND ($10 = '' OR t.state = $10)`

// Only the last try of each event. A later one began later, which prunes the
// partitions to look into.
const lastOnly = `
  AND t.seq > 0 AND NOT EXISTS (
    SELECT FROM tries l
    WHERE l.domain_id = t.domain_id AND l.seq = t.seq AND l.endpoint_id = t.endpoint_id
      AND l.started_at >= t.started_at AND (l.started_at, l.number) > (t.started_at, t.number))`

// tryFields are what scanTry scans.
const tryFields = `t.domain_id, t.endpoint_id, t.seq, t.number, t.started_at, t.event_id, t.event_type, t.attempt_id,
       t.outcome, t.state, t.duration_us, t.first_byte_us, t.status, t.header, t.body, t.body_truncated,
       t.error, t.next_at, t.manual`

// pageSQL looks at no more than $7 tries and returns no more than $11 of them.
func pageSQL(f TryFilter, columns, join, condition string) string {
	scan := `SELECT ` + tryFields + triesFrom + f.narrow()
	return `SELECT ` + columns + ` FROM (` + scan + newestFirst + ` LIMIT $7) t` + join + matching + condition + newestFirst + ` LIMIT $11`
}

// lastScanned is where a page that is not full ended: the last try that it
// looked at, if there may be more behind it.
func lastScanned(f TryFilter) string {
	return `SELECT t.started_at, t.seq, t.number` + triesFrom + f.narrow() + newestFirst + ` LIMIT 1 OFFSET $7 - 1`
}

// narrow is what the filter implies that an index knows of.
func (f *TryFilter) narrow() string {
	switch {
	case f.State == dispatcher.StateRefused || f.State == dispatcher.StateExhausted:
		return onlyGivenUp
	case f.Outcome != "" && f.Outcome != dispatcher.OutcomeDelivered || f.State == dispatcher.StateRetrying:
		return onlyFailed
	default:
		return ""
	}
}

// TryPage lists what was sent to an endpoint, newest first, also of an endpoint
// that was deleted. A page may hold fewer than f.Limit, or none, while next is
// not nil: then the list goes on there.
func (d *Delivery) TryPage(ctx context.Context, ref dispatcher.Ref, f TryFilter) (tries []dispatcher.Try, next *TryCursor, err error) {
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return nil, nil, err
	}
	args := f.args(ref.DomainID, id)
	rows, _ := d.pool.Query(ctx, pageSQL(f, tryFields, "", ""), append(args, string(f.Outcome), string(f.Type), string(f.State), f.Limit)...)
	if tries, err = pgx.CollectRows(rows, scanTry); err != nil {
		return nil, nil, fmt.Errorf("list tries: %w", err)
	}
	if len(tries) == f.Limit {
		last := CursorOf(tries[len(tries)-1])
		return tries, &last, nil
	}
	next, err = d.goOn(ctx, f, args)
	return tries, next, err
}

const andParked = `
LEFT JOIN parked p ON p.domain_id = t.domain_id AND p.endpoint_id = t.endpoint_id AND p.seq = t.seq`

const deliveryFields = tryFields + `, p.seq IS NOT NULL, p.next_at, p.tries`

// DeliveryPage lists the events that an endpoint was sent, each at its last
// try, newest first. As with TryPage, a page may be short.
func (d *Delivery) DeliveryPage(ctx context.Context, ref dispatcher.Ref, f TryFilter) (found []LastTry, next *TryCursor, err error) {
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return nil, nil, err
	}
	args := f.args(ref.DomainID, id)
	rows, _ := d.pool.Query(ctx, pageSQL(f, deliveryFields, andParked, lastOnly), append(args, string(f.Outcome), string(f.Type), string(f.State), f.Limit)...)
	if found, err = pgx.CollectRows(rows, scanLastTry); err != nil {
		return nil, nil, fmt.Errorf("list deliveries: %w", err)
	}
	if len(found) == f.Limit {
		last := CursorOf(found[len(found)-1].Try)
		return found, &last, nil
	}
	next, err = d.goOn(ctx, f, args)
	return found, next, err
}

// goOn returns where the next page begins; nil at the end of the list.
func (d *Delivery) goOn(ctx context.Context, f TryFilter, args []any) (*TryCursor, error) {
	rows, _ := d.pool.Query(ctx, lastScanned(f), args...)
	places, err := pgx.CollectRows(rows, pgx.RowToStructByPos[TryCursor])
	if err != nil {
		return nil, fmt.Errorf("list tries: %w", err)
	}
	if len(places) == 0 {
		return nil, nil
	}
	return &places[0], nil
}

func (f *TryFilter) args(domainID int64, endpoint uuid.UUID) []any {
	begin := f.Before
	if !f.Until.IsZero() && (begin.StartedAt.IsZero() || f.Until.Before(begin.StartedAt)) {
		begin = TryCursor{StartedAt: f.Until, Seq: math.MinInt64} // see finishedFrom
	}
	return []any{domainID, endpoint, null(f.Since), null(begin.StartedAt), begin.Seq, begin.Number, scanBound}
}

func scanLastTry(row pgx.CollectableRow) (LastTry, error) {
	var l LastTry
	var next *time.Time
	var tries *int
	var err error
	if l.Try, err = scanTry(extended{row, []any{&l.Waits, &next, &tries}}); err != nil {
		return l, err
	}
	l.NextAt, l.Tries = instant(next), l.Number
	switch {
	case l.Waits && next == nil && *tries == 0:
		l.State = dispatcher.StateHeld
	case l.Waits:
		l.State = dispatcher.StateRetrying
	case l.State == dispatcher.StateRetrying:
		l.State = dispatcher.StateSkipped
	}
	return l, nil
}

// extended is a row with more columns than its scanner knows.
type extended struct {
	pgx.CollectableRow
	more []any
}

// Scan reads the columns that the scanner knows, and the others.
func (e extended) Scan(dest ...any) error { return e.CollectableRow.Scan(append(dest, e.more...)...) }

// EndpointStats says how an endpoint fares.
type EndpointStats struct {
	// From is the instant from which on tries were counted: the one asked for, or
	// later when there were too many; Complete is false then.
	From     time.Time
	Complete bool
	// Tries counts them by outcome, without those by hand.
	Tries map[dispatcher.Outcome]int64
	// P50, P95 and P99 are how long delivered tries took; zero without one.
	P50, P95, P99 time.Duration
	// Backlog is how many events of the log lie behind the cursor, whatever their
	// type; Oldest is when the first of them was recorded, zero for none.
	Backlog int64
	Oldest  time.Time
	// Retrying and Held count the parked events, up to 10,000.
	Retrying, Held int64
	// NextAt is when the next of them is due; zero for none.
	NextAt time.Time
}

// statsBound is how many tries the figures of an endpoint are made of at most.
const statsBound = 10_000

const tryStats = `
WITH seen AS MATERIALIZED (
    SELECT t.outcome, t.duration_us, t.started_at FROM tries t
    WHERE t.domain_id = $1 AND t.endpoint_id = $2 AND t.started_at >= $3 AND t.started_at < $4 AND NOT t.manual
    ORDER BY t.started_at DESC LIMIT $5
)
SELECT outcome, count(*), min(started_at),
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY duration_us)
FROM seen GROUP BY outcome`

const backlogStats = `
SELECT d.head_seq - c.settled_seq,
       (SELECT e.recorded_at FROM events e
        WHERE e.domain_id = $1 AND e.recorded_at >= c.settled_at AND (e.recorded_at, e.seq) > (c.settled_at, c.settled_seq)
        ORDER BY e.recorded_at, e.seq LIMIT 1)
FROM endpoint_cursors c JOIN domains d ON d.id = c.domain_id
WHERE c.domain_id = $1 AND c.endpoint_id = $2`

const parkedStats = `
SELECT count(*) FILTER (WHERE next_at IS NOT NULL), count(*) FILTER (WHERE next_at IS NULL), min(next_at)
FROM (SELECT next_at FROM parked WHERE domain_id = $1 AND endpoint_id = $2 LIMIT 10000) p`

// Stats tells how an endpoint fared from since on until until, or ErrNotFound.
func (d *Delivery) Stats(ctx context.Context, ref dispatcher.Ref, since, until time.Time) (EndpointStats, error) {
	s := EndpointStats{From: since.UTC(), Complete: true, Tries: map[dispatcher.Outcome]int64{}}
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return s, err
	}
	var oldest, next *time.Time
	err = d.pool.QueryRow(ctx, backlogStats, ref.DomainID, id).Scan(&s.Backlog, &oldest)
	if err == nil {
		err = d.pool.QueryRow(ctx, parkedStats, ref.DomainID, id).Scan(&s.Retrying, &s.Held, &next)
	}
	if err != nil {
		return s, fmt.Errorf("read the figures of an endpoint: %w", notFound(err))
	}
	s.Oldest, s.NextAt = instant(oldest), instant(next)
	rows, _ := d.pool.Query(ctx, tryStats, ref.DomainID, id, since, until, statsBound)
	var outcome dispatcher.Outcome
	var n, total int64
	var first, earliest time.Time
	var took []float64
	_, err = pgx.ForEachRow(rows, []any{&outcome, &n, &first, &took}, func() error {
		s.Tries[outcome] = n
		if total += n; earliest.IsZero() || first.Before(earliest) {
			earliest = first
		}
		if outcome == dispatcher.OutcomeDelivered {
			s.P50, s.P95, s.P99 = micros(took[0]), micros(took[1]), micros(took[2])
		}
		return nil
	})
	if err != nil {
		return s, fmt.Errorf("read the figures of an endpoint: %w", err)
	}
	if total == statsBound {
		s.From, s.Complete = earliest.UTC(), false
	}
	return s, nil
}

func micros(us float64) time.Duration { return time.Duration(us) * time.Microsecond }
