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
	if a.AgentAnsweredAt.IsZero() {
		a.AgentAnsweredAt = t
	}
	a.State, a.BridgedAt = StateBridged, t
	if a.Channel() == ChannelCall && a.MemberAnsweredAt.IsZero() {
		a.MemberAnsweredAt = t
	}
	if a.Channel() == ChannelChat {
		a.ClientActiveAt, a.AgentActiveAt = t, t
	}
	s.setTalkDeadline(a)
	s.fire(a, EventBridged, &o)
	if g := s.e.agents[o.Agent.ID]; g != nil {
		g.st.NoAnswers, g.st.Unreachables = 0, 0
		s.hold(g, a, o.No, AgentBridged)
	}
}

// setTalkDeadline sets when time alone ends the conversation: the safety net,
// or a chat's idle limits (engine.md B.7, chat).
func (s *step) setTalkDeadline(a *attempt) {
	q := &s.queueOf(a).cfg
	net := later(a.BridgedAt, q.MaxTalkSec)
	if net.IsZero() {
		net = a.BridgedAt.Add(talkNet)
	}
	switch a.Channel() {
	case ChannelTask:
		a.TalkUntil = later(a.BridgedAt, q.MaxTalkSec)
	case ChannelChat:
		client, agent, dialog := a.idleLimits(q)
		a.TalkUntil = earliest(client, agent, dialog, later(a.BridgedAt, q.MaxTalkSec))
	default:
		a.TalkUntil = net
	}
}

// idleLimits returns when the chat's client, its agent, or both have been
// silent for too long; zero for a limit that is off.
func (a *Attempt) idleLimits(q *Queue) (client, agent, dialog time.Time) {
	last := a.ClientActiveAt
	if a.AgentActiveAt.After(last) {
		last = a.AgentActiveAt
	}
	return later(a.ClientActiveAt, q.ClientIdleSec), later(a.AgentActiveAt, q.AgentIdleSec), later(last, q.DialogIdleSec)
}

// talkDue ends a conversation that time alone ends.
func (s *step) talkDue(a *attempt) {
	if a.external() {
		s.recover(a)
		return
	}
	end := ending{result: ResultSuccess, reason: ReasonServed}
	if a.Channel() == ChannelChat {
		client, agent, dialog := a.idleLimits(&s.queueOf(a).cfg)
		switch a.TalkUntil {
		case client:
			end.reason = ReasonClientIdle
		case dialog:
			end.reason = ReasonDialogIdle
		case agent:
			end = ending{result: ResultAbandoned, reason: ReasonAgentIdle}
		}
	}
	if a.Channel() == ChannelCall {
		end.cause = CauseNormalClearing
		s.orderHangup(a, LegMember, nil, end.cause)
	}
	s.endConversation(a, end)
}

// endConversation is the end of the connection: the agent works on the result,
// or the attempt leaves at once (engine.md B.6, bridged).
func (s *step) endConversation(a *attempt, end ending) {
	a.EndedAt = s.when(a)
	a.EndReason, a.EndResult = end.reason, end.result
	a.setCause(end)
	a.TalkUntil = time.Time{}
	if a.AgentChannel != "" {
		s.orderHangup(a, LegAgent, &Offer{No: a.Accepted, Agent: *a.Agent, Channel: a.AgentChannel}, CauseNormalClearing)
	}
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
	if a.State != StateBridged {
		return refuse(CodeBadState, "attempt %d is %s; only a bridged one can be closed", a.ID, a.State)
	}
	s.res.Attempt = &a.Attempt
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
