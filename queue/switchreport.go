package queue

import (
	"slices"
	"strings"
)

// switchReport is one report of a telephone switch. Reports about what is
// unknown or over are dropped (engine.md B.10, 15).
func (s *step) switchReport(c SwitchReport) error {
	if err := c.validate(); err != nil {
		return err
	}
	if c.Event == SwitchJoined {
		return s.joinedAtSwitch(c)
	}
	a, leg := s.reported(&c)
	if a == nil {
		s.res.Dropped = "no open attempt has that id or channel"
		return nil
	}
	if leg == "" && c.ChannelID != "" && c.Event != SwitchOffered && c.Event != SwitchLeft {
		s.res.Attempt, s.res.Dropped = &a.Attempt, "that channel is no leg of the attempt, or no longer"
		return nil
	}
	switch c.Event {
	case SwitchRinging, SwitchAnswered, SwitchEnded, SwitchMessage: // about one leg
		if leg != "" {
			c.Leg = leg
		}
		if c.Leg == "" && (c.OfferNo != 0 || c.namesAgent() || c.AgentChannelID != "") {
			c.Leg = LegAgent
		}
		if c.Leg == "" {
			return invalid("leg", `leg is "member" or "agent"`)
		}
	}
	s.at = notAfter(c.At, s.now)
	s.at = s.when(a)
	s.res.Attempt = &a.Attempt
	if c.Event == SwitchTransferred {
		return s.transferredAtSwitch(a, c)
	}
	if a.external() {
		return s.externalReport(a, c)
	}
	if c.Event == SwitchAMD {
		return s.detected(a, c)
	}
	s.engineReport(a, c)
	return nil
}

func (c *SwitchReport) validate() error {
	switch c.Event {
	case SwitchRinging, SwitchAnswered, SwitchBridged, SwitchBridgeFailed, SwitchAMD, SwitchEnded,
		SwitchMessage, SwitchJoined, SwitchOffered, SwitchMissed, SwitchLeft, SwitchTransferred:
	default:
		return invalid("event", "this event of a switch is not known")
	}
	if c.Leg != "" && c.Leg != LegMember && c.Leg != LegAgent {
		return invalid("leg", `leg is "member" or "agent"`)
	}
	if c.SIPCode != 0 && (c.SIPCode < 100 || c.SIPCode > 699) {
		return invalid("sip_code", "sip_code is a SIP status between 100 and 699")
	}
	if c.Cause != "" && strings.IndexFunc(string(c.Cause), notInCause) >= 0 {
		return invalid("cause", "cause is the upper-case name of a hang-up cause, such as USER_BUSY")
	}
	if c.Event != SwitchJoined && c.AttemptID == 0 && c.ChannelID == "" {
		return invalid("attempt_id", "name the attempt by attempt_id or channel_id")
	}
	if err := c.validateReasons(); err != nil {
		return err
	}
	return validateTexts(c.Variables, c.MemberChannelID, c.Destination, c.MemberName,
		&c.AgentRef, &c.AgentName, &c.AgentChannelID, &c.QueueName, &c.Reason)
}

