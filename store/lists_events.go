package store

import (
	"context"
	"fmt"
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

const readHeadSQL = `SELECT head_seq, head_recorded_at FROM domains WHERE id = $1`

var filteredEvents = selectEvents + `
WHERE e.domain_id = $1 AND e.recorded_at >= $2 AND (e.recorded_at, e.seq) > ($2, $3) AND e.seq <= $4
  AND (cardinality($5::text[]) = 0 OR e.type = ANY ($5))
  AND ($6::bigint = 0 OR e.queue_id = $6)
  AND ($7::bigint = 0 OR e.agent_id = $7 OR e.subject_kind = 'agent' AND e.subject_id = $7::text)
  AND ($8::timestamptz IS NULL OR e.at >= $8)
  AND ($9::timestamptz IS NULL OR e.at < $9)`

const byAttempt = `
  AND e.attempt_id = $11`

const inLogOrder = `
ORDER BY e.recorded_at, e.seq
LIMIT $10`

// ListEvents reads the events of a domain that pass the filter, in the order of
// the log, and the position from which to read on. That is the last event of a
// full page, and the end of the log as it was for any other: so a reader who
// comes back does not look at the same events twice.
func (s *Store) ListEvents(ctx context.Context, domainID int64, f EventFilter) ([]queue.Event, dispatcher.Position, error) {
	var head dispatcher.Position
	var recordedAt *time.Time
	if err := s.pool.QueryRow(ctx, readHeadSQL, domainID).Scan(&head.Seq, &recordedAt); err != nil {
		return nil, head, fmt.Errorf("read the head of the log: %w", notFound(err))
	}
	head.RecordedAt = instant(recordedAt)
	if head.Seq <= f.After.Seq {
		return nil, f.After, nil
	}
	after := f.After
	// Nothing is recorded before it happened.
	if f.Since.After(after.RecordedAt) {
		after = dispatcher.Position{RecordedAt: f.Since}
	}
	if after.RecordedAt.IsZero() {
		after.RecordedAt = time.Unix(0, 0) // inside Postgres's range
	}
	sql := filteredEvents
	args := []any{
		domainID, after.RecordedAt, after.Seq, head.Seq, eventTypes(f.Types), f.QueueID, f.AgentID,
		null(f.Since), null(f.Until), f.Limit,
	}
	if f.AttemptID != 0 {
		sql += byAttempt
		args = append(args, f.AttemptID)
	}
	rows, err := s.pool.Query(ctx, sql+inLogOrder, args...)
	if err != nil {
		return nil, head, fmt.Errorf("list events: %w", err)
	}
	events, err := scanEvents(rows, f.Limit)
	if err != nil {
		return nil, head, fmt.Errorf("list events: %w", err)
	}
	if len(events) == f.Limit {
		last := &events[len(events)-1]
		head = dispatcher.Position{RecordedAt: last.RecordedAt, Seq: last.Seq}
	}
	return events, head, nil
}
