package queue

import "time"

// ending says how an attempt, or its conversation, ends. An empty cause leaves
// what is set, or null; a zero SIP code is derived from the cause.
type ending struct {
	result CCResult
	reason Reason
	cause  Cause
	sip    int
	kept   bool // a listed member stays on the list as if nothing had happened
}

// setCause notes why the member leg ended (engine.md B.9). Chats and tasks have
// no leg that a cause could speak of.
func (a *Attempt) setCause(end ending) {
	if !a.hasMemberLeg() {
		return
	}
	cause, sip, source := end.cause, end.sip, "adapter"
	if cause == "" && sip != 0 {
		cause = CauseOfSIP(sip)
	}
	if cause == "" {
		return
	}
	if sip == 0 {
		sip, source = cause.SIP(), "derived"
	}
	a.Cause, a.SIPCode, a.CodeSource = cause, sip, source
}

// leave closes the attempt: its last event, and its agent is free again. Open
// offers must have been missed.
func (s *step) leave(a *attempt, end ending) {
	t := s.when(a)
	a.LeavingAt = t
	if a.EndedAt.IsZero() && !(a.Queue.Type.Outbound() && a.DialAt.IsZero()) {
		a.EndedAt = t
	}
	if a.Cause == "" {
		a.setCause(end)
	}
	a.State, a.Result, a.ResultReason = StateLeaving, end.result, end.reason
	a.WaitUntil, a.NoAgentsUntil, a.TalkUntil, a.ProcessingUntil = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	a.TalkReason, a.DialUntil, a.RejoinUntil, a.ClosesAt = "", time.Time{}, time.Time{}, time.Time{}
	a.StickyUntil, a.OverflowAt = time.Time{}, time.Time{}
	s.planRetry(a, end.kept)
	s.lineLeft(a)
	s.remember(a)
	s.fire(a, EventLeaving, nil)
	s.freeAgent(a)
	s.e.exit(a)
}

// freeAgent takes the attempt that has left from the agent who holds it.
func (s *step) freeAgent(a *attempt) {
	if a.Agent == nil {
		return
	}
	g := s.e.agents[a.Agent.ID]
	switch {
	case g == nil || !g.holds(a):
	case a.Accepted == 0: // he was only reserved
		s.release(g, a)
	default:
		if !a.BridgedAt.IsZero() || !a.ProcessingAt.IsZero() {
			g.st.FreeSince = s.at
		}
		s.block(g, a, AgentWrapUp, s.wrapUp(a))
	}
}

// drop ends the member leg by the engine's own decision, and the attempt with it.
func (s *step) drop(a *attempt, end ending) {
	a.EndedAt = s.when(a)
	s.orderHangup(a, LegMember, nil, end.cause)
	s.leave(a, end)
}

// wrapUp is the agent's pause after the attempt, in seconds: none when he has
// just had processing, or when a switch distributes.
func (s *step) wrapUp(a *attempt) int {
	if !a.ProcessingAt.IsZero() || a.external() {
		return 0
	}
	return s.queueOf(a).cfg.WrapUpSec
}

// cancel ends the attempt in any state (engine.md B.6, last row).
func (s *step) cancel(c Cancel) error {
	a, err := s.open(c.AttemptID)
	if err != nil {
		return err
	}
	s.res.Attempt = &a.Attempt
	end := ending{result: ResultCancel, reason: ReasonCancelled, kept: c.Keep}
	switch {
	case a.Queue.Type == Task && a.BridgedAt.IsZero():
		end.reason = ReasonWithdrawn
	case a.hasMemberLeg():
		end.cause = CauseManagerRequest
	}
	if a.hasMemberLeg() && a.EndedAt.IsZero() {
		s.orderHangup(a, LegMember, nil, CauseManagerRequest)
		if (a.State == StateBridged || a.State == StateActive) && a.AgentChannel != "" {
			s.orderHangup(a, LegAgent, a.accepted(), CauseManagerRequest)
		}
	}
	s.missAll(a, MissedCancelled, StateLeaving)
	s.leave(a, end)
	return nil
}

// recover closes an attempt that its switch no longer knows.
func (s *step) recover(a *attempt) {
	end := ending{result: ResultCancel, reason: ReasonRecovered}
	if a.Channel() == ChannelCall {
		end.cause = CauseSystemShutdown
	}
	s.missAll(a, MissedCancelled, StateLeaving)
	s.leave(a, end)
}
