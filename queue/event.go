package queue

import "time"

// EventType names what happened, as the envelope's `type` says it.
type EventType string

// The eight queue events, in the order in which an attempt may fire them.
const (
	// EventJoined: a subscriber has entered the queue. First event of every
	// attempt, once.
	EventJoined EventType = "attempt.joined"
	// EventOffering: the attempt has been offered to an agent; for ivr, the
	// member's phone rings.
	EventOffering EventType = "attempt.offering"
	// EventAnswered and EventActive: the agent accepted before the member was
	// reached. Only preview and offline; the two come together.
	EventAnswered EventType = "attempt.answered"
	EventActive   EventType = "attempt.active"
	// EventBridged: agent and subscriber are connected. At most once.
	EventBridged EventType = "attempt.bridged"
	// EventMissed: an offer ended without a connection.
	EventMissed EventType = "attempt.missed"
	// EventProcessing: the conversation is over and the agent works on its
	// result. Only when use_processing is true.
	EventProcessing EventType = "attempt.processing"
	// EventLeaving: the subscriber has left the queue. Last event, once.
	EventLeaving EventType = "attempt.leaving"
)

// The other events on the log (engine.md B.15d).
const (
	// EventAgentChanged: an attended transfer has given a bridged attempt to
	// another agent. No endpoint gets it without naming it.
	EventAgentChanged EventType = "attempt.agent_changed"
	// EventJoinRejected: a queue has not taken somebody in. EventMemberExpired: a
	// listed member's time was over before he was dialled. Neither has an attempt.
	EventJoinRejected   EventType = "queue.join_rejected"
	EventMemberExpired  EventType = "member.expired"
	EventAgentState     EventType = "agent.state"
	EventSwitchDial     EventType = "switch.dial"
	EventSwitchRing     EventType = "switch.ring"
	EventSwitchBridge   EventType = "switch.bridge"
	EventSwitchHangup   EventType = "switch.hangup"
	EventSwitchTransfer EventType = "switch.transfer"
)

// AttemptEvents lists the eight queue events; an endpoint that names no events
// gets these.
var AttemptEvents = []EventType{
	EventJoined, EventOffering, EventAnswered, EventActive,
	EventBridged, EventMissed, EventProcessing, EventLeaving,
}

// Schema is the version of the event body: the envelope's `schema`.
const Schema = 1

// Subject says what an event other than the eight is about: its lane.
type Subject struct {
	Kind string `json:"kind"` // attempt, agent, switch, queue, member, endpoint, task
	ID   string `json:"id"`
}

// Event is one fact on a domain's log. An event never changes once it is
// appended, and its rendered bytes never do (see AppendJSON).
type Event struct {
	// Seq is the event's place in its domain's log, 1, 2, 3 … without gaps;
	// RecordedAt is when it was committed. Both are 0 until it is appended and
	// are not part of the body.
	Seq        int64
	RecordedAt time.Time

	ID       UUID
	Type     EventType
	DomainID int64
	// At is when it happened in the engine: the envelope's `timestamp`.
	At time.Time
	// Sequence is 1, 2, 3 … within the attempt; 0 (null) outside attempt.*.
	Sequence int
	// Queue is nil (null) where none applies.
	Queue *QueueRef
	// AttemptID is the attempt of attempt.* and switch.* events, else 0.
	AttemptID int64
	// Subject is set outside attempt.* only.
	Subject *Subject

	// Listed, Variables and Ext are the body of attempt.* events; Listed and
	// Ext are nil elsewhere.
	Listed    *Listed
	Variables map[string]string
	Ext       *Ext
	// Data is the rendered data object of every other event, valid JSON; nil
	// for attempt.* events.
	Data []byte
}

// Listed holds every field that engine.md A.2 lists; which of them an event
// shows is the business of its type (see Fields). Nil is null.
type Listed struct {
	Channel         Channel
	AttemptID       int64
	Destination     *string
	UseProcessing   bool
	AgentChannelID  *string
	MemberChannelID *string
	AgentName       *string
	AgentID         *int64
	UserID          *int64
	AgentExtension  *string
	MemberName      *string
	MemberID        *int64
	AttemptSeq      int
	Result          CCResult // leaving only
	// Whole seconds, cut off (engine.md B.3).
	BillSec  *int64
	Duration *int64
	VoiceSec *int64
	Cause    *Cause // processing and leaving only
	SIPCode  *int
	AMD      *string
}

