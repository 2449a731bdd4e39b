package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Agent is an agent as the API shows him: his settings, and what he is doing.
type Agent struct {
	ID        int64   `json:"id"`
	Name      string  `json:"name"`
	UserID    *int64  `json:"user_id" doc:"The account behind the agent."`
	Extension *string `json:"extension" doc:"The number that reaches him."`
	Ref       *string `json:"agent_ref" doc:"His name in a switch, such as SIP/100."`
	Queues    []int64 `json:"queues" doc:"The queues whose attempts he may be offered."`
	// Capacity shows every channel, also those that have the default.
	Capacity map[queue.Channel]int `json:"capacity" doc:"How many attempts he may hold at once, by channel."`
	Skills   []queue.AgentSkill    `json:"skills" doc:"What he can do: he is offered attempts of every queue that asks for it."`
	Position int                   `json:"position" doc:"His place in the strategy top-down, lower first."`

	Status        queue.Status   `json:"status" enum:"online,offline,pause,break_out"`
	Reason        *string        `json:"reason" doc:"What was given with the status."`
	Since         *string        `json:"since" format:"date-time" doc:"When that status began."`
	PendingStatus *string        `json:"pending_status" doc:"The status that begins when his attempts have left."`
	PendingReason *string        `json:"pending_reason"`
	Channels      []AgentChannel `json:"channels" doc:"One for each of call, chat and task."`
}

// AgentChannel is one channel of an agent.
type AgentChannel struct {
	Channel queue.Channel `json:"channel" enum:"call,chat,task"`
	// State is that of the newest attempt he holds, else the pause he is in.
	State    queue.ChannelStateName `json:"state" enum:"waiting,reserved,offering,bridged,processing,wrap_up,missed"`
	Since    *string                `json:"since" format:"date-time"`
	Until    *string                `json:"until" format:"date-time" doc:"When wrap_up or missed end."`
	Attempts []AgentSlot            `json:"attempts" doc:"The attempts he holds here."`
}

// AgentSlot is one attempt that an agent holds.
type AgentSlot struct {
	AttemptID int64                  `json:"attempt_id"`
	OfferNo   int                    `json:"offer_no"`
	State     queue.ChannelStateName `json:"state"`
	Since     *string                `json:"since" format:"date-time"`
}

// AgentSettings is what an admin decides about an agent.
type AgentSettings struct {
	Name      string                `json:"name" minLength:"1" maxLength:"200"`
	UserID    *int64                `json:"user_id" nullable:"true" doc:"The account behind the agent."`
	Extension *string               `json:"extension" nullable:"true" maxLength:"100" doc:"The number that reaches him."`
	Ref       *string               `json:"agent_ref" nullable:"true" maxLength:"200" doc:"His name in a switch, such as SIP/100; unique in the domain."`
	Queues    []int64               `json:"queues" maxItems:"1000" doc:"The queues whose attempts he may be offered."`
	Capacity  map[queue.Channel]int `json:"capacity" doc:"How many attempts he may hold at once, by channel: call, chat, task; 1 where nothing is said."`
	Skills    []queue.AgentSkill    `json:"skills" maxItems:"50" doc:"What he can do: he is offered attempts of every queue that asks for it."`
	Position  int                   `json:"position" minimum:"-1000000" maximum:"1000000" doc:"His place in the strategy top-down, lower first."`
}

// NewAgent is the body that creates an agent.
type NewAgent AgentSettings

// TransformSchema makes everything but the name optional.
func (NewAgent) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"name"}
	return s
}

// AgentChange is the body that changes an agent: the settings that shall change.
type AgentChange AgentSettings

// TransformSchema makes everything optional.
func (AgentChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = nil
	return s
}

// agentNulls are the settings of an agent that may be null.
var agentNulls = []string{"user_id", "extension", "agent_ref"}

// NewAgentStatus is the body that logs an agent in or out.
type NewAgentStatus struct {
	Status queue.Status `json:"status" enum:"online,offline,pause,break_out"`
	Reason *string      `json:"reason,omitempty" nullable:"true" maxLength:"200" doc:"Such as lunch; shown with the status."`
}

