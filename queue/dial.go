package queue

import "time"

// originateNet is how long after originate_timeout a switch that says nothing is
// taken to have got no answer (engine.md B.10, 8).
const originateNet = 5 * time.Second

// dial begins the attempt of a member whom whoever holds the list has picked.
func (s *step) dial(c Dial) error {
	q := s.e.queues[c.QueueID]
	if err := s.mayDial(q, c); err != nil {
		return err
	}
	g, err := s.reservedFor(q, c)
	if err != nil {
		return err
	}
	a := s.create(q, Join{
		AttemptID: c.AttemptID, QueueID: c.QueueID, Destination: &c.Destination, MemberName: c.MemberName, MemberID: c.MemberID,
		AttemptSeq: c.AttemptSeq, Priority: c.Priority, Variables: c.Variables, Test: c.Test,
	})
	for _, x := range c.Exclusions {
		if x.Until.After(s.now) {
			a.exclude(x.AgentID, x.Until.UTC().Truncate(time.Millisecond))
		}
	}
	if g != nil {
		agent := g.cfg.ref()
		a.Agent = &agent
	}
	if q.cfg.Type.agentFirst() {
		a.State = StateOffering
		s.fire(a, EventJoined, nil)
		s.offer(a, g, "")
		return nil
	}
	if q.cfg.AMD {
		a.AMDMs = q.cfg.AMDTotalAnalysisMs
	}
	a.State = StateDialing
	s.startDialling(a)
	s.fire(a, EventJoined, nil)
	s.order(a, EventSwitchDial, nil, nil)
	if g != nil {
		s.hold(g, a, 0, AgentReserved)
	}
	return nil
}

// mayDial refuses what cannot be dialled.
func (s *step) mayDial(q *queueState, c Dial) error {
	switch {
	case q == nil:
		return refuse(CodeUnknownQueue, "no queue %d", c.QueueID)
	case !q.cfg.Type.Outbound():
		return refuse(CodeBadState, "queue %q is %s: its subscribers join, they are not dialled", q.cfg.Name, q.cfg.Type)
	case !q.cfg.Enabled:
		return refuse(CodeQueueDisabled, "queue %q is disabled", q.cfg.Name)
	case c.Destination == "":
		return invalid("destination", "a member needs a number to be dialled")
	case s.e.attempts[c.AttemptID] != nil || c.AttemptID <= 0:
		return invalid("attempt_id", "an attempt needs a fresh id")
	case c.MemberID != nil && s.e.members[*c.MemberID] > 0:
		return refuse(CodeMemberBusy, "member %d is in an open attempt", *c.MemberID)
	case s.e.numbers[c.Destination] > 0:
		return refuse(CodeMemberBusy, "the number %s is in an open attempt", c.Destination)
	case c.AgentID != 0 && !q.cfg.Type.reserved():
		return invalid("agent_id", "an agent is named in advance for offline, preview and progressive queues only")
	case c.AgentID == 0 && q.cfg.Type == Offline:
		return invalid("agent_id", "in an offline queue an agent picks the member")
	default:
		return validateTexts(c.Variables, "", &c.Destination, c.MemberName)
	}
}

// reservedFor returns the agent for whom the member is dialled; nil in types
// that reserve none.
func (s *step) reservedFor(q *queueState, c Dial) (*agentState, error) {
	if !q.cfg.Type.reserved() {
		return nil, nil
	}
	if c.AgentID == 0 {
		for _, free := range [...]*index[freeKey]{&q.free, &q.room} {
			if g := s.longestIdle(free, c.Exclusions); g != nil {
				return g, nil
			}
		}
		return nil, refuse(CodeNoAgent, "no agent of queue %q is free for this member", q.cfg.Name)
	}
	g := s.e.agents[c.AgentID]
	if g == nil {
		return nil, refuse(CodeUnknownAgent, "no agent %d", c.AgentID)
	}
	_, serves := q.agents[c.AgentID]
	switch {
	case !serves:
		return nil, refuse(CodeNoAgent, "agent %d does not serve queue %q", c.AgentID, q.cfg.Name)
	case !g.eligible(ChannelCall) && !g.roomFor(&q.cfg):
		return nil, refuse(CodeNoAgent, "agent %d is not free", c.AgentID)
	case excluded(c.Exclusions, c.AgentID, s.now):
		return nil, refuse(CodeNoAgent, "agent %d is excluded from this member", c.AgentID)
	}
	return g, nil
}

