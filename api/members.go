package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

type memberOut struct{ Body Member }

// MemberPath names a member in a path.
type MemberPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The member."`
}

func (h *handler) memberRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/queues/{id}/members", id: "listMembers", tag: tagMembers, role: store.RoleAnalyst,
		conflicts: true, summary: "List the members of a queue",
		doc: "With state=ready in the order in which they are dialled, with state=waiting in the order in which they become ready, else in the order of their ids. " +
			"Calendars are not asked here.",
	}, h.listMembers)
	h.memberAddRoute()
	register(h, operation{
		method: http.MethodGet, path: "/v1/members/{id}", id: "readMember", tag: tagMembers, role: store.RoleAnalyst,
		summary: "Read a member",
	}, h.readMember)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/members/{id}", id: "changeMember", tag: tagMembers, role: store.RoleOperator,
		conflicts: true, summary: "Change a member",
		doc: "Only the fields in the body change; `numbers` and `variables` are replaced as a whole, and a number that stays keeps its history. " +
			"Refused with member_busy while he is in an open attempt.",
	}, h.changeMember)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/members/{id}", id: "deleteMember", tag: tagMembers, role: store.RoleOperator,
		conflicts: true, summary: "Delete a member", doc: "Refused with member_busy while he is in an open attempt. His attempts stay in the history.",
	}, h.deleteMember)
	register(h, operation{
		method: http.MethodPost, path: "/v1/members/{id}/attempts", id: "dialMember", tag: tagMembers, role: store.RoleOperator,
		status: http.StatusCreated, conflicts: true, summary: "Dial a member now",
		doc: "In an offline queue this is how the agent picks a member from his list. In other outbound queues the member is dialled out of turn. " +
			"Refused when he is not ready, his time is over, the queue's calendar is closed for him, all his numbers are forbidden, or no line or agent is free.",
	}, h.dialMember)
	register(h, operation{
		method: http.MethodGet, path: "/v1/agents/{id}/members", id: "listAgentMembers", tag: tagMembers, role: store.RoleAnalyst,
		summary: "List whom an agent may pick",
		doc: "The members of the offline queues that he serves who may be dialled at this moment, best first: by the queue's priority, then in the order in which members are dialled. " +
			"The list has no pages: those who were picked are not in it any more.",
	}, h.listAgentMembers)
}