func notInCause(r rune) bool { return (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '_' }

// engineReport carries out a report about an attempt that the engine
// distributes. What does not fit the state is late or repeated, and dropped.
func (s *step) engineReport(a *attempt, c SwitchReport) {
	if a.Channel() == ChannelTask {
		s.res.Dropped = "a task has no legs"
		return
	}
	switch c.Event {
	case SwitchRinging:
		s.legRinging(a, c)
	case SwitchAnswered:
		s.legAnswered(a, c)
	case SwitchBridged, SwitchBridgeFailed:
		s.bridgeReport(a, c)
	case SwitchEnded:
		s.legEnded(a, c)
	case SwitchMessage:
		s.message(a, c.Leg)
	default:
		s.res.Dropped = "queue " + a.Queue.Name + " does not take the report " + string(c.Event)
	}
}

func (s *step) legRinging(a *attempt, c SwitchReport) {
	if c.Leg != LegMember || !a.MemberRingingAt.IsZero() || !a.hasMemberLeg() {
		return
	}
	a.MemberRingingAt = s.at
	s.touch(a)
	if a.Queue.Type == IVR && a.State == StateDialing {
		s.ivrRings(a)
	}
}

func (s *step) legAnswered(a *attempt, c SwitchReport) {
	if c.Leg == LegMember {
		switch {
		case !a.hasMemberLeg() && a.Channel() == ChannelCall:
			s.res.Dropped = "the member has not been dialled"
		case a.MemberAnsweredAt.IsZero():
			a.MemberAnsweredAt = s.at
			s.touch(a)
			s.memberReached(a)
		}
		return
	}
	if a.newLeg(c) {
		s.rejoined(a, c)
		return
	}
	i := s.reportedOffer(a, c)
	if i < 0 {
		s.res.Dropped = a.noOffer("no offer of the attempt is open")
		return
	}
	if s.acceptOffer(a, i, c.AgentChannelID) {
		s.connect(a, i)
	}
}

// bridgeReport is the switch's word on the connection that it was ordered to make.
func (s *step) bridgeReport(a *attempt, c SwitchReport) {
	if a.State == StateActive {
		s.activeBridge(a, c)
		return
	}
	i := s.reportedOffer(a, c)
	switch {
	case c.Event == SwitchBridged && a.newLeg(c):
		s.rejoined(a, c)
	case a.Queue.Type.agentFirst():
		s.res.Dropped = "no offer of the attempt waits for its bridge"
	case i < 0:
		s.res.Dropped = a.noOffer("no offer of the attempt waits for its bridge")
	case c.Event == SwitchBridged:
		a.Offers[i].reachedBy(c.AgentChannelID)
		s.bridge(a, i)
	default:
		s.bridgeFailed(a, i, c)
	}
}

// bridgeFailed: the attempt waits again when its member is still there
// (engine.md B.6).
func (s *step) bridgeFailed(a *attempt, i int, c SwitchReport) {
	if c.Leg != LegMember {
		a.AgentCause = c.Cause
		s.missOffer(a, i, MissedBridgeFailed)
		return
	}
	end := ending{result: ResultAbandoned, reason: ReasonBridgeFailed, cause: c.Cause, sip: c.SIPCode}
	if end.cause == "" && end.sip == 0 {
		end.cause = CauseTemporaryFailure
	}
	a.EndedAt = s.when(a)
	s.miss(a, i, MissedBridgeFailed, StateLeaving)
	s.leave(a, end)
}

// legEnded is the end of one leg: of the waiting, of an offer, or of the
// conversation.
func (s *step) legEnded(a *attempt, c SwitchReport) {
	if a.State == StateProcessing {
		s.res.Dropped = "the conversation has ended already"
		return
	}
	if c.Leg == LegMember {
		s.memberEnded(a, c)
		return
	}
	if a.State == StateBridged || a.State == StateActive {
		if a.Agent == nil || !s.inConversation(a, c) {
			s.res.Dropped = "that leg is not part of the conversation"
			return
		}
		s.ended = a.AgentChannel
		s.agentHungUp(a, c)
		return
	}
	i := s.reportedOffer(a, c)
	if i < 0 {
		s.res.Dropped = a.noOffer("no offer of the attempt is open")
		return
	}
	s.ended = a.Offers[i].Channel
	a.AgentCause = c.Cause
	reason := missedBy(c)
	if !a.Offers[i].AcceptedAt.IsZero() && reason != MissedUnreachable {
		reason = MissedDeclined // answered and hung up before the connection (engine.md B.9)
	}
	s.missOffer(a, i, reason)
}

// agentHungUp ends the conversation from the agent's side. The caller's leg is
// ended by us, so its cause is ours; the agent's own is told when it says that
// something went wrong. A transferred caller lives on.
func (s *step) agentHungUp(a *attempt, c SwitchReport) {
	if end := endOfCall(c); end.reason == ReasonTransferred && a.State == StateBridged {
		s.endConversation(a, end)
		return
	}
	if s.awaitRejoin(a, c) {
		return
	}
	if c.Cause != "" && c.Cause.Class() != ClassNormal {
		a.AgentCause = c.Cause
	}
	if a.State == StateActive {
		s.agentLeftActive(a)
		return
	}
	s.orderHangup(a, LegMember, nil, CauseNormalClearing)
	s.endConversation(a, ending{result: ResultSuccess, reason: ReasonServed, cause: CauseNormalClearing})
}

// memberEnded is the end of the member leg of an attempt that is not over.
func (s *step) memberEnded(a *attempt, c SwitchReport) {
	switch {
	case a.State == StateBridged:
		s.endConversation(a, endOfCall(c))
		return
	case a.State == StateDialing || a.State == StateActive:
		s.memberFailed(a, c)
		return
	case a.Channel() == ChannelCall && !a.hasMemberLeg():
		s.res.Dropped = "the member has not been dialled"
		return
	}
	a.EndedAt = s.when(a)
	if slices.Contains(transferReasons, c.Reason) {
		s.missAll(a, MissedCancelled, StateLeaving)
		s.leave(a, ending{result: ResultCancel, reason: ReasonWithdrawn})
		return
	}
	end := ending{result: ResultAbandoned, reason: ReasonMemberHangupWaiting, cause: c.Cause, sip: c.SIPCode}
	if a.State == StateOffering {
		end.reason = ReasonMemberHangupOffer
	}
	if end.cause == "" && end.sip == 0 {
		end.cause = gaveUp(a)
	}
	s.missAll(a, MissedMemberHangup, StateLeaving)
	s.leave(a, end)
}

// gaveUp is the cause of a caller who hung up before he was connected
// (engine.md B.9).
func gaveUp(a *attempt) Cause {
	if a.MemberAnsweredAt.IsZero() {
		return CauseOriginatorCancel
	}
	return CauseNormalClearing
}

// endOfCall is how a conversation ends by the report: served, or transferred.
func endOfCall(c SwitchReport) ending {
	end := ending{result: ResultSuccess, reason: ReasonServed, cause: c.Cause, sip: c.SIPCode}
	switch {
	case c.Reason == TransferBlind || c.Reason == string(ReasonTransferred):
		end = ending{result: ResultSuccess, reason: ReasonTransferred, cause: CauseBlindTransfer}
	case c.Reason == TransferAttended:
		end = ending{result: ResultSuccess, reason: ReasonTransferred, cause: CauseAttendedTransfer}
	case end.cause == "" && end.sip == 0:
		end.cause = CauseNormalClearing
	}
	return end
}

// missedBy tells from the report why an agent's leg came to nothing
// (engine.md B.9, missed_reason).
func missedBy(c SwitchReport) MissedReason {
	if slices.Contains(missedReasons, c.Reason) {
		return MissedReason(c.Reason)
	}
	cause := c.Cause
	if cause == "" && c.SIPCode != 0 {
		cause = CauseOfSIP(c.SIPCode)
	}
	return MissedByCause(cause)
}

// message notes activity in a chat, which moves its idle limits.
func (s *step) message(a *attempt, leg Leg) {
	if a.Channel() != ChannelChat || a.State != StateBridged {
		s.res.Dropped = "messages count in a bridged chat only"
		return
	}
	if leg == LegMember {
		a.ClientActiveAt = s.at
	} else {
		a.AgentActiveAt = s.at
	}
	s.touch(a)
	s.setTalkDeadline(a)
}
