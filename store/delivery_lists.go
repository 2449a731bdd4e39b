package store

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// TryFilter narrows a list of tries. Zero fields do not narrow.
type TryFilter struct {
	Outcome dispatcher.Outcome
	Type    queue.EventType
	State   dispatcher.State // in which the try left the delivery
	Since   time.Time        // started at or after
	Until   time.Time        // started before
	// Before goes on behind the last one of the page before; the zero cursor is
	// the newest.
	Before TryCursor
	Limit  int // at least 1
}

// TryCursor is a place in a list of tries, newest first.
type TryCursor struct {
	StartedAt time.Time
	Seq       int64
	Number    int
}

// CursorOf returns the place of a try.
func CursorOf(t dispatcher.Try) TryCursor {
	return TryCursor{StartedAt: t.StartedAt, Seq: t.Seq, Number: t.Number}
}

const selectTries = `SELECT ` + tryFields + ` FROM tries t
WHERE t.domain_id = $1 AND t.endpoint_id = $2
  AND ($3 = '' OR t.outcome = $3)
  AND ($4 = '' OR t.event_type = $4)
  AND t.started_at >= coalesce($5::timestamptz, '-infinity')
  AND t.started_at < coalesce($6::timestamptz, 'infinity')
  AND t.started_at <= coalesce($7::timestamptz, 'infinity')
  AND (t.started_at, t.seq, t.number) < (coalesce($7::timestamptz, 'infinity'), $8::bigint, $9::bigint)
ORDER BY t.started_at DESC, t.seq DESC, t.number DESC LIMIT $10`

// Tries lists what was sent to an endpoint, newest first, also of an endpoint
// that was deleted.
func (d *Delivery) Tries(ctx context.Context, ref dispatcher.Ref, f TryFilter) ([]dispatcher.Try, error) {
	id, err := endpointUUID(ref.EndpointID)
	if err != nil {
		return nil, err
	}
	rows, _ := d.pool.Query(ctx, selectTries, ref.DomainID, id, string(f.Outcome), string(f.Type), null(f.Since), null(f.Until),
		null(f.Before.StartedAt), f.Before.Seq, f.Before.Number, f.Limit)
	tries, err := pgx.CollectRows(rows, scanTry)
	if err != nil {
		return nil, fmt.Errorf("list tries: %w", err)
	}
	return tries, nil
}

// A try is not made before its event is on the log; the bound leaves room for the
// clocks of two servers.
const triesOfEvents = `SELECT ` + tryFields + ` FROM tries t
WHERE t.domain_id = $1 AND t.seq = ANY ($2) AND t.started_at >= $3::timestamptz - interval '1 hour'
ORDER BY t.seq, t.endpoint_id, t.started_at, t.number`

// parkedColumns are what scanParked scans.
const parkedColumns = `domain_id, endpoint_id, recorded_at, seq, lane, tries, lost, next_at, claimed, held_since, sequence, recovered_at`

const parkedOfEvents = `
SELECT ` + parkedColumns + `
FROM parked WHERE domain_id = $1 AND seq = ANY ($2)`

// DeliveriesOfEvents tells for each event, in the order given, where its
// delivery stands at every endpoint that it was sent to or will be. Endpoints
// that filter it out are not shown.
func (d *Delivery) DeliveriesOfEvents(ctx context.Context, domainID int64, events []queue.Event) ([][]dispatcher.Delivery, error) {
	seqs := make([]int64, len(events))
	var first time.Time
	for i := range events {
		seqs[i] = events[i].Seq
		if i == 0 || events[i].RecordedAt.Before(first) {
			first = events[i].RecordedAt
		}
	}
	// One snapshot: an event must not be seen between parked and delivered.
	var book deliveryBook
	err := pgx.BeginTxFunc(ctx, d.pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly},
		func(tx pgx.Tx) error {
			rows, _ := tx.Query(ctx, triesOfEvents, domainID, seqs, first)
			tries, err := pgx.CollectRows(rows, scanTry)
			if err != nil {
				return err
			}
			rows, _ = tx.Query(ctx, parkedOfEvents, domainID, seqs)
			parked, err := pgx.CollectRows(rows, scanParked)
			if err != nil {
				return err
			}
			rows, _ = tx.Query(ctx, allEndpoints, domainID)
			subs, err := pgx.CollectRows(rows, d.scanListed)
			book = newDeliveryBook(subs, tries, parked)
			return err
		})
	if err != nil {
		return nil, fmt.Errorf("read deliveries: %w", err)
	}
	out := make([][]dispatcher.Delivery, len(events))
	for i := range events {
		out[i] = book.of(&events[i])
	}
	return out, nil
}

const allEndpoints = endpointColumns + ` WHERE e.domain_id = $1 ORDER BY e.id`

// deliveryBook answers where events stand.
type deliveryBook struct {
	subs   []dispatcher.Subscription
	tries  map[deliveryKey][]dispatcher.Try
	parked map[deliveryKey]dispatcher.Parked
	// wants are the subscriptions by endpoint; those whose filter cannot be read
	// any more are missing.
	wants map[string]*dispatcher.Matcher
	// gone are endpoints that have tries and were deleted, by event.
	gone map[int64][]string
}

type deliveryKey struct {
	endpointID string
	seq        int64
}

