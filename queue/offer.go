package queue

import (
	"slices"
	"time"
)

// agentGoneExclusion keeps an agent who went away during an offer from getting
// the same attempt at once when he comes back (engine.md B.10, 4).
const agentGoneExclusion = 30 * time.Second

// unreachableDelay is the pause of an agent whose phone could not be reached;
// after unreachableLimit in a row he is taken offline (engine.md B.10, 2).
const (
	unreachableDelay = 5
	unreachableLimit = 3
)

// offer proposes the attempt to the agent. The channel id names his leg; empty
// = the engine makes one.
func (s *step) offer(a *attempt, g *agentState, channel string) *Offer {
	a.OfferNo++
	o := Offer{No: a.OfferNo, Agent: g.cfg.ref(), Channel: channel, At: s.when(a)}
	if channel == "" {
		o.Channel = s.e.domain.derive("agent_leg", a.ID, o.No).String()
	}
	o.Deadline = later(s.at, s.queueOf(a).cfg.OfferTimeoutSec)
	if a.external() {
		o.Deadline = s.at.Add(externalNet)
	}
	a.Offers = append(a.Offers, o)
	a.State = StateOffering
	a.OfferingAt = o.At
	a.AgentAnsweredAt = time.Time{}
	g.st.OfferedAt = o.At
	s.fire(a, EventOffering, &o)
	s.order(a, EventSwitchRing, &o, nil)
	s.hold(g, a, o.No, AgentOffering)
	return &a.Offers[len(a.Offers)-1]
}

// miss closes the open offer i without a connection. The attempt goes back to
// waiting when no other offer is open; a caller who ends it instead sets next
// to leaving.
func (s *step) miss(a *attempt, i int, reason MissedReason, next State) {
	o := a.Offers[i]
	a.Offers = slices.Delete(a.Offers, i, i+1)
	a.Misses++
	if len(a.Offers) == 0 || next == StateLeaving {
		a.State = next
		if next == StateWaiting && !a.external() {
			a.NoAgentsUntil = s.e.emptyUntil(a, s.now)
		}
	}
	s.fire(a, EventMissed, &o).Ext.MissedReason = reason
	switch {
	case next == StateLeaving && a.Queue.Type.reserved() && a.Agent.ID == o.Agent.ID:
		a.AgentChannel = o.Channel // his Leaving speaks of it (engine.md B.5)
	case a.Accepted == o.No:
		a.AgentChannel = ""
	}
	if !o.AcceptedAt.IsZero() && next != StateLeaving {
		a.AgentAnsweredAt = time.Time{}
	}
	switch reason {
	case MissedTimeout, MissedMemberHangup, MissedAgentGone, MissedCancelled, MissedDeclined, MissedSkipped, MissedBridgeFailed:
		s.orderHangup(a, LegAgent, &o, CauseOriginatorCancel)
	}
	s.punish(a, o, reason)
}

// missAll closes every open offer, in order of their numbers.
func (s *step) missAll(a *attempt, reason MissedReason, next State) {
	for len(a.Offers) > 0 {
		s.miss(a, 0, reason, next)
	}
}

// punish gives the agent the pause that the miss costs him and keeps him from
// being offered this attempt again at once (engine.md B.10, 1 and 2). A switch
// that distributes has delays of its own.
func (s *step) punish(a *attempt, o Offer, reason MissedReason) {
	g := s.e.agents[o.Agent.ID]
	if g == nil {
		return
	}
	if a.external() {
		s.block(g, a, AgentMissed, 0)
		return
	}
	q := &s.queueOf(a).cfg
	delay, counts := 0, false
	switch reason {
	case MissedTimeout:
		delay, counts = q.NoAnswerDelaySec, true
	case MissedDeclined:
		delay, counts = q.RejectDelaySec, q.CountDeclined
	case MissedBusy:
		delay = q.BusyDelaySec
	case MissedFailed:
		delay = q.NoAnswerDelaySec
	case MissedUnreachable:
		delay = unreachableDelay
		g.st.Unreachables++
	}
	if counts {
		g.st.NoAnswers++
	}
	switch reason {
	case MissedTimeout, MissedDeclined, MissedBusy:
		g.st.Unreachables = 0
	}
	s.block(g, a, AgentMissed, delay)
	switch {
	case reason == MissedUnreachable && g.st.Unreachables >= unreachableLimit:
		s.sendAway(g, StatusOffline, "unreachable")
	case counts && q.MaxNoAnswer > 0 && g.st.NoAnswers >= q.MaxNoAnswer:
		s.sendAway(g, StatusBreakOut, "max_no_answer")
	}
	switch reason {
	case MissedMemberHangup, MissedCancelled, MissedSkipped:
	case MissedAgentGone:
		a.exclude(o.Agent.ID, s.now.Add(agentGoneExclusion))
	default:
		a.exclude(o.Agent.ID, s.now.Add(time.Duration(max(delay, q.NoAnswerDelaySec))*time.Second))
	}
}

func (a *Attempt) exclude(agentID int64, until time.Time) {
	a.Exclusions = append(a.Exclusions, Exclusion{AgentID: agentID, Until: until})
}

func (a *Attempt) excludes(agentID int64, now time.Time) bool {
	return excluded(a.Exclusions, agentID, now)
}

