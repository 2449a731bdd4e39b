package queue

import "time"

// Status is what an agent says of himself, over all channels.
type Status string

// The statuses of engine.md B.15a. BreakOut is set by the engine when an agent
// missed too often; he comes back by setting another status.
const (
	StatusOnline   Status = "online"
	StatusOffline  Status = "offline"
	StatusPause    Status = "pause"
	StatusBreakOut Status = "break_out"
)

// ChannelStateName is where one channel of an agent stands (engine.md B.15a).
type ChannelStateName string

// The channel states. Waiting means free: offers come only while the agent is
// online.
const (
	AgentWaiting    ChannelStateName = "waiting"
	AgentReserved   ChannelStateName = "reserved"
	AgentOffering   ChannelStateName = "offering"
	AgentBridged    ChannelStateName = "bridged"
	AgentProcessing ChannelStateName = "processing"
	AgentWrapUp     ChannelStateName = "wrap_up"
	AgentMissed     ChannelStateName = "missed"
)

// AgentRef is what events say of an agent: the fields agent_id, agent_name,
// user_id and agent_extension, frozen when the offer was made.
type AgentRef struct {
	ID        int64   `json:"id"`
	Name      string  `json:"name"`
	UserID    *int64  `json:"user_id"`
	Extension *string `json:"extension"`
}

// Agent is the configuration of one agent.
type Agent struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// UserID is the account behind the agent; null when he has none.
	UserID *int64 `json:"user_id"`
	// Extension is the number that reaches him; null when he has none.
	Extension *string `json:"extension"`
	// Ref is the agent's name in a switch (Asterisk: the member's interface);
	// empty when no switch knows him. Unique when not empty.
	Ref string `json:"agent_ref,omitempty"`
	// Queues are the queues whose attempts he may be offered.
	Queues []int64 `json:"queues"`
	// Capacity is how many attempts he may hold at once, by channel; a channel
	// that is missing has 1.
	Capacity map[Channel]int `json:"capacity,omitempty"`
	// Skills open the queues that ask for them. Position is his place in the
	// strategy top-down, lower first.
	Skills   []AgentSkill `json:"skills,omitempty"`
	Position int          `json:"position,omitempty"`
}

// Validate reports the first field that cannot be carried out, as an *Error.
func (a *Agent) Validate() error {
	if a.Name == "" || len(a.Name) > 200 {
		return invalid("name", "an agent needs a name of at most 200 bytes")
	}
	for ch, n := range a.Capacity {
		if ch != ChannelCall && ch != ChannelChat && ch != ChannelTask {
			return invalid("capacity", "capacity knows the channels call, chat and task")
		}
		if n < 0 || n > 100 {
			return invalid("capacity", "capacity must be between 0 and 100")
		}
		if ch == ChannelCall && n > 1 {
			return invalid("capacity", "an agent holds at most one call")
		}
	}
	if a.Position < -maxPriority || a.Position > maxPriority {
		return invalid("position", "position must be between -1000000 and 1000000")
	}
	return a.validateSkills()
}

func (a *Agent) ref() AgentRef {
	return AgentRef{ID: a.ID, Name: a.Name, UserID: a.UserID, Extension: a.Extension}
}

func (a *Agent) capacity(ch Channel) int {
	if n, ok := a.Capacity[ch]; ok {
		return n
	}
	return 1
}

// Slot is one attempt that an agent holds on a channel.
type Slot struct {
	AttemptID int64            `json:"attempt_id"`
	OfferNo   int              `json:"offer_no"`
	State     ChannelStateName `json:"state"`
	Since     time.Time        `json:"since"`
	// QueueID is the attempt's queue while the agent is reserved.
	QueueID int64 `json:"queue_id,omitempty"`
}

// dialled reports whether the agent is reserved for a member who is still being
// dialled, and has not been offered him (progressive).
func (x *Slot) dialled() bool { return x.State == AgentReserved && x.OfferNo == 0 }

// ChannelState is one channel of an agent: the attempts he holds there, and
// the pause he is in when he holds none.
type ChannelState struct {
	Slots []Slot `json:"slots,omitempty"`
	// Block is wrap_up or missed until Until, or empty.
	Block ChannelStateName `json:"block,omitempty"`
	Since time.Time        `json:"since,omitzero"`
	Until time.Time        `json:"until,omitzero"`
	// Calls and TalkMs count the conversations that began, and how long those
	// were that ended, on the day of that number since 1970, in UTC.
	Day    int64 `json:"day,omitempty"`
	Calls  int   `json:"calls,omitempty"`
	TalkMs int64 `json:"talk_ms,omitempty"`
}

// AgentState is what an agent is doing now.
type AgentState struct {
	AgentID int64     `json:"agent_id"`
	Status  Status    `json:"status"`
	Reason  string    `json:"reason,omitempty"`
	Since   time.Time `json:"since"`
	// Pending is a status that waits until the agent's attempts have left
	// (engine.md B.10, 4); empty when none does.
	Pending       Status `json:"pending,omitempty"`
	PendingReason string `json:"pending_reason,omitempty"`
	// Channels is indexed like the package variable Channels.
	Channels [len(Channels)]ChannelState `json:"channels"`
	// NoAnswers counts misses in a row, Unreachables unreachable phones in a
	// row; both end with a bridge, a login or the return from a break_out, and a
	// phone that rang was reached.
	NoAnswers    int `json:"no_answers,omitempty"`
	Unreachables int `json:"unreachables,omitempty"`
	// LastAt is the instant of his last agent.state event: no later one is
	// before it. LeftAt is when he was last online; zero when he never was, or is.
	LastAt time.Time `json:"last_at,omitzero"`
	LeftAt time.Time `json:"left_at,omitzero"`
	// FreeSince is when he last left a conversation or its processing, or
	// logged in: the key of the strategy longest-idle.
	FreeSince time.Time `json:"free_since,omitzero"`
	// OfferedAt is when he was last offered an attempt: the key of round-robin.
	OfferedAt time.Time `json:"offered_at,omitzero"`
	// Changes counts the agent.state events: their ids come from it.
	Changes int `json:"changes,omitempty"`
}
