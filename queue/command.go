package queue

import "time"

// Command is anything from outside that may change the engine, or time
// passing: one of the types of this file, or Transfer. One command is one atomic
// step.
type Command interface{ command() }

// Join brings a subscriber into a queue that the engine distributes. Refused:
// unknown_queue, queue_disabled, queue_full, invalid (no destination on a call
// or chat).
type Join struct {
	// AttemptID is filled by the desk from the store's sequence.
	AttemptID int64
	QueueID   int64
	// Destination is the subscriber's address: the caller's number, the chat
	// contact, a task's address. Nil only for tasks.
	Destination *string
	MemberName  *string
	MemberID    *int64
	// MemberChannelID names the member leg at the switch; empty = the engine
	// makes one for a call or chat.
	MemberChannelID string
	// DialAt is when the call reached the switch; zero = now, or when it was
	// answered. An instant at or before the Unix epoch is not set.
	DialAt time.Time
	// MemberAnsweredAt, not before DialAt, is when the member leg was answered; zero = now, unless
	// MemberUnanswered says that it still rings.
	MemberAnsweredAt time.Time
	MemberUnanswered bool
	Priority         int
	// Bucket is one of the queue's; empty = none.
	Bucket string
	// StickyAgentID is the agent whom the subscriber shall get if he is free soon;
	// nil = none, and so is one who is not there.
	StickyAgentID *int64
	// AttemptSeq is cc_attempt_seq; zero = 1.
	AttemptSeq int
	Variables  map[string]string
	Test       bool
}

// Dial gives an outbound queue a member to be reached: whoever holds the list
// of members decides whom and when. Offline and preview queues offer him to the
// agent first, the others dial him at once. Refused: unknown_queue, bad_state
// (the queue is joined, not dialled), queue_disabled, member_busy (the member,
// or the number, is in an open attempt), unknown_agent, no_agent (not free,
// excluded, or nobody is), calendar_closed, dnc, no_line (max_calls, trunks and
// calls per second), invalid.
type Dial struct {
	// AttemptID is filled by the desk from the store's sequence.
	AttemptID int64
	QueueID   int64
	// AgentID is the agent of a reserved type; 0 = the agent who has been idle
	// longest, not for offline, where the agent picks the member. A progressive
	// queue dials up to progressive_count members for the same agent.
	AgentID int64
	// Destination is the number to dial.
	Destination string
	MemberID    *int64
	MemberName  *string
	// AttemptSeq is cc_attempt_seq: counted attempts so far + 1; zero = 1.
	AttemptSeq int
	Priority   int
	// Bucket and StickyAgentID as in Join. A preview or progressive queue gives
	// the member to that agent when he is free.
	Bucket        string
	StickyAgentID *int64
	Variables     map[string]string
	// Exclusions name agents who are not to get this member, such as those who
	// skipped him.
	Exclusions []Exclusion
	Test       bool
	// Member is a listed member, as he was just read: instead of MemberID,
	// MemberName, AttemptSeq, Priority, Variables and Exclusions. An empty
	// Destination is the best of his numbers. Refused for him: not_ready, dnc,
	// expired.
	Member *Member
	// Zone is the time zone of whom is dialled without a list; empty = the
	// calendar's. Forbidden says that his number was found on the do-not-call list.
	Zone      string
	Forbidden bool
}

// Skip passes the member of a preview offer over: Missed (skipped). Refused:
// bad_state when the queue does not allow it, or is of another type; else as
// Decline.
type Skip struct {
	AttemptID int64
	AgentID   int64
	OfferNo   int // 0 = the agent's open offer
}

// Accept is the agent's yes to an offer. For calls it orders the bridge; for
// chats and tasks it is the bridge; in preview and offline it has the member
// dialled. A second accept of the same offer by the same agent does nothing.
// Refused: lost_race when that offer is no longer open, bad_state when there
// never was one.
type Accept struct {
	AttemptID int64
	AgentID   int64
	OfferNo   int // 0 = the agent's open offer
	// Bridged says that the switch has connected both already.
	Bridged bool
	// AgentChannelID replaces the id that the engine made for the agent leg.
	AgentChannelID string
}

// Decline is the agent's no to an offer: Missed (declined).
type Decline struct {
	AttemptID int64
	AgentID   int64
	OfferNo   int // 0 = the agent's open offer
}

