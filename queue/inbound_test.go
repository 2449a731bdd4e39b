package queue

import "testing"

// TestWorkedInboundExample carries out the worked example of engine.md B.3.
func TestWorkedInboundExample(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Inbound, func(q *Queue) { q.OfferTimeoutSec = 15 })
	anna := c.agent("Anna", q)
	boris := c.agent("Boris", q)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusPause})
	c.do(SetAgentStatus{AgentID: boris, Status: StatusPause})
	c.at(20)
	caller := "+12025550101"
	id := c.do(Join{QueueID: q, Destination: &caller, DialAt: at(0), MemberAnsweredAt: at(2)}).Attempt.ID
	c.at(23)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusOnline})
	c.at(37)
	c.do(SetAgentStatus{AgentID: boris, Status: StatusOnline})
	c.at(42)
	c.do(Accept{AttemptID: id, AgentID: boris, Bridged: true})
	c.at(162)
	c.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
	c.at(192)

	c.wantStory(id, "joined", "offering Anna", "missed Anna timeout", "offering Boris", "bridged Boris",
		"processing Boris NORMAL_CLEARING", "leaving Boris success processing_timeout NORMAL_CLEARING")
	c.wantDurations(id, []durations{
		{20.0, nil, nil, nil}, {23.0, 23.0, 21.0, nil}, {38.0, 38.0, 36.0, nil}, {38.0, 38.0, 36.0, nil},
		{42.0, 42.0, 40.0, 0.0}, {162.0, 162.0, 160.0, 120.0}, {192.0, 162.0, 160.0, 120.0},
	})
	if c.e.Attempt(id) != nil {
		t.Error("the attempt is still open")
	}
}
