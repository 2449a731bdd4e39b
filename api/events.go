package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// TimelineEntry is one event of an attempt with its way to every endpoint.
type TimelineEntry struct {
	Seq        int64           `json:"seq" doc:"The event's place in the log."`
	RecordedAt *string         `json:"recorded_at" format:"date-time" doc:"When it was on disk."`
	Event      json.RawMessage `json:"event" doc:"The body, as endpoints get it."`
	Deliveries []Delivery      `json:"deliveries"`
}

// Timeline is an attempt and everything that happened to it.
type Timeline struct {
	Attempt Attempt         `json:"attempt"`
	Data    []TimelineEntry `json:"data"`
}

// rawOut is an answer that was rendered by hand, because events have one
// renderer only and its bytes are what webhooks sign.
type rawOut struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

// EventPath names an event in a path.
type EventPath struct {
	ID string `path:"id" maxLength:"64" doc:"The event: its body's id, also the header webhook-id."`
}

func (h *handler) eventRoutes() {
	list := operation{
		method: http.MethodGet, path: "/v1/events", id: "listEvents", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Read events, or follow them",
		doc: "In the order of the log. `next_cursor` is always there: keep it, and ask again with it for what came since. " +
			"`more` says whether there is more to look at right now; with a filter that few pass a page may hold fewer than limit, even none, while it is true. " +
			"So this list is also the feed of consumers without a URL.",
	}
	register(h, list, h.listEvents)
	one := operation{
		method: http.MethodGet, path: "/v1/events/{id}", id: "readEvent", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Read an event", doc: "The same bytes that endpoints get.",
	}
	register(h, one, h.readEvent)
	register(h, operation{
		method: http.MethodGet, path: "/v1/events/{id}/deliveries", id: "listDeliveriesOfEvent", tag: tagEvents,
		role: store.RoleAnalyst, summary: "Read an event's deliveries", doc: "One for each endpoint that gets it.",
	}, h.listDeliveriesOfEvent)
	h.describeEvents(list, one)
}

// describeEvents says what the hand-rendered answers are.
func (h *handler) describeEvents(list, one operation) {
	event := &huma.Schema{
		Type: huma.TypeObject, AdditionalProperties: true,
		Description: "An event. /v1/event-types has the schema of each type.",
	}
	page := &huma.Schema{Type: huma.TypeObject, Required: []string{"data", "next_cursor", "more"}, Properties: map[string]*huma.Schema{
		"data":        {Type: huma.TypeArray, Items: event},
		"next_cursor": {Type: huma.TypeString, Description: "Always there."},
		"more":        {Type: huma.TypeBoolean, Description: "Read on at once; false at the end of the log as it is now."},
	}}
	for op, schema := range map[*operation]*huma.Schema{&list: page, &one: event} {
		answer := operationAt(h.huma.OpenAPI(), op.method, op.path).Responses["200"]
		answer.Content = map[string]*huma.MediaType{"application/json": {Schema: schema}}
		answer.Headers = nil
	}
}

// EventQuery says which events are wanted.
type EventQuery struct {
	Types     []string  `query:"type" maxItems:"20" doc:"Only these types, separated by commas."`
	AttemptID int64     `query:"attempt_id" minimum:"1" doc:"Only events that name this attempt."`
	QueueID   int64     `query:"queue_id" minimum:"1" doc:"Only events of this queue."`
	AgentID   int64     `query:"agent_id" minimum:"1" doc:"Only events that name this agent."`
	Since     time.Time `query:"since" doc:"Only what happened at or after this."`
	Until     time.Time `query:"until" doc:"Only what happened before this."`
}

