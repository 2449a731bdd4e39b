package queue

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Check returns the first broken invariant, or nil: for tests, and after a
// load. It looks at everything, so it costs O(n).
func (e *Engine) Check() error {
	for _, id := range sortedIDs(e.attempts) {
		if err := e.checkAttempt(e.attempts[id]); err != nil {
			return fmt.Errorf("attempt %d: %w", id, err)
		}
	}
	for _, id := range sortedIDs(e.agents) {
		if err := e.checkAgent(e.agents[id]); err != nil {
			return fmt.Errorf("agent %d: %w", id, err)
		}
	}
	for _, id := range sortedIDs(e.queues) {
		if err := e.checkQueue(e.queues[id]); err != nil {
			return fmt.Errorf("queue %d: %w", id, err)
		}
	}
	if err := e.checkMembers(); err != nil {
		return err
	}
	if err := e.checkLists(); err != nil {
		return err
	}
	return e.checkDue()
}

// checkMembers asserts that the counts of members and numbers in open attempts
// are right.
func (e *Engine) checkMembers() error {
	members, numbers := map[int64]int{}, map[string]int{}
	for _, a := range e.attempts {
		if a.MemberID != nil {
			members[*a.MemberID]++
		}
		if a.Channel() == ChannelCall && a.Destination != nil {
			numbers[*a.Destination]++
		}
	}
	if !maps.Equal(members, e.members) || !maps.Equal(numbers, e.numbers) {
		return fmt.Errorf("members in open attempts %v, counted %v; numbers %v, counted %v", members, e.members, numbers, e.numbers)
	}
	return nil
}

func (e *Engine) checkAttempt(a *attempt) error {
	q := e.queues[a.Queue.ID]
	if q == nil {
		return fmt.Errorf("queue %d is not there", a.Queue.ID)
	}
	if _, ok := q.open[a.ID]; !ok {
		return fmt.Errorf("not among the open attempts of queue %d", q.cfg.ID)
	}
	offering := a.State == StateOffering
	switch {
	case a.Sequence < 1:
		return fmt.Errorf("no event was fired")
	case a.State == StateLeaving:
		return fmt.Errorf("has left and is still open")
	case offering != (len(a.Offers) > 0):
		return fmt.Errorf("state %s with %d open offers", a.State, len(a.Offers))
	case len(a.Offers) > 1 && !a.external():
		return fmt.Errorf("%d open offers without ring-all", len(a.Offers))
	case a.State == StateBridged && (a.BridgedAt.IsZero() || (a.Agent == nil) != (a.Queue.Type == IVR)):
		return fmt.Errorf("bridged without a bridge or an agent")
	case (a.State == StateProcessing || a.State == StateActive) && (a.Agent == nil || a.Accepted == 0):
		return fmt.Errorf("state %s without an agent who has accepted", a.State)
	case (a.State == StateDialing || a.State == StateActive) != !a.DialUntil.IsZero():
		return fmt.Errorf("state %s with the dialling to end at %v", a.State, a.DialUntil)
	case a.State == StateDialing && (!a.Queue.Type.Outbound() || a.Queue.Type.agentFirst()),
		a.State == StateActive && !a.Queue.Type.agentFirst(),
		a.State == StateWaiting && (a.Queue.Type == IVR || a.Queue.Type.agentFirst()):
		return fmt.Errorf("state %s in a queue of type %s", a.State, a.Queue.Type)
	case a.State == StateActive && !e.agentHolds(a):
		return fmt.Errorf("agent %d does not hold it", a.Agent.ID)
	case a.State == StateDialing && a.Queue.Type == Progressive && a.MemberAnsweredAt.IsZero() && !e.agentHolds(a):
		return fmt.Errorf("dialled for agent %d, who is not reserved", a.Agent.ID)
	case a.State == StateProcessing && !a.UseProcessing:
		return fmt.Errorf("processing although use_processing is false")
	}
	if ids := a.appendLegs(nil); !slices.Equal(ids, a.legs) {
		return fmt.Errorf("has the legs %q, is found by %q", ids, a.legs)
	}
	for _, id := range a.legs {
		if e.legs.of(id) != a.ID && !slices.Contains(e.legs.earlier[id], a.ID) {
			return fmt.Errorf("is not found by its leg %q", id)
		}
	}
	times := [...]struct {
		name string
		at   int64
	}{
		{"joined_at", millis(a.JoinedAt)}, {"bridged_at", millis(a.BridgedAt)}, {"ended_at", millis(a.EndedAt)},
		{"processing_at", millis(a.ProcessingAt)}, {"leaving_at", millis(a.LeavingAt)},
	}
	last := times[0]
	for _, t := range times[1:] {
		if t.at != 0 && t.at < last.at {
			return fmt.Errorf("%s is before %s", t.name, last.name)
		}
		if t.at != 0 {
			last = t
		}
	}
	return nil
}

