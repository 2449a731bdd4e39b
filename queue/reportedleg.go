package queue

import "slices"

// reported returns the attempt that the report is about, and the leg when the
// channel id tells it.
func (s *step) reported(c *SwitchReport) (*attempt, Leg) {
	id := c.AttemptID
	if id == 0 {
		id = s.e.legs.of(c.ChannelID)
	}
	a := s.e.attempts[id]
	if a == nil || c.ChannelID == "" {
		return a, ""
	}
	if a.MemberChannelID != nil && *a.MemberChannelID == c.ChannelID {
		if c.Leg != "" {
			return a, c.Leg // the id of the call names the attempt, no more
		}
		if c.namesAgent() {
			return a, LegAgent
		}
		return a, LegMember
	}
	for i := range a.Offers {
		if a.Offers[i].Channel == c.ChannelID {
			c.OfferNo = a.Offers[i].No
			return a, LegAgent
		}
	}
	if a.AgentChannel == c.ChannelID {
		c.OfferNo = a.Accepted
		return a, LegAgent
	}
	return a, ""
}

// reportedOffer returns the place of the open offer that the report means: by
// its number, its agent, its channel, or the only one that is open; -1 if none.
func (s *step) reportedOffer(a *attempt, c SwitchReport) int {
	agent := s.reportedAgent(c)
	find := func(is func(*Offer) bool) int {
		return slices.IndexFunc(a.Offers, func(o Offer) bool { return is(&o) })
	}
	switch {
	case c.OfferNo != 0:
		return find(func(o *Offer) bool { return o.No == c.OfferNo })
	case c.namesAgent():
		return find(func(o *Offer) bool { return o.Agent.ID == agent })
	case c.AgentChannelID != "":
		return find(func(o *Offer) bool { return o.Channel == c.AgentChannelID })
	case len(a.Offers) == 1:
		return 0
	default:
		return -1
	}
}

// noOffer says why a report means no open offer: none, in the words of why, or
// one of another leg. An id that is not known yet could be that of a phone that
// rang before, so it is not taken for the one that rings now.
func (a *Attempt) noOffer(why string) string {
	if len(a.Offers) == 0 {
		return why
	}
	return "the open offer has another leg or agent; name the agent or offer_no with a leg of your own"
}

func (c *SwitchReport) namesAgent() bool { return c.AgentID != 0 || c.AgentRef != "" }

// reportedAgent returns the agent that the report names, 0 when it names none
// or one who is not known.
func (s *step) reportedAgent(c SwitchReport) int64 {
	if c.AgentID == 0 && c.AgentRef != "" {
		return s.e.refs[c.AgentRef]
	}
	return c.AgentID
}

// inConversation reports whether a report about an agent's leg means the agent
// who is connected, not one who was rung before or beside him.
func (s *step) inConversation(a *attempt, c SwitchReport) bool {
	switch {
	case a.Transfers > 0 && c.ChannelID != a.AgentChannel && c.AgentChannelID != a.AgentChannel && !c.namesAgent():
		return false // two agents have had a leg: which one is meant is not said
	case a.Transfers > 0 && c.namesAgent():
		return s.reportedAgent(c) == a.Agent.ID
	case c.OfferNo != 0:
		return c.OfferNo == a.Accepted
	case c.namesAgent():
		return s.reportedAgent(c) == a.Agent.ID
	default:
		return c.AgentChannelID == "" || c.AgentChannelID == a.AgentChannel
	}
}
