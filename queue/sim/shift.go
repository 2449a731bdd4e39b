package sim

import (
	"fmt"
	"time"

	"github.com/offhook/offhook/queue"
)

// step lets the next thing happen: a moment of the agenda, or, after those who
// hang up in the same millisecond, a deadline of the engine. False when nothing
// is left to happen.
func (s *shift) step() (bool, error) {
	deadline, running := s.engine.NextDeadline()
	if due := deadline.Sub(firstDay).Milliseconds(); running {
		if len(s.agenda) == 0 || due < s.agenda[0].at || due == s.agenda[0].at && s.agenda[0].what > talkEnds {
			s.pass(due)
			return true, s.do(queue.Tick{})
		}
	}
	if len(s.agenda) == 0 {
		return false, nil
	}
	m := s.agenda.pop()
	s.pass(m.at)
	return true, s.happen(m)
}

func (s *shift) happen(m moment) error {
	if m.what == callerComes {
		return s.arrive(m.attempt)
	}
	v := s.inside[m.attempt]
	switch {
	case v == nil:
		return nil // he has left
	case m.what == agentAnswers:
		return s.do(queue.Accept{AttemptID: m.attempt, AgentID: v.agent, Bridged: true})
	case m.what == callerGivesUp && v.bridged:
		return nil
	default:
		return s.do(queue.SwitchReport{AttemptID: m.attempt, Leg: queue.LegMember, Event: queue.SwitchEnded})
	}
}

// arrive lets the pending caller join, and the next one be expected.
func (s *shift) arrive(id int64) error {
	c := s.pending
	s.arrivals = id
	s.inside[id] = &visitor{Served: Served{No: int(id - 1), Call: c, Delayed: true}}
	if err := s.do(queue.Join{AttemptID: id, QueueID: theQueue, Destination: &destination, Priority: c.Priority}); err != nil {
		return err
	}
	if v := s.inside[id]; v != nil {
		v.Delayed = v.offeredAt.IsZero()
	}
	if c.Patience >= 0 {
		s.agenda.push(moment{at: s.now + c.Patience.Milliseconds(), what: callerGivesUp, attempt: id})
	}
	return s.expect()
}

// pass moves the clock, and with it the integrals.
func (s *shift) pass(now int64) {
	if now <= s.now {
		return
	}
	s.whole.QueueMS += s.waiting * (now - s.now)
	s.whole.BusyMS += s.busy * (now - s.now)
	from, to := max(s.now, s.floor.From.Milliseconds()), now
	if s.floor.To > 0 {
		to = min(to, s.floor.To.Milliseconds())
	}
	if from < to {
		s.measured.QueueMS += s.waiting * (to - from)
		s.measured.BusyMS += s.busy * (to - from)
	}
	s.now = now
}

// do has the engine carry out a command and takes in what it caused.
func (s *shift) do(cmd queue.Command) error {
	res, err := s.engine.Step(firstDay.Add(time.Duration(s.now)*time.Millisecond), cmd)
	if err != nil {
		return fmt.Errorf("step %T: %w", cmd, err)
	}
	for i := range res.Events {
		if ev := &res.Events[i]; ev.Ext != nil {
			s.moved(ev)
		}
	}
	for _, r := range res.Changed {
		if st, ok := r.(*queue.AgentState); ok {
			s.worked(st)
		}
	}
	return nil
}

// worked counts how many agents are busy: they hold a call or wrap one up.
func (s *shift) worked(st *queue.AgentState) {
	call := &st.Channels[0]
	busy := len(call.Slots) > 0 || call.Block != ""
	if busy == s.isBusy[st.AgentID] {
		return
	}
	s.isBusy[st.AgentID] = busy
	s.quiet = s.now
	if busy {
		s.busy++
	} else {
		s.busy--
	}
}

// moved takes in an event of an attempt.
func (s *shift) moved(ev *queue.Event) {
	v := s.inside[ev.AttemptID]
	switch ev.Type {
	case queue.EventJoined:
		s.waiting++
	case queue.EventOffering:
		v.offeredAt, v.agent = ev.At, *ev.Listed.AgentID
		s.agenda.push(moment{at: s.now + s.floor.Ring.Milliseconds(), what: agentAnswers, attempt: ev.AttemptID})
	case queue.EventMissed:
		v.ringMS += ev.At.Sub(v.offeredAt).Milliseconds()
	case queue.EventBridged:
		s.waiting--
		v.bridged = true
		v.ringMS += ev.At.Sub(v.offeredAt).Milliseconds()
		v.Wait = ev.Ext.BridgedAt.Sub(ev.Ext.JoinedAt)
		s.agenda.push(moment{at: s.now + v.Call.Talk.Milliseconds(), what: talkEnds, attempt: ev.AttemptID})
	case queue.EventLeaving:
		s.left(v, ev)
	}
}

// left writes a call into the books.
func (s *shift) left(v *visitor, ev *queue.Event) {
	delete(s.inside, ev.AttemptID)
	s.quiet = s.now
	switch {
	case v.bridged:
		v.Outcome = Handled
	case ev.Listed.Result == queue.ResultAbandoned:
		v.Outcome = Abandoned
	default:
		v.Outcome = Other
	}
	if !v.bridged {
		s.waiting--
		v.Wait = ev.Ext.LeavingAt.Sub(ev.Ext.JoinedAt)
	}
	wrapUp, threshold := int64(s.floor.WrapUpSec)*1000, s.floor.Threshold.Milliseconds()
	s.whole.leave(v.Served, v.ringMS, wrapUp, threshold)
	if at := v.Call.Arrival; at >= s.floor.From && (s.floor.To == 0 || at < s.floor.To) {
		s.measured.leave(v.Served, v.ringMS, wrapUp, threshold)
	}
	if s.each != nil {
		s.each(v.Served)
	}
}