func (e *Engine) agentHolds(a *attempt) bool {
	g := e.agents[a.Agent.ID]
	return g != nil && g.holds(a)
}

// millis returns t in unix milliseconds, 0 when it is not set.
func millis(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}

func (e *Engine) checkAgent(g *agentState) error {
	for i, ch := range Channels {
		c := &g.st.Channels[i]
		offering := 0
		for _, x := range c.Slots {
			a := e.attempts[x.AttemptID]
			if a == nil {
				return fmt.Errorf("holds attempt %d, which is not open", x.AttemptID)
			}
			if x.State == AgentReserved && (x.QueueID != a.Queue.ID || x.dialled() != (a.State == StateDialing)) {
				return fmt.Errorf("is reserved for attempt %d of queue %d, which is %s in queue %d", a.ID, x.QueueID, a.State, a.Queue.ID)
			}
			if x.State != AgentOffering {
				continue
			}
			if a.findOffer(g.cfg.ID, x.OfferNo) < 0 {
				return fmt.Errorf("is offered attempt %d, which has no such offer", a.ID)
			}
			if !a.external() {
				offering++
			}
		}
		if offering > 1 {
			return fmt.Errorf("has %d open offers on channel %s", offering, ch)
		}
		if (c.Block == "") != c.Until.IsZero() {
			return fmt.Errorf("channel %s is blocked %q until %v", ch, c.Block, c.Until)
		}
	}
	for _, id := range g.cfg.Queues {
		q := e.queues[id]
		if q == nil {
			return fmt.Errorf("serves queue %d, which is not there", id)
		}
		free := g.eligible(q.cfg.Type.Channel()) && q.cfg.Distribution == DistributionEngine
		if _, _, in := q.free.find(g.freeKey); in != free {
			return fmt.Errorf("free for queue %d: %v, indexed: %v", id, free, in)
		}
		if _, _, in := q.room.find(g.freeKey); in != g.roomFor(&q.cfg) {
			return fmt.Errorf("room for queue %d: %v, indexed: %v", id, !in, in)
		}
	}
	return nil
}

// checkQueue asserts that no attempt and agent who fit are without each other.
func (e *Engine) checkQueue(q *queueState) error {
	waiting, online := 0, 0
	for id := range q.open {
		if a := e.attempts[id]; a == nil {
			return fmt.Errorf("open attempt %d is not there", id)
		} else if a.State == StateWaiting {
			waiting++
		}
	}
	for id := range q.agents {
		g := e.agents[id]
		if g == nil || !slices.Contains(g.cfg.Queues, q.cfg.ID) {
			return fmt.Errorf("agent %d does not serve it", id)
		}
		if g.st.Status == StatusOnline {
			online++
		}
	}
	if waiting != q.waiting.size || online != q.online {
		return fmt.Errorf("%d wait, %d indexed; %d online, %d counted", waiting, q.waiting.size, online, q.online)
	}
	if q.cfg.Distribution == DistributionExternal {
		return nil
	}
	for _, w := range q.waiting.all() {
		for _, f := range q.free.all() {
			if a := e.attempts[w.id]; !slices.ContainsFunc(a.Exclusions, func(x Exclusion) bool { return x.AgentID == f.id }) {
				return fmt.Errorf("attempt %d waits although agent %d is free", w.id, f.id)
			}
		}
	}
	return nil
}

func (e *Engine) checkDue() error {
	n := 0
	for _, a := range e.attempts {
		if !a.nextDue().Equal(a.due) {
			return fmt.Errorf("attempt %d is due at %v, indexed at %v", a.ID, a.nextDue(), a.due)
		}
		if !a.due.IsZero() {
			n++
		}
	}
	for _, g := range e.agents {
		for i := range g.due {
			if !g.due[i].IsZero() {
				n++
			}
		}
	}
	if n != e.due.size {
		return fmt.Errorf("%d deadlines run, %d are indexed", n, e.due.size)
	}
	return nil
}
