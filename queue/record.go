package queue

// Record is stored state that a step changed, or that was decided elsewhere
// and is taken over by [Engine.Put]: *Queue, *Agent, *AgentState, *Attempt,
// *Member, *Calendar, *Trunk, *Forbidden, *Pace, *Place or *Removed. A Record
// handed out is a copy and never changes afterwards.
type Record interface{ record() }

// Kind says what a Removed was.
type Kind string

// The kinds of records that can go away.
const (
	KindQueue   Kind = "queue"
	KindAgent   Kind = "agent"
	KindAttempt Kind = "attempt"

	KindMember    Kind = "member"
	KindCalendar  Kind = "calendar"
	KindTrunk     Kind = "trunk"
	KindForbidden Kind = "forbidden"
)

// kindPlace keys the place of a subscriber who gave up.
const kindPlace Kind = "place"

// kindPace keys what a queue's pacer has learned, which goes with the queue.
const kindPace Kind = "pace"

// kindAgentState keys what an agent is doing, which is stored apart from who he
// is and goes with him.
const kindAgentState Kind = "agent_state"

// Key says which stored thing a record is about: a later record of the same key
// replaces an earlier one.
type Key struct {
	Kind Kind
	ID   int64
	Name string // the number of a *Forbidden, the address of a *Place; else empty
}

// AgentStateKey is the key of what the agent is doing.
func AgentStateKey(agentID int64) Key { return Key{Kind: kindAgentState, ID: agentID} }

// KeyOf returns the record's key; a *Removed has that of what it takes away.
func KeyOf(r Record) Key {
	switch r := r.(type) {
	case *Queue:
		return Key{Kind: KindQueue, ID: r.ID}
	case *Agent:
		return Key{Kind: KindAgent, ID: r.ID}
	case *AgentState:
		return AgentStateKey(r.AgentID)
	case *Attempt:
		return Key{Kind: KindAttempt, ID: r.ID}
	case *Member:
		return Key{Kind: KindMember, ID: r.ID}
	case *Calendar:
		return Key{Kind: KindCalendar, ID: r.ID}
	case *Trunk:
		return Key{Kind: KindTrunk, ID: r.ID}
	case *Forbidden:
		return Key{Kind: KindForbidden, Name: r.Number}
	case *Place:
		return Key{Kind: kindPlace, ID: r.QueueID, Name: r.Destination}
	case *Pace:
		return Key{Kind: kindPace, ID: r.QueueID}
	case *Removed:
		return Key{Kind: r.Kind, ID: r.ID}
	default:
		panic("a record of an unknown type") // Record is closed: see record()
	}
}

// Removed says that a queue, an agent, a calendar or a trunk was deleted, or that
// an attempt left. Step never returns one for an attempt: there the last
// *Attempt, in the state leaving, says so, because the history wants its final
// values.
type Removed struct {
	Kind Kind
	ID   int64
}

func (*Queue) record()      {}
func (*Agent) record()      {}
func (*AgentState) record() {}
func (*Attempt) record()    {}
func (*Member) record()     {}
func (*Calendar) record()   {}
func (*Trunk) record()      {}
func (*Forbidden) record()  {}
func (*Pace) record()       {}
func (*Removed) record()    {}

// Result is what one command caused: facts for the log, and the records they
// changed. Events are in the order of the log; their Seq and RecordedAt are
// given by whoever appends them.
type Result struct {
	Events  []Event
	Changed []Record
	// Attempt is the attempt that the command was about, as it is afterwards
	// (in the state leaving when the command ended it); nil for commands about
	// queues, agents and time.
	Attempt *Attempt
	// Dropped says why a switch's report was acknowledged without effect
	// (engine.md B.10, 15); empty when it was carried out.
	Dropped string
}
