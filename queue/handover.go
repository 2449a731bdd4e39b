package queue

import (
	"strconv"
	"time"
)

// handOver gives the conversation to another agent (engine.md B.10, 13): no
// Missed, no Leaving, no second Bridged. The agent before has his wrap-up, and
// what he has reported is no longer the attempt's result.
func (s *step) handOver(a *attempt, to target) {
	before := a.accepted()
	if to.channel == "" {
		to.channel = s.e.domain.derive("agent_leg.transfer", a.ID, a.Transfers+1).String()
	}
	s.orderTransfer(a, to)
	s.orderHangup(a, LegAgent, before, CauseAttendedTransfer)
	a.Transfers++
	a.RejoinUntil = time.Time{}
	a.PreviousAgentID = before.Agent.ID
	agent := to.agent.cfg.ref()
	a.Agent, a.AgentChannel, a.EarlyReport = &agent, to.channel, ""
	if a.Channel() == ChannelChat {
		a.AgentActiveAt = s.when(a)
		s.setTalkDeadline(a)
	}
	s.touch(a)
	s.fireAgentChanged(a, before)
	if g := s.e.agents[before.Agent.ID]; g != nil {
		g.st.FreeSince = s.at
		s.block(g, a, AgentWrapUp, s.wrapUp(a))
	}
	to.agent.st.NoAnswers, to.agent.st.Unreachables = 0, 0
	s.hold(to.agent, a, a.Accepted, AgentBridged)
}

// fireAgentChanged appends the event that says who has the conversation now. It
// takes no number of the attempt's sequence, because most endpoints do not get
// it and would see a gap; its subject is the attempt, so that it keeps its place
// among the attempt's events.
func (s *step) fireAgentChanged(a *attempt, before *Offer) {
	d := AgentChangedData{
		AttemptID: a.ID, Channel: a.Channel(), MemberChannelID: a.MemberChannelID,
		AgentID: a.Agent.ID, AgentName: a.Agent.Name, UserID: a.Agent.UserID, AgentExtension: a.Agent.Extension,
		AgentChannelID: a.AgentChannel, PreviousAgentID: before.Agent.ID, PreviousAgentName: before.Agent.Name,
		PreviousAgentChannelID: before.Channel,
	}
	t := s.when(a)
	a.LastAt = t
	ref := a.Queue
	s.emit(Event{
		ID: s.e.domain.derive("attempt.agent_changed", a.ID, a.Transfers), Type: EventAgentChanged,
		DomainID: s.e.domain.ID, At: t, Queue: &ref, AttemptID: a.ID,
		Subject: &Subject{Kind: "attempt", ID: strconv.FormatInt(a.ID, 10)},
		Data:    s.keep(d.appendJSON(s.e.buffer[:0])),
	})
}

// orderTransfer tells the switch where the member goes. What the switch itself
// has reported is not ordered again.
func (s *step) orderTransfer(a *attempt, to target) {
	if a.Channel() != ChannelCall || a.external() || s.reportedTransfer {
		return
	}
	d := TransferOrder{
		Order: "transfer", AttemptID: a.ID, MemberChannelID: a.MemberChannelID, Attended: to.attended,
	}
	if a.State == StateBridged && a.Agent != nil {
		d.AgentID, d.AgentChannelID = &a.Agent.ID, &a.AgentChannel
	}
	switch {
	case to.queue != nil:
		d.ToQueueID, d.ToQueueName, d.ChildAttemptID = &to.queue.cfg.ID, &to.queue.cfg.Name, &to.child
	case to.agent != nil:
		d.ToAgentID, d.To = &to.agent.cfg.ID, to.agent.cfg.Extension
		if to.agent.cfg.Ref != "" {
			d.ToAgentRef = &to.agent.cfg.Ref
		}
		if to.channel != "" {
			d.ToChannelID = &to.channel
		}
	default:
		d.To = &to.number
	}
	s.emitOrder(a, EventSwitchTransfer, "switch.transfer", a.Transfers, s.keep(d.appendJSON(s.e.buffer[:0])))
}

// agentChangedFields are the data fields of attempt.agent_changed.
var agentChangedFields = object{
	{"attempt_id", typed("integer", "the attempt, which stays bridged")},
	{"channel", oneOf("medium of the attempt", Channels[:]...)},
	{"member_channel_id", nullable("string", "the member leg; null for a task")},
	{"agent_id", typed("integer", "the agent who has the conversation now")},
	{"agent_name", typed("string", "his name")},
	{"user_id", identifier("the account behind him")},
	{"agent_extension", nullable("string", "his number")},
	{"agent_channel_id", typed("string", "his leg")},
	{"previous_agent_id", typed("integer", "the agent who had it before")},
	{"previous_agent_name", typed("string", "his name")},
	{"previous_agent_channel_id", typed("string", "his leg, which has ended for this attempt")},
}

// transferFields are the data fields of switch.transfer.
var transferFields = object{
	{"order", object{{"const", "transfer"}}},
	{"attempt_id", typed("integer", "the attempt")},
	{"member_channel_id", nullable("string", "the leg to send on")},
	{"agent_id", identifier("the agent who transfers; null when nobody talked")},
	{"agent_channel_id", nullable("string", "his leg; an order to hang it up follows")},
	{"attended", typed("boolean", "he has spoken with whom he transfers to")},
	{"to", nullable("string", "the number to connect the member with")},
	{"to_agent_id", identifier("the agent whose number it is, or who has the conversation now")},
	{"to_agent_ref", nullable("string", "his name in the switch")},
	{"to_channel_id", nullable("string", "his leg, when the conversation is handed over to him")},
	{"to_queue_id", identifier("the queue in which the member waits now: keep his leg")},
	{"to_queue_name", nullable("string", "its name")},
	{"child_attempt_id", identifier("his attempt there")},
}
