package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// settings are things that an admin makes, that have a name, and that the engine
// keeps by their ids, such as calendars. R is the engine's record of one, V what
// the API shows. N and C are V as the body of a request that makes or changes
// one.
type settings[R, V, N, C any] struct {
	one, many string // in words, in paths
	id        func(*R) int64
	all       func(*queue.Engine) []*R
	find      func(*queue.Engine, int64) *R
	view      func(*R) V
	// fresh is one of which nobody has said anything yet.
	fresh   V
	save    func(v V, id int64) queue.Command
	remove  func(id int64) queue.Command
	unknown Code
	docs    settingsDocs
}

// settingsDocs are what the documentation says about the requests.
type settingsDocs struct{ create, change, remove string }

// SettingPath names a calendar or a trunk in a path.
type SettingPath struct {
	ID int64 `path:"id" minimum:"1" doc:"Its id."`
}

type settingOut[V any] struct{ Body V }

type settingCreated[V any] struct {
	Location string `header:"Location"`
	Body     V
}

// namedOnly makes everything but the name optional, or the name as well.
func namedOnly(s *huma.Schema, required ...string) *huma.Schema {
	delete(s.Properties, "id")
	s.Required = required
	return s
}

// settingsRoutes registers the five routes of one kind of settings.
func settingsRoutes[R, V, N, C any](h *handler, k settings[R, V, N, C], name string) {
	path, one := "/v1/"+k.many, "/v1/"+k.many+"/{id}"
	register(h, operation{
		method: http.MethodGet, path: path, id: "list" + name + "s", tag: tagDialling, role: store.RoleAnalyst,
		summary: "List " + k.many, doc: "In the order of their ids.",
	}, func(ctx context.Context, c caller, in *Page) (*listOut[V], error) { return k.list(ctx, h, c, *in) })
	register(h, operation{
		method: http.MethodPost, path: path, id: "create" + name, tag: tagDialling, role: store.RoleAdmin,
		status: http.StatusCreated, conflicts: true, summary: "Create a " + k.one, doc: k.docs.create,
	}, func(ctx context.Context, c caller, in *struct {
		Body    N
		RawBody []byte
	}) (*settingCreated[V], error) {
		return k.create(ctx, h, c, in.RawBody)
	})
	register(h, operation{
		method: http.MethodGet, path: one, id: "read" + name, tag: tagDialling, role: store.RoleAnalyst, summary: "Read a " + k.one,
	}, func(ctx context.Context, c caller, in *SettingPath) (*settingOut[V], error) {
		v, err := k.read(ctx, h, c, in.ID)
		return &settingOut[V]{v}, err
	})
	register(h, operation{
		method: http.MethodPatch, path: one, id: "change" + name, tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Change a " + k.one, doc: k.docs.change,
	}, func(ctx context.Context, c caller, in *struct {
		SettingPath
		Body    C
		RawBody []byte
	}) (*settingOut[V], error) {
		v, err := k.change(ctx, h, c, in.ID, in.RawBody)
		return &settingOut[V]{v}, err
	})
	register(h, operation{
		method: http.MethodDelete, path: one, id: "delete" + name, tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Delete a " + k.one, doc: k.docs.remove,
	}, func(ctx context.Context, c caller, in *SettingPath) (*struct{}, error) {
		_, err := h.do(ctx, c, k.remove(in.ID))
		return nil, err
	})
}

func (k settings[R, V, N, C]) list(ctx context.Context, h *handler, c caller, page Page) (*listOut[V], error) {
	var found []*R
	if err := h.read(ctx, c, func(e *queue.Engine) { found = k.all(e) }); err != nil {
		return nil, err
	}
	some, next, err := pageByID(found, page, k.many, k.id)
	if err != nil {
		return nil, err
	}
	out := &listOut[V]{list[V]{Data: []V{}, NextCursor: next}}
	for _, r := range some {
		out.Body.Data = append(out.Body.Data, k.view(r))
	}
	return out, nil
}

func (k settings[R, V, N, C]) create(ctx context.Context, h *handler, c caller, raw []byte) (*settingCreated[V], error) {
	v := k.fresh
	if err := overlay(raw, &v); err != nil {
		return nil, err
	}
	v, id, err := k.put(ctx, h, c, v, 0)
	if err != nil {
		return nil, err
	}
	return &settingCreated[V]{Location: location(k.many, id), Body: v}, nil
}

func (k settings[R, V, N, C]) change(ctx context.Context, h *handler, c caller, id int64, raw []byte) (v V, err error) {
	h.settings.Lock()
	defer h.settings.Unlock()
	if err := h.catchUp(ctx, c); err != nil {
		return v, err
	}
	if v, err = k.read(ctx, h, c, id); err != nil {
		return v, err
	}
	if err := overlay(raw, &v); err != nil {
		return v, err
	}
	v, _, err = k.put(ctx, h, c, v, id)
	return v, err
}

// read reads one of the caller's domain.
func (k settings[R, V, N, C]) read(ctx context.Context, h *handler, c caller, id int64) (v V, err error) {
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		r := k.find(e, id)
		if r != nil {
			v = k.view(r)
		}
		return r != nil
	})
	if err == nil && !found {
		err = problem(k.unknown, fmt.Sprintf("No %s %d is visible with this key.", k.one, id))
	}
	return v, err
}

// put creates or changes one and returns it as the engine keeps it.
func (k settings[R, V, N, C]) put(ctx context.Context, h *handler, c caller, v V, id int64) (V, int64, error) {
	result, err := h.do(ctx, c, k.save(v, id))
	if err != nil {
		return v, 0, err
	}
	for _, r := range result.Changed {
		if saved, ok := any(r).(*R); ok {
			return k.view(saved), k.id(saved), nil
		}
	}
	v, err = k.read(ctx, h, c, id) // nothing changed
	return v, id, err
}