// Report is the agent's form: the result of the attempt. In processing it ends
// the attempt; during the conversation it is kept and ends it as soon as the
// conversation does (engine.md B.10, 10). Refused: no_processing.
type Report struct {
	AttemptID int64
	// AgentID, if set, must be the agent who holds the attempt.
	AgentID int64
	// Result is success, cancel or abandoned; empty is success.
	Result CCResult
	// KeepOpen saves the form only; the attempt goes on.
	KeepOpen bool
	// Variables of the form are laid over the attempt's own.
	Variables map[string]string
	// RetryAt is when the member of an outbound queue shall be tried again; it
	// counts with the result abandoned. Zero = by the retry rules.
	RetryAt time.Time
	// Stop ends the member of an outbound queue, whatever the retry rules say.
	Stop bool
}

// Renew moves the end of the processing by the queue's ProcessingSec
// (engine.md B.10, 9). Refused: bad_state when it is over or was renewed often
// enough.
type Renew struct {
	AttemptID int64
	AgentID   int64 // if set, must be the agent who holds the attempt
}

// Close ends the conversation of a bridged chat, task or call, and the dialling
// for an agent who has accepted. In processing it does nothing: the conversation
// has ended. Refused: bad_state before that.
type Close struct {
	AttemptID int64
	AgentID   int64 // if set, must be the agent who holds the attempt
}

// Cancel ends an attempt in any state: result cancel, reason cancelled, or
// withdrawn for a task that nobody accepted.
type Cancel struct {
	AttemptID int64
	// Keep: the member of an outbound queue stays on his list, ready at once, and
	// the attempt does not count; else he is stopped.
	Keep bool
}

// SetAgentStatus is a login, a logout or a pause. While the agent is in a
// conversation or processing it waits until that attempt has left. Refused:
// unknown_agent for an AgentID; an AgentRef that is unknown creates the agent.
type SetAgentStatus struct {
	AgentID   int64
	AgentRef  string // instead of AgentID
	AgentName string // for an agent that is created
	NewID     int64  // filled by the desk when Engine.Needs says so
	Status    Status
	Reason    string
	At        time.Time // when it happened at the switch; zero = now
}

// Leg is a side of a call.
type Leg string

// The two sides.
const (
	LegMember Leg = "member"
	LegAgent  Leg = "agent"
)

// SwitchEvent is what a switch reports of one of its legs, or, for external
// queues, of the whole call.
type SwitchEvent string

// The reports of POST /v1/reports. Joined, offered, missed and left belong to
// external queues only.
const (
	SwitchRinging      SwitchEvent = "ringing"
	SwitchAnswered     SwitchEvent = "answered"
	SwitchBridged      SwitchEvent = "bridged"
	SwitchBridgeFailed SwitchEvent = "bridge_failed"
	SwitchAMD          SwitchEvent = "amd"
	SwitchEnded        SwitchEvent = "ended"
	SwitchMessage      SwitchEvent = "message" // chat activity of the leg
	SwitchJoined       SwitchEvent = "joined"
	SwitchOffered      SwitchEvent = "offered"
	SwitchMissed       SwitchEvent = "missed"
	SwitchLeft         SwitchEvent = "left"
	// SwitchTransferred belongs to every queue.
	SwitchTransferred SwitchEvent = "transferred"
)

// SwitchReport is one report of a switch. The attempt is named by AttemptID or
// by ChannelID, the id of one of its legs, which also says the leg when Leg is
// empty or the id is an agent's. Without either, a report that names an agent
// is about his leg. Reports about what is over or unknown are dropped, not
// refused, so that adapters never retry for ever: among them those about a leg,
// an offer or an agent that is not, or no longer, the attempt's.
//
// Which fields count:
//
//	ringing             Leg
//	answered            Leg; AgentChannelID, for an agent's own leg, in place of
//	                    the id that it had
//	bridged             AgentID/AgentRef or OfferNo when several offers are open;
//	                    AgentChannelID as in answered
//	bridge_failed       Cause, SIPCode; Leg member when the member leg is gone,
//	                    so that the attempt cannot wait again
//	amd                 AMDResult; Reason for what made it decide
//	ended               Leg, Cause, SIPCode; Reason transfer_blind,
//	                    transfer_attended or transferred (= blind) when the leg
//	                    went on elsewhere
//	message             Leg
//	transferred         where to: QueueID or QueueName; AgentID or AgentRef +
//	                    AgentName, AgentChannelID, for another agent who has the
//	                    conversation now (Reason transfer_attended); Destination or
//	                    nothing for elsewhere. Reason transfer_attended, else blind
//	joined (external)   QueueID or QueueName, MemberChannelID, Destination,
//	                    MemberName, DialAt, MemberAnsweredAt, Variables, Priority
//	offered (external)  AgentID or AgentRef + AgentName, AgentChannelID
//	missed (external)   AgentID, AgentRef or AgentChannelID; Reason, Cause, SIPCode
//	left (external)     ResultReason, Cause, SIPCode; Reason as in ended when he
//	                    was connected
//
// For external queues `ended` with Leg member closes whatever is open: offers
// with member_hangup, a waiting attempt as abandoned, a bridged one as served.
// `ended` with Leg agent ends the conversation of a bridged attempt.
type SwitchReport struct {
	AttemptID int64
	ChannelID string
	QueueID   int64
	QueueName string
	// NewIDs are filled by the desk with as many ids as Engine.Needs says.
	NewIDs []int64

	Leg   Leg
	Event SwitchEvent
	// At is when it happened; zero = now. It is clamped between the attempt's
	// last event and now (engine.md B.2).
	At time.Time

	AgentID        int64
	AgentRef       string
	AgentName      string
	AgentChannelID string
	OfferNo        int

	Reason       string
	ResultReason Reason
	Cause        Cause
	SIPCode      int
	AMDResult    string

	Destination      *string
	MemberName       *string
	MemberChannelID  string
	DialAt           time.Time
	MemberAnsweredAt time.Time
	MemberUnanswered bool
	Priority         int
	Variables        map[string]string
}

