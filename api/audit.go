package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// by says who changes something with this request. before and after are the
// thing as the API shows it, nil where there is none.
func (h *handler) by(ctx context.Context, c caller, before, after any) store.By {
	return store.By{
		At: h.cfg.Now(), KeyID: c.key, KeyName: c.name, Role: c.role, RequestID: requestID(ctx), Before: before, After: after,
		Once: onceOf(ctx),
	}
}

// deed is what a command does, in the words of the audit log.
type deed struct {
	action, kind string
	id           int64
	name         string // of what has no id
	facts        any    // what is worth knowing of it; never what people say of people
}

// deedOf names the deed of a command; false for what is not noted: time that
// passes, and what switches report, which are facts on the log already.
func deedOf(cmd queue.Command) (deed, bool) {
	switch c := cmd.(type) {
	case queue.SaveQueue:
		return deed{"queue." + saving(c.Queue.ID), "queue", c.Queue.ID, "", nil}, true
	case queue.RemoveQueue:
		return deed{"queue.delete", "queue", c.ID, "", nil}, true
	case queue.SaveAgent:
		return deed{"agent." + saving(c.Agent.ID), "agent", c.Agent.ID, "", nil}, true
	case queue.RemoveAgent:
		return deed{"agent.delete", "agent", c.ID, "", nil}, true
	case queue.SetAgentStatus:
		return deed{"agent.status", "agent", c.AgentID, "", facts{"status": c.Status, "reason": c.Reason}}, true
	case queue.SaveCalendar:
		return deed{"calendar." + saving(c.Calendar.ID), "calendar", c.Calendar.ID, "", nil}, true
	case queue.RemoveCalendar:
		return deed{"calendar.delete", "calendar", c.ID, "", nil}, true
	case queue.SaveTrunk:
		return deed{"trunk." + saving(c.Trunk.ID), "trunk", c.Trunk.ID, "", nil}, true
	case queue.RemoveTrunk:
		return deed{"trunk.delete", "trunk", c.ID, "", nil}, true
	case queue.Forbid:
		if len(c.Numbers) == 1 {
			return deed{"dnc.create", "dnc", 0, c.Numbers[0], facts{}}, true
		}
		return deed{"dnc.create", "dnc", 0, fmt.Sprintf("%d numbers", len(c.Numbers)), facts{"numbers": c.Numbers}}, true
	default:
		return attemptDeedOf(cmd)
	}
}

// facts are what is worth knowing of a deed, by their names.
type facts = map[string]any

func attemptDeedOf(cmd queue.Command) (deed, bool) {
	attempt := func(verb string, id int64, f facts) (deed, bool) {
		return deed{"attempt." + verb, "attempt", id, "", f}, true
	}
	switch c := cmd.(type) {
	case queue.Join:
		return attempt("join", 0, facts{"queue_id": c.QueueID})
	case queue.Dial:
		f := facts{"queue_id": c.QueueID, "agent_id": c.AgentID}
		if c.Member != nil {
			f["member_id"] = c.Member.ID
		}
		return attempt("dial", 0, f)
	case queue.Accept:
		return attempt("accept", c.AttemptID, facts{"agent_id": c.AgentID})
	case queue.Decline:
		return attempt("decline", c.AttemptID, facts{"agent_id": c.AgentID})
	case queue.Skip:
		return attempt("skip", c.AttemptID, facts{"agent_id": c.AgentID})
	case queue.Report:
		return attempt("report", c.AttemptID, facts{"agent_id": c.AgentID, "cc_result": c.Result})
	case queue.Renew:
		return attempt("renew", c.AttemptID, facts{"agent_id": c.AgentID})
	case queue.Close:
		return attempt("close", c.AttemptID, facts{"agent_id": c.AgentID})
	case queue.Transfer:
		return attempt("transfer", c.AttemptID, facts{"to_queue_id": c.ToQueueID, "to_agent_id": c.ToAgentID, "attended": c.Attended})
	case queue.Cancel:
		return attempt("cancel", c.AttemptID, nil)
	default:
		return deed{}, false
	}
}

func saving(id int64) string {
	if id == 0 {
		return "create"
	}
	return "update"
}

// clerk writes the note about a command of this request into the transaction
// of the command; nil when it is not noted.
func (h *handler) clerk(ctx context.Context, c caller, cmd queue.Command) *desk.Clerk {
	d, ok := deedOf(cmd)
	if !ok {
		return marking(ctx, cmd)
	}
	var before any
	look := func(e *queue.Engine) { before = settingsIn(e, d) }
	note := func(answers []desk.Answer) (desk.Note, bool) {
		id, after := d.id, d.facts
		for _, r := range answers[0].Result.Changed {
			if key := queue.KeyOf(r); id == 0 && string(key.Kind) == d.kind {
				id = key.ID
			}
		}
		if t := answers[0].Result.Attempt; id == 0 && t != nil {
			id = t.ID
		}
		if after == nil {
			after = savedBy(answers[0].Result)
		}
		was, is, err := store.Difference(before, after)
		if err != nil {
			h.cfg.Logger.ErrorContext(ctx, "render an audit note", "request_id", requestID(ctx), "error", err)
		}
		if d.name == "" && string(was) == "{}" && string(is) == "{}" {
			return desk.Note{Once: onceOf(ctx), Kind: d.kind}, onceOf(ctx).Set() // saved as it was
		}
		if d.name == "" {
			d.name = strconv.FormatInt(id, 10)
		}
		return desk.Note{
			KeyID: c.key, KeyName: c.name, Role: string(c.role), RequestID: requestID(ctx),
			Action: d.action, Kind: d.kind, ObjectID: d.name, Before: was, After: is, Once: onceOf(ctx),
		}, true
	}
	return &desk.Clerk{Look: look, Guard: guard(ctx, d), Note: note}
}