func newDeliveryBook(subs []dispatcher.Subscription, tries []dispatcher.Try, parked []dispatcher.Parked) deliveryBook {
	b := deliveryBook{subs: subs, tries: map[deliveryKey][]dispatcher.Try{},
		parked: map[deliveryKey]dispatcher.Parked{}, wants: map[string]*dispatcher.Matcher{}, gone: map[int64][]string{}}
	known := map[string]bool{}
	for _, s := range subs {
		known[s.Endpoint.ID] = true
		if m, err := s.Endpoint.Matcher(); err == nil {
			b.wants[s.Endpoint.ID] = m
		}
	}
	for _, t := range tries {
		k := deliveryKey{t.EndpointID, t.Seq}
		if b.tries[k] == nil && !known[t.EndpointID] {
			b.gone[t.Seq] = append(b.gone[t.Seq], t.EndpointID)
		}
		b.tries[k] = append(b.tries[k], t)
	}
	for _, p := range parked {
		b.parked[deliveryKey{p.EndpointID, p.Seq}] = p
	}
	return b
}

func (b *deliveryBook) of(ev *queue.Event) []dispatcher.Delivery {
	var out []dispatcher.Delivery
	for i := range b.subs {
		if dl, ok := b.at(&b.subs[i], ev); ok {
			out = append(out, dl)
		}
	}
	for _, id := range b.gone[ev.Seq] {
		tries := b.tries[deliveryKey{id, ev.Seq}]
		last, _ := lastTry(tries)
		out = append(out, dispatcher.Delivery{EndpointID: id, Seq: ev.Seq, EventID: ev.ID, State: last.State, Tries: tries})
	}
	return out
}

// at tells where the event stands at one endpoint; false when the endpoint has
// nothing to do with it.
func (b *deliveryBook) at(s *dispatcher.Subscription, ev *queue.Event) (dispatcher.Delivery, bool) {
	k := deliveryKey{s.Endpoint.ID, ev.Seq}
	dl := dispatcher.Delivery{EndpointID: s.Endpoint.ID, Seq: ev.Seq, EventID: ev.ID, Tries: b.tries[k]}
	p, parked := b.parked[k]
	last, tried := lastTry(dl.Tries)
	switch {
	case s.Endpoint.Disabled && (parked || !(tried && last.State.Final()) && ev.Seq > s.Settled.Seq && b.wants[s.Endpoint.ID].Wants(ev)):
		dl.State = dispatcher.StateSuspended
	case parked && p.Tries == 0 && p.NextAt.IsZero():
		dl.State = dispatcher.StateHeld
	case parked:
		dl.State, dl.NextAt = dispatcher.StateRetrying, p.NextAt
	case tried && !last.Manual && last.State.Final():
		dl.State = last.State
	case ev.Seq > s.Settled.Seq && b.wants[s.Endpoint.ID].Wants(ev):
		dl.State = dispatcher.StatePending
	case tried && last.State == dispatcher.StateRetrying:
		dl.State = dispatcher.StateSkipped
	case tried:
		dl.State = last.State
	default:
		return dl, false
	}
	return dl, true
}

// lastTry is the try that says where a delivery stands: one that was delivered,
// else the last one by the schedule, else the last one by hand.
func lastTry(tries []dispatcher.Try) (last dispatcher.Try, ok bool) {
	for _, t := range tries {
		switch {
		case t.State == dispatcher.StateDelivered:
			return t, true
		case !ok, last.Manual, !t.Manual:
			last, ok = t, true
		}
	}
	return last, ok
}

func scanTry(row pgx.CollectableRow) (dispatcher.Try, error) {
	var (
		t               dispatcher.Try
		endpoint, event uuid.UUID
		attempt         *int64
		duration, first int64
		header          string
		next            *time.Time
	)
	err := row.Scan(&t.DomainID, &endpoint, &t.Seq, &t.Number, &t.StartedAt, &event, &t.EventType, &attempt,
		&t.Outcome, &t.State, &duration, &first, &t.Status, &header, &t.Body, &t.BodyTruncated, &t.Error, &next, &t.Manual)
	if err != nil {
		return t, err
	}
	t.EndpointID, t.EventID = "ep_"+endpoint.String(), queue.UUID(event)
	if attempt != nil {
		t.AttemptID = *attempt
	}
	t.StartedAt, t.NextAt = t.StartedAt.UTC(), instant(next)
	t.Duration, t.FirstByte = time.Duration(duration)*time.Microsecond, time.Duration(first)*time.Microsecond
	t.Header = splitHeader(header)
	return t, nil
}

func scanParked(row pgx.CollectableRow) (dispatcher.Parked, error) {
	var (
		p        dispatcher.Parked
		endpoint uuid.UUID
		next     *time.Time
		held     *time.Time
		again    *time.Time
	)
	err := row.Scan(&p.DomainID, &endpoint, &p.RecordedAt, &p.Seq, &p.Lane, &p.Tries, &p.Lost, &next, &p.Claimed, &held,
		&p.Sequence, &again)
	p.EndpointID, p.RecordedAt = "ep_"+endpoint.String(), p.RecordedAt.UTC()
	p.NextAt, p.HeldSince, p.RecoveredAt = instant(next), instant(held), instant(again)
	return p, err
}
