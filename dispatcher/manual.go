package dispatcher

import (
	"context"
	"fmt"

	"github.com/offhook/offhook/queue"
)

// Resend sends one event of the log to an endpoint, disabled or not, at once
// and beside whatever the endpoint's schedule has in store: it neither spends a
// try of it nor moves it. number is the header Offhook-Try. The try is recorded
// as manual; its state is delivered, or exhausted: there is no second one. An
// error means that there was no try, or that its outcome could not be recorded,
// which leaves it on record as unknown.
func (d *Dispatcher) Resend(ctx context.Context, ep Endpoint, ev queue.Event, number int) (Try, error) {
	t, err := newTarget(ep, d.cfg.UserAgent)
	if err != nil {
		return Try{}, fmt.Errorf("resend an event: %w", err)
	}
	it := &item{entry: newEntries([]queue.Event{ev})[0]}
	prevs := prevFinder{store: d.store}
	if err := prevs.look(ctx, t, []*item{it}); err != nil {
		return Try{}, fmt.Errorf("resend an event: %w", err)
	}
	try, err := d.sendByHand(ctx, t, message{ev: &ev, body: ev.AppendBody(nil, t.Format), number: number, prev: it.prev})
	if err != nil {
		return try, fmt.Errorf("resend an event: %w", err)
	}
	return try, nil
}

// sendByHand makes a try that somebody waits for. It is on record as unknown
// before it is sent, so that no request is without a record.
func (d *Dispatcher) sendByHand(ctx context.Context, t *target, m message) (Try, error) {
	began := micros(d.cfg.Now())
	lost := Try{
		DomainID: t.DomainID, EndpointID: t.ID, Seq: m.ev.Seq, EventID: m.ev.ID, EventType: m.ev.Type, AttemptID: m.ev.AttemptID,
		Number: m.number, Manual: true, Outcome: OutcomeUnknown, State: StateExhausted, StartedAt: began,
		Error: "the process ended before the outcome was written",
	}
	if err := d.store.Settle(ctx, Settlement{Tries: []Try{lost}, At: began}); err != nil {
		return Try{}, fmt.Errorf("record that it is sent: %w", err)
	}
	try := d.sender.send(ctx, t, m)
	try.Manual, try.StartedAt, try.State = true, began, StateExhausted
	if try.Outcome == OutcomeDelivered {
		try.State = StateDelivered
	}
	logTry(d.cfg.Logger.With("endpoint", t.ID), &try)
	// Who waited may have gone away; the outcome is known all the same.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeTimeout)
	defer cancel()
	if err := d.store.Settle(late, Settlement{Answered: []Try{try}, At: d.cfg.Now().UTC()}); err != nil {
		return try, fmt.Errorf("record what came of it: %w", err)
	}
	return try, nil
}
