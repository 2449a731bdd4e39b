package queue

import (
	"slices"
	"time"
)

// step is one command being carried out.
type step struct {
	e *Engine
	// now is the instant of the command; at is when the thing happened that it
	// reports, which may be earlier for a switch's report.
	now, at time.Time
	ended   string // the agent leg whose end the command reports
	// reportedTransfer: the switch has transferred already what the step carries out.
	reportedTransfer bool
	res              Result
	events           []Event       // so far, in the engine's own room
	attempts         []*attempt    // changed, in order of first change
	agents           []*agentState // changed, in order of first change
	queues           []*queueState // whose hoppers are to be dialled from
	paced            []*queueState // whose pacers were told something
}

// Step carries out cmd at the instant at. On an error, always an *Error,
// nothing has changed; the Result then holds no more than the event that tells
// of a refused join.
func (e *Engine) Step(at time.Time, cmd Command) (Result, error) {
	at = at.UTC().Truncate(time.Millisecond)
	s := &step{e: e, now: at, at: at, events: e.events}
	e.led = e.led[:0]
	e.turnDay(day(at))
	if err := s.carryOut(cmd); err != nil {
		return Result{Events: s.rejection(cmd, err)}, err
	}
	s.at = s.now
	s.match()
	s.dialFromHoppers()
	s.finish()
	return s.res, nil
}

func (s *step) carryOut(cmd Command) error {
	switch c := cmd.(type) {
	case Join:
		return s.join(c)
	case Dial:
		return s.dial(c)
	case Skip:
		return s.skip(c)
	case Accept:
		return s.accept(c)
	case Decline:
		return s.decline(c)
	case Report:
		return s.report(c)
	case Renew:
		return s.renew(c)
	case Close:
		return s.close(c)
	case Cancel:
		return s.cancel(c)
	case Transfer:
		return s.transfer(c)
	case SetAgentStatus:
		return s.setAgentStatus(c)
	case SwitchReport:
		return s.switchReport(c)
	case Reconcile:
		return s.reconcile(c)
	case Tick:
		s.tick()
		return nil
	case SaveQueue:
		return s.saveQueue(c)
	case RemoveQueue:
		return s.removeQueue(c)
	case SaveAgent:
		return s.saveAgent(c)
	case RemoveAgent:
		return s.removeAgent(c)
	default:
		return s.carryOutLists(cmd)
	}
}

// carryOutLists is the part of carryOut about lists, calendars and trunks.
func (s *step) carryOutLists(cmd Command) error {
	switch c := cmd.(type) {
	case Load:
		return s.load(c)
	case Forbid:
		return s.forbid(c)
	case SaveCalendar:
		return s.saveCalendar(c)
	case RemoveCalendar:
		return s.removeCalendar(c)
	case SaveTrunk:
		return s.saveTrunk(c)
	case RemoveTrunk:
		return s.removeTrunk(c)
	default:
		return refuse(CodeInvalid, "the engine knows no command %T", cmd)
	}
}

// open returns the open attempt.
func (s *step) open(id int64) (*attempt, error) {
	if a := s.e.attempts[id]; a != nil {
		return a, nil
	}
	return nil, refuse(CodeUnknownAttempt, "no open attempt %d", id)
}

// queueOf returns the attempt's queue. A queue with open attempts cannot be
// removed, so it is always there.
func (s *step) queueOf(a *attempt) *queueState { return s.e.queues[a.Queue.ID] }

// touch marks the attempt as changed by this step.
func (s *step) touch(a *attempt) {
	if !a.dirty {
		a.dirty = true
		s.attempts = append(s.attempts, a)
	}
}

// touchAgent marks the agent's state as changed by this step.
func (s *step) touchAgent(g *agentState) {
	if !g.dirty {
		g.dirty = true
		s.agents = append(s.agents, g)
	}
}

// finish brings the indexes up to date and copies what changed and what happened.
func (s *step) finish() {
	if len(s.events) > 0 {
		s.res.Events = slices.Clone(s.events)
		clear(s.events)
		s.e.events = s.events[:0]
	}
	for _, g := range s.agents {
		g.dirty = false
		s.e.indexAgent(g)
		s.res.Changed = append(s.res.Changed, g.st.clone())
	}
	asked := s.res.Attempt
	for _, a := range s.attempts {
		a.dirty = false
		s.e.indexAttempt(a)
		copied := a.Clone()
		s.res.Changed = append(s.res.Changed, copied)
		if asked == &a.Attempt {
			s.res.Attempt = copied
		}
	}
	for _, q := range s.paced {
		q.pace.dirty = false
		s.res.Changed = append(s.res.Changed, q.paceRecord())
	}
	if asked != nil && s.res.Attempt == asked { // it has not changed
		s.res.Attempt = asked.Clone()
	}
}

// emit appends an event. The pointer is good until the next one.
func (s *step) emit(ev Event) *Event {
	s.events = append(s.events, ev)
	return &s.events[len(s.events)-1]
}

// keep returns a copy of b, which was appended to the engine's buffer: bytes that
// are handed out have the room that they need and no more.
func (s *step) keep(b []byte) []byte {
	s.e.buffer = b
	return slices.Clone(b)
}

// later returns the instant sec seconds after t; sec 0 means never (zero).
func later(t time.Time, sec int) time.Time {
	if sec == 0 {
		return time.Time{}
	}
	return t.Add(time.Duration(sec) * time.Second)
}

// earliest returns the smallest instant that is set.
func earliest(ts ...time.Time) time.Time {
	var first time.Time
	for _, t := range ts {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	return first
}
