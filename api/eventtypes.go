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
	Schema  json.RawMessage `json:"schema" doc:"JSON Schema 2020-12 of the body."`
	Example json.RawMessage `json:"example" doc:"A body."`
}

func (h *handler) eventTypeRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/event-types", id: "listEventTypes", tag: tagEvents, role: store.RoleAnalyst,
		summary: "List the types of events", doc: "Each with its JSON Schema and an example. All of them, whatever the limit.",
	}, func(context.Context, caller, *struct{}) (*listOut[EventTypeView], error) {
		out := &listOut[EventTypeView]{}
		for _, t := range queue.EventTypes {
			out.Body.Data = append(out.Body.Data, viewEventType(t))
		}
		return out, nil
	})
	type typeOut struct{ Body EventTypeView }
	register(h, operation{
		method: http.MethodGet, path: "/v1/event-types/{type}", id: "readEventType", tag: tagEvents, role: store.RoleAnalyst,
		summary: "Read one type of events",
	}, func(_ context.Context, _ caller, in *struct {
		Type string `path:"type" doc:"Such as attempt.bridged."`
	}) (*typeOut, error) {
		t := queue.EventType(in.Type)
		if !slices.Contains(queue.EventTypes, t) {
			return nil, problem(CodeNotFound, "There is no such type of events.")
		}
		return &typeOut{viewEventType(t)}, nil
	})
}

func viewEventType(t queue.EventType) EventTypeView {
	return EventTypeView{Type: t, Schema: queue.EventSchema(t), Example: queue.EventExample(t)}
}
