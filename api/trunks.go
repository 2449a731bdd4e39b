package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Trunk is a line out of the house. It has the fields of queue.Trunk in their
// order, so that one converts into the other.
type Trunk struct {
	ID          int64    `json:"id" doc:"Given by the server."`
	Name        string   `json:"name" minLength:"1" maxLength:"200" doc:"Unique in the domain; the switch finds it in the order to dial."`
	Enabled     bool     `json:"enabled" doc:"No call leaves by a disabled one; those on it go on."`
	Priority    int      `json:"priority" minimum:"-1000000" maximum:"1000000" doc:"Of several that take a number, the highest that has a line free is used."`
	Lines       int      `json:"lines" doc:"How many calls it carries at once; 0 = no limit."`
	CallsPerSec int      `json:"calls_per_sec" doc:"How many new calls may begin within any second; 0 = no limit."`
	Patterns    []string `json:"patterns" maxItems:"1000" doc:"The beginnings of the numbers that it takes, such as +49; none = all."`
}

// NewTrunk is the body that creates a trunk.
type NewTrunk Trunk

// TransformSchema makes everything but the name optional.
func (NewTrunk) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	delete(s.Properties, "id")
	s.Required = []string{"name"}
	return s
}

// TrunkChange is the body that changes a trunk.
type TrunkChange Trunk

// TransformSchema makes everything optional.
func (TrunkChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	delete(s.Properties, "id")
	s.Required = nil
	return s
}

type trunkOut struct{ Body Trunk }

type trunkCreated struct {
	Location string `header:"Location"`
	Body     Trunk
}

// TrunkPath names a trunk in a path.
type TrunkPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The trunk."`
}

func (h *handler) trunkRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/trunks", id: "listTrunks", tag: tagDialling, role: store.RoleAnalyst,
		summary: "List trunks", doc: "In the order of their ids.",
	}, h.listTrunks)
	register(h, operation{
		method: http.MethodPost, path: "/v1/trunks", id: "createTrunk", tag: tagDialling, role: store.RoleAdmin,
		status: http.StatusCreated, conflicts: true, summary: "Create a trunk",
		doc: "As long as there is none, members are dialled without regard to lines. Once there is one, every call needs a trunk that takes its number.",
	}, h.createTrunk)
	register(h, operation{
		method: http.MethodGet, path: "/v1/trunks/{id}", id: "readTrunk", tag: tagDialling, role: store.RoleAnalyst,
		summary: "Read a trunk",
	}, h.readTrunk)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/trunks/{id}", id: "changeTrunk", tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Change a trunk", doc: "Only the fields in the body change. Calls that are on it go on.",
	}, h.changeTrunk)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/trunks/{id}", id: "deleteTrunk", tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Delete a trunk", doc: "Refused with in_use while a call is on it or a queue names it.",
	}, h.deleteTrunk)
}

func (h *handler) listTrunks(ctx context.Context, c caller, in *Page) (*listOut[Trunk], error) {
	var found []*queue.Trunk
	if err := h.read(ctx, c, func(e *queue.Engine) { found = e.Trunks() }); err != nil {
		return nil, err
	}
	some, next, err := pageByID(found, *in, "t", func(t *queue.Trunk) int64 { return t.ID })
	if err != nil {
		return nil, err
	}
	out := &listOut[Trunk]{list[Trunk]{Data: []Trunk{}, NextCursor: next}}
	for _, t := range some {
		out.Body.Data = append(out.Body.Data, viewTrunk(t))
	}
	return out, nil
}

func (h *handler) createTrunk(ctx context.Context, c caller, in *struct {
	Body    NewTrunk
	RawBody []byte
}) (*trunkCreated, error) {
	t := Trunk{Enabled: true}
	if err := overlay(in.RawBody, &t); err != nil {
		return nil, err
	}
	saved, err := h.saveTrunk(ctx, c, t)
	if err != nil {
		return nil, err
	}
	return &trunkCreated{Location: location("trunks", saved.ID), Body: *saved}, nil
}

func (h *handler) readTrunk(ctx context.Context, c caller, in *TrunkPath) (*trunkOut, error) {
	t, err := h.trunk(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &trunkOut{*t}, nil
}

func (h *handler) changeTrunk(ctx context.Context, c caller, in *struct {
	TrunkPath
	Body    TrunkChange
	RawBody []byte
}) (*trunkOut, error) {
	h.settings.Lock()
	defer h.settings.Unlock()
	if err := h.catchUp(ctx, c); err != nil {
		return nil, err
	}
	t, err := h.trunk(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	if err := overlay(in.RawBody, t); err != nil {
		return nil, err
	}
	t.ID = in.ID
	if t, err = h.saveTrunk(ctx, c, *t); err != nil {
		return nil, err
	}
	return &trunkOut{*t}, nil
}

func (h *handler) deleteTrunk(ctx context.Context, c caller, in *TrunkPath) (*struct{}, error) {
	_, err := h.do(ctx, c, queue.RemoveTrunk{ID: in.ID})
	return nil, err
}

// trunk reads one trunk of the caller's domain.
func (h *handler) trunk(ctx context.Context, c caller, id int64) (*Trunk, error) {
	var t *queue.Trunk
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		t = e.Trunk(id)
		return t != nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem(queue.CodeUnknownTrunk, fmt.Sprintf("No trunk %d is visible with this key.", id))
	}
	v := viewTrunk(t)
	return &v, nil
}

// saveTrunk creates or changes a trunk and returns it as the engine keeps it.
func (h *handler) saveTrunk(ctx context.Context, c caller, t Trunk) (*Trunk, error) {
	result, err := h.do(ctx, c, queue.SaveTrunk{Trunk: queue.Trunk(t)})
	if err != nil {
		return nil, err
	}
	for _, r := range result.Changed {
		if saved, ok := r.(*queue.Trunk); ok {
			v := viewTrunk(saved)
			return &v, nil
		}
	}
	return h.trunk(ctx, c, t.ID) // nothing changed
}

func viewTrunk(t *queue.Trunk) Trunk {
	v := Trunk(*t)
	if v.Patterns == nil {
		v.Patterns = []string{}
	}
	return v
}
