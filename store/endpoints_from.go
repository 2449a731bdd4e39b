package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
)

// From says where in the log a new endpoint starts. The zero From is the head:
// only what comes from now on.
type From struct {
	// Instant starts with the first event recorded at or after it.
	Instant time.Time
	// AfterSeq starts with the event behind that number; 0 is the beginning, and
	// a number that is not on the log yet the head.
	AfterSeq *int64
}

const (
	lastEvent  = `SELECT recorded_at, seq FROM events WHERE domain_id = $1 ORDER BY recorded_at DESC, seq DESC LIMIT 1`
	lastBefore = `SELECT recorded_at, seq FROM events WHERE domain_id = $1 AND recorded_at < $2 ORDER BY recorded_at DESC, seq DESC LIMIT 1`
	lastUntil  = `SELECT recorded_at, seq FROM events WHERE domain_id = $1 AND recorded_at <= $2 ORDER BY recorded_at DESC, seq DESC LIMIT 1`
	lastUpTo   = `
SELECT recorded_at, seq FROM events
WHERE domain_id = $1 AND recorded_at >= $2 AND recorded_at <= $3 AND seq <= $4 ORDER BY recorded_at DESC, seq DESC LIMIT 1`
	firstEvent = `SELECT recorded_at, seq FROM events WHERE domain_id = $1 ORDER BY recorded_at, seq LIMIT 1`
)

// beginning is the place of no event: in front of the first.
var beginning = dispatcher.Position{RecordedAt: time.Unix(0, 0).UTC()}

// find returns the last event that an endpoint which starts there is not owed.
func (f From) find(ctx context.Context, tx pgx.Tx, domainID int64) (dispatcher.Position, error) {
	switch {
	case f.AfterSeq != nil:
		return placeOf(ctx, tx, domainID, *f.AfterSeq)
	case !f.Instant.IsZero():
		return place(ctx, tx, lastBefore, domainID, f.Instant)
	default:
		return place(ctx, tx, lastEvent, domainID)
	}
}

// place reads one position; where there is no event it is the beginning.
func place(ctx context.Context, tx pgx.Tx, sql string, args ...any) (dispatcher.Position, error) {
	var p dispatcher.Position
	err := tx.QueryRow(ctx, sql, args...).Scan(&p.RecordedAt, &p.Seq)
	if errors.Is(err, pgx.ErrNoRows) {
		return beginning, nil
	}
	if err != nil {
		return dispatcher.Position{}, fmt.Errorf("find a place in the log: %w", err)
	}
	return p, nil
}

// nearEnough is how many events are read to find one of them.
const nearEnough = 1000

// placeOf returns the last event up to a number. The log is kept by time, along
// which the numbers rise, so the time is halved until the number is near: to walk
// to it from the end would take seconds in a log of ten million.
func placeOf(ctx context.Context, tx pgx.Tx, domainID, seq int64) (dispatcher.Position, error) {
	low, err := place(ctx, tx, firstEvent, domainID)
	if err != nil || seq < low.Seq {
		return beginning, err
	}
	high, err := place(ctx, tx, lastEvent, domainID)
	if err != nil || seq >= high.Seq {
		return high, err
	}
	for since := low.RecordedAt; high.Seq-low.Seq > nearEnough; {
		middle := since.Add(high.RecordedAt.Sub(since) / 2).Truncate(time.Microsecond)
		if !middle.After(since) { // what is left was recorded together
			break
		}
		p, err := place(ctx, tx, lastUntil, domainID, middle)
		if err != nil {
			return dispatcher.Position{}, err
		}
		if p.Seq <= seq {
			low, since = p, middle
		} else {
			high = p
		}
	}
	return place(ctx, tx, lastUpTo, domainID, low.RecordedAt, high.RecordedAt, seq)
}