func (h *handler) listMembers(ctx context.Context, c caller, in *struct {
	QueuePath
	Page
	State  store.MemberState `query:"state" enum:"ready,waiting,open,stopped" doc:"Only members in this state."`
	Number string            `query:"number" maxLength:"128" doc:"Only members with this first number."`
}) (*listOut[Member], error) {
	place, err := decodeCursor(in.Cursor, "m", 3)
	if err != nil {
		return nil, err
	}
	if _, err := h.membersOf(ctx, c, in.ID); err != nil {
		return nil, err
	}
	now := h.cfg.Now()
	f := store.MemberFilter{
		QueueID: in.ID, State: in.State, At: now, Number: normalNumber(in.Number), Limit: in.Limit + 1,
		After: store.MemberPlace{ID: place[0], Priority: int(place[1])},
	}
	if place[0] != 0 {
		f.After.ReadyAt = time.UnixMicro(place[2]).UTC()
	}
	found, err := h.cfg.Store.Members(ctx, c.domain, f)
	if err != nil {
		return nil, err
	}
	out := &listOut[Member]{list[Member]{Data: []Member{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		last := store.PlaceOf(found[in.Limit-1])
		out.Body.NextCursor = encodeCursor("m", last.ID, int64(last.Priority), last.ReadyAt.UnixMicro())
	}
	for _, m := range found {
		out.Body.Data = append(out.Body.Data, viewMember(m, now))
	}
	return out, nil
}

func (h *handler) readMember(ctx context.Context, c caller, in *MemberPath) (*memberOut, error) {
	m, err := h.cfg.Store.Member(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	return &memberOut{viewMember(m, h.cfg.Now())}, nil
}

func (h *handler) changeMember(ctx context.Context, c caller, in *struct {
	MemberPath
	Body    MemberChange
	RawBody []byte
}) (*memberOut, error) {
	given, wrong := memberOf(in.RawBody)
	if wrong != nil {
		return nil, invalid(wrong.Pointer, wrong.Detail)
	}
	// What his queue allows is found out before his row is held.
	m, err := h.cfg.Store.Member(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	rules, err := h.membersOf(ctx, c, m.QueueID)
	if err != nil {
		return nil, err
	}
	m, err = h.cfg.Store.ChangeMember(ctx, c.domain, in.ID, h.by(ctx, c, nil, nil), func(m *queue.Member, by *store.By) error {
		if err := matching(ctx, viewMember(m, rules.now)); err != nil {
			return err
		}
		by.Before = auditedMember(m, rules.now)
		if wrong := rules.change(m, given); wrong != nil {
			return invalid(wrong.Pointer, wrong.Detail)
		}
		by.After = auditedMember(m, rules.now)
		return nil
	})
	if err != nil {
		return nil, memberAnswer(err)
	}
	h.refill(c, m.QueueID)
	return &memberOut{viewMember(m, rules.now)}, nil
}

// refill has the desk look at a list that has changed, for those whom it may
// dial at once.
func (h *handler) refill(c caller, queueID int64) {
	if d, ok := h.cfg.Desk(c.domain); ok {
		d.Refill(queueID)
	}
}

// auditedMember is what the audit log keeps of a member: not who he is, nor
// what is said about him.
func auditedMember(m *queue.Member, at time.Time) Member {
	v := viewMember(m, at)
	v.Name, v.Variables = nil, nil
	return v
}

func (h *handler) deleteMember(ctx context.Context, c caller, in *MemberPath) (*struct{}, error) {
	check := func(m *queue.Member) error { return matching(ctx, viewMember(m, h.cfg.Now())) }
	if !conditioned(ctx) {
		check = nil
	}
	return nil, memberAnswer(h.cfg.Store.DeleteMemberIf(ctx, c.domain, in.ID, h.by(ctx, c, nil, nil), check))
}

func (h *handler) dialMember(ctx context.Context, c caller, in *struct {
	MemberPath
	Body *struct {
		AgentID int64 `json:"agent_id,omitempty" minimum:"1" doc:"Who gets him: needed in an offline queue, possible in preview and progressive ones."`
	}
}) (*attemptCreated, error) {
	dial := queue.Dial{}
	if in.Body != nil {
		dial.AgentID = in.Body.AgentID
	}
	m, err := h.cfg.Store.Member(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	dial.QueueID, dial.Member = m.QueueID, m
	result, err := h.do(ctx, c, dial)
	if err != nil {
		return nil, err
	}
	a := viewAttempt(result.Attempt)
	return &attemptCreated{Location: location("attempts", a.ID), Body: a}, nil
}

func (h *handler) listAgentMembers(ctx context.Context, c caller, in *struct {
	AgentPath
	Limit int `query:"limit" default:"50" minimum:"1" maximum:"250" doc:"How many to answer at most."`
}) (*listOut[Member], error) {
	if _, err := h.agent(ctx, c, in.ID); err != nil {
		return nil, err
	}
	agent, queues, err := h.offlineQueues(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	now := h.cfg.Now()
	out := &listOut[Member]{list[Member]{Data: []Member{}}}
	for _, q := range queues {
		found, err := h.pickable(ctx, c, desk.Ready{QueueID: q.ID, At: now, Limit: 2*in.Limit + passedOver})
		if err != nil {
			return nil, err
		}
		for _, m := range found {
			if len(out.Body.Data) < in.Limit && q.Admits(agent, m.Bucket) && pickableBy(m, in.ID, now) {
				out.Body.Data = append(out.Body.Data, viewMember(m, now))
			}
		}
	}
	return out, nil
}

// passedOver is how many more members are read than are shown, for those whom
// the agent cannot have.
const passedOver = 50

// offlineQueues are the enabled ones that an agent serves, by falling priority,
// and the agent.
func (h *handler) offlineQueues(ctx context.Context, c caller, agentID int64) (agent *queue.Agent, served []*queue.Queue, err error) {
	err = h.read(ctx, c, func(e *queue.Engine) {
		if agent, _ = e.Agent(agentID); agent == nil {
			return // deleted a moment ago
		}
		for _, q := range e.Queues() {
			if q.Type == queue.Offline && q.Enabled && e.Serves(agentID, q.ID) {
				served = append(served, q)
			}
		}
	})
	slices.SortStableFunc(served, func(a, b *queue.Queue) int { return cmp.Compare(b.Priority, a.Priority) })
	return agent, served, err
}

// pickable reads who may be dialled now in the time zones that are open.
func (h *handler) pickable(ctx context.Context, c caller, want desk.Ready) ([]*queue.Member, error) {
	lists := h.cfg.Store.DeskLists(c.domain)
	zones, err := lists.Zones(ctx, want.QueueID)
	if err != nil {
		return nil, err
	}
	err = h.read(ctx, c, func(e *queue.Engine) {
		for _, zone := range zones {
			if e.Open(want.QueueID, zone, want.At) {
				want.Zones = append(want.Zones, zone)
			}
		}
	})
	if err != nil || len(want.Zones) == 0 {
		return nil, err
	}
	found, _, err := lists.Ready(ctx, want)
	return found, err
}

// pickableBy reports whether the agent may have the member: his time is not
// over, a number of his may be dialled, and nothing keeps the agent from him.
func pickableBy(m *queue.Member, agentID int64, at time.Time) bool {
	if !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(at) {
		return false
	}
	for _, x := range m.Exclusions {
		if x.AgentID == agentID && x.Until.After(at) {
			return false
		}
	}
	return slices.ContainsFunc(m.Numbers, func(n queue.Number) bool { return n.Stopped == "" && !n.Forbidden })
}
