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
	avoid := int64(0)
	if c.Member != nil {
		listed, err := s.listedDial(q, c)
		if err != nil {
			return err
		}
		c, avoid = listed, c.Member.AvoidTrunk
	}
	if err := s.mayReach(q, c); err != nil {
		return err
	}
	g, err := s.reservedFor(q, c)
	if err != nil {
		return err
	}
	l := s.trunkLine(q, c.Destination, avoid)
	switch {
	case !s.queueLine(q).free:
		return refuse(CodeNoLine, "queue %q has its calls, at once or within this second", q.cfg.Name)
	case !s.e.routed(&q.cfg, c.Destination):
		return refuse(CodeNoLine, "no trunk of queue %q takes the number %s", q.cfg.Name, c.Destination)
	case !l.free:
		return refuse(CodeNoLine, "no trunk for the number %s has a line free", c.Destination)
	}
	a := s.begin(q, g, c, l.trunk)
	if c.Member != nil {
		q.hopper.drop(c.Member.ID)
		s.openMember(c.Member, a)
	}
	return nil
}

// begin creates the attempt of a member who is to be reached: for the agent g, if
// the type reserves one, by the trunk t, if there is one.
func (s *step) begin(q *queueState, g *agentState, c Dial, t *trunkState) *attempt {
	a := s.create(q, Join{
		AttemptID: c.AttemptID, QueueID: c.QueueID, Destination: &c.Destination, MemberName: c.MemberName, MemberID: c.MemberID,
		AttemptSeq: c.AttemptSeq, Priority: c.Priority, Bucket: c.Bucket, StickyAgentID: c.StickyAgentID, Variables: c.Variables, Test: c.Test,
	})
	for _, x := range c.Exclusions {
		if x.Until.After(s.now) {
			a.exclude(x.AgentID, x.Until.UTC().Truncate(time.Millisecond))
		}
	}
	if t != nil {
		a.Trunk = &TrunkRef{ID: t.cfg.ID, Name: t.cfg.Name}
	}
	if g != nil {
		agent := g.cfg.ref()
		a.Agent = &agent
	}
	a.Zone = c.Zone
	if q.cfg.Type.agentFirst() {
		a.State = StateOffering
		a.ClosesAt = s.e.closesAt(a, s.now)
		s.fire(a, EventJoined, nil)
		s.offer(a, g, "")
	} else {
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
	}
	s.e.indexAttempt(a)
	if g != nil {
		s.e.indexAgent(g)
	}
	return a
}

// mayDial refuses what cannot be dialled at all.
func (s *step) mayDial(q *queueState, c Dial) error {
	switch {
	case q == nil:
		return refuse(CodeUnknownQueue, "no queue %d", c.QueueID)
	case !q.cfg.Type.Outbound():
		return refuse(CodeBadState, "queue %q is %s: its subscribers join, they are not dialled", q.cfg.Name, q.cfg.Type)
	case !q.cfg.Enabled:
		return refuse(CodeQueueDisabled, "queue %q is disabled", q.cfg.Name)
	case c.Destination == "" && c.Member == nil:
		return invalid("destination", "a member needs a number to be dialled")
	case s.e.attempts[c.AttemptID] != nil || c.AttemptID <= 0:
		return invalid("attempt_id", "an attempt needs a fresh id")
	case c.AgentID != 0 && !q.cfg.Type.reserved():
		return invalid("agent_id", "an agent is named in advance for offline, preview and progressive queues only")
	case c.AgentID == 0 && q.cfg.Type == Offline:
		return invalid("agent_id", "in an offline queue an agent picks the member")
	}
	if err := q.cfg.validateBucket(c.Bucket); err != nil {
		return err
	}
	return validateTexts(c.Variables, "", &c.Destination, c.MemberName)
}