type agentOut struct{ Body Agent }

type agentCreated struct {
	Location string `header:"Location"`
	Body     Agent
}

// AgentPath names an agent in a path.
type AgentPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The agent."`
}

func (h *handler) agentRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/agents", id: "listAgents", tag: tagAgents, role: store.RoleAnalyst,
		summary: "List agents", doc: "With status and channel states, in the order of their ids. With agent_ref, the one agent of that name in the switch or none.",
	}, h.listAgents)
	register(h, operation{
		method: http.MethodPost, path: "/v1/agents", id: "createAgent", tag: tagAgents, role: store.RoleAdmin,
		status: http.StatusCreated, conflicts: true, summary: "Create an agent", doc: "He begins offline.",
	}, h.createAgent)
	register(h, operation{
		method: http.MethodGet, path: "/v1/agents/{id}", id: "readAgent", tag: tagAgents, role: store.RoleAnalyst,
		summary: "Read an agent",
	}, h.readAgent)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/agents/{id}", id: "changeAgent", tag: tagAgents, role: store.RoleAdmin,
		conflicts: true, summary: "Change an agent",
		doc: "Only the settings in the body change; `queues`, `skills` and `capacity` are replaced as a whole.",
	}, h.changeAgent)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/agents/{id}", id: "deleteAgent", tag: tagAgents, role: store.RoleAdmin,
		conflicts: true, summary: "Delete an agent", doc: "Refused with in_use while he holds an attempt.",
	}, h.deleteAgent)
	register(h, operation{
		method: http.MethodPut, path: "/v1/agents/{id}/status", id: "setAgentStatus", tag: tagAgents, role: store.RoleOperator,
		conflicts: true, summary: "Log an agent in or out",
		doc: "While he is in a conversation or in processing the status waits until that attempt has left: it is shown as `pending_status`.",
	}, h.setAgentStatus)
}

func (h *handler) listAgents(ctx context.Context, c caller, in *struct {
	Page
	Ref string `query:"agent_ref" maxLength:"200" doc:"Only the agent whom a switch knows by this name."`
}) (*listOut[Agent], error) {
	out := &listOut[Agent]{Body: list[Agent]{Data: []Agent{}}}
	var bad error
	err := h.read(ctx, c, func(e *queue.Engine) {
		if in.Ref != "" {
			if a, state := e.AgentByRef(in.Ref); a != nil {
				out.Body.Data = append(out.Body.Data, viewAgent(a, state))
			}
			return
		}
		var some []*queue.Agent
		some, out.Body.NextCursor, bad = pageByID(e.Agents(), in.Page, "a", func(a *queue.Agent) int64 { return a.ID })
		for _, a := range some {
			_, state := e.Agent(a.ID)
			out.Body.Data = append(out.Body.Data, viewAgent(a, state))
		}
	})
	if err == nil {
		err = bad
	}
	return out, err
}

func (h *handler) createAgent(ctx context.Context, c caller, in *struct {
	Body    NewAgent
	RawBody []byte
}) (*agentCreated, error) {
	var settings AgentSettings
	if err := overlay(in.RawBody, &settings, agentNulls...); err != nil {
		return nil, err
	}
	a, err := h.saveAgent(ctx, c, settings.agent(0))
	if err != nil {
		return nil, err
	}
	return &agentCreated{Location: location("agents", a.ID), Body: *a}, nil
}

func (h *handler) readAgent(ctx context.Context, c caller, in *AgentPath) (*agentOut, error) {
	a, err := h.agent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &agentOut{*a}, nil
}

func (h *handler) changeAgent(ctx context.Context, c caller, in *struct {
	AgentPath
	Body    AgentChange
	RawBody []byte
}) (*agentOut, error) {
	h.settings.Lock()
	defer h.settings.Unlock()
	if err := h.catchUp(ctx, c); err != nil {
		return nil, err
	}
	a, err := h.agent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	settings := AgentSettings{
		Name: a.Name, UserID: a.UserID, Extension: a.Extension, Ref: a.Ref, Queues: a.Queues, Capacity: a.Capacity,
		Skills: a.Skills, Position: a.Position,
	}
	if in.Body.Capacity != nil {
		settings.Capacity = nil // else the old channels would shine through
	}
	if err := overlay(in.RawBody, &settings, agentNulls...); err != nil {
		return nil, err
	}
	a, err = h.saveAgent(ctx, c, settings.agent(in.ID))
	if err != nil {
		return nil, err
	}
	return &agentOut{*a}, nil
}

