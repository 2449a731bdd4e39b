package queue

import (
	"strconv"
	"time"
)

// when returns the instant of the attempt's next event: never before its last
// one, nor before what is known of the member leg (engine.md B.10, 22, and B.2).
func (s *step) when(a *attempt) time.Time {
	t := s.at
	for _, known := range [...]time.Time{a.LastAt, a.MemberRingingAt, a.MemberAnsweredAt} {
		if t.Before(known) {
			t = known
		}
	}
	return t
}

// fire appends the attempt's next event. The offer is the one that the event
// is about; nil for joined, and for leaving, which speaks of the agent who last
// accepted.
func (s *step) fire(a *attempt, typ EventType, o *Offer) *Event {
	t := s.when(a)
	a.Sequence++
	a.LastAt = t
	s.touch(a)
	b := &attemptBody{queue: a.Queue}
	b.list(a, typ, t, o)
	b.extend(a, typ, t, o)
	return s.emit(Event{
		ID: s.e.domain.derive("event", a.ID, a.Sequence), Type: typ, DomainID: s.e.domain.ID,
		At: t, Sequence: a.Sequence, Queue: &b.queue, AttemptID: a.ID,
		Listed: &b.listed, Variables: a.Variables, Ext: &b.ext,
	})
}

// attemptBody is what an attempt's event points to, in one piece of memory: the
// server makes thousands of events a second, and keeps tens of thousands.
type attemptBody struct {
	queue  QueueRef
	listed Listed
	ext    Ext
	// What listed points to.
	agent                 AgentRef
	channel               string // of the agent
	bill, duration, voice int64
	cause                 Cause
	code                  int
}

// list sets the published fields by the rules of engine.md B.5.
func (b *attemptBody) list(a *attempt, typ EventType, t time.Time, o *Offer) {
	l := &b.listed
	*l = Listed{
		Channel: a.Channel(), AttemptID: a.ID, Destination: a.Destination,
		UseProcessing: a.UseProcessing, MemberChannelID: a.MemberChannelID,
		MemberName: a.MemberName, MemberID: a.MemberID, AttemptSeq: a.AttemptSeq,
	}
	if typ == EventJoined {
		return
	}
	agent := a.Agent
	if b.channel = a.AgentChannel; o != nil {
		agent, b.channel = &o.Agent, o.Channel
	}
	if agent != nil {
		b.agent = *agent
		l.AgentName, l.AgentID = &b.agent.Name, &b.agent.ID
		l.UserID, l.AgentExtension = agent.UserID, agent.Extension
	}
	if b.channel != "" {
		l.AgentChannelID = &b.channel
	}
	b.setDurations(a, t)
	if a.AMDResult != "" {
		l.AMD = &a.AMDResult
	}
	if (typ == EventProcessing || typ == EventLeaving) && a.Cause != "" {
		b.cause, b.code = a.Cause, a.SIPCode
		l.Cause, l.SIPCode = &b.cause, &b.code
	}
	if typ == EventLeaving {
		l.Result = a.Result
	}
}

func (b *attemptBody) extend(a *attempt, typ EventType, t time.Time, o *Offer) {
	x := &b.ext
	*x = Ext{
		State: a.State, JoinedAt: a.JoinedAt, DialAt: a.DialAt, MemberAnsweredAt: a.MemberAnsweredAt,
		OfferingAt: a.OfferingAt, BridgedAt: a.BridgedAt, EndedAt: a.EndedAt, LeavingAt: a.LeavingAt,
		OfferNo: a.OfferNo, ParentAttemptID: a.ParentAttemptID, ChildAttemptID: a.ChildAttemptID,
		PreviousAgentID: a.PreviousAgentID, AgentCause: a.AgentCause, AMDCause: a.AMDCause, WaitSec: a.waitSec(t), Test: a.Test,
	}
	if o != nil {
		x.OfferNo = o.No
	}
	switch typ {
	case EventProcessing:
		x.ProcessingDeadline = a.ProcessingUntil
		x.SIPCodeSource = a.CodeSource
	case EventLeaving:
		x.ResultReason, x.RetryAt = a.ResultReason, a.RetryAt
		x.SIPCodeSource = a.CodeSource
	}
}

// whenAgent returns the instant of the agent's next event: never before his
// last one, although a report may tell of something that happened earlier.
func (s *step) whenAgent(g *agentState) time.Time {
	if s.at.Before(g.st.LastAt) {
		return g.st.LastAt
	}
	return s.at
}

