package queue

import "time"

// transferExclusion keeps the agent who gave a member to another queue from
// being offered him there at once.
const transferExclusion = 30 * time.Second

// Transfer sends the member of an attempt on (engine.md B.10, 12 and 13) to
// exactly one of ToQueueID, ToDestination and ToAgentID.
//
//	to a number, or to the own number of an agent, not attended
//	            the conversation ends: transferred, BLIND_TRANSFER
//	to a number, attended
//	            the same with ATTENDED_TRANSFER
//	to a queue  the same as a number, not attended, and a new attempt of the
//	            member joins that queue
//	to an agent, attended; in a chat or task always
//	            the attempt stays bridged and belongs to the other agent
//
// A member who still waits can be taken out as well, not attended: his attempt
// leaves as withdrawn. Refused: bad_state (nobody to transfer in this state; a
// switch distributes the attempt), unknown_queue, queue_disabled, queue_full,
// unknown_agent, no_agent (he is offline, or holds as much as he may), invalid.
type Transfer struct {
	AttemptID int64
	// AgentID, if set, must be the agent who holds the attempt.
	AgentID       int64
	ToQueueID     int64
	ToDestination string
	ToAgentID     int64
	// Attended says that the agent has spoken with whom he transfers to.
	Attended bool
	// ToChannelID names the other agent's leg, attended transfers between agents
	// only; empty = the engine makes one.
	ToChannelID string
	// NewID is filled by the desk when Engine.Needs says so: the new attempt's.
	NewID int64
}

func (Transfer) command() {}

// target is where a transfer leads: one of queue, agent and number.
type target struct {
	queue    *queueState
	agent    *agentState
	number   string
	attended bool
	child    int64  // the id of the attempt in the queue
	channel  string // the other agent's leg, if it is known
}

// transfer carries out the command.
func (s *step) transfer(c Transfer) error {
	a, err := s.held(c.AttemptID, c.AgentID)
	if err != nil {
		return err
	}
	to, err := s.targetOf(a, c)
	if err != nil {
		return err
	}
	s.res.Attempt = &a.Attempt
	switch {
	case a.State != StateBridged:
		s.takeOut(a, to)
	case to.agent != nil && (to.attended || a.Channel() != ChannelCall):
		s.handOver(a, to)
	default:
		s.transferOut(a, to)
	}
	return nil
}

// targetOf checks the command against the attempt and finds its target.
func (s *step) targetOf(a *attempt, c Transfer) (target, error) {
	none := target{}
	targets := 0
	for _, given := range [...]bool{c.ToQueueID != 0, c.ToDestination != "", c.ToAgentID != 0} {
		if given {
			targets++
		}
	}
	waits := (a.State == StateWaiting || a.State == StateOffering) && !a.Queue.Type.agentFirst()
	switch {
	case targets != 1:
		return none, invalid("", "name exactly one of queue_id, destination and agent_id to transfer to")
	case a.external():
		return none, refuse(CodeBadState, "a switch distributes attempt %d: transfer the call there, its adapter reports it", a.ID)
	case a.State != StateBridged && !waits:
		return none, refuse(CodeBadState, "attempt %d is %s; a transfer needs a member who waits or talks", a.ID, a.State)
	case c.Attended && a.State != StateBridged:
		return none, refuse(CodeBadState, "attempt %d is %s; an attended transfer needs a conversation", a.ID, a.State)
	case c.Attended && c.ToQueueID != 0:
		return none, invalid("attended", "a transfer to a queue is not attended: nobody there can be spoken with before")
	case c.Attended && a.Queue.Type == IVR:
		return none, refuse(CodeBadState, "attempt %d has no agent who could attend to the transfer", a.ID)
	case c.ToDestination != "" && a.Channel() != ChannelCall:
		return none, invalid("destination", "a "+string(a.Channel())+" goes to a queue or an agent, not to a number")
	case c.ToAgentID != 0 && a.Channel() != ChannelCall && a.State != StateBridged:
		return none, refuse(CodeBadState, "attempt %d is %s; only a %s that an agent has accepted is handed over", a.ID, a.State, a.Channel())
	case c.ToChannelID != "" && !(c.Attended && c.ToAgentID != 0):
		return none, invalid("agent_channel_id", "agent_channel_id is the other agent's leg of an attended transfer")
	}
	if err := validateTexts(nil, c.ToChannelID, &c.ToDestination); err != nil {
		return none, err
	}
	to := target{number: c.ToDestination, attended: c.Attended, channel: c.ToChannelID}
	switch {
	case c.ToQueueID != 0:
		q, err := s.transferQueue(a, c.ToQueueID)
		if err != nil {
			return none, err
		}
		if s.e.attempts[c.NewID] != nil || c.NewID <= 0 {
			return none, invalid("attempt_id", "a transfer to a queue needs a fresh attempt id")
		}
		to.queue, to.child = q, c.NewID
	case c.ToAgentID != 0:
		g, err := s.transferAgent(a, c)
		if err != nil {
			return none, err
		}
		to.agent = g
	}
	return to, nil
}

