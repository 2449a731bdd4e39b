package queue

import (
	"fmt"
	"time"
)

// Type is the life cycle that a queue's attempts follow (engine.md B.7).
type Type string

// The eight queue types. Pooled types find an agent while the member waits;
// reserved types fix the agent before the member is reached; ivr has none.
const (
	Offline     Type = "offline"
	Inbound     Type = "inbound"
	IVR         Type = "ivr"
	Preview     Type = "preview"
	Progressive Type = "progressive"
	Predictive  Type = "predictive"
	Chat        Type = "chat"
	Task        Type = "task"
)

// Built lists the types this version of the engine carries out. A queue of
// another type is refused with the code invalid.
var Built = []Type{Inbound, Chat, Task}

// Channel is the medium of an attempt: the events' field `channel`.
type Channel string

// The closed set of channels (engine.md A.3).
const (
	ChannelCall Channel = "call"
	ChannelChat Channel = "chat"
	ChannelTask Channel = "task"
)

// Channels lists every channel in the order in which agents hold their slots.
var Channels = [...]Channel{ChannelCall, ChannelChat, ChannelTask}

// Channel returns the medium of the type: chat, task, and call for the rest.
func (t Type) Channel() Channel {
	switch t {
	case Chat:
		return ChannelChat
	case Task:
		return ChannelTask
	default:
		return ChannelCall
	}
}

// Distribution says who chooses the agent of an attempt.
type Distribution string

// Engine: this package matches attempts with agents and orders the switch.
// External: a telephone switch does, and its adapter reports (engine.md B.15b).
const (
	DistributionEngine   Distribution = "engine"
	DistributionExternal Distribution = "external"
)

// QueueRef names a queue in an event's envelope.
type QueueRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	Type Type   `json:"type"`
}

// Queue is the configuration of one queue. Durations are whole seconds; zero
// means what the field says. DefaultQueue gives the settings of engine.md B.17.
type Queue struct {
	ID           int64        `json:"id"`
	Name         string       `json:"name"`
	Type         Type         `json:"type"`
	Distribution Distribution `json:"distribution"`
	Enabled      bool         `json:"enabled"`
	// Priority orders the queues of one agent, higher first.
	Priority int `json:"priority"`
	// Variables travel with every attempt; a member's variable of the same
	// name wins (engine.md D11).
	Variables map[string]string `json:"variables,omitempty"`

	// UseProcessing turns post-processing on: after the conversation the agent
	// has ProcessingSec for his report. RenewSec before the end the agent's
	// screen offers more time; Renewals is how often he may take it, 0 = no
	// limit.
	UseProcessing bool `json:"use_processing"`
	ProcessingSec int  `json:"processing_sec"`
	RenewSec      int  `json:"renew_sec"`
	Renewals      int  `json:"renewals"`
	// WrapUpSec is the agent's pause after an attempt without processing.
	WrapUpSec int `json:"wrap_up_sec"`

	OfferTimeoutSec  int `json:"offer_timeout_sec"`
	BridgeTimeoutSec int `json:"bridge_timeout_sec"`
	// MaxWaitSec ends the waiting; 0 = no limit for tasks, 24 h for the rest
	// (the safety net of engine.md B.10, 21).
	MaxWaitSec int `json:"max_wait_sec"`
	// NoAgentsSec ends the waiting when for so long no agent of the queue has
	// been online; 0 = off.
	NoAgentsSec int `json:"no_agents_sec"`
	// KeepOnMaxWait: the overflow of the switch keeps the call when max_wait or
	// no_agents ends the attempt, so cause and code stay null.
	KeepOnMaxWait bool `json:"keep_on_max_wait"`
	// MaxWaiting refuses a join with queue_full; 0 = no limit.
	MaxWaiting int `json:"max_waiting"`
	// MaxOffers ends a task after so many misses; 0 = no limit.
	MaxOffers int `json:"max_offers"`
	// MaxTalkSec ends a conversation that nobody ended (safety net); 0 = 4 h, in
	// a chat after the last message.
	MaxTalkSec int `json:"max_talk_sec"`

	// Delays of an agent's channel after a miss (engine.md B.10, 2).
	NoAnswerDelaySec int `json:"no_answer_delay_sec"`
	RejectDelaySec   int `json:"reject_delay_sec"`
	BusyDelaySec     int `json:"busy_delay_sec"`
	// MaxNoAnswer consecutive misses put the agent on break_out; 0 = off.
	// CountDeclined makes a decline count as well as a timeout.
	MaxNoAnswer   int  `json:"max_no_answer"`
	CountDeclined bool `json:"count_declined"`

	// Idle limits of a chat after it was bridged; 0 = off.
	ClientIdleSec int `json:"client_idle_sec"`
	AgentIdleSec  int `json:"agent_idle_sec"`
	DialogIdleSec int `json:"dialog_idle_sec"`
}

