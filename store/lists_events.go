package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// EventFilter says which events a list shows. Zero fields ask for nothing.
type EventFilter struct {
	Types     []queue.EventType
	AttemptID int64
	QueueID   int64
	// AgentID finds the attempt events that name the agent and what happened to
	// himself.
	AgentID int64
	// Since and Until bound when it happened: from Since on, before Until.
	Since, Until time.Time
	// After is where the page before ended.
	After dispatcher.Position
	Limit int
}

// EventPage is a page of the log.
type EventPage struct {
	Events []queue.Event
	// Next is where to read on.
	Next dispatcher.Position
	// More says that the log was not looked at to its end: a page may be short,
	// or empty, when a filter lets little through.
	More bool
}

// How many events one page looks at: along the log, where they lie side by side,
// and along the index of an agent or a queue, where each is somewhere else.
const (
	eventsBound    = 2000
	scatteredBound = 500
)

// lateness is how long after it happened nearly everything has been recorded;
// events_late has the rest.
const lateness = time.Hour

// frequentTypes are those that every attempt has; events_seldom has the rest.
var frequentTypes = []queue.EventType{
	queue.EventJoined, queue.EventOffering, queue.EventMissed, queue.EventBridged, queue.EventProcessing, queue.EventLeaving,
	queue.EventAgentState, queue.EventSwitchDial, queue.EventSwitchRing, queue.EventSwitchBridge, queue.EventSwitchHangup,
}

const readHeadSQL = `SELECT head_seq, head_recorded_at FROM domains WHERE id = $1`

// agentOfEvent is the expression that events_agent is made of.
const agentOfEvent = `CASE e.subject_kind WHEN 'agent' THEN e.subject_id::bigint ELSE e.agent_id END`

// eventsBetween are the bounds of what looks at events in the order of the log,
// along an index.
const eventsBetween = ` AS e
WHERE e.domain_id = $1 AND e.recorded_at >= $2 AND (e.recorded_at, e.seq) > ($2, $3) AND e.seq <= $4
  AND e.recorded_at < coalesce($5::timestamptz, 'infinity')`

// Conditions that an index of their own serves; the rest is looked at row by
// row.
const (
	alongLog   = ` AND $7::bigint = 0`
	alongAgent = ` AND ` + agentOfEvent + ` = $7`
	alongQueue = ` AND e.queue_id = $7`
	alongLate  = alongLog + ` AND e.recorded_at - e.at > interval '1 hour'`
)

var alongSeldom = alongLog + ` AND e.type NOT IN ('` + strings.Join(texts(frequentTypes), `', '`) + `')`

// The events of an attempt are few, and are sorted. The offset of nothing keeps
// the planner from looking for them along the log, because that is sorted.
const (
	everyEvent      = `events`
	eventsOfOneOnly = `(SELECT * FROM events WHERE domain_id = $1 AND attempt_id = $7 OFFSET 0)`
)

const inLogOrder = `
ORDER BY e.recorded_at, e.seq`

const matchingEvents = `(cardinality($8::text[]) = 0 OR e.type = ANY ($8))
  AND ($9::bigint = 0 OR e.attempt_id IS NOT DISTINCT FROM $9)
  AND ($10::bigint = 0 OR ` + agentOfEvent + ` IS NOT DISTINCT FROM $10)
  AND ($11::bigint = 0 OR e.queue_id IS NOT DISTINCT FROM $11)
  AND e.at >= coalesce($12::timestamptz, '-infinity')
  AND e.at < coalesce($13::timestamptz, 'infinity')`

// narrow chooses the index.
func (f *EventFilter) narrow() (condition string, id int64) {
	frequent := func(t queue.EventType) bool { return slices.Contains(frequentTypes, t) }
	switch {
	case f.AttemptID != 0:
		return "", f.AttemptID
	case len(f.Types) > 0 && !slices.ContainsFunc(f.Types, frequent):
		return alongSeldom, 0
	case f.AgentID != 0:
		return alongAgent, f.AgentID
	case f.QueueID != 0:
		return alongQueue, f.QueueID
	default:
		return alongLog, 0
	}
}

// eventScan is a part of the log that is read along one index.
type eventScan struct {
	after  dispatcher.Position
	head   int64      // the number of the last event that is looked at
	before *time.Time // recorded before then; nil = to the end
	// condition and id are those of narrow; no condition stands for the events of
	// the attempt id.
	condition string
	id        int64
	bound     int
}