// longestIdle returns the first agent of the index who is not excluded, or nil.
func (s *step) longestIdle(free *index[freeKey], exclusions []Exclusion) *agentState {
	var g *agentState
	free.walk(func(k freeKey) bool {
		if excluded(exclusions, k.id, s.now) {
			return true
		}
		g = s.e.agents[k.id]
		return false
	})
	return g
}

// startDialling notes that the member leg is dialled from now on.
func (s *step) startDialling(a *attempt) {
	a.DialAt = s.when(a)
	a.DialUntil = later(a.DialAt, s.queueOf(a).cfg.OriginateTimeoutSec).Add(originateNet)
}

// memberReached: the member leg of the attempt has just been answered.
func (s *step) memberReached(a *attempt) {
	switch {
	case a.State == StateActive:
		s.connectActive(a)
	case a.State != StateDialing:
	case a.AMDMs > 0:
		a.DialUntil = s.at.Add(time.Duration(a.AMDMs)*time.Millisecond + amdNet)
	default:
		s.human(a)
	}
}

// human: a person has answered (engine.md B.6, dialing).
func (s *step) human(a *attempt) {
	a.DialUntil = time.Time{}
	s.personAnswered(a)
	switch a.Queue.Type {
	case IVR:
		s.ivrAnswered(a)
	case Progressive:
		s.offerReserved(a)
	default:
		s.waitForAgent(a, s.queueOf(a).cfg.MaxWaitSec)
	}
}

// waitForAgent: the member waits for any agent, for at most sec seconds; 0 = the
// safety net.
func (s *step) waitForAgent(a *attempt, sec int) {
	s.touch(a)
	a.State = StateWaiting
	a.WaitUntil = later(s.at, sec)
	if sec == 0 {
		a.WaitUntil = s.at.Add(waitNet)
	}
	a.NoAgentsUntil = s.e.emptyUntil(a, s.now)
}

// memberFailed is the end of the member leg before the connection: of the
// ringing, or, once he has answered, of the detection or of the waiting for the
// bridge.
func (s *step) memberFailed(a *attempt, c SwitchReport) {
	end := ending{result: ResultAbandoned, cause: c.Cause, sip: c.SIPCode}
	given := c.Cause != "" || c.SIPCode != 0
	switch {
	case a.MemberAnsweredAt.IsZero():
		if !given {
			end.cause = CauseNoAnswer
		} else if end.cause == "" {
			end.cause = CauseOfSIP(c.SIPCode)
		}
		end.reason = ReasonByCause(end.cause)
	case a.State == StateDialing:
		a.AMDResult, end.reason = AMDCancel, ReasonAMDCancel
	default:
		end.reason = ReasonMemberHangupWaiting
	}
	if end.cause == "" && !given {
		end.cause = CauseNormalClearing
	}
	s.dialEnded(a, end)
}

// dialEnded ends an attempt whose member was not connected: with processing when
// an agent has accepted him.
func (s *step) dialEnded(a *attempt, end ending) {
	if a.State == StateActive {
		s.endConversation(a, end)
		return
	}
	a.EndedAt = s.when(a)
	s.leave(a, end)
}

// dialDue is the end of the time that the switch had: for reaching the member,
// for the detection, or for the bridge.
func (s *step) dialDue(a *attempt) {
	end := ending{result: ResultAbandoned, reason: ReasonNoAnswer, cause: CauseNoAnswer}
	switch {
	case a.MemberAnsweredAt.IsZero():
	case a.State == StateDialing:
		s.judge(a, AMDNotSure, "")
		return
	default:
		end.reason, end.cause = ReasonBridgeFailed, CauseTemporaryFailure
	}
	s.orderHangup(a, LegMember, nil, end.cause)
	s.dialEnded(a, end)
}
