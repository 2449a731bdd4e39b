package queue

// joinedAtSwitch: a switch has put a caller into a queue that it distributes.
// A queue that is not known is created (engine.md B.15b).
func (s *step) joinedAtSwitch(c SwitchReport) error {
	q, id := s.e.queueFor(c), int64(0)
	ids := c.NewIDs
	if q == nil {
		if c.QueueName == "" {
			return refuse(CodeUnknownQueue, "no queue %d; name the queue to have it created", c.QueueID)
		}
		if len(ids) < 2 {
			return refuse(CodeUnknownQueue, "no queue %q, and no id to create it with", c.QueueName)
		}
	}
	if q != nil && q.cfg.Distribution != DistributionExternal {
		return refuse(CodeInvalid, "queue %q is distributed by the engine; join it by POST /v1/queues/%d/attempts", q.cfg.Name, q.cfg.ID)
	}
	if c.MemberChannelID == "" || c.Destination == nil {
		return invalid("member_channel_id", "joined needs member_channel_id and destination")
	}
	open := s.e.attempts[s.e.legs.of(c.MemberChannelID)]
	if q != nil {
		if open != nil && open.Queue.ID == q.cfg.ID && open.EndedAt.IsZero() {
			s.res.Attempt = &open.Attempt
			s.res.Dropped = "this channel has joined the queue already"
			return nil
		}
	}
	if len(ids) == 0 {
		return invalid("attempt_id", "a join needs a fresh attempt id")
	}
	id, ids = ids[len(ids)-1], ids[:len(ids)-1]
	if q == nil {
		q = s.createExternal(c.QueueName, ids[0])
	}
	s.at = notAfter(c.At, s.now)
	a := s.newAttempt(q, Join{
		AttemptID: id, QueueID: q.cfg.ID, Destination: c.Destination, MemberName: c.MemberName,
		MemberChannelID: c.MemberChannelID, DialAt: c.DialAt, MemberAnsweredAt: c.MemberAnsweredAt,
		MemberUnanswered: c.MemberUnanswered, Priority: c.Priority, Variables: c.Variables,
	})
	s.followFrom(a, open)
	s.fire(a, EventJoined, nil)
	return nil
}

// queueFor returns the queue that a joined report names, or nil.
func (e *Engine) queueFor(c SwitchReport) *queueState {
	if c.QueueID != 0 {
		return e.queues[c.QueueID]
	}
	return e.queues[e.names[truncate(c.QueueName)]]
}

// externalReport carries out a report about an attempt that a switch
// distributes. The switch is believed: what it did has happened.
func (s *step) externalReport(a *attempt, c SwitchReport) error {
	switch c.Event {
	case SwitchOffered, SwitchBridged:
		return s.rungOrBridged(a, c)
	case SwitchMissed, SwitchBridgeFailed:
		s.missedAtSwitch(a, c)
	case SwitchAnswered:
		s.legAnswered(a, c)
	case SwitchEnded:
		switch {
		case a.State == StateProcessing:
			s.res.Dropped = "the conversation has ended already"
		case c.Leg == LegMember:
			s.memberEnded(a, c)
		default:
			s.agentEndedAtSwitch(a, c)
		}
	case SwitchLeft:
		s.leftSwitch(a, c)
	case SwitchRinging:
		if c.Leg == LegMember && a.MemberRingingAt.IsZero() {
			a.MemberRingingAt = s.at
			s.touch(a)
		}
	default:
		s.res.Dropped = "an external queue does not take the report " + string(c.Event)
	}
	return nil
}

// rungOrBridged: the switch rings an agent, or has connected him. A connection
// without a ring that we saw gets its offer first.
func (s *step) rungOrBridged(a *attempt, c SwitchReport) error {
	if a.State != StateWaiting && a.State != StateOffering {
		s.res.Dropped = "the attempt is " + string(a.State)
		return nil
	}
	i := s.reportedOffer(a, c)
	if i >= 0 && c.Event == SwitchOffered {
		s.res.Dropped = "this agent is being rung already"
		return nil
	}
	if i < 0 {
		g, err := s.agentOf(c.AgentID, c.AgentRef, c.AgentName, c.NewIDs)
		if err != nil {
			return err
		}
		s.offer(a, g, c.AgentChannelID)
		i = len(a.Offers) - 1
	}
	if c.Event == SwitchBridged {
		a.Offers[i].reachedBy(c.AgentChannelID)
		s.bridge(a, i)
	}
	return nil
}

// missedAtSwitch: the switch gave up ringing an agent.
func (s *step) missedAtSwitch(a *attempt, c SwitchReport) {
	i := s.reportedOffer(a, c)
	if i < 0 {
		s.res.Dropped = "no such offer of the attempt is open"
		return
	}
	reason := missedBy(c)
	switch {
	case c.Event == SwitchBridgeFailed:
		reason = MissedBridgeFailed
	case c.Reason == "" && c.Cause == "" && c.SIPCode == 0:
		reason = MissedTimeout
	}
	a.AgentCause = c.Cause
	s.miss(a, i, reason, StateWaiting)
}

// agentEndedAtSwitch is the end of an agent's leg: of the conversation, or of
// his ringing.
func (s *step) agentEndedAtSwitch(a *attempt, c SwitchReport) {
	switch a.State {
	case StateBridged:
		if !s.inConversation(a, c) {
			s.res.Dropped = "that leg is not part of the conversation"
			return
		}
		s.endConversation(a, endOfCall(c))
	case StateOffering:
		if i := s.reportedOffer(a, c); i >= 0 && !a.Offers[i].AcceptedAt.IsZero() && c.Reason == "" {
			c.Reason = string(MissedDeclined)
		}
		s.missedAtSwitch(a, c)
	default:
		s.res.Dropped = "no leg of an agent is open"
	}
}

// leftSwitch: the switch says that the caller is out of the queue, and why.
func (s *step) leftSwitch(a *attempt, c SwitchReport) {
	switch a.State {
	case StateProcessing:
		s.res.Dropped = "the conversation has ended already"
		return
	case StateBridged:
		if c.ResultReason == ReasonTransferred && c.Reason == "" {
			c.Reason = TransferBlind
		}
		s.endConversation(a, endOfCall(c))
		return
	}
	end := ending{reason: c.ResultReason, cause: c.Cause, sip: c.SIPCode}
	switch {
	case end.reason == ReasonTransferred: // nobody has talked with him
		end.reason = ReasonWithdrawn
	case end.reason != "":
	case len(a.Offers) > 0:
		end.reason = ReasonMemberHangupOffer
	default:
		end.reason = ReasonMemberHangupWaiting
	}
	missed := MissedCancelled
	switch end.reason {
	case ReasonMemberHangupWaiting, ReasonMemberHangupOffer:
		missed = MissedMemberHangup
		end.result = ResultAbandoned
		if end.cause == "" && end.sip == 0 {
			end.cause = gaveUp(a)
		}
	case ReasonMaxWait, ReasonNoAgents, ReasonKeyExit:
		end.result = ResultAbandoned
	case ReasonRecovered, ReasonShutdown:
		end.result = ResultCancel
		end.cause, end.sip = CauseSystemShutdown, 0
	case ReasonCancelled:
		end.result = ResultCancel
		if end.cause == "" && end.sip == 0 {
			end.cause = CauseManagerRequest
		}
	default:
		end.result = ResultCancel
	}
	a.EndedAt = s.when(a)
	s.missAll(a, missed, StateLeaving)
	s.leave(a, end)
}
