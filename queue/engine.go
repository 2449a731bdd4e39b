package queue

import "time"

// Engine is the live state of one domain's contact centre. It is not safe for
// concurrent use. The zero Engine is not usable; call New.
type Engine struct {
	domain Domain
}

// New returns an empty engine of the domain.
func New(domain Domain) *Engine { return &Engine{domain: domain} }

// Step carries out cmd at the instant at. On an error, always an *Error,
// nothing has happened.
func (e *Engine) Step(at time.Time, cmd Command) (Result, error) { panic("being written") }

// Needs says how many fresh ids cmd would use if it were stepped now: for an
// attempt, queue or agent that it creates. WithIDs puts them into the command.
func (e *Engine) Needs(cmd Command) int { panic("being written") }

// WithIDs returns cmd with the ids that Needs asked for.
func WithIDs(cmd Command, ids ...int64) Command { panic("being written") }

// Put takes over stored state that was decided elsewhere: at start-up, or by
// another replica. An engine built by Put alone equals the one that stepped.
// An *Attempt in the state leaving, or a *Removed, takes the thing away.
func (e *Engine) Put(records ...Record) {}

// NextDeadline says when a Tick command is due; false when nothing runs.
func (e *Engine) NextDeadline() (time.Time, bool) { panic("being written") }

// Check returns the first broken invariant, or nil: for tests, and after a
// load.
func (e *Engine) Check() error { panic("being written") }

// Attempt returns a copy of the open attempt, or nil.
func (e *Engine) Attempt(id int64) *Attempt { panic("being written") }

// AttemptByChannel returns a copy of the open attempt one of whose legs has the
// channel id, or nil.
func (e *Engine) AttemptByChannel(id string) *Attempt { panic("being written") }

// Queue returns a copy of the queue, or nil.
func (e *Engine) Queue(id int64) *Queue { panic("being written") }

// QueueByName returns a copy of the queue, or nil.
func (e *Engine) QueueByName(name string) *Queue { panic("being written") }

// Agent returns copies of the agent and of what he is doing, or nil.
func (e *Engine) Agent(id int64) (*Agent, *AgentState) { panic("being written") }

// AgentByRef returns copies like Agent.
func (e *Engine) AgentByRef(ref string) (*Agent, *AgentState) { panic("being written") }

// Queues, Agents and Attempts return copies of all, in the order of their ids.
func (e *Engine) Queues() []*Queue     { panic("being written") }
func (e *Engine) Agents() []*Agent     { panic("being written") }
func (e *Engine) Attempts() []*Attempt { panic("being written") }
