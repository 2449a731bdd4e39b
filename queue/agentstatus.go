package queue

import (
	"slices"
	"strings"
	"time"
)

// channelIndex returns the place of ch in Channels.
func channelIndex(ch Channel) int { return slices.Index(Channels[:], ch) }

// eligible reports whether the agent may be offered one more attempt on the
// channel: online, not in a pause, with a free slot and no open offer there.
func (g *agentState) eligible(ch Channel) bool {
	c := &g.st.Channels[channelIndex(ch)]
	leaves := g.st.Pending != "" && g.st.Pending != StatusOnline
	if g.st.Status != StatusOnline || leaves || c.Block != "" || len(c.Slots) >= g.cfg.capacity(ch) {
		return false
	}
	return !slices.ContainsFunc(c.Slots, func(x Slot) bool { return x.State == AgentOffering })
}

// roomFor reports whether one more member may be dialled for the agent although
// he is reserved: progressive_count allows more, and all of them still ring.
func (g *agentState) roomFor(q *Queue) bool {
	slots := g.st.Channels[channelIndex(ChannelCall)].Slots
	leaves := g.st.Pending != "" && g.st.Pending != StatusOnline
	if q.Type != Progressive || g.st.Status != StatusOnline || leaves || len(slots) == 0 || len(slots) >= q.ProgressiveCount {
		return false
	}
	return !slices.ContainsFunc(slots, func(x Slot) bool { return !x.dialled() || x.QueueID != q.ID })
}

// holds reports whether the attempt has one of the agent's slots.
func (g *agentState) holds(a *attempt) bool {
	return slices.ContainsFunc(g.st.Channels[channelIndex(a.Channel())].Slots, func(x Slot) bool { return x.AttemptID == a.ID })
}

// now returns the state of the channel and since when it lasts: the pause, or
// what he does with the attempt that came last, or, from now on, nothing.
func (c *ChannelState) now(t time.Time) (ChannelStateName, time.Time) {
	switch {
	case c.Block != "":
		return c.Block, c.Since
	case len(c.Slots) > 0:
		last := c.Slots[len(c.Slots)-1]
		return last.State, last.Since
	default:
		return AgentWaiting, t
	}
}

// working reports whether the agent is in a conversation or its processing, or
// has accepted a member who is being dialled for him, so that a change of status
// has to wait.
func (g *agentState) working() bool {
	for i := range g.st.Channels {
		for _, x := range g.st.Channels[i].Slots {
			if x.State == AgentBridged || x.State == AgentProcessing || x.State == AgentReserved && !x.dialled() {
				return true
			}
		}
	}
	return false
}

// hold notes that the agent holds the attempt in the state. That he is reserved
// for one more is no change of his channel.
func (s *step) hold(g *agentState, a *attempt, offerNo int, state ChannelStateName) {
	i := channelIndex(a.Channel())
	c := &g.st.Channels[i]
	before, _ := c.now(time.Time{})
	slot := Slot{AttemptID: a.ID, OfferNo: offerNo, State: state, Since: s.whenAgent(g)}
	if state == AgentReserved {
		slot.QueueID = a.Queue.ID
	}
	k := slices.IndexFunc(c.Slots, func(x Slot) bool { return x.AttemptID == a.ID })
	s.countTalk(c, k, slot)
	if k >= 0 && !c.Slots[k].dialled() {
		c.Slots[k] = slot
	} else {
		if k >= 0 { // of those who are dialled for him this one comes last now
			c.Slots = slices.Delete(c.Slots, k, k+1)
		}
		c.Slots = append(c.Slots, slot)
	}
	s.touchAgent(g)
	if before != AgentReserved || state != AgentReserved {
		s.fireChannel(g, i, slot.State, slot.Since, a.ID)
	}
}

// block takes the attempt from the agent and gives his channel a pause of delay
// seconds; 0 = none. Of two pauses the longer stands. A status that waited for
// this is applied.
func (s *step) block(g *agentState, a *attempt, state ChannelStateName, delay int) {
	i := channelIndex(a.Channel())
	c := &g.st.Channels[i]
	k := slices.IndexFunc(c.Slots, func(x Slot) bool { return x.AttemptID == a.ID })
	if k < 0 {
		return
	}
	s.countTalk(c, k, Slot{Since: s.whenAgent(g)})
	c.Slots = slices.Delete(c.Slots, k, k+1)
	if until := later(s.now, delay); until.After(c.Until) {
		c.Block, c.Since, c.Until = state, s.whenAgent(g), until
	}
	next, since := c.now(s.whenAgent(g))
	s.fireChannel(g, i, next, since, a.ID)
	if g.st.Pending != "" && !g.working() {
		s.applyStatus(g, g.st.Pending, g.st.PendingReason)
	}
}

