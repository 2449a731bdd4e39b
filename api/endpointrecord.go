package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// EndpointDelivery is where one event stands at an endpoint, as lists show it.
type EndpointDelivery struct {
	EventID    string             `json:"event_id"`
	EventType  queue.EventType    `json:"event_type"`
	AttemptID  *int64             `json:"attempt_id"`
	Seq        int64              `json:"seq" doc:"The event's place in the log."`
	State      dispatcher.State   `json:"state" enum:"held,retrying,delivered,refused,exhausted" doc:"held: behind a failed event of its attempt. exhausted: the schedule has ended, or the event was too old for it; resend or recover it."`
	Outcome    dispatcher.Outcome `json:"outcome" doc:"Of the last try."`
	Tries      int                `json:"tries" doc:"The number of the last try."`
	LastTryAt  *string            `json:"last_try_at" format:"date-time"`
	DurationMS float64            `json:"duration_ms"`
	Status     *int               `json:"status"`
	Error      *string            `json:"error"`
	NextAt     *string            `json:"next_at" format:"date-time" doc:"When the next try is due."`
}

// EndpointStats says how an endpoint fares.
type EndpointStats struct {
	Since    *string                      `json:"since" format:"date-time" doc:"The tries from here on are counted. Later than asked for when there are more than 10,000 since: then complete is false."`
	Until    *string                      `json:"until" format:"date-time"`
	Complete bool                         `json:"complete"`
	Tries    map[dispatcher.Outcome]int64 `json:"tries" doc:"How many ended with which outcome."`
	Latency  TryLatency                   `json:"duration_ms" doc:"How long the delivered ones took."`
	Backlog  Backlog                      `json:"backlog"`
}

// TryLatency is how long tries took, in milliseconds.
type TryLatency struct {
	P50 *float64 `json:"p50"`
	P95 *float64 `json:"p95"`
	P99 *float64 `json:"p99"`
}

// Backlog is what an endpoint has still to get.
type Backlog struct {
	Events    int64   `json:"events" doc:"So many events of the log lie ahead of it, whether it subscribes to them or not."`
	OldestAt  *string `json:"oldest_at" format:"date-time" doc:"When the first of them was recorded."`
	Retrying  int64   `json:"retrying" doc:"Events that failed and wait for their next try; at most 10,000 are counted."`
	Held      int64   `json:"held" doc:"Events that wait behind such a one of their attempt."`
	NextTryAt *string `json:"next_try_at" format:"date-time"`
}

// RecordQuery narrows the lists of what was sent.
type RecordQuery struct {
	Page
	Outcome dispatcher.Outcome `query:"outcome" enum:"delivered,refused,throttled,redirect,unauthorized,rejected,upstream,http_error,dns,connect,tls,timeout,reset,protocol,blocked_target,unknown,expired" doc:"Only tries that ended so."`
	Type    queue.EventType    `query:"type" doc:"Only events of this type."`
	State   dispatcher.State   `query:"state" enum:"retrying,delivered,refused,exhausted" doc:"Only tries that left the delivery so."`
	Since   time.Time          `query:"since" doc:"Only tries that began at or after this."`
	Until   time.Time          `query:"until" doc:"Only tries that began before this."`
}

// Why pages of these lists may be short.
const shortPages = " With a filter that few pass a page may hold fewer than limit, even none, while next_cursor is there: read on."

func (h *handler) recordRoutes(op func(method, path, id, summary, doc string) operation) {
	register(h, op(http.MethodGet, "/{id}/deliveries", "listDeliveriesOfEndpoint", "See what was delivered, and what was not",
		"Each event at its last try, the newest first."+shortPages), h.listDeliveriesOfEndpoint)
	register(h, op(http.MethodGet, "/{id}/tries", "listTriesOfEndpoint", "See every request",
		"The newest first; also those that were made by hand, and the records that say why none was made."+shortPages), h.listTriesOfEndpoint)
	register(h, op(http.MethodGet, "/{id}/stats", "readEndpointStats", "See how it fares",
		"Tries by outcome and their durations over the last day, or from since to until; and what is still to come."), h.readEndpointStats)
	register(h, operation{
		method: http.MethodPost, path: "/v1/events/{id}/deliveries/{endpoint}/resend", id: "resendEvent", tag: tagEndpoints,
		role: store.RoleAdmin, summary: "Send an event again",
		doc: "At once, whatever the endpoint subscribes to and whether it is enabled, while the request waits; the answer tells what came of it. " +
			"It neither spends a try of the schedule nor moves it.",
		patience: time.Minute,
	}, h.resend)
}

// filter turns the query into what the store takes.
func (q *RecordQuery) filter() (store.TryFilter, error) {
	f := store.TryFilter{Outcome: q.Outcome, Type: q.Type, State: q.State, Since: q.Since, Until: q.Until, Limit: q.Limit}
	if f.Type != "" && f.Type != dispatcher.EventTest && !slices.Contains(queue.EventTypes, f.Type) {
		return f, invalid("?type", "this is not a type of events")
	}
	place, err := decodeCursor(q.Cursor, "t", 3)
	if err != nil {
		return f, err
	}
	if place[0] != 0 {
		f.Before = store.TryCursor{StartedAt: time.UnixMicro(place[0]), Seq: place[1], Number: int(place[2])}
	}
	return f, nil
}