// Ext holds what an event says beyond the published fields. Zero instants,
// empty strings and zero numbers are null, except WaitSec.
type Ext struct {
	State              State
	JoinedAt           time.Time
	DialAt             time.Time
	MemberAnsweredAt   time.Time
	OfferingAt         time.Time
	BridgedAt          time.Time
	EndedAt            time.Time
	LeavingAt          time.Time
	OfferNo            int
	MissedReason       MissedReason
	ResultReason       Reason
	RetryAt            time.Time
	ProcessingDeadline time.Time
	ParentAttemptID    int64
	ChildAttemptID     int64
	AgentCause         Cause
	AMDCause           string
	SIPCodeSource      string
	// WaitSec is the whole seconds from joined_at to the first of bridged_at,
	// ended_at and the event.
	WaitSec int64
	Test    bool
	// PreviousAgentID is who handed the conversation over by the last attended
	// transfer; 0 before one, and then not in the body at all.
	PreviousAgentID int64
}

// AgentStateData is the data of an agent.state event: the agent's status, and
// the channel that changed. A change of status alone has null channel, state
// and attempt_id.
type AgentStateData struct {
	AgentID   int64             `json:"agent_id"`
	AgentName string            `json:"agent_name"`
	Status    Status            `json:"status"`
	Reason    *string           `json:"reason"`
	Channel   *Channel          `json:"channel"`
	State     *ChannelStateName `json:"state"`
	// Since is when status (or, with a channel, its state) began.
	Since     string `json:"since"`
	AttemptID *int64 `json:"attempt_id"`
}

// AgentChangedData is the data of an attempt.agent_changed event: the agent who
// has the conversation now, and the one who had it.
type AgentChangedData struct {
	AttemptID              int64   `json:"attempt_id"`
	Channel                Channel `json:"channel"`
	MemberChannelID        *string `json:"member_channel_id"` // null for tasks
	AgentID                int64   `json:"agent_id"`
	AgentName              string  `json:"agent_name"`
	UserID                 *int64  `json:"user_id"`         // null when he has none
	AgentExtension         *string `json:"agent_extension"` // null when he has none
	AgentChannelID         string  `json:"agent_channel_id"`
	PreviousAgentID        int64   `json:"previous_agent_id"`
	PreviousAgentName      string  `json:"previous_agent_name"`
	PreviousAgentChannelID string  `json:"previous_agent_channel_id"`
}

// TransferOrder is the data of a switch.transfer event: connect the member's leg
// with somebody else, or, when it names a queue, keep it for him. An order to
// hang up the agent's leg follows.
type TransferOrder struct {
	Order           string  `json:"order"` // transfer
	AttemptID       int64   `json:"attempt_id"`
	MemberChannelID *string `json:"member_channel_id"`
	// AgentID and AgentChannelID are who transfers; null when nobody talks.
	AgentID        *int64  `json:"agent_id"`
	AgentChannelID *string `json:"agent_channel_id"`
	Attended       bool    `json:"attended"`
	// To is the number; ToAgentID and ToAgentRef the agent behind it, and
	// ToChannelID his leg when the conversation is handed over to him.
	To          *string `json:"to"`
	ToAgentID   *int64  `json:"to_agent_id"`
	ToAgentRef  *string `json:"to_agent_ref"`
	ToChannelID *string `json:"to_channel_id"`
	// ToQueueID and ToQueueName are where the member waits now, as the attempt
	// ChildAttemptID.
	ToQueueID      *int64  `json:"to_queue_id"`
	ToQueueName    *string `json:"to_queue_name"`
	ChildAttemptID *int64  `json:"child_attempt_id"`
}

// Order is the data of the other switch.* events: what the switch shall do now. Dial:
// call the member. Ring: call the agent. Bridge: connect the two channels.
// Hangup: end the leg's channel with the cause. An adapter answers with
// reports; an order that is not answered by its deadline runs into the
// engine's own timer.
type Order struct {
	Order           string  `json:"order"` // dial, ring, bridge, hangup
	AttemptID       int64   `json:"attempt_id"`
	OfferNo         *int    `json:"offer_no"`
	Leg             *Leg    `json:"leg"`
	AgentID         *int64  `json:"agent_id"`
	AgentExtension  *string `json:"agent_extension"`
	AgentRef        *string `json:"agent_ref"`
	AgentChannelID  *string `json:"agent_channel_id"`
	MemberChannelID *string `json:"member_channel_id"`
	Destination     *string `json:"destination"`
	Cause           *Cause  `json:"cause"`
	Deadline        *string `json:"deadline"` // RFC 3339, milliseconds; null for hangup
	// AMDTotalAnalysisMs has the member leg examined for an answering machine for
	// at most so long once it is answered; null = not, and in other orders.
	AMDTotalAnalysisMs *int `json:"amd_total_analysis_ms"`
	// TrunkID and Trunk, its name, are what the call to the member leaves by; null
	// in a domain without trunks, and in other orders.
	TrunkID *int64  `json:"trunk_id"`
	Trunk   *string `json:"trunk"`
}