// fireStatus appends an agent.state event about the status alone.
func (s *step) fireStatus(g *agentState) {
	s.fireAgent(g, AgentStateData{Since: g.st.Since.Format(instant)})
}

// fireChannel appends an agent.state event about one channel, and the attempt
// that changed it; 0 = time has.
func (s *step) fireChannel(g *agentState, channel int, state ChannelStateName, since time.Time, attemptID int64) {
	d := AgentStateData{Channel: &Channels[channel], State: &state, Since: since.Format(instant)}
	if attemptID != 0 {
		d.AttemptID = &attemptID
	}
	s.fireAgent(g, d)
}

func (s *step) fireAgent(g *agentState, d AgentStateData) {
	d.AgentID, d.AgentName, d.Status = g.cfg.ID, g.cfg.Name, g.st.Status
	if g.st.Reason != "" {
		d.Reason = &g.st.Reason
	}
	t := s.whenAgent(g)
	g.st.LastAt = t
	g.st.Changes++
	s.touchAgent(g)
	s.emit(Event{
		ID: s.e.domain.derive("agent.state", g.cfg.ID, g.st.Changes), Type: EventAgentState,
		DomainID: s.e.domain.ID, At: t,
		Subject: &Subject{Kind: "agent", ID: strconv.FormatInt(g.cfg.ID, 10)},
		Data:    s.keep(d.appendJSON(s.e.buffer[:0])),
	})
}

// hangup is what an order to end a leg says beside the attempt and its offer.
type hangup struct {
	leg   Leg
	cause Cause
}

// order appends an order to the switch. Chats, tasks and external queues have
// none.
func (s *step) order(a *attempt, typ EventType, o *Offer, end *hangup) {
	if a.Channel() != ChannelCall || a.external() {
		return
	}
	d := Order{
		Order: string(typ[len("switch."):]), AttemptID: a.ID,
		MemberChannelID: a.MemberChannelID, Destination: a.Destination,
	}
	no := 0
	if o != nil {
		no = o.No
		agent, channel := o.Agent, o.Channel
		d.OfferNo, d.AgentID, d.AgentExtension, d.AgentChannelID = &no, &agent.ID, agent.Extension, &channel
		if g := s.e.agents[agent.ID]; g != nil && g.cfg.Ref != "" {
			d.AgentRef = &g.cfg.Ref
		}
		if !o.Deadline.IsZero() && end == nil {
			deadline := o.Deadline.Format(instant)
			d.Deadline = &deadline
		}
	}
	if typ == EventSwitchDial {
		deadline := a.DialUntil.Format(instant)
		d.Deadline = &deadline
		if a.AMDMs > 0 {
			d.AMDTotalAnalysisMs = &a.AMDMs
		}
		if a.Trunk != nil {
			d.TrunkID, d.Trunk = &a.Trunk.ID, &a.Trunk.Name
		}
	}
	kind := string(typ)
	if a.Rejoins > 0 && typ == EventSwitchBridge {
		kind += "." + strconv.Itoa(a.Rejoins)
	}
	if end != nil {
		d.Leg, d.Cause = &end.leg, &end.cause
		kind += "." + string(end.leg)
		if a.Transfers > 0 { // each agent of the offer has a leg of his own
			kind += "." + strconv.Itoa(a.Transfers)
		}
	}
	s.emitOrder(a, typ, kind, no, s.keep(d.appendJSON(s.e.buffer[:0])))
}

// emitOrder appends an order with its data; kind and no make its id, so they are
// used once in the attempt.
func (s *step) emitOrder(a *attempt, typ EventType, kind string, no int, data []byte) {
	ref := a.Queue
	s.emit(Event{
		ID: s.e.domain.derive(kind, a.ID, no), Type: typ, DomainID: s.e.domain.ID, At: s.when(a),
		Queue: &ref, AttemptID: a.ID,
		Subject: &Subject{Kind: "switch", ID: strconv.FormatInt(a.ID, 10)},
		Data:    data,
	})
}

// orderHangup orders the end of one leg, unless its end is what this step was
// told of.
func (s *step) orderHangup(a *attempt, leg Leg, o *Offer, cause Cause) {
	if o != nil && (o.Channel == s.ended || leg == LegAgent && !a.RejoinUntil.IsZero()) {
		return
	}
	s.order(a, EventSwitchHangup, o, &hangup{leg, cause})
}
