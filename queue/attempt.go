package queue

import "time"

// State is where an attempt stands (engine.md B.6).
type State string

// The states. Leaving is final.
const (
	StateWaiting    State = "waiting"
	StateDialing    State = "dialing"
	StateOffering   State = "offering"
	StateActive     State = "active"
	StateBridged    State = "bridged"
	StateProcessing State = "processing"
	StateLeaving    State = "leaving"
)

// CCResult is the published result of an attempt: the field cc_result.
type CCResult string

// The closed set of results (engine.md D4).
const (
	ResultSuccess   CCResult = "success"
	ResultCancel    CCResult = "cancel"
	ResultAbandoned CCResult = "abandoned"
)

// Offer is one open proposal of an attempt to one agent.
type Offer struct {
	No      int       `json:"no"`
	Agent   AgentRef  `json:"agent"`
	Channel string    `json:"channel_id"` // agent_channel_id of this offer
	At      time.Time `json:"at"`
	// AcceptedAt is set between the agent's accept and the bridge
	// (engine.md B.10, 23).
	AcceptedAt time.Time `json:"accepted_at,omitzero"`
	// Deadline is the offer's timeout, then the bridge's.
	Deadline time.Time `json:"deadline,omitzero"`
}

// Exclusion keeps one agent from being offered the attempt until an instant.
type Exclusion struct {
	AgentID int64     `json:"agent_id"`
	Until   time.Time `json:"until"`
}

