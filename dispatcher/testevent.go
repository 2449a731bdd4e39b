package dispatcher

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/google/uuid"

	"github.com/offhook/offhook/queue"
)

// EventTest is the type of the event that TestEvent sends. It is on no log.
const EventTest queue.EventType = "endpoint.test"

// TestEvent sends one event with a real signature to an endpoint, disabled or
// not, and returns what came of it. The try is recorded as manual, with the
// number 0 in the log; it counts for nothing else, neither for the endpoint's
// health. The state of a test that was not delivered is exhausted: there is no
// second try. An error means that there was no try, or that it could not be
// recorded.
func (d *Dispatcher) TestEvent(ctx context.Context, ep Endpoint) (Try, error) {
	t, err := newTarget(ep, d.cfg.UserAgent)
	if err != nil {
		return Try{}, fmt.Errorf("send test event: %w", err)
	}
	data, err := json.Marshal(map[string]string{
		"endpoint_id": ep.ID, "message": "This is a test. Nothing has happened in any queue."})
	if err != nil {
		return Try{}, fmt.Errorf("send test event: %w", err)
	}
	ev := queue.Event{ID: queue.UUID(uuid.New()), Type: EventTest, DomainID: ep.DomainID, At: d.cfg.Now().UTC(),
		Subject: &queue.Subject{Kind: queue.SubjectEndpoint, ID: ep.ID}, Data: data}
	try, err := d.sendByHand(ctx, t, message{ev: &ev, body: ev.AppendBody(nil, t.Format), number: 1})
	if err != nil {
		return try, fmt.Errorf("send test event: %w", err)
	}
	return try, nil
}