// mayReach refuses whom nobody may call now.
func (s *step) mayReach(q *queueState, c Dial) error {
	switch {
	case c.MemberID != nil && (s.e.members[*c.MemberID] > 0 || s.e.listed[*c.MemberID] != nil):
		return refuse(CodeMemberBusy, "member %d is in an open attempt", *c.MemberID)
	case s.e.numbers[c.Destination] > 0:
		return refuse(CodeMemberBusy, "the number %s is in an open attempt", c.Destination)
	case c.Forbidden:
		return refuse(CodeDNC, "the number %s is on the do-not-call list", c.Destination)
	case !s.e.openFor(&q.cfg, c.Zone, s.now):
		return refuse(CodeCalendarClosed, "queue %q is closed at this time", q.cfg.Name)
	default:
		return nil
	}
}

// listedDial fills a Dial in by its member, or refuses him.
func (s *step) listedDial(q *queueState, c Dial) (Dial, error) {
	m := c.Member
	switch {
	case m.QueueID != c.QueueID:
		return c, invalid("member_id", "the member is on the list of another queue")
	case s.e.members[m.ID] > 0 || s.e.listed[m.ID] != nil:
		return c, refuse(CodeMemberBusy, "member %d is in an open attempt", m.ID)
	case !m.StoppedAt.IsZero():
		return c, refuse(CodeNotReady, "member %d is not dialled any more: %s", m.ID, m.StopCause)
	case !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(s.now):
		return c, refuse(CodeExpired, "the time of member %d is over", m.ID)
	case m.ReadyAt.After(s.now):
		return c, refuse(CodeNotReady, "member %d is to be tried again at %s", m.ID, m.ReadyAt.UTC().Format(time.RFC3339))
	}
	d := dialOf(m, c.Destination)
	d.AttemptID, d.AgentID, d.Member, d.Test = c.AttemptID, c.AgentID, m, c.Test
	if c.Destination == "" {
		number, why := s.pickNumber(q, m)
		if why == numberBusy {
			return c, refuse(CodeMemberBusy, "every number of member %d is in an open attempt", m.ID)
		}
		d.Destination = number
	}
	usable, cause := q.cfg.usable(m)
	n := m.number(d.Destination)
	switch {
	case usable == 0 && cause == ReasonDNC:
		return c, refuse(CodeDNC, "every number of member %d is on the do-not-call list", m.ID)
	case usable == 0:
		return c, refuse(CodeNotReady, "member %d has no number left: %s", m.ID, cause)
	case d.Destination == "":
		return c, refuse(CodeNoLine, "no trunk of queue %q takes a number of member %d", q.cfg.Name, m.ID)
	case !m.has(d.Destination):
		return c, invalid("destination", "the member has no such number")
	case n.Stopped != "":
		return c, refuse(CodeNotReady, "the number %s is not dialled any more: %s", n.Number, n.Stopped)
	}
	d.Forbidden = n.Forbidden
	return d, nil
}

// reservedFor returns the agent for whom the member is dialled; nil in types
// that reserve none.
func (s *step) reservedFor(q *queueState, c Dial) (*agentState, error) {
	if !q.cfg.Type.reserved() {
		return nil, nil
	}
	if c.AgentID == 0 {
		if g := s.reserve(q, c); g != nil {
			return g, nil
		}
		return nil, refuse(CodeNoAgent, "no agent of queue %q is free for this member", q.cfg.Name)
	}
	g := s.e.agents[c.AgentID]
	if g == nil {
		return nil, refuse(CodeUnknownAgent, "no agent %d", c.AgentID)
	}
	switch {
	case !g.grade(q, c.Bucket).ok:
		return nil, refuse(CodeNoAgent, "agent %d does not serve queue %q", c.AgentID, q.cfg.Name)
	case !g.mayTake(q) && !g.roomFor(&q.cfg):
		return nil, refuse(CodeNoAgent, "agent %d is not free", c.AgentID)
	case excluded(c.Exclusions, c.AgentID, s.now):
		return nil, refuse(CodeNoAgent, "agent %d is excluded from this member", c.AgentID)
	}
	return g, nil
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
	s.beginWait(a)
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
