package sim

import (
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

// longest is the longest that the engine lets anything last.
const longest = 30 * 24 * time.Hour

// Floor is a room of agents who serve one inbound queue, for questions of
// staffing: unlike those of a [Centre] its agents always answer, and its
// callers do nothing but wait, hang up and talk. It runs the engine itself, in
// virtual time.
type Floor struct {
	// Agents are there from the beginning until the last call is done.
	Agents int
	// Ring is how long a phone rings before its agent answers, WrapUpSec the
	// seconds he needs after each call. Both may be 0.
	Ring      time.Duration
	WrapUpSec int
	// Threshold is the wait that the service level forgives.
	Threshold time.Duration
	// From and To bound what is measured: callers who come in between, and
	// agents' time in between. Before From the floor warms up. To 0 = until the
	// last agent is free again.
	From, To time.Duration
}

// Outcome is how a call ended.
type Outcome string

// The outcomes. Other is every result of the engine that is neither.
const (
	Handled   Outcome = "handled"
	Abandoned Outcome = "abandoned"
	Other     Outcome = "other"
)

// Served is a call that has left.
type Served struct {
	No      int // 0, 1, 2 … in the order of arrival
	Call    Call
	Outcome Outcome
	// Wait is from the arrival to the connection with an agent, or to the end.
	Wait time.Duration
	// Delayed says that no agent was offered the call at once.
	Delayed bool
}

// visitor is a call on the floor.
type visitor struct {
	Served
	agent     int64 // who was offered it last, and when
	offeredAt time.Time
	bridged   bool
	ringMS    int64
}

// shift is a floor at work.
type shift struct {
	floor  Floor
	engine *queue.Engine
	next   Callers
	each   func(Served)

	agenda   moments
	inside   map[int64]*visitor
	arrivals int64 // also the id of the last attempt
	pending  Call  // the caller of the callerComes on the agenda

	now, quiet int64 // milliseconds of the floor's clock; quiet = last change of a level
	waiting    int64
	busy       int64
	isBusy     []bool // by agent id
	// whole is the day from opening to the last agent's wrap-up, measured what
	// From and To leave of it.
	whole, measured Tally
}

// Run lets the callers come and returns what was counted when the last of them
// has left. Each, if not nil, is given every call as it leaves. The error says
// that the engine refused a command or that the books do not balance; both are
// faults of the program.
//
// No caller waits, and no talk lasts, longer than 30 days.
func (f Floor) Run(callers Callers, each func(Served)) (Tally, error) {
	if err := f.check(); err != nil {
		return Tally{}, err
	}
	s := &shift{
		floor: f, next: callers, each: each, inside: map[int64]*visitor{}, isBusy: make([]bool, f.Agents+1),
		engine: queue.New(queue.Domain{ID: 1, Namespace: queue.UUID{0x5f}}),
	}
	if err := s.open(); err != nil {
		return Tally{}, err
	}
	if err := s.expect(); err != nil {
		return Tally{}, err
	}
	for more := true; more; {
		var err error
		if more, err = s.step(); err != nil {
			return Tally{}, err
		}
	}
	return s.close()
}

func (f Floor) check() error {
	if f.Agents < 0 || f.WrapUpSec < 0 || time.Duration(f.WrapUpSec)*time.Second > longest || f.Ring < 0 || f.Ring >= longest {
		return fmt.Errorf("open the floor: %d agents, %v of ring and %d s of wrap-up cannot be", f.Agents, f.Ring, f.WrapUpSec)
	}
	return nil
}

const (
	theQueue   = 1
	longestSec = int(longest / time.Second)
)

var (
	firstDay    = time.Date(2001, 1, 1, 0, 0, 0, 0, time.UTC)
	destination = "+12025550100"
)

// open sets the engine up: one queue without limits of its own, and agents.
func (s *shift) open() error {
	q := queue.DefaultQueue(theQueue, "floor", queue.Inbound)
	q.UseProcessing, q.WrapUpSec = false, s.floor.WrapUpSec
	q.OfferTimeoutSec, q.MaxWaitSec, q.MaxTalkSec = longestSec, longestSec, longestSec
	if err := s.do(queue.SaveQueue{Queue: q}); err != nil {
		return err
	}
	for id := int64(1); id <= int64(s.floor.Agents); id++ {
		a := queue.Agent{ID: id, Name: "agent", Queues: []int64{theQueue}}
		if err := s.do(queue.SaveAgent{Agent: a}); err != nil {
			return err
		}
		if err := s.do(queue.SetAgentStatus{AgentID: id, Status: queue.StatusOnline}); err != nil {
			return err
		}
	}
	return nil
}

// expect puts the next caller on the agenda.
func (s *shift) expect() error {
	c, ok := s.next()
	if !ok {
		return nil
	}
	at := c.Arrival.Milliseconds()
	if at < s.now || c.Talk < 0 || c.Talk > longest {
		return fmt.Errorf("expect caller %d: he comes at %v, after one who came at %v, and talks for %v",
			s.arrivals+1, c.Arrival, time.Duration(s.now)*time.Millisecond, c.Talk)
	}
	s.pending = c
	s.agenda.push(moment{at: at, what: callerComes, attempt: s.arrivals + 1})
	return nil
}

// close returns the books, when the floor is empty again.
func (s *shift) close() (Tally, error) {
	if n := len(s.inside); n > 0 || s.busy > 0 || s.waiting > 0 {
		return Tally{}, fmt.Errorf("close the floor: %d calls are still inside", n)
	}
	s.whole.IntervalMS, s.whole.Agents = s.quiet, int64(s.floor.Agents)
	if err := s.whole.balance(); err != nil {
		return Tally{}, err
	}
	to := s.floor.To.Milliseconds()
	if to == 0 {
		to = s.quiet
	}
	s.measured.IntervalMS = max(0, to-s.floor.From.Milliseconds())
	s.measured.Agents = int64(s.floor.Agents)
	return s.measured, nil
}