func cursorAt(place *store.TryCursor) *string {
	if place == nil {
		return nil
	}
	return encodeCursor("t", place.StartedAt.UnixMicro(), place.Seq, int64(place.Number))
}

// known returns the reference of an endpoint that exists.
func (h *handler) known(ctx context.Context, c caller, id string) (dispatcher.Ref, error) {
	_, err := h.cfg.Delivery.Endpoint(ctx, c.domain, id)
	return dispatcher.Ref{DomainID: c.domain, EndpointID: id}, err
}

// endpointRecord asks for a page of what an endpoint was sent.
type endpointRecord struct {
	EndpointPath
	RecordQuery
}

// asked returns the endpoint that exists and the page that was asked for.
func (h *handler) asked(ctx context.Context, c caller, in *endpointRecord) (ref dispatcher.Ref, f store.TryFilter, err error) {
	if f, err = in.filter(); err != nil {
		return ref, f, err
	}
	ref, err = h.known(ctx, c, in.ID)
	return ref, f, err
}

// recordPage shows what was read of a page.
func recordPage[R, V any](found []R, next *store.TryCursor, err error, view func(*R) V) (*listOut[V], error) {
	if err != nil {
		return nil, err
	}
	out := &listOut[V]{list[V]{Data: make([]V, 0, len(found)), NextCursor: cursorAt(next)}}
	for i := range found {
		out.Body.Data = append(out.Body.Data, view(&found[i]))
	}
	return out, nil
}

func (h *handler) listTriesOfEndpoint(ctx context.Context, c caller, in *endpointRecord) (*listOut[Try], error) {
	ref, f, err := h.asked(ctx, c, in)
	if err != nil {
		return nil, err
	}
	found, next, err := h.cfg.Delivery.TryPage(ctx, ref, f)
	return recordPage(found, next, err, viewTry)
}

func (h *handler) listDeliveriesOfEndpoint(ctx context.Context, c caller, in *endpointRecord) (*listOut[EndpointDelivery], error) {
	ref, f, err := h.asked(ctx, c, in)
	if err != nil {
		return nil, err
	}
	found, next, err := h.cfg.Delivery.DeliveryPage(ctx, ref, f)
	return recordPage(found, next, err, viewEndpointDelivery)
}

func viewEndpointDelivery(l *store.LastTry) EndpointDelivery {
	v := EndpointDelivery{
		EventID: queue.EventID(l.EventID), EventType: l.EventType, Seq: l.Seq, State: l.State, Outcome: l.Outcome, Tries: l.Number,
		LastTryAt: stamp(l.StartedAt), DurationMS: milliseconds(l.Duration), Error: orNil(l.Error), NextAt: stamp(l.NextAt),
	}
	if l.AttemptID != 0 {
		v.AttemptID = &l.AttemptID
	}
	if l.Status != 0 {
		v.Status = &l.Status
	}
	return v
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (h *handler) readEndpointStats(ctx context.Context, c caller, in *struct {
	EndpointPath
	Since time.Time `query:"since" doc:"Tries that began at or after this; a day ago when absent."`
	Until time.Time `query:"until" doc:"Tries that began before this; now when absent."`
}) (*struct{ Body EndpointStats }, error) {
	ref, err := h.known(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Until.IsZero() {
		in.Until = h.cfg.Now()
	}
	if in.Since.IsZero() {
		in.Since = in.Until.Add(-24 * time.Hour)
	}
	s, err := h.cfg.Delivery.Stats(ctx, ref, in.Since, in.Until)
	if err != nil {
		return nil, err
	}
	out := EndpointStats{
		Since: stamp(s.From), Until: stamp(in.Until), Complete: s.Complete, Tries: s.Tries,
		Backlog: Backlog{
			Events: s.Backlog, OldestAt: stamp(s.Oldest), Retrying: s.Retrying, Held: s.Held, NextTryAt: stamp(s.NextAt),
		},
	}
	if s.Tries[dispatcher.OutcomeDelivered] > 0 {
		p50, p95, p99 := milliseconds(s.P50), milliseconds(s.P95), milliseconds(s.P99)
		out.Latency = TryLatency{P50: &p50, P95: &p95, P99: &p99}
	}
	return &struct{ Body EndpointStats }{out}, nil
}

func (h *handler) resend(ctx context.Context, c caller, in *struct {
	EventPath
	Endpoint string `path:"endpoint" maxLength:"64" doc:"The endpoint."`
}) (*tryOut, error) {
	ev, err := h.event(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.Endpoint)
	if err != nil {
		return nil, err
	}
	deliveries, err := h.cfg.Delivery.DeliveriesOfEvents(ctx, c.domain, []queue.Event{*ev})
	if err != nil {
		return nil, err
	}
	number := 1
	for _, d := range deliveries[0] {
		for i := range d.Tries {
			if d.EndpointID == ep.ID {
				number = max(number, d.Tries[i].Number+1)
			}
		}
	}
	by := h.by(ctx, c, nil, map[string]any{"event_id": in.ID})
	if err := h.cfg.Store.NoteDeed(ctx, c.domain, store.Deed{Action: "resend", Kind: "endpoint", ObjectID: ep.ID}, by); err != nil {
		return nil, err
	}
	try, err := h.cfg.Dispatcher.Resend(ctx, ep, *ev, number)
	if err != nil {
		return nil, err
	}
	return &tryOut{viewTry(&try)}, nil
}