// transferQueue returns the queue to which the attempt's member may go on.
func (s *step) transferQueue(a *attempt, id int64) (*queueState, error) {
	q := s.e.queues[id]
	if err := s.mayEnter(q, id); err != nil {
		return nil, err
	}
	if from, to := a.Channel(), q.cfg.Type.Channel(); from != to {
		return nil, refuse(CodeBadState, "a %s cannot go on in queue %q, which takes a %s", from, q.cfg.Name, to)
	}
	return q, nil
}

// transferAgent returns the agent to whom the attempt may go: for a blind
// transfer one with a number, else one who can take it now.
func (s *step) transferAgent(a *attempt, c Transfer) (*agentState, error) {
	g := s.e.agents[c.ToAgentID]
	switch {
	case g == nil:
		return nil, refuse(CodeUnknownAgent, "no agent %d", c.ToAgentID)
	case a.Agent != nil && a.Agent.ID == c.ToAgentID && a.State == StateBridged:
		return nil, invalid("agent_id", "this agent holds the attempt already")
	case !c.Attended && a.Channel() == ChannelCall:
		if g.cfg.Extension == nil && g.cfg.Ref == "" {
			return nil, invalid("agent_id", "this agent has neither extension nor agent_ref: no number to transfer to")
		}
		return g, nil
	case g.st.Status == StatusOffline:
		return nil, refuse(CodeNoAgent, "agent %d is offline", c.ToAgentID)
	case len(g.st.Channels[channelIndex(a.Channel())].Slots) >= g.cfg.capacity(a.Channel()):
		return nil, refuse(CodeNoAgent, "agent %d is not free", c.ToAgentID)
	}
	return g, nil
}

// transferOut ends the conversation because the member goes on elsewhere.
func (s *step) transferOut(a *attempt, to target) {
	end := ending{result: ResultSuccess, reason: ReasonTransferred, cause: CauseBlindTransfer}
	if to.attended {
		end.cause = CauseAttendedTransfer
	}
	a.ChildAttemptID = to.child
	s.orderTransfer(a, to)
	from := a.Agent
	s.endConversation(a, end)
	s.goOn(a, to, from)
}

// takeOut ends the waiting because the member goes on elsewhere.
func (s *step) takeOut(a *attempt, to target) {
	a.EndedAt = s.when(a)
	a.ChildAttemptID = to.child
	s.missAll(a, MissedCancelled, StateLeaving)
	s.orderTransfer(a, to)
	s.leave(a, ending{result: ResultCancel, reason: ReasonWithdrawn})
	s.goOn(a, to, nil)
}

// goOn has the member join the queue that he was transferred to. The agent he
// comes from is not the first to be offered him.
func (s *step) goOn(a *attempt, to target, from *AgentRef) {
	if to.queue == nil {
		return
	}
	asked := s.res.Attempt
	join := Join{
		AttemptID: to.child, Destination: a.Destination, MemberName: a.MemberName, MemberID: a.MemberID,
		DialAt: a.DialAt, MemberAnsweredAt: a.MemberAnsweredAt, MemberUnanswered: a.MemberAnsweredAt.IsZero(),
		Priority: a.Priority, AttemptSeq: a.AttemptSeq, Variables: s.ownVariables(a), Test: a.Test,
	}
	if a.MemberChannelID != nil {
		join.MemberChannelID = *a.MemberChannelID
	}
	b := s.newAttempt(to.queue, join)
	b.ParentAttemptID = a.ID
	if from != nil {
		b.exclude(from.ID, s.now.Add(transferExclusion))
	}
	s.fire(b, EventJoined, nil)
	s.res.Attempt = asked
}

// ownVariables are the attempt's without those that its queue gave it: they stay
// behind when the member goes to another one.
func (s *step) ownVariables(a *attempt) map[string]string {
	own := merge(a.Variables, nil)
	for name, value := range s.queueOf(a).cfg.Variables {
		if own[name] == value {
			delete(own, name)
		}
	}
	return own
}
