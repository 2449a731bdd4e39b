package store

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// selectEvents begins every statement that reads events: its columns are what
// scanEvents scans.
var selectEvents = `SELECT e.` + strings.Join(eventColumns, `, e.`) + ` FROM events AS e `

// The bound on recorded_at alone says nothing new; it is what the planner
// prunes partitions by.
var eventsAfter = selectEvents + `
WHERE e.domain_id = $1 AND e.recorded_at >= $2 AND (e.recorded_at, e.seq) > ($2, $3)
ORDER BY e.recorded_at, e.seq
LIMIT $4`

// EventsAfter reads the domain's log from the first event after the position
// on, at most limit events, in the order of the log. None means that the
// position is the end of the log.
func (s *Store) EventsAfter(ctx context.Context, domainID int64, after dispatcher.Position, limit int) ([]queue.Event, error) {
	recordedAt := after.RecordedAt
	if recordedAt.IsZero() {
		recordedAt = time.Unix(0, 0) // before the first event of any log, and inside Postgres's range
	}
	rows, err := s.pool.Query(ctx, eventsAfter, domainID, recordedAt, after.Seq, limit)
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", after.Seq, err)
	}
	events, err := scanEvents(rows, limit)
	if err != nil {
		return nil, fmt.Errorf("read events after %d: %w", after.Seq, err)
	}
	return events, nil
}

var eventsAt = selectEvents + `
JOIN unnest($2::timestamptz[], $3::bigint[]) AS p (recorded_at, seq)
  ON e.recorded_at = p.recorded_at AND e.seq = p.seq
WHERE e.domain_id = $1
ORDER BY e.recorded_at, e.seq`

// EventsAt reads the events at the positions, in the order of the log. A
// position whose event was dropped by age is passed over.
func (s *Store) EventsAt(ctx context.Context, domainID int64, at []dispatcher.Position) ([]queue.Event, error) {
	recordedAt, seq := make([]time.Time, len(at)), make([]int64, len(at))
	for i, p := range at {
		recordedAt[i], seq[i] = p.RecordedAt, p.Seq
	}
	rows, err := s.pool.Query(ctx, eventsAt, domainID, recordedAt, seq)
	if err != nil {
		return nil, fmt.Errorf("read %d events: %w", len(at), err)
	}
	events, err := scanEvents(rows, len(at))
	if err != nil {
		return nil, fmt.Errorf("read %d events: %w", len(at), err)
	}
	return events, nil
}

var eventByID = selectEvents + `WHERE e.domain_id = $1 AND e.id = $2 LIMIT 1`

// EventByID reads one event. The error is ErrNotFound when the domain has none
// of that id.
func (s *Store) EventByID(ctx context.Context, domainID int64, id queue.UUID) (queue.Event, error) {
	rows, err := s.pool.Query(ctx, eventByID, domainID, [16]byte(id))
	if err != nil {
		return queue.Event{}, fmt.Errorf("read an event: %w", err)
	}
	events, err := scanEvents(rows, 1)
	if err != nil {
		return queue.Event{}, fmt.Errorf("read an event: %w", err)
	}
	if len(events) == 0 {
		return queue.Event{}, ErrNotFound
	}
	return events[0], nil
}

var eventsOfAttempt = selectEvents + `WHERE e.domain_id = $1 AND e.attempt_id = $2 ORDER BY e.recorded_at, e.seq`

// EventsOfAttempt reads every event that names the attempt, orders to the
// switch included, in the order of the log; none when there is no such attempt.
func (s *Store) EventsOfAttempt(ctx context.Context, domainID, attemptID int64) ([]queue.Event, error) {
	rows, err := s.pool.Query(ctx, eventsOfAttempt, domainID, attemptID)
	if err != nil {
		return nil, fmt.Errorf("read events of attempt %d: %w", attemptID, err)
	}
	events, err := scanEvents(rows, 16)
	if err != nil {
		return nil, fmt.Errorf("read events of attempt %d: %w", attemptID, err)
	}
	return events, nil
}
