package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// Which says what a recovery takes up.
type Which string

// All: every event that the endpoint subscribes to now. Failed: those that were
// given up (refused, exhausted, expired). Missing: those that were never sent,
// because the endpoint did not subscribe to them then, or began later.
const (
	RecoverAll     Which = "all"
	RecoverFailed  Which = "failed"
	RecoverMissing Which = "missing"
)

// Recovery is the parameters of a task: the events recorded from Since on and
// before Until go to the endpoint again.
type Recovery struct {
	EndpointID string    `json:"endpoint_id"`
	Since      time.Time `json:"since"`
	Until      time.Time `json:"until"`
	Which      Which     `json:"which"`
}

// recoveryState is the position of its task.
type recoveryState struct {
	At    time.Time `json:"at"`
	Seq   int64     `json:"seq"`
	Taken int64     `json:"taken"`
}

// Recovered is what one piece of a recovery came to.
type Recovered struct {
	// Taken is how many events were put up to be sent so far.
	Taken int64
	// Done says that nothing is left. Full says that nothing was done, because
	// the endpoint has not taken yet what is put up for it.
	Done, Full bool
}

const (
	// recoverAhead is how many recovered events wait at an endpoint at most. The
	// others wait on the log, where they cost nothing.
	recoverAhead = 1000
	recoverPage  = 500
)

const recoveryTotal = `
SELECT coalesce((SELECT seq FROM events WHERE domain_id = $1 AND recorded_at < $3 ORDER BY recorded_at DESC, seq DESC LIMIT 1), 0)
     - coalesce((SELECT seq - 1 FROM events WHERE domain_id = $1 AND recorded_at >= $2 ORDER BY recorded_at, seq LIMIT 1), 0)`

// RecoveryTotal returns how many events a recovery will look at. Numbers on a
// log have no gaps, so nothing need be counted.
func (d *Delivery) RecoveryTotal(ctx context.Context, domainID int64, r Recovery) (int64, error) {
	var n int64
	if err := d.pool.QueryRow(ctx, recoveryTotal, domainID, r.Since, r.Until).Scan(&n); err != nil {
		return 0, fmt.Errorf("measure a recovery: %w", err)
	}
	return max(n, 0), nil
}

// Recover does the next piece of a recovery, whose parameters and position are
// those of the task: it puts events up to be sent and stores that together with
// the progress, which it also sets in t. ErrNotFound says that the endpoint is
// gone, ErrTaskOver that the task is somebody else's.
func (d *Delivery) Recover(ctx context.Context, t *Task, at time.Time) (Recovered, error) {
	w, err := d.openRecovery(ctx, t, at)
	if err != nil {
		return Recovered{}, err
	}
	page, err := d.store.EventsAfter(ctx, t.DomainID, dispatcher.Position{RecordedAt: w.state.At, Seq: w.state.Seq}, recoverPage)
	if err != nil {
		return Recovered{}, err
	}
	var out Recovered
	err = pgx.BeginFunc(ctx, d.pool, func(tx pgx.Tx) error {
		if out, err = w.piece(ctx, tx, page); err != nil || out.Full {
			return err
		}
		if t.Progress.Position, err = json.Marshal(w.state); err != nil {
			return err
		}
		t.Progress.Done += w.looked
		return saveProgress(ctx, tx, *t)
	})
	if err != nil {
		return Recovered{}, fmt.Errorf("recover events: %w", err)
	}
	return out, nil
}

// recovering is a recovery at work.
type recovering struct {
	Recovery
	ref      dispatcher.Ref
	endpoint uuid.UUID
	ordering dispatcher.Ordering
	wants    *dispatcher.Matcher
	state    recoveryState
	looked   int64 // by this piece
	at       time.Time
}

func (d *Delivery) openRecovery(ctx context.Context, t *Task, at time.Time) (*recovering, error) {
	w := &recovering{at: at.UTC().Truncate(time.Microsecond)}
	if err := json.Unmarshal(t.Parameters, &w.Recovery); err != nil {
		return nil, fmt.Errorf("read the parameters of a recovery: %w", err)
	}
	w.state.At = w.Since
	if t.Progress.Position != nil {
		if err := json.Unmarshal(t.Progress.Position, &w.state); err != nil {
			return nil, fmt.Errorf("read the position of a recovery: %w", err)
		}
	}
	ep, err := d.Endpoint(ctx, t.DomainID, w.EndpointID)
	if err != nil {
		return nil, err
	}
	if w.endpoint, err = endpointUUID(ep.ID); err != nil {
		return nil, err
	}
	w.ref, w.ordering = dispatcher.Ref{DomainID: t.DomainID, EndpointID: ep.ID}, ep.Ordering
	w.wants, err = ep.Matcher()
	return w, err
}

// What the cursor has not settled yet is owed anyway, and no business of a
// recovery. The lock keeps two recoveries of an endpoint apart.
const recoveryRoom = `
SELECT c.settled_seq, (SELECT count(*) FROM (
    SELECT FROM parked p WHERE p.domain_id = $1 AND p.endpoint_id = $2 AND p.recovered_at IS NOT NULL LIMIT $3) x)
FROM endpoint_cursors c WHERE c.domain_id = $1 AND c.endpoint_id = $2 FOR NO KEY UPDATE OF c`