// DefaultQueue returns an enabled queue of the type with the defaults of
// engine.md B.17, distributed by the engine, with post-processing.
func DefaultQueue(id int64, name string, t Type) Queue {
	q := Queue{
		ID: id, Name: name, Type: t, Distribution: DistributionEngine, Enabled: true,
		UseProcessing: true, ProcessingSec: 30, RenewSec: 15, Renewals: 1,
		OfferTimeoutSec: 20, BridgeTimeoutSec: 5, MaxWaitSec: 3600,
		NoAnswerDelaySec: 10, RejectDelaySec: 10, BusyDelaySec: 60, CountDeclined: true,
	}
	switch t {
	case Chat:
		q.OfferTimeoutSec = 30
		q.ClientIdleSec, q.AgentIdleSec = 3600, 3600
	case Task:
		q.OfferTimeoutSec = 30
		q.MaxWaitSec = 0
	}
	return q
}

// ExternalQueue returns the queue that is made when a switch names one that is
// not known: inbound, external, without processing (engine.md B.15b).
func ExternalQueue(id int64, name string) Queue {
	q := DefaultQueue(id, name, Inbound)
	q.Distribution = DistributionExternal
	q.UseProcessing = false
	return q
}

// Ref returns the queue's name in envelopes.
func (q *Queue) Ref() QueueRef { return QueueRef{ID: q.ID, Name: q.Name, Type: q.Type} }

// Validate reports the first setting that cannot be carried out, as an *Error
// with the code invalid and the field's JSON name.
func (q *Queue) Validate() error {
	if q.Name == "" || len(q.Name) > 200 {
		return invalid("name", "a queue needs a name of at most 200 bytes")
	}
	built := false
	for _, t := range Built {
		built = built || t == q.Type
	}
	if !built {
		return invalid("type", fmt.Sprintf("queue type %q is not built; use one of %v", q.Type, Built))
	}
	if q.Distribution != DistributionEngine && q.Distribution != DistributionExternal {
		return invalid("distribution", `distribution is "engine" or "external"`)
	}
	if q.UseProcessing && q.ProcessingSec <= 0 {
		return invalid("processing_sec", "processing_sec must be positive when use_processing is on")
	}
	if q.OfferTimeoutSec <= 0 {
		return invalid("offer_timeout_sec", "offer_timeout_sec must be positive")
	}
	return q.validateLimits()
}

func (q *Queue) validateLimits() error {
	for _, f := range []struct {
		name  string
		value int
	}{
		{"processing_sec", q.ProcessingSec}, {"renew_sec", q.RenewSec}, {"renewals", q.Renewals},
		{"wrap_up_sec", q.WrapUpSec}, {"offer_timeout_sec", q.OfferTimeoutSec},
		{"bridge_timeout_sec", q.BridgeTimeoutSec}, {"max_wait_sec", q.MaxWaitSec},
		{"no_agents_sec", q.NoAgentsSec}, {"max_waiting", q.MaxWaiting}, {"max_offers", q.MaxOffers},
		{"max_talk_sec", q.MaxTalkSec}, {"no_answer_delay_sec", q.NoAnswerDelaySec},
		{"reject_delay_sec", q.RejectDelaySec}, {"busy_delay_sec", q.BusyDelaySec},
		{"max_no_answer", q.MaxNoAnswer}, {"client_idle_sec", q.ClientIdleSec},
		{"agent_idle_sec", q.AgentIdleSec}, {"dialog_idle_sec", q.DialogIdleSec},
	} {
		if f.value < 0 || f.value > int(30*24*time.Hour/time.Second) {
			return invalid(f.name, f.name+" must be between 0 and 2592000")
		}
	}
	return nil
}
