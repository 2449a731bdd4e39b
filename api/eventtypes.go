package api

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// EventTypeView is one type of event: what its body looks like.
type EventTypeView struct {
	Type    queue.EventType `json:"type" example:"attempt.bridged"`
	Format  queue.Format    `json:"format" doc:"The format that schema and example are in."`
	Schema  json.RawMessage `json:"schema" doc:"JSON Schema 2020-12 of the body."`
	Example json.RawMessage `json:"example" doc:"A body."`
}

// EventFormat chooses the format in which types are described.
type EventFormat struct {
	Format queue.Format `query:"format" enum:"standard,flat,cloudevents,cloudevents-binary" default:"standard" doc:"As in an endpoint's settings. The attributes of cloudevents-binary are headers; its body is that of standard."`
}

func (h *handler) eventTypeRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/event-types", id: "listEventTypes", tag: tagEvents, role: store.RoleAnalyst,
		summary: "List the types of events", doc: "Each with its JSON Schema and an example. All of them, whatever the limit.",
	}, func(_ context.Context, _ caller, in *EventFormat) (*listOut[EventTypeView], error) {
		out := &listOut[EventTypeView]{}
		for _, t := range queue.EventTypes {
			out.Body.Data = append(out.Body.Data, viewEventType(t, in.Format))
		}
		return out, nil
	})
	type typeOut struct{ Body EventTypeView }
	register(h, operation{
		method: http.MethodGet, path: "/v1/event-types/{type}", id: "readEventType", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Read one type of events",
	}, func(_ context.Context, _ caller, in *struct {
		EventFormat
		Type string `path:"type" doc:"Such as attempt.bridged."`
	}) (*typeOut, error) {
		t := queue.EventType(in.Type)
		if !slices.Contains(queue.EventTypes, t) {
			return nil, problem(CodeNotFound, "There is no such type of events.")
		}
		return &typeOut{viewEventType(t, in.Format)}, nil
	})
}

func viewEventType(t queue.EventType, f queue.Format) EventTypeView {
	return EventTypeView{Type: t, Format: f, Schema: queue.FormatSchema(f, t), Example: queue.FormatExample(f, t)}
}