// filter is the query as the store takes it.
func (in *EventQuery) filter() (store.EventFilter, error) {
	f := store.EventFilter{AttemptID: in.AttemptID, QueueID: in.QueueID, AgentID: in.AgentID, Since: in.Since, Until: in.Until}
	for _, t := range in.Types {
		if !slices.Contains(queue.EventTypes, queue.EventType(t)) {
			return f, invalid("?type", fmt.Sprintf("%q is not a type of events", t))
		}
		f.Types = append(f.Types, queue.EventType(t))
	}
	return f, nil
}

// eventPlace reads a cursor of the log; the beginning for none.
func eventPlace(cursor string) (dispatcher.Position, error) {
	place, err := decodeCursor(cursor, "e", 2)
	if err != nil || place[1] == 0 {
		return dispatcher.Position{}, err
	}
	return dispatcher.Position{RecordedAt: time.UnixMicro(place[0]), Seq: place[1]}, nil
}

// eventCursor is the cursor of a place in the log.
func eventCursor(p dispatcher.Position) string {
	return *encodeCursor("e", micros(p.RecordedAt), p.Seq)
}

func (h *handler) listEvents(ctx context.Context, c caller, in *struct {
	Page
	EventQuery
}) (*rawOut, error) {
	filter, err := in.filter()
	if err != nil {
		return nil, err
	}
	if filter.After, err = eventPlace(in.Cursor); err != nil {
		return nil, err
	}
	filter.Limit = in.Limit
	page, err := h.cfg.Store.ListEvents(ctx, c.domain, filter)
	if err != nil {
		return nil, err
	}
	body := []byte(`{"data":[`)
	for i := range page.Events {
		if i > 0 {
			body = append(body, ',')
		}
		body = page.Events[i].AppendJSON(body)
	}
	body = fmt.Appendf(body, `],"next_cursor":%q,"more":%t}`, eventCursor(page.Next), page.More)
	return &rawOut{"application/json", body}, nil
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func (h *handler) readEvent(ctx context.Context, c caller, in *EventPath) (*rawOut, error) {
	ev, err := h.event(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &rawOut{"application/json", ev.AppendJSON(nil)}, nil
}

func (h *handler) listDeliveriesOfEvent(ctx context.Context, c caller, in *EventPath) (*listOut[Delivery], error) {
	ev, err := h.event(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	found, err := h.cfg.Delivery.DeliveriesOfEvents(ctx, c.domain, []queue.Event{*ev})
	if err != nil {
		return nil, err
	}
	return &listOut[Delivery]{list[Delivery]{Data: viewDeliveries(found[0])}}, nil
}

func (h *handler) readTimeline(ctx context.Context, c caller, in *AttemptPath) (*struct{ Body Timeline }, error) {
	a, err := h.attempt(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	events, err := h.cfg.Store.EventsOfAttempt(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	// Orders to the switch name the attempt too, but are not its story.
	events = slices.DeleteFunc(events, func(ev queue.Event) bool { return ev.Subject != nil && ev.Subject.Kind == "switch" })
	deliveries, err := h.cfg.Delivery.DeliveriesOfEvents(ctx, c.domain, events)
	if err != nil {
		return nil, err
	}
	out := &struct{ Body Timeline }{Timeline{Attempt: viewAttempt(a), Data: []TimelineEntry{}}}
	for i := range events {
		out.Body.Data = append(out.Body.Data, TimelineEntry{
			Seq: events[i].Seq, RecordedAt: stamp(events[i].RecordedAt),
			Event: events[i].AppendJSON(nil), Deliveries: viewDeliveries(deliveries[i]),
		})
	}
	return out, nil
}

// event reads one event of the caller's domain by its public id.
func (h *handler) event(ctx context.Context, c caller, id string) (*queue.Event, error) {
	bare, ok := strings.CutPrefix(id, "evt_")
	u, err := uuid.Parse(bare)
	if !ok || err != nil || queue.EventID(queue.UUID(u)) != id {
		return nil, store.ErrNotFound
	}
	ev, err := h.cfg.Store.EventByID(ctx, c.domain, queue.UUID(u))
	return &ev, err
}

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