// release takes an attempt that was only dialled from the agent, who has not
// noticed: without a pause, and without an event while he is reserved for others.
func (s *step) release(g *agentState, a *attempt) {
	i := channelIndex(a.Channel())
	c := &g.st.Channels[i]
	before, _ := c.now(time.Time{})
	c.Slots = slices.DeleteFunc(c.Slots, func(x Slot) bool { return x.AttemptID == a.ID })
	s.touchAgent(g)
	if next, since := c.now(s.whenAgent(g)); next != before {
		s.fireChannel(g, i, next, since, a.ID)
	}
}

// applyStatus changes the agent's status now, or, while he is in a
// conversation or its processing, when that attempt has left.
func (s *step) applyStatus(g *agentState, status Status, reason string) {
	s.touchAgent(g)
	if status == g.st.Status && reason == g.st.Reason {
		g.st.Pending, g.st.PendingReason = "", ""
		return
	}
	if g.working() {
		g.st.Pending, g.st.PendingReason = status, reason
		return
	}
	login := g.st.Status == StatusOffline && status == StatusOnline
	t := s.whenAgent(g)
	if login || g.st.FreeSince.IsZero() {
		g.st.FreeSince = t
	}
	if status == StatusOnline && g.st.Status != StatusPause {
		g.st.NoAnswers, g.st.Unreachables = 0, 0
	}
	s.e.restate(g, func() {
		switch {
		case status == StatusOnline:
			g.st.LeftAt = time.Time{}
		case g.st.Status == StatusOnline:
			g.st.LeftAt = t
		}
		g.st.Status, g.st.Reason, g.st.Since = status, reason, t
		g.st.Pending, g.st.PendingReason = "", ""
	})
	s.fireStatus(g)
	if status == StatusOffline {
		s.touchStuck(g)
	}
}

// sendAway takes the agent off on the engine's own decision. His open offers
// are closed as if he had gone himself.
func (s *step) sendAway(g *agentState, status Status, reason string) {
	s.dropOffers(g)
	s.applyStatus(g, status, reason)
}

// setAgentStatus is a login, a logout or a pause (engine.md B.10, 4).
func (s *step) setAgentStatus(c SetAgentStatus) error {
	switch c.Status {
	case StatusOnline, StatusOffline, StatusPause, StatusBreakOut:
	default:
		return invalid("status", "status is online, offline, pause or break_out")
	}
	if err := validateTexts(nil, c.Reason, &c.AgentRef, &c.AgentName); err != nil {
		return err
	}
	g, err := s.agentOf(c.AgentID, c.AgentRef, c.AgentName, []int64{c.NewID})
	if err != nil {
		return err
	}
	s.at = notAfter(c.At, s.now)
	if c.Status != StatusOnline {
		s.dropOffers(g)
	}
	s.applyStatus(g, c.Status, c.Reason)
	return nil
}

// dropOffers misses the open offers of an agent who goes away, and gives up the
// members who are dialled for him. What a switch rings goes on ringing until the
// switch says otherwise.
func (s *step) dropOffers(g *agentState) {
	for ch := range g.st.Channels {
		for _, x := range slices.Clone(g.st.Channels[ch].Slots) {
			a := s.e.attempts[x.AttemptID]
			if a == nil || a.external() {
				continue
			}
			if x.dialled() {
				s.drop(a, ending{result: ResultCancel, reason: ReasonAgentGone, cause: CauseOriginatorCancel})
			} else if i := a.findOffer(g.cfg.ID, x.OfferNo); i >= 0 && x.State == AgentOffering {
				s.missOffer(a, i, MissedAgentGone)
			}
		}
	}
}

// agentOf returns the agent by id or by his name in a switch. A name that is
// not known creates him with the first of the fresh ids (engine.md B.15b).
func (s *step) agentOf(id int64, ref, name string, fresh []int64) (*agentState, error) {
	if id == 0 && ref == "" {
		return nil, invalid("agent_id", "name the agent by agent_id or agent_ref")
	}
	if id == 0 {
		id = s.e.refs[ref]
	}
	if g := s.e.agents[id]; g != nil {
		return g, nil
	}
	if ref == "" {
		return nil, refuse(CodeUnknownAgent, "no agent %d", id)
	}
	if len(fresh) == 0 || fresh[0] == 0 {
		return nil, refuse(CodeUnknownAgent, "no agent %q, and no id to create him with", ref)
	}
	if name == "" {
		name = ref
	}
	cfg := Agent{ID: fresh[0], Name: truncate(name), Ref: ref, Queues: []int64{}}
	s.e.putAgent(&cfg)
	s.res.Changed = append(s.res.Changed, &cfg)
	g := s.e.agents[cfg.ID]
	g.st.Status, g.st.Since = StatusOffline, s.at
	s.touchAgent(g)
	return g, nil
}

// truncate shortens a name from outside to what Validate allows.
func truncate(name string) string {
	if len(name) <= 200 {
		return name
	}
	return strings.ToValidUTF8(name[:200], "")
}