func (h *handler) deleteAgent(ctx context.Context, c caller, in *AgentPath) (*struct{}, error) {
	_, err := h.do(ctx, c, queue.RemoveAgent{ID: in.ID})
	return nil, err
}

func (h *handler) setAgentStatus(ctx context.Context, c caller, in *struct {
	AgentPath
	Body NewAgentStatus
}) (*agentOut, error) {
	_, err := h.do(ctx, c, queue.SetAgentStatus{AgentID: in.ID, Status: in.Body.Status, Reason: text(in.Body.Reason)})
	if err != nil {
		return nil, err
	}
	a, err := h.agent(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &agentOut{*a}, nil
}

// agent reads one agent of the caller's domain.
func (h *handler) agent(ctx context.Context, c caller, id int64) (*Agent, error) {
	var view *Agent
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		a, state := e.Agent(id)
		if a == nil {
			return false
		}
		v := viewAgent(a, state)
		view = &v
		return true
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem(queue.CodeUnknownAgent, fmt.Sprintf("No agent %d is visible with this key.", id))
	}
	return view, nil
}

// saveAgent creates or changes an agent and returns him as he is afterwards.
func (h *handler) saveAgent(ctx context.Context, c caller, a queue.Agent) (*Agent, error) {
	result, err := h.do(ctx, c, queue.SaveAgent{Agent: a})
	if err != nil {
		return nil, blaming(err, queue.CodeUnknownQueue, "queues")
	}
	for _, r := range result.Changed {
		if saved, ok := r.(*queue.Agent); ok {
			return h.agent(ctx, c, saved.ID)
		}
	}
	return h.agent(ctx, c, a.ID) // nothing changed
}

func (s AgentSettings) agent(id int64) queue.Agent {
	return queue.Agent{
		ID: id, Name: s.Name, UserID: s.UserID, Extension: s.Extension, Ref: text(s.Ref),
		Queues: s.Queues, Capacity: s.Capacity, Skills: s.Skills, Position: s.Position,
	}
}

func viewAgent(a *queue.Agent, state *queue.AgentState) Agent {
	v := Agent{
		ID: a.ID, Name: a.Name, UserID: a.UserID, Extension: a.Extension, Ref: orNil(a.Ref),
		Queues: a.Queues, Capacity: map[queue.Channel]int{}, Skills: a.Skills, Position: a.Position, Status: queue.StatusOffline, Channels: []AgentChannel{},
	}
	if v.Queues == nil {
		v.Queues = []int64{}
	}
	if v.Skills == nil {
		v.Skills = []queue.AgentSkill{}
	}
	for _, ch := range queue.Channels {
		v.Capacity[ch] = 1
	}
	for ch, n := range a.Capacity {
		v.Capacity[ch] = n
	}
	if state == nil {
		return v
	}
	v.Status, v.Reason, v.Since = state.Status, orNil(state.Reason), stamp(state.Since)
	v.PendingStatus, v.PendingReason = orNil(state.Pending), orNil(state.PendingReason)
	for i, ch := range queue.Channels {
		v.Channels = append(v.Channels, viewChannel(ch, &state.Channels[i]))
	}
	return v
}

func viewChannel(ch queue.Channel, state *queue.ChannelState) AgentChannel {
	v := AgentChannel{Channel: ch, State: queue.AgentWaiting, Since: stamp(state.Since), Attempts: []AgentSlot{}}
	if state.Block != "" {
		v.State, v.Until = state.Block, stamp(state.Until)
	}
	for _, s := range state.Slots {
		v.Attempts = append(v.Attempts, AgentSlot{s.AttemptID, s.OfferNo, s.State, stamp(s.Since)})
		v.State, v.Since, v.Until = s.State, stamp(s.Since), nil
	}
	return v
}