// Attempt is one pass of one member through one queue: its whole state, as it
// is stored between commands. Instants are null (zero) until they happen and
// obey engine.md B.2.
type Attempt struct {
	ID    int64    `json:"id"`
	Queue QueueRef `json:"queue"`
	// Distribution is the queue's when the attempt was created.
	Distribution Distribution `json:"distribution"`
	State        State        `json:"state"`
	// Sequence and LastAt are number and instant of the attempt's last event.
	Sequence int       `json:"sequence"`
	LastAt   time.Time `json:"last_at"`

	Destination     *string `json:"destination"`
	UseProcessing   bool    `json:"use_processing"`
	MemberName      *string `json:"member_name"`
	MemberID        *int64  `json:"member_id"`
	MemberChannelID *string `json:"member_channel_id"`
	AttemptSeq      int     `json:"cc_attempt_seq"`
	Priority        int     `json:"priority"`
	// Bucket is that of the queue to which the attempt belongs; empty = none.
	Bucket    string            `json:"bucket,omitempty"`
	Variables map[string]string `json:"variables,omitempty"`

	JoinedAt         time.Time `json:"joined_at"`
	DialAt           time.Time `json:"dial_at,omitzero"`
	MemberRingingAt  time.Time `json:"member_ringing_at,omitzero"`
	MemberAnsweredAt time.Time `json:"member_answered_at,omitzero"`
	// PersonAt is when a person was known to be on the line of a predictive or
	// progressive attempt: from then on the law counts his wait.
	PersonAt        time.Time `json:"person_at,omitzero"`
	OfferingAt      time.Time `json:"offering_at,omitzero"`
	AgentAnsweredAt time.Time `json:"agent_answered_at,omitzero"`
	BridgedAt       time.Time `json:"bridged_at,omitzero"`
	EndedAt         time.Time `json:"ended_at,omitzero"`
	ProcessingAt    time.Time `json:"processing_at,omitzero"`
	ReportingAt     time.Time `json:"reporting_at,omitzero"`
	LeavingAt       time.Time `json:"leaving_at,omitzero"`

	// OfferNo is the number of the last offer; Offers are the open ones;
	// Misses counts closed ones.
	OfferNo    int         `json:"offer_no"`
	Offers     []Offer     `json:"offers,omitempty"`
	Misses     int         `json:"misses,omitempty"`
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// Agent is the agent who last accepted, Accepted the number of that offer; in
	// reserved types, until somebody has accepted, the agent who is reserved.
	// AgentChannel is the agent leg of that offer, empty again after its Missed,
	// except when a reserved type leaves with it.
	Agent        *AgentRef `json:"agent,omitempty"`
	Accepted     int       `json:"accepted_offer_no,omitempty"`
	AgentChannel string    `json:"agent_channel_id,omitempty"`

	// ParentAttemptID is the attempt from which the member was transferred to this
	// one's queue, ChildAttemptID the one to which this one's was; 0 = none.
	// Transfers counts the agents who handed the conversation over, and
	// PreviousAgentID is the last of them (engine.md B.10, 13).
	ParentAttemptID int64 `json:"parent_attempt_id,omitempty"`
	ChildAttemptID  int64 `json:"child_attempt_id,omitempty"`
	Transfers       int   `json:"transfers,omitempty"`
	PreviousAgentID int64 `json:"previous_agent_id,omitempty"`
	// OrderAt is when the attempt counts as having joined in the order of its
	// queue, for a caller who has his place back; zero = when it joined.
	OrderAt time.Time `json:"order_at,omitzero"`
	// StickyAgentID is the agent whom the subscriber knows, if any. Until
	// StickyUntil only he may be offered the attempt; zero = anybody may.
	StickyAgentID *int64    `json:"sticky_agent_id,omitempty"`
	StickyUntil   time.Time `json:"sticky_until,omitzero"`
	// OverflowDone counts the steps of the queue's overflow that were taken;
	// OverflowAt is the instant of the next, zero = there is none. Levels and
	// AddedQueues are what the steps have opened.
	OverflowDone int       `json:"overflow_done,omitempty"`
	OverflowAt   time.Time `json:"overflow_at,omitzero"`
	Levels       int       `json:"levels,omitempty"`
	AddedQueues  []int64   `json:"added_queues,omitempty"`

	// WaitUntil ends the waiting; ProcessingUntil the processing; TalkUntil is
	// the conversation's safety net or a chat's idle limit, and TalkReason which
	// of them; all zero when not running.
	WaitUntil       time.Time `json:"wait_until,omitzero"`
	NoAgentsUntil   time.Time `json:"no_agents_until,omitzero"`
	TalkUntil       time.Time `json:"talk_until,omitzero"`
	TalkReason      Reason    `json:"talk_reason,omitempty"`
	ProcessingUntil time.Time `json:"processing_until,omitzero"`
	// RejoinUntil ends the conversation of an agent who has lost his leg, unless he
	// comes back (engine.md B.10, 5); zero while he has one.
	// Rejoins counts the orders to connect him again.
	RejoinUntil time.Time `json:"rejoin_until,omitzero"`
	Rejoins     int       `json:"rejoins,omitempty"`
	// DialUntil ends what the switch does with the member who is dialled: first
	// the ringing, then the detection (dialing) or the bridge (active).
	DialUntil time.Time `json:"dial_until,omitzero"`
	// AMDMs is how long the detection of answering machines may take; 0 = none.
	AMDMs        int `json:"amd_total_analysis_ms,omitempty"`
	RenewalsUsed int `json:"renewals_used,omitempty"`
	// Last activity of a chat's two sides, for the idle limits.
	ClientActiveAt time.Time `json:"client_active_at,omitzero"`
	AgentActiveAt  time.Time `json:"agent_active_at,omitzero"`

	// EndReason and EndResult say how the conversation ended; they stand for the
	// attempt unless a report says otherwise.
	EndReason Reason   `json:"end_reason,omitempty"`
	EndResult CCResult `json:"end_result,omitempty"`
	// EarlyReport is a report that came before the conversation ended
	// (engine.md B.10, 10).
	EarlyReport CCResult `json:"early_report,omitempty"`

	Result       CCResult `json:"cc_result,omitempty"`
	ResultReason Reason   `json:"result_reason,omitempty"`
	Cause        Cause    `json:"call_cause,omitempty"`
	SIPCode      int      `json:"call_sip_code,omitempty"`
	// CodeSource is adapter or derived; empty while there is no code.
	CodeSource string `json:"sip_code_source,omitempty"`
	AMDResult  string `json:"amd_result,omitempty"`
	AMDCause   string `json:"amd_cause,omitempty"`
	// AgentCause is the cause of the last agent leg that failed, if reported.
	AgentCause Cause `json:"agent_cause,omitempty"`
	Test       bool  `json:"test,omitempty"`
	// RetryAt is when the member is ready for the next attempt, null when he is
	// not tried again or the type is not outbound. Uncounted says that this
	// attempt does not count towards max_attempts. Set when the attempt leaves;
	// RetryAt earlier by a report that names it.
	RetryAt   time.Time `json:"retry_at,omitzero"`
	Uncounted bool      `json:"uncounted,omitempty"`
	// Zone is the time zone by which the queue's hours are read for whom an
	// outbound queue reaches; empty = the calendar's. ClosesAt is when these hours
	// end the waiting, or withdraw the offer; zero = they do not.
	Zone     string    `json:"time_zone,omitempty"`
	ClosesAt time.Time `json:"closes_at,omitzero"`
	// NoRetry: a report has said that the member is not tried again.
	NoRetry bool `json:"no_retry,omitempty"`
	// Trunk is the trunk whose line the call takes; null when the domain has none.
	Trunk *TrunkRef `json:"trunk,omitempty"`
}

// external reports whether a switch distributes the attempt.
func (a *Attempt) external() bool { return a.Distribution == DistributionExternal }

// Channel returns the attempt's medium.
func (a *Attempt) Channel() Channel { return a.Queue.Type.Channel() }

// hasMemberLeg reports whether there is or was a member leg that a cause can
// speak of: a call, and in outbound types one that was dialled.
func (a *Attempt) hasMemberLeg() bool { return a.Channel() == ChannelCall && !a.DialAt.IsZero() }

// accepted returns the offer that was accepted, for its events and orders.
func (a *Attempt) accepted() *Offer {
	return &Offer{No: a.Accepted, Agent: *a.Agent, Channel: a.AgentChannel}
}

// Clone returns a copy that shares nothing that changes.
func (a *Attempt) Clone() *Attempt {
	c := *a
	c.Offers = append([]Offer(nil), a.Offers...)
	c.Exclusions = append([]Exclusion(nil), a.Exclusions...)
	return &c // Variables and AddedQueues are replaced, never changed in place.
}