func excluded(from []Exclusion, agentID int64, now time.Time) bool {
	return slices.ContainsFunc(from, func(x Exclusion) bool { return x.AgentID == agentID && x.Until.After(now) })
}

// findOffer returns the place of the agent's open offer, or of offer no; -1
// when there is none.
func (a *Attempt) findOffer(agentID int64, no int) int {
	return slices.IndexFunc(a.Offers, func(o Offer) bool {
		return o.Agent.ID == agentID && (no == 0 || o.No == no)
	})
}

// offerClosed is the refusal to answer an offer that is not open.
func (a *Attempt) offerClosed(agentID int64, no int) error {
	if no > a.OfferNo || a.OfferNo == 0 {
		return refuse(CodeBadState, "attempt %d has not been offered to agent %d", a.ID, agentID)
	}
	return refuse(CodeLostRace, "the offer of attempt %d to agent %d is no longer open", a.ID, agentID)
}

// accept is the agent's yes. For a call the bridge follows as an order; for a
// chat or task it is the connection itself (engine.md B.10, 23).
func (s *step) accept(c Accept) error {
	a, err := s.open(c.AttemptID)
	if err != nil {
		return err
	}
	i := a.findOffer(c.AgentID, c.OfferNo)
	if i < 0 {
		again := a.Agent != nil && a.Agent.ID == c.AgentID && (a.State == StateActive || a.State == StateBridged || a.State == StateProcessing) &&
			(c.OfferNo == 0 || c.OfferNo == a.Accepted)
		if again {
			s.res.Attempt = &a.Attempt
			return nil
		}
		return a.offerClosed(c.AgentID, c.OfferNo)
	}
	if c.Bridged && a.Queue.Type.agentFirst() {
		return refuse(CodeBadState, "the member of attempt %d is dialled when the agent has accepted; nobody is connected yet", a.ID)
	}
	if err := validateTexts(nil, c.AgentChannelID); err != nil {
		return err
	}
	s.res.Attempt = &a.Attempt
	first := s.acceptOffer(a, i, c.AgentChannelID)
	switch {
	case c.Bridged:
		a.Offers[i].reachedBy(c.AgentChannelID)
		s.bridge(a, i)
	case first:
		s.connect(a, i)
	}
	return nil
}

// acceptOffer notes the yes to the open offer i. A second one changes nothing
// and gives false.
func (s *step) acceptOffer(a *attempt, i int, channel string) bool {
	o := &a.Offers[i]
	if !o.AcceptedAt.IsZero() {
		return false
	}
	s.touch(a)
	o.reachedBy(channel)
	t := s.when(a)
	o.AcceptedAt = t
	agent := o.Agent
	a.Agent, a.Accepted, a.AgentChannel, a.AgentAnsweredAt = &agent, o.No, o.Channel, t
	return true
}

// reachedBy takes the id that the switch gives the agent's leg in place of the
// one that it had; empty = it says nothing of it.
func (o *Offer) reachedBy(channel string) {
	if channel != "" {
		o.Channel = channel
	}
}

// connect brings the member and the agent who has accepted together: by an
// order to the switch, or, in a chat or task, at once; in preview and offline
// the member is dialled first. A switch that
// distributes does it by itself.
func (s *step) connect(a *attempt, i int) {
	switch {
	case a.external():
		return
	case a.Queue.Type.agentFirst():
		s.activate(a)
		return
	case a.Channel() != ChannelCall:
		s.bridge(a, i)
		return
	}
	o := &a.Offers[i]
	o.Deadline = later(s.at, max(1, s.queueOf(a).cfg.BridgeTimeoutSec))
	s.order(a, EventSwitchBridge, o, nil)
}

// decline is the agent's no.
func (s *step) decline(c Decline) error {
	a, err := s.open(c.AttemptID)
	if err != nil {
		return err
	}
	i := a.findOffer(c.AgentID, c.OfferNo)
	if i < 0 {
		return a.offerClosed(c.AgentID, c.OfferNo)
	}
	s.res.Attempt = &a.Attempt
	s.missOffer(a, i, MissedDeclined)
	return nil
}

// missOffer closes an offer that came to nothing although the member is there:
// what becomes of him depends on the type.
func (s *step) missOffer(a *attempt, i int, reason MissedReason) {
	switch {
	case a.Queue.Type.agentFirst():
		s.missPreview(a, i, reason)
	case a.Queue.Type == Progressive:
		s.missProgressive(a, i, reason)
	default:
		s.missPooled(a, i, reason)
	}
}

// missPooled closes an offer of a pooled type; the attempt waits again, unless
// it has been offered often enough.
func (s *step) missPooled(a *attempt, i int, reason MissedReason) {
	limit := s.queueOf(a).cfg.MaxOffers
	if a.Channel() == ChannelTask && limit > 0 && a.Misses+1 >= limit && len(a.Offers) == 1 {
		s.miss(a, i, reason, StateLeaving)
		s.leave(a, ending{result: ResultCancel, reason: ReasonMaxOffers})
		return
	}
	s.miss(a, i, reason, StateWaiting)
}

// offerDue is the end of an offer's time: nobody answered, or nobody connected.
func (s *step) offerDue(a *attempt, i int) {
	switch {
	case a.external():
		s.recover(a)
	case a.Offers[i].AcceptedAt.IsZero():
		s.missOffer(a, i, MissedTimeout)
	default:
		s.missOffer(a, i, MissedBridgeFailed)
	}
}
