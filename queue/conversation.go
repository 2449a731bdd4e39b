package queue

import (
	"slices"
	"time"
)

// bridge connects the member with the agent of the open offer i. Other agents
// who ring are missed first (engine.md B.10, 24).
func (s *step) bridge(a *attempt, i int) {
	winner := a.Offers[i].No
	for j := 0; j < len(a.Offers); {
		if a.Offers[j].No == winner {
			j++
			continue
		}
		s.miss(a, j, MissedCancelled, StateWaiting)
	}
	o := a.Offers[0]
	a.Offers = slices.Delete(a.Offers, 0, 1)
	t := s.when(a)
	agent := o.Agent
	a.Agent, a.Accepted, a.AgentChannel = &agent, o.No, o.Channel
	a.AgentAnsweredAt = o.AcceptedAt
	if a.AgentAnsweredAt.IsZero() {
		a.AgentAnsweredAt = t
	}
	s.talk(a, &o)
}

// talk begins the connection: with the agent of the offer, or, nil, with the
// flow of an ivr queue.
func (s *step) talk(a *attempt, o *Offer) {
	t := s.when(a)
	a.State, a.BridgedAt, a.DialUntil = StateBridged, t, time.Time{}
	if a.Channel() == ChannelCall && a.MemberAnsweredAt.IsZero() {
		a.MemberAnsweredAt = t
	}
	if a.Channel() == ChannelChat {
		a.ClientActiveAt, a.AgentActiveAt = t, t
	}
	s.setTalkDeadline(a)
	s.personConnected(a)
	s.fire(a, EventBridged, o)
	if o == nil {
		return
	}
	if g := s.e.agents[o.Agent.ID]; g != nil {
		g.st.NoAnswers, g.st.Unreachables = 0, 0
		s.hold(g, a, o.No, AgentBridged)
	}
}

// setTalkDeadline sets when time alone ends the conversation: the safety net,
// or, earlier, one of a chat's idle limits (engine.md B.7, chat). What a switch
// distributes has the net only.
func (s *step) setTalkDeadline(a *attempt) {
	q := &s.queueOf(a).cfg
	both := a.ClientActiveAt
	if a.AgentActiveAt.After(both) {
		both = a.AgentActiveAt
	}
	a.TalkUntil, a.TalkReason = later(a.BridgedAt, q.MaxTalkSec), ReasonServed
	if a.TalkUntil.IsZero() {
		a.TalkUntil = a.BridgedAt.Add(talkNet)
		if both.After(a.BridgedAt) {
			a.TalkUntil = both.Add(talkNet) // a chat that goes on is not forgotten
		}
	}
	if a.Channel() != ChannelChat || a.external() {
		return
	}
	for _, limit := range [...]struct { // of equal limits the last one counts
		at     time.Time
		reason Reason
	}{
		{later(a.AgentActiveAt, q.AgentIdleSec), ReasonAgentIdle},
		{later(both, q.DialogIdleSec), ReasonDialogIdle},
		{later(a.ClientActiveAt, q.ClientIdleSec), ReasonClientIdle},
	} {
		if !limit.at.IsZero() && !limit.at.After(a.TalkUntil) {
			a.TalkUntil, a.TalkReason = limit.at, limit.reason
		}
	}
}

// talkDue ends a conversation that time alone ends.
func (s *step) talkDue(a *attempt) {
	if a.external() {
		s.recover(a)
		return
	}
	end := ending{result: ResultSuccess, reason: a.TalkReason}
	if end.reason == ReasonAgentIdle {
		end.result = ResultAbandoned
	}
	if a.Channel() == ChannelCall {
		end.cause = CauseNormalClearing
		s.orderHangup(a, LegMember, nil, end.cause)
	}
	s.endConversation(a, end)
}

// endConversation is the end of the connection, or of the dialling for an agent
// who has accepted: the agent works on the result, or the attempt leaves at once
// (engine.md B.6, bridged and active).
func (s *step) endConversation(a *attempt, end ending) {
	a.EndedAt = s.when(a)
	if a.Queue.Type == IVR && end.reason == ReasonServed {
		end.result, end.reason = s.ivrResult(a)
	}
	a.DialUntil = time.Time{}
	a.EndReason, a.EndResult = end.reason, end.result
	a.setCause(end)
	a.TalkUntil, a.TalkReason = time.Time{}, ""
	if a.AgentChannel != "" {
		s.orderHangup(a, LegAgent, a.accepted(), CauseNormalClearing)
	}
	a.RejoinUntil = time.Time{}
	switch {
	case a.EarlyReport != "":
		s.leave(a, reported(a.EarlyReport))
	case a.UseProcessing:
		s.startProcessing(a)
	default:
		s.leave(a, end)
	}
}

// close ends the conversation on the agent's word: end of a chat or task, or
// hanging up a call.
func (s *step) close(c Close) error {
	a, err := s.held(c.AttemptID, c.AgentID)
	if err != nil {
		return err
	}
	s.res.Attempt = &a.Attempt
	switch a.State {
	case StateBridged:
	case StateActive:
		s.agentLeftActive(a)
		return nil
	case StateProcessing:
		return nil // a hang-up repeated (engine.md B.10, 14)
	default:
		return refuse(CodeBadState, "attempt %d is %s; only a bridged one can be closed", a.ID, a.State)
	}
	end := ending{result: ResultSuccess, reason: ReasonServed}
	if a.Channel() == ChannelCall {
		end.cause = CauseNormalClearing
		s.orderHangup(a, LegMember, nil, end.cause)
	}
	s.endConversation(a, end)
	return nil
}

// held returns the open attempt and checks that the agent, if one is named,
// is the one who accepted it.
func (s *step) held(id, agentID int64) (*attempt, error) {
	a, err := s.open(id)
	if err != nil {
		return nil, err
	}
	if agentID != 0 && (a.Agent == nil || a.Agent.ID != agentID) {
		return nil, refuse(CodeBadState, "agent %d does not hold attempt %d", agentID, id)
	}
	return a, nil
}
