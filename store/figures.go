package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// FigureQuery says which time the figures are about and how it is cut.
type FigureQuery struct {
	DomainID int64
	// From Since on, before Until.
	Since, Until time.Time
	Interval     string // 15m, 1h, 1d or total
	TimeZone     string // whose midnights cut the days: an IANA name
}

// FigureLimits are the settings of the formulas of queues: up to which wait an
// answer was in time, up to which an abandonment was short, and after which a
// person who was called counts as dropped.
type FigureLimits struct{ Threshold, Short, DropAfter time.Duration }

// The formulas stand in the functions of the schema analyst, and nowhere else.
const (
	queueFigures = `SELECT * FROM analyst.queue_intervals($1, $2, $3, $4, $5, $6, $7, $8, $9)`
	agentFigures = `SELECT * FROM analyst.agent_intervals($1, $2, $3, $4, $5, $6)`
	knowsQueue   = `SELECT EXISTS (SELECT FROM queues WHERE domain_id = $1 AND id = $2)`
	knowsAgent   = `SELECT EXISTS (SELECT FROM agents WHERE domain_id = $1 AND id = $2)`
	// A plan of its own for each question: which days and whom it is about
	// decides what is read, and much of it may be.
	askedOnce = `SET LOCAL plan_cache_mode = force_custom_plan; SET LOCAL enable_seqscan = on`
)

// QueueFigures reads the figures of a queue, one row for each interval. A queue
// that was deleted keeps its past; ErrNotFound says that there never was one.
func (s *Store) QueueFigures(ctx context.Context, queueID int64, q FigureQuery, l FigureLimits) ([]QueueFigures, error) {
	all, err := figures[QueueFigures](ctx, s, queueFigures, q.Since, q.Until, q.Interval, q.TimeZone, l.Threshold, l.Short, l.DropAfter, q.DomainID, queueID)
	if err == nil && len(all) == 0 {
		err = s.knows(ctx, knowsQueue, q.DomainID, queueID)
	}
	if err != nil {
		return nil, fmt.Errorf("read the figures of queue %d: %w", queueID, err)
	}
	for i := range all {
		all[i].IntervalStart, all[i].IntervalEnd = all[i].IntervalStart.UTC(), all[i].IntervalEnd.UTC()
	}
	return all, nil
}

// AgentFigures reads the figures of an agent, one row for each interval, as
// QueueFigures does.
func (s *Store) AgentFigures(ctx context.Context, agentID int64, q FigureQuery) ([]AgentFigures, error) {
	all, err := figures[AgentFigures](ctx, s, agentFigures, q.Since, q.Until, q.Interval, q.TimeZone, q.DomainID, agentID)
	if err == nil && len(all) == 0 {
		err = s.knows(ctx, knowsAgent, q.DomainID, agentID)
	}
	if err != nil {
		return nil, fmt.Errorf("read the figures of agent %d: %w", agentID, err)
	}
	for i := range all {
		all[i].IntervalStart, all[i].IntervalEnd = all[i].IntervalStart.UTC(), all[i].IntervalEnd.UTC()
	}
	return all, nil
}

// ErrUnknownZone says that the database does not know a time zone.
var ErrUnknownZone = errors.New("the database does not know the time zone")

const invalidParameter = "22023"

func figures[T any](ctx context.Context, s *Store, sql string, args ...any) ([]T, error) {
	var all []T
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, askedOnce); err != nil {
			return err
		}
		rows, err := tx.Query(ctx, sql, args...)
		if err != nil {
			return err
		}
		all, err = pgx.CollectRows(rows, pgx.RowToStructByName[T])
		return err
	})
	var pg *pgconn.PgError
	if errors.As(err, &pg) && pg.Code == invalidParameter {
		return nil, ErrUnknownZone
	}
	return all, err
}

// knows returns ErrNotFound when there is nothing of that id.
func (s *Store) knows(ctx context.Context, sql string, domainID, id int64) error {
	var there bool
	if err := s.pool.QueryRow(ctx, sql, domainID, id).Scan(&there); err != nil {
		return err
	}
	if !there {
		return ErrNotFound
	}
	return nil
}
