package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
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
	return namedOnly(s, "name")
}

// TrunkChange is the body that changes a trunk.
type TrunkChange Trunk

// TransformSchema makes everything optional.
func (TrunkChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema { return namedOnly(s) }

func (h *handler) trunkRoutes() {
	settingsRoutes(h, settings[queue.Trunk, Trunk, NewTrunk, TrunkChange]{
		one: "trunk", many: "trunks", unknown: queue.CodeUnknownTrunk,
		id:    func(t *queue.Trunk) int64 { return t.ID },
		all:   (*queue.Engine).Trunks,
		find:  (*queue.Engine).Trunk,
		view:  viewTrunk,
		fresh: Trunk{Enabled: true},
		save: func(t Trunk, id int64) queue.Command {
			t.ID = id
			return queue.SaveTrunk{Trunk: queue.Trunk(t)}
		},
		remove: func(id int64) queue.Command { return queue.RemoveTrunk{ID: id} },
		docs: settingsDocs{
			create: "As long as there is none, members are dialled without regard to lines. Once there is one, every call needs a trunk that takes its number.",
			change: "Only the fields in the body change. Calls that are on it go on.",
			remove: "Refused with in_use while a call is on it or a queue names it.",
		},
	}, "Trunk")
}

func viewTrunk(t *queue.Trunk) Trunk {
	v := Trunk(*t)
	if v.Patterns == nil {
		v.Patterns = []string{}
	}
	return v
}