// settingsIn is what a change of settings is about to replace; nil for nothing.
func settingsIn(e *queue.Engine, d deed) any {
	if d.id == 0 {
		return nil
	}
	switch d.kind {
	case "queue":
		if q := e.Queue(d.id); q != nil {
			return *q
		}
	case "calendar":
		if x := e.Calendar(d.id); x != nil {
			return *x
		}
	case "trunk":
		if t := e.Trunk(d.id); t != nil {
			return *t
		}
	case "agent":
		a, state := e.Agent(d.id)
		switch {
		case a == nil:
		case d.action != "agent.status":
			return *a
		case state != nil:
			return map[string]any{"status": state.Status, "reason": state.Reason}
		}
	}
	return nil
}

// savedBy is the settings that a command has saved, nil for none.
func savedBy(r queue.Result) any {
	for _, record := range r.Changed {
		switch record.(type) {
		case *queue.Queue, *queue.Agent, *queue.Calendar, *queue.Trunk:
			return record
		}
	}
	return nil
}

// AuditEntry is one change that somebody made.
type AuditEntry struct {
	At        *string         `json:"at" format:"date-time"`
	KeyID     *string         `json:"key_id" doc:"The API key; null for offhook itself and for the command line."`
	KeyName   *string         `json:"key_name" doc:"The name that the key had."`
	Role      *string         `json:"role"`
	RequestID *string         `json:"request_id" doc:"Finds the request in the server's log."`
	Action    string          `json:"action" example:"endpoint.update"`
	Kind      string          `json:"object_kind" example:"endpoint"`
	ObjectID  string          `json:"object_id"`
	Before    json.RawMessage `json:"before" doc:"What it was, as far as it differs; null when it was not there or nothing is kept of it."`
	After     json.RawMessage `json:"after" doc:"What it is, as far as it differs."`
}

func (h *handler) auditRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/audit", id: "listAudit", tag: tagAdmin, role: store.RoleAdmin,
		summary: "See who changed what",
		doc: "The latest first. Every change by a key or on the command line is here, from the same transaction that made it. " +
			"Secrets are never shown, nor are the variables of attempts. What switches report is not here but on the log of events." + shortPages,
	}, h.listAudit)
}

func (h *handler) listAudit(ctx context.Context, c caller, in *struct {
	Page
	Kind     string    `query:"object_kind" maxLength:"40" doc:"Only changes of such things: queue, agent, attempt, endpoint, key, task …"`
	ObjectID string    `query:"object_id" maxLength:"64" doc:"Only changes of this one; needs object_kind."`
	KeyID    string    `query:"key_id" maxLength:"64" doc:"Only changes by this API key."`
	Action   string    `query:"action" maxLength:"64" doc:"Only such changes."`
	Since    time.Time `query:"since" doc:"Only changes at or after this."`
	Until    time.Time `query:"until" doc:"Only changes before this."`
}) (*listOut[AuditEntry], error) {
	place, err := decodeCursor(in.Cursor, "au", 2)
	if err != nil {
		return nil, err
	}
	if in.ObjectID != "" && in.Kind == "" {
		return nil, invalid("?object_id", "say with object_kind what this is the id of")
	}
	f := store.AuditFilter{
		Kind: in.Kind, ObjectID: in.ObjectID, KeyID: in.KeyID, Action: in.Action, Since: in.Since, Until: in.Until, Limit: in.Limit + 1,
	}
	if place[1] != 0 {
		f.Before = store.AuditCursor{At: time.UnixMicro(place[0]), ID: place[1]}
	}
	found, next, err := h.cfg.Store.Audit(ctx, c.domain, f)
	if err != nil {
		return nil, err
	}
	out := &listOut[AuditEntry]{list[AuditEntry]{Data: []AuditEntry{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		next = &store.AuditCursor{At: found[in.Limit-1].At, ID: found[in.Limit-1].ID}
	}
	if next != nil {
		out.Body.NextCursor = encodeCursor("au", next.At.UnixMicro(), next.ID)
	}
	for i := range found {
		e := &found[i]
		out.Body.Data = append(out.Body.Data, AuditEntry{
			At: stamp(e.At), KeyID: orNil(e.KeyID), KeyName: orNil(e.KeyName), Role: orNil(e.Role), RequestID: orNil(e.RequestID),
			Action: e.Action, Kind: e.Kind, ObjectID: e.ObjectID, Before: orNull(e.Before), After: orNull(e.After),
		})
	}
	return out, nil
}

// orNull is JSON that may be missing.
func orNull(b []byte) json.RawMessage {
	if b == nil {
		return json.RawMessage("null")
	}
	return b
}
