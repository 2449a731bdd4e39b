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
	if err := e.checkMatch(); err != nil {
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
	return a.checkTimes()
}

// checkTimes asserts that what happened later has the later instant (engine.md
// B.2).
func (a *Attempt) checkTimes() error {
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
	return e.checkServes(g)
}

// checkServes asserts that the agent is in the queues that he serves, and is
// found there as what he is.
func (e *Engine) checkServes(g *agentState) error {
	for _, id := range g.cfg.Queues {
		if q := e.queues[id]; q == nil || g.in(q) == nil {
			return fmt.Errorf("serves queue %d, which is not there or does not know him", id)
		}
	}
	places := 0
	for _, id := range sortedIDs(e.queues) {
		q := e.queues[id]
		if _, serves := q.agents[g.cfg.ID]; serves != (g.in(q) != nil) {
			return fmt.Errorf("in queue %d: %v, in its books: %v", id, !serves, serves)
		}
		for i, x := range q.groups {
			gr := q.cfg.grade(&g.cfg, x.bucket)
			if gr != g.grade(q, x.bucket) && (gr.ok || g.in(q) != nil) {
				return fmt.Errorf("stands at %+v in group %d of queue %d, not at %+v", gr, i, id, g.grade(q, x.bucket))
			}
			key := e.freeKey(g, q, gr)
			engine := q.cfg.Distribution == DistributionEngine && gr.ok
			for _, in := range [...]struct {
				index *index[freeKey]
				what  string
				want  bool
			}{{&x.free, "free", engine && g.mayTake(q)}, {&x.room, "room", engine && g.roomFor(&q.cfg)}} {
				if _, _, found := in.index.find(key); found != in.want {
					return fmt.Errorf("%s for group %d of queue %d: %v, indexed: %v", in.what, i, id, in.want, found)
				}
				if in.want {
					places++
				}
			}
		}
	}
	if places != len(g.free) {
		return fmt.Errorf("is free in %d places, indexed in %d", places, len(g.free))
	}
	return nil
}

// checkQueue asserts that the queue's books are right.
func (e *Engine) checkQueue(q *queueState) error {
	waiting, online, indexed, free, room := 0, 0, 0, 0, 0
	for id := range q.open {
		a := e.attempts[id]
		if a == nil {
			return fmt.Errorf("open attempt %d is not there", id)
		}
		if a.State == StateWaiting {
			waiting++
		}
	}
	for id := range q.agents {
		g := e.agents[id]
		if g == nil {
			return fmt.Errorf("agent %d is not there", id)
		}
		if g.st.Status == StatusOnline {
			online++
		}
		if v := g.in(q); v.atFirst() && q.cfg.Distribution == DistributionEngine {
			if g.mayTake(q) {
				free++
			}
			if g.roomFor(&q.cfg) {
				room++
			}
		}
	}
	if free != q.free || room != q.room {
		return fmt.Errorf("%d are free, %d counted; %d have room, %d counted", free, q.free, room, q.room)
	}
	if waiting != q.waiting || online != q.online {
		return fmt.Errorf("%d wait, %d counted; %d online, %d counted", waiting, q.waiting, online, q.online)
	}
	for _, c := range q.classes {
		indexed += c.waiting.size
	}
	for _, in := range q.sticky {
		indexed += in.size
	}
	want := len(q.guests)
	for id := range q.open {
		if e.stands(e.attempts[id]) {
			want++
		}
	}
	if indexed != want {
		return fmt.Errorf("%d may be offered, guests among them, and %d are indexed", want, indexed)
	}
	return nil
}

// stands reports whether the attempt waits and is not behind another in a
// strict queue.
func (e *Engine) stands(a *attempt) bool {
	q := e.queues[a.Queue.ID]
	if a.State != StateWaiting || a.external() {
		return false
	}
	if !q.cfg.StrictFIFO {
		return true
	}
	for id := range q.open {
		b := e.attempts[id]
		if (b.State == StateWaiting || b.State == StateOffering) && compareWait(q.waitKey(&b.Attempt), q.waitKey(&a.Attempt)) < 0 {
			return false
		}
	}
	return true
}

// checkMatch asserts that no attempt and agent who fit are without each other.
func (e *Engine) checkMatch() error {
	var free []*agentState
	for _, id := range sortedIDs(e.agents) {
		if g := e.agents[id]; slices.ContainsFunc(Channels[:], g.eligible) {
			free = append(free, g)
		}
	}
	if len(free) == 0 {
		return nil
	}
	for _, a := range e.attempts {
		if a.State != StateWaiting || a.external() || !e.stands(a) {
			continue
		}
		for _, g := range free {
			if e.fits(a, g) && !slices.ContainsFunc(a.Exclusions, func(x Exclusion) bool { return x.AgentID == g.cfg.ID }) {
				return fmt.Errorf("attempt %d waits although agent %d is free", a.ID, g.cfg.ID)
			}
		}
	}
	return nil
}

// fits reports whether the agent may be offered the attempt now, by the settings
// alone and by nothing that is indexed.
func (e *Engine) fits(a *attempt, g *agentState) bool {
	may := func(id int64) bool {
		q := e.queues[id]
		if q == nil || q.cfg.Distribution == DistributionExternal || q.cfg.Type.Channel() != a.Channel() || !g.mayTake(q) {
			return false
		}
		gr := q.cfg.grade(&g.cfg, a.Bucket)
		return gr.ok && int(gr.level) <= q.cfg.allowed(&a.Attempt)
	}
	if !a.StickyUntil.IsZero() {
		return *a.StickyAgentID == g.cfg.ID && may(a.Queue.ID)
	}
	return may(a.Queue.ID) || slices.ContainsFunc(a.AddedQueues, may)
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