// scans are the parts of the log in which a page can lie, in their order. What
// happened before Until is nearly all recorded soon after it; the log behind that
// has only what was late.
func (f *EventFilter) scans(head int64) (all []eventScan) {
	after := f.After
	// Nothing is recorded before it happened.
	if f.Since.After(after.RecordedAt) {
		after = dispatcher.Position{RecordedAt: f.Since}
	}
	if after.RecordedAt.IsZero() {
		after.RecordedAt = time.Unix(0, 0) // inside Postgres's range
	}
	condition, id := f.narrow()
	bound := eventsBound
	if id != 0 {
		bound = scatteredBound
	}
	if f.Until.IsZero() || f.AttemptID != 0 {
		return []eventScan{{after: after, head: head, condition: condition, id: id, bound: bound}}
	}
	late := f.Until.Add(lateness)
	if after.RecordedAt.Before(late) {
		all = append(all, eventScan{after: after, head: head, before: &late, condition: condition, id: id, bound: bound})
		after = dispatcher.Position{RecordedAt: late}
	}
	return append(all, eventScan{after: after, head: head, condition: alongLate, bound: eventsBound})
}

// statement looks at no more than $6 events and returns no more than $14 of them.
// If it has looked at so many, the last one is returned in any case: there may be
// more behind it.
func (c *eventScan) statement() string {
	source := everyEvent
	if c.condition == "" {
		source = eventsOfOneOnly
	}
	return `
SELECT e.` + strings.Join(eventColumns, `, e.`) + `, m.matches, e.place = $6
FROM (SELECT e.*, row_number() OVER (ORDER BY e.recorded_at, e.seq) AS place
      FROM ` + source + eventsBetween + c.condition + inLogOrder + ` LIMIT $6) AS e,
  LATERAL (SELECT ` + matchingEvents + ` AS matches) AS m
WHERE m.matches OR e.place = $6` + inLogOrder + `
LIMIT $14`
}

func (f *EventFilter) args(domainID int64, c *eventScan) []any {
	return []any{
		domainID, c.after.RecordedAt, c.after.Seq, c.head, c.before, c.bound, c.id,
		texts(f.Types), f.AttemptID, f.AgentID, f.QueueID, null(f.Since), null(f.Until), f.Limit,
	}
}

// ListEvents reads the events of a domain that pass the filter, in the order of
// the log. The page's Next is the last event of a full page, and the end of the
// log as it was for one that found no more: so a reader who comes back does not
// look at the same events twice.
func (s *Store) ListEvents(ctx context.Context, domainID int64, f EventFilter) (page EventPage, err error) {
	var head dispatcher.Position
	var recordedAt *time.Time
	if err := s.pool.QueryRow(ctx, readHeadSQL, domainID).Scan(&head.Seq, &recordedAt); err != nil {
		return page, fmt.Errorf("read the head of the log: %w", notFound(err))
	}
	head.RecordedAt = instant(recordedAt)
	if head.Seq <= f.After.Seq {
		return EventPage{Next: f.After}, nil
	}
	limit := f.Limit
	for _, c := range f.scans(head.Seq) {
		f.Limit = limit - len(page.Events)
		found, stopped, err := s.scanLog(ctx, &c, f.args(domainID, &c), f.Limit)
		if err != nil {
			return page, fmt.Errorf("list events: %w", err)
		}
		page.Events = append(page.Events, found...)
		if stopped != nil {
			page.Next, page.More = *stopped, true
			return page, nil
		}
	}
	page.Next = head
	return page, nil
}

// scanLog reads a part of the log. It returns where it stopped before its end;
// nil when it did not.
func (s *Store) scanLog(ctx context.Context, c *eventScan, args []any, limit int) (found []queue.Event, stopped *dispatcher.Position, err error) {
	rows, err := s.pool.Query(ctx, c.statement(), args...)
	if err != nil {
		return nil, nil, err
	}
	defer rows.Close()
	r := newRowReader(rows)
	for r.next() {
		var ev queue.Event
		if err := scanEvent(r, &ev); err != nil {
			return nil, nil, err
		}
		matches, last := r.truth(), r.truth()
		if matches {
			found = append(found, ev)
		}
		if last || len(found) == limit {
			stopped = &dispatcher.Position{RecordedAt: ev.RecordedAt, Seq: ev.Seq}
		}
	}
	return found, stopped, r.failure()
}
