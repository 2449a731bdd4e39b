package queue

import (
	"cmp"
	"time"
)

// Safety nets (engine.md B.10, 21 and B.15b): the longest that a state lasts
// when nothing else ends it.
const (
	waitNet     = 24 * time.Hour
	externalNet = 4 * time.Hour
	talkNet     = 4 * time.Hour
)

// dueKey is one deadline: of an attempt, or of one channel of an agent.
type dueKey struct {
	at      int64 // unix milliseconds
	agent   bool
	id      int64
	channel int
}

func compareDue(a, b dueKey) int {
	if c := cmp.Compare(a.at, b.at); c != 0 {
		return c
	}
	if a.agent != b.agent { // agents first, so that they are free for who waits
		if a.agent {
			return -1
		}
		return 1
	}
	if c := cmp.Compare(a.id, b.id); c != 0 {
		return c
	}
	return cmp.Compare(a.channel, b.channel)
}

// NextDeadline says when a Tick command is due; false when nothing runs.
func (e *Engine) NextDeadline() (time.Time, bool) {
	k, ok := e.due.first()
	if h, too := e.later.first(); too && (!ok || h.at < k.at) {
		k, ok = h, true
	}
	if !ok {
		return time.Time{}, false
	}
	return time.UnixMilli(k.at).UTC(), true
}

// nextDue returns the first instant at which time alone may change the attempt;
// zero when it never does.
func (a *Attempt) nextDue() time.Time {
	switch a.State {
	case StateWaiting:
		t := earliest(a.WaitUntil, a.NoAgentsUntil, a.ClosesAt, a.StickyUntil, a.OverflowAt)
		for _, x := range a.Exclusions {
			t = earliest(t, x.Until)
		}
		return t
	case StateOffering:
		var t time.Time
		if a.Queue.Type.agentFirst() {
			t = a.ClosesAt
		}
		for i := range a.Offers {
			t = earliest(t, a.Offers[i].Deadline)
		}
		return t
	case StateDialing, StateActive:
		return a.DialUntil
	case StateBridged:
		return earliest(a.TalkUntil, a.RejoinUntil)
	case StateProcessing:
		return a.ProcessingUntil
	default:
		return time.Time{}
	}
}

// tick carries out every deadline up to now, the earliest first. Each is
// carried out once; what it starts is due later, except that an attempt may
// have several offers that are due.
func (s *step) tick() {
	for {
		k, ok := s.e.due.first()
		if !ok || k.at > s.now.UnixMilli() {
			s.hoppersDue()
			return
		}
		if k.agent {
			s.agentDue(s.e.agents[k.id], k.channel)
			continue
		}
		a := s.e.attempts[k.id]
		s.touch(a)
		s.attemptDue(a)
		s.e.indexAttempt(a)
	}
}

// agentDue ends the pause of an agent's channel.
func (s *step) agentDue(g *agentState, channel int) {
	c := &g.st.Channels[channel]
	c.Block, c.Until = "", time.Time{}
	state, since := c.now(s.whenAgent(g))
	s.fireChannel(g, channel, state, since, 0)
	s.e.indexAgent(g)
}

// attemptDue carries out the first deadline of the attempt.
func (s *step) attemptDue(a *attempt) {
	passed := func(t time.Time) bool { return !t.IsZero() && !t.After(s.now) }
	switch a.State {
	case StateWaiting:
		s.waitDue(a)
	case StateOffering:
		for i := range a.Offers {
			if passed(a.Offers[i].Deadline) {
				s.offerDue(a, i)
				return
			}
		}
		s.closeDue(a)
	case StateDialing, StateActive:
		s.dialDue(a)
	case StateBridged:
		if passed(a.RejoinUntil) {
			s.rejoinDue(a)
			return
		}
		s.talkDue(a)
	case StateProcessing:
		s.processingDue(a)
	}
}

// waitDue ends the waiting, or the exclusions that have passed; match then
// looks at the attempt again.
func (s *step) waitDue(a *attempt) {
	a.dropExclusions(s.now)
	s.holdSticky(a)
	switch {
	case !a.WaitUntil.IsZero() && !a.WaitUntil.After(s.now):
		if a.external() {
			s.recover(a)
			return
		}
		s.leaveWaiting(a, ReasonMaxWait)
	case !a.NoAgentsUntil.IsZero() && !a.NoAgentsUntil.After(s.now):
		a.NoAgentsUntil = s.e.emptyUntil(a, s.now) // zero: the limit is off by now
		if !a.NoAgentsUntil.IsZero() && !a.NoAgentsUntil.After(s.now) {
			s.leaveWaiting(a, ReasonNoAgents)
		}
	case !a.ClosesAt.IsZero() && !a.ClosesAt.After(s.now):
		s.closeDue(a)
	}
	if a.State == StateWaiting {
		s.overflow(a)
	}
}

// emptyUntil says until when the attempt waits for an agent of its queue to
// come online: no_agents_sec after both the attempt joined and the queue was
// left by its last agent. While somebody is online it is asked again later.
// Zero when the queue has no such limit.
func (e *Engine) emptyUntil(a *attempt, now time.Time) time.Time {
	q := e.queues[a.Queue.ID]
	if q.cfg.NoAgentsSec == 0 {
		return time.Time{}
	}
	if q.online > 0 {
		return later(now, q.cfg.NoAgentsSec)
	}
	since := a.waitsSince()
	if k, ok := q.left.last(); ok && k.at > since.UnixMilli() {
		since = time.UnixMilli(k.at).UTC()
	}
	return later(since, q.cfg.NoAgentsSec)
}

// waitsSince is when the attempt began to wait for an agent.
func (a *Attempt) waitsSince() time.Time {
	if a.Queue.Type.Outbound() { // since the member answered
		return a.MemberAnsweredAt
	}
	return a.JoinedAt
}

func (a *Attempt) dropExclusions(now time.Time) {
	kept := a.Exclusions[:0]
	for _, x := range a.Exclusions {
		if x.Until.After(now) {
			kept = append(kept, x)
		}
	}
	a.Exclusions = kept
}

// leaveWaiting ends the waiting of an attempt that the engine distributes. Its
// member leg is ended too, unless the switch's overflow keeps the call.
func (s *step) leaveWaiting(a *attempt, reason Reason) {
	end := ending{result: ResultAbandoned, reason: reason}
	cause := CauseNormalClearing
	if a.Queue.Type.Outbound() {
		end.reason, cause = ReasonNoAgents, CauseOriginatorCancel
	}
	if a.Channel() == ChannelCall && !s.queueOf(a).cfg.KeepOnMaxWait {
		end.cause = cause
		s.orderHangup(a, LegMember, nil, end.cause)
	}
	s.leave(a, end)
}