// Reconcile compares the open attempts of external queues, and with Engine the
// calls that the engine distributes, too, with the channels that their switch has
// listed (engine.md B.10, 21). An attempt whose member leg is not among Live is
// closed: as if the hang-up had come now, or, with Lost, as recovered. A call of
// the engine's of which the switch has never told is given a minute.
type Reconcile struct {
	Engine bool
	// Queues names the queues of that switch; nil = every one.
	Queues []string
	Live   []string
	Lost   bool
	At     time.Time // zero = now
}

// Tick carries out every deadline that is due.
type Tick struct{}

// SaveQueue creates a queue or changes its settings; running attempts keep what
// they started with. Refused: invalid, name_taken. ID 0 is filled by the desk.
type SaveQueue struct{ Queue Queue }

// RemoveQueue deletes a queue without open attempts. Refused: in_use.
type RemoveQueue struct{ ID int64 }

// SaveAgent creates an agent or changes him. Refused: invalid, unknown_queue,
// name_taken (his agent_ref). ID 0 is filled by the desk.
type SaveAgent struct{ Agent Agent }

// RemoveAgent deletes an agent who holds no attempt. Refused: in_use.
type RemoveAgent struct{ ID int64 }

// Load fills the hopper of an outbound queue with members who may be dialled
// next; what was in it is forgotten. Members who are in an open attempt, not
// ready or stopped are passed over; one whose time is over, or who has no number
// left that may be dialled, is stopped. Refused: unknown_queue, bad_state (the
// queue has no list), invalid (more than MaxHopper).
type Load struct {
	QueueID int64
	Members []*Member
}

// Forbid puts numbers on the do-not-call list: they are dialled no more, and an
// offer of a preview or offline queue to dial one, which nobody has accepted, is
// withdrawn. Refused: invalid (none, or more than MaxForbid).
type Forbid struct {
	Numbers []string
	Note    string // why, for people; empty = not said
}

// SaveCalendar creates a calendar or changes it. Refused: invalid, name_taken.
// ID 0 is filled by the desk.
type SaveCalendar struct{ Calendar Calendar }

// RemoveCalendar deletes a calendar. Refused: unknown_calendar, in_use (a queue
// has it).
type RemoveCalendar struct{ ID int64 }

// SaveTrunk creates a trunk or changes it. Refused: invalid, name_taken. ID 0 is
// filled by the desk.
type SaveTrunk struct{ Trunk Trunk }

// RemoveTrunk deletes a trunk. Refused: unknown_trunk, in_use (a queue names it,
// or a call is on it).
type RemoveTrunk struct{ ID int64 }

func (Load) command()           {}
func (Forbid) command()         {}
func (SaveCalendar) command()   {}
func (RemoveCalendar) command() {}
func (SaveTrunk) command()      {}
func (RemoveTrunk) command()    {}
func (Join) command()           {}
func (Dial) command()           {}
func (Skip) command()           {}
func (Accept) command()         {}
func (Decline) command()        {}
func (Report) command()         {}
func (Renew) command()          {}
func (Close) command()          {}
func (Cancel) command()         {}
func (SetAgentStatus) command() {}
func (SwitchReport) command()   {}
func (Reconcile) command()      {}
func (Tick) command()           {}
func (SaveQueue) command()      {}
func (RemoveQueue) command()    {}
func (SaveAgent) command()      {}
func (RemoveAgent) command()    {}