const recoverEvents = `
WITH taken AS (
    INSERT INTO parked (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, held_since, sequence, recovered_at)
    SELECT $1, $2, r.seq, r.at, r.lane, 0, $3, $3, r.sequence, $3
    FROM unnest($4::bigint[], $5::timestamptz[], $6::text[], $7::bigint[]) AS r (seq, at, lane, sequence)
    ON CONFLICT DO NOTHING
    RETURNING seq
), told AS (
    UPDATE endpoint_cursors SET recoveries = recoveries + 1
    WHERE domain_id = $1 AND endpoint_id = $2 AND EXISTS (SELECT FROM taken)
)
SELECT count(*) FROM taken`

func (w *recovering) piece(ctx context.Context, tx pgx.Tx, page []queue.Event) (Recovered, error) {
	var settled, waiting int64
	if err := tx.QueryRow(ctx, recoveryRoom, w.ref.DomainID, w.endpoint, recoverAhead).Scan(&settled, &waiting); err != nil {
		return Recovered{}, notFound(err)
	}
	room := recoverAhead - int(waiting)
	if room <= 0 {
		return Recovered{Taken: w.state.Taken, Full: true}, nil
	}
	events := w.within(page, settled)
	done := len(events) < len(page) || len(page) < recoverPage
	if len(events) > room {
		events, done = events[:room], false
	}
	wanted, err := w.choose(ctx, tx, events)
	if err != nil {
		return Recovered{}, err
	}
	seq, at := make([]int64, len(wanted)), make([]time.Time, len(wanted))
	lane, sequence := make([]string, len(wanted)), make([]int64, len(wanted))
	for i, ev := range wanted {
		seq[i], at[i], lane[i], sequence[i] = ev.Seq, ev.RecordedAt, dispatcher.LaneOf(w.ordering, ev), int64(ev.Sequence)
	}
	if len(wanted) > 0 {
		var n int64
		if err := tx.QueryRow(ctx, recoverEvents, w.ref.DomainID, w.endpoint, w.at, seq, at, lane, sequence).Scan(&n); err != nil {
			return Recovered{}, err
		}
		if _, err := tx.Exec(ctx, notifyEndpoints); err != nil { // whichever replica delivers to it
			return Recovered{}, err
		}
		w.state.Taken += n
	}
	if len(events) > 0 {
		last := &events[len(events)-1]
		w.state.At, w.state.Seq = last.RecordedAt, last.Seq
	}
	w.looked = int64(len(events))
	return Recovered{Taken: w.state.Taken, Done: done}, nil
}

// within is the beginning of the page that is before the end of the recovery and
// settled.
func (w *recovering) within(page []queue.Event, settled int64) []queue.Event {
	for i := range page {
		if page[i].Seq > settled || !page[i].RecordedAt.Before(w.Until) {
			return page[:i]
		}
	}
	return page
}

// Where deliveries ended so far. Nothing is sent before it is recorded, which
// prunes partitions.
const recoveryTries = `
SELECT seq, bool_or(state = 'delivered'), bool_or(NOT manual AND state IN ('refused', 'exhausted')), bool_or(NOT manual)
FROM tries
WHERE domain_id = $1 AND endpoint_id = $2 AND seq = ANY ($3) AND started_at >= $4
GROUP BY seq`

// choose returns the events that the recovery is about.
func (w *recovering) choose(ctx context.Context, tx pgx.Tx, events []queue.Event) ([]*queue.Event, error) {
	var wanted []*queue.Event
	var seqs []int64
	for i := range events {
		if w.wants.Wants(&events[i]) {
			wanted, seqs = append(wanted, &events[i]), append(seqs, events[i].Seq)
		}
	}
	if len(wanted) == 0 || w.Which == RecoverAll {
		return wanted, nil
	}
	chosen := map[int64]bool{}
	if w.Which == RecoverMissing {
		for _, seq := range seqs {
			chosen[seq] = true
		}
	}
	rows, _ := tx.Query(ctx, recoveryTries, w.ref.DomainID, w.endpoint, seqs, wanted[0].RecordedAt)
	var seq int64
	var delivered, givenUp, tried bool
	_, err := pgx.ForEachRow(rows, []any{&seq, &delivered, &givenUp, &tried}, func() error {
		chosen[seq] = !delivered && (w.Which == RecoverFailed && givenUp || w.Which == RecoverMissing && !tried)
		return nil
	})
	if err != nil {
		return nil, err
	}
	kept := wanted[:0]
	for _, ev := range wanted {
		if chosen[ev.Seq] {
			kept = append(kept, ev)
		}
	}
	return kept, nil
}

const recoveredEvents = `SELECT ` + parkedColumns + `
FROM parked
WHERE domain_id = $1 AND endpoint_id = $2 AND recovered_at IS NOT NULL AND tries = 0 AND NOT claimed
ORDER BY seq`

// Recovered returns the events that recoveries have put up and that were not
// tried since.
func (d *Delivery) Recovered(ctx context.Context, ref dispatcher.Ref) ([]dispatcher.Parked, error) {
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return nil, nil // no endpoint, no events
	}
	rows, _ := d.pool.Query(ctx, recoveredEvents, ref.DomainID, id)
	parked, err := pgx.CollectRows(rows, scanParked)
	if err != nil {
		return nil, fmt.Errorf("read recovered events: %w", err)
	}
	return parked, nil
}
