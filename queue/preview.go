package queue

// Preview and offline: the agent is offered the member first, and the member is
// dialled when he has accepted (engine.md B.7). Offline differs in who picks the
// member (the agent: see mayDial) and in that there is no skip.

// activate: the agent has accepted the offer; the member is dialled.
func (s *step) activate(a *attempt) {
	o := a.Offers[0]
	a.Offers = nil
	a.State = StateActive
	s.startDialling(a)
	s.fire(a, EventAnswered, &o)
	s.fire(a, EventActive, &o)
	s.order(a, EventSwitchDial, &o, nil)
	if g := s.e.agents[o.Agent.ID]; g != nil {
		s.hold(g, a, o.No, AgentReserved)
	}
}

// connectActive: the member has answered too; the switch connects both.
func (s *step) connectActive(a *attempt) {
	o := a.accepted()
	o.Deadline = later(s.at, max(1, s.queueOf(a).cfg.BridgeTimeoutSec))
	a.DialUntil = o.Deadline
	s.order(a, EventSwitchBridge, o, nil)
}

// activeBridge is the switch's word on that connection. Answered has been sent,
// so a failure is no Missed: both legs end (engine.md B.10, 23).
func (s *step) activeBridge(a *attempt, c SwitchReport) {
	if !s.inConversation(a, c) {
		s.res.Dropped = "that offer of the attempt is not the one that was accepted"
		return
	}
	if c.Event == SwitchBridged {
		s.talk(a, a.accepted())
		return
	}
	a.AgentCause = c.Cause
	end := ending{result: ResultAbandoned, reason: ReasonBridgeFailed, cause: CauseTemporaryFailure}
	if c.Leg == LegMember { // his leg is gone: the cause is its own
		a.AgentCause = ""
		if c.Cause != "" || c.SIPCode != 0 {
			end.cause, end.sip = c.Cause, c.SIPCode
		}
	} else {
		s.orderHangup(a, LegMember, nil, end.cause)
	}
	s.endConversation(a, end)
}

// agentLeftActive: the agent hung up while the member was dialled for him.
func (s *step) agentLeftActive(a *attempt) {
	end := ending{result: ResultCancel, reason: ReasonAgentHangup, cause: CauseOriginatorCancel}
	s.orderHangup(a, LegMember, nil, end.cause)
	s.endConversation(a, end)
}

// missPreview: the agent did not take the member, who has noticed nothing.
func (s *step) missPreview(a *attempt, i int, reason MissedReason) {
	end := ending{result: ResultCancel, reason: ReasonAgentNoAnswer}
	switch reason {
	case MissedSkipped:
		end.reason = ReasonSkipped
	case MissedAgentGone:
		end.reason = ReasonAgentGone
	case MissedCancelled:
		end.reason = ReasonCancelled
	}
	s.miss(a, i, reason, StateLeaving)
	s.leave(a, end)
}

// skip passes the member over (engine.md B.7, preview 3).
func (s *step) skip(c Skip) error {
	a, err := s.open(c.AttemptID)
	if err != nil {
		return err
	}
	switch i := a.findOffer(c.AgentID, c.OfferNo); {
	case a.Queue.Type != Preview:
		return refuse(CodeBadState, "queue %q is %s; only a preview can be skipped", a.Queue.Name, a.Queue.Type)
	case i < 0:
		return a.offerClosed(c.AgentID, c.OfferNo)
	case !s.queueOf(a).cfg.SkipAllowed:
		return refuse(CodeBadState, "queue %q does not allow its agents to skip", a.Queue.Name)
	default:
		s.res.Attempt = &a.Attempt
		s.missPreview(a, i, MissedSkipped)
		return nil
	}
}

// withdrawPreviews takes back what the agents of a queue that was disabled have
// not accepted yet (engine.md B.10, 17).
func (s *step) withdrawPreviews(q *queueState) {
	if !q.cfg.Type.agentFirst() {
		return
	}
	for _, id := range sortedIDs(q.open) {
		if a := s.e.attempts[id]; a.State == StateOffering {
			s.withdraw(a, ReasonCancelled)
		}
	}
}

// withdrawNumber takes back the offers to dial a number that came onto the
// do-not-call list. There are no more of them than agents.
func (s *step) withdrawNumber(number string) {
	for _, queueID := range sortedIDs(s.e.queues) {
		q := s.e.queues[queueID]
		if !q.cfg.Type.agentFirst() {
			continue
		}
		for _, id := range sortedIDs(q.open) {
			if a := s.e.attempts[id]; a.State == StateOffering && *a.Destination == number {
				s.withdraw(a, ReasonDNC)
			}
		}
	}
}

// withdraw takes an offer back that the agent has not accepted. The member has
// noticed nothing and stays on the list.
func (s *step) withdraw(a *attempt, reason Reason) {
	s.miss(a, 0, MissedCancelled, StateLeaving)
	s.leave(a, ending{result: ResultCancel, reason: reason, kept: true})
}
