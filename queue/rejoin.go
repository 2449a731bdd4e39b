package queue

import "time"

// An agent may lose his leg in the middle of a conversation: a telephone without
// power, a browser that crashed. With rejoin_sec the member stays, and the agent
// has so long to come back. No event tells of it; only when the time is over has
// the conversation ended (engine.md B.10, 5).

// awaitRejoin reports whether the conversation waits for the agent whose leg has
// just ended.
func (s *step) awaitRejoin(a *attempt, c SwitchReport) bool {
	sec := s.queueOf(a).cfg.RejoinSec
	if a.State != StateBridged || a.Channel() != ChannelCall || sec == 0 {
		return false
	}
	if !a.RejoinUntil.IsZero() {
		s.res.Dropped = "the agent's leg has ended already"
		return true
	}
	s.touch(a)
	a.AgentCause = c.Cause
	a.RejoinUntil = later(s.at, sec)
	return true
}

// newLeg reports whether the report is about a leg of the agent in the
// conversation that takes the place of the one he had: he comes back, or the
// conversation was handed over to him and his channel has another id.
func (a *Attempt) newLeg(c SwitchReport) bool {
	named := c.AgentChannelID != "" && c.AgentChannelID != a.AgentChannel
	return a.State == StateBridged && a.Agent != nil && (!a.RejoinUntil.IsZero() || a.Transfers > 0 && named)
}

// rejoined takes the new leg. Answered has the switch connect an agent who comes
// back, bridged says that it has.
func (s *step) rejoined(a *attempt, c SwitchReport) {
	if c.namesAgent() && s.reportedAgent(c) != a.Agent.ID || c.OfferNo != 0 && c.OfferNo != a.Accepted {
		s.res.Dropped = "that agent is not part of the conversation"
		return
	}
	s.touch(a)
	if c.AgentChannelID != "" {
		a.AgentChannel = c.AgentChannelID
	}
	if a.RejoinUntil.IsZero() {
		return
	}
	if c.Event == SwitchBridged {
		a.RejoinUntil = time.Time{}
		return
	}
	o := a.accepted()
	o.Deadline = a.RejoinUntil
	a.Rejoins++
	s.order(a, EventSwitchBridge, o, nil)
}

// rejoinDue: the agent has not come back.
func (s *step) rejoinDue(a *attempt) {
	s.orderHangup(a, LegMember, nil, CauseNormalClearing)
	s.endConversation(a, ending{result: ResultSuccess, reason: ReasonServed, cause: CauseNormalClearing})
}
