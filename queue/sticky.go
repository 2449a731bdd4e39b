package queue

import "time"

// stickyTo returns the index of those who wait for one agent.
func (q *queueState) stickyTo(agentID int64) *index[waitKey] {
	in := q.sticky[agentID]
	if in == nil {
		x := newIndex(compareWait)
		in = &x
		q.sticky[agentID] = in
	}
	return in
}

// beginWait: the attempt waits for an agent from now on. What depends on how
// long it does starts here.
func (s *step) beginWait(a *attempt) {
	q := &s.queueOf(a).cfg
	if a.StickyAgentID != nil {
		a.StickyUntil = later(a.waitsSince(), q.StickySec)
		s.holdSticky(a)
	}
	a.OverflowAt = q.overflowAt(&a.Attempt)
}

// holdSticky keeps the attempt for its own agent as long as that makes sense
// (engine.md B.12): until its time, while the agent may be offered it, and,
// unless the queue waits for him regardless, while he is not offline.
func (s *step) holdSticky(a *attempt) {
	if a.StickyUntil.IsZero() {
		return
	}
	q, g := s.queueOf(a), s.e.agents[*a.StickyAgentID]
	switch {
	case !a.StickyUntil.After(s.now):
	case g == nil:
	case !q.mayOffer(a, g):
	case g.st.Status == StatusOffline && !q.cfg.StickyIgnoreStatus:
	default:
		return
	}
	s.touch(a)
	a.StickyUntil = time.Time{}
}

// mayOffer reports whether the agent is one of those of the queue to whom the
// attempt may be offered when they are free.
func (q *queueState) mayOffer(a *attempt, g *agentState) bool {
	gr := g.grade(q, a.Bucket)
	return gr.ok && int(gr.level) <= q.cfg.allowed(&a.Attempt)
}

// grade returns where the agent stands for attempts of the queue's bucket.
func (g *agentState) grade(q *queueState, bucket string) grade {
	if v := g.in(q); v != nil {
		return v.grades[q.groupOf[bucket]]
	}
	return grade{}
}

// touchStuck has the attempts that wait for the agent looked at again: he, or
// what he may be offered, has changed.
func (s *step) touchStuck(g *agentState) {
	for i := range g.serves {
		s.touchSticky(g.serves[i].q, g.cfg.ID)
	}
}

// touchSticky does so for one queue and agent; 0 = all agents.
func (s *step) touchSticky(q *queueState, agentID int64) {
	for _, id := range sortedIDs(q.sticky) {
		if agentID != 0 && agentID != id {
			continue
		}
		for _, k := range q.sticky[id].all() {
			s.touch(s.e.attempts[k.id])
		}
	}
}

// reserve returns the agent for whom a member who names none is dialled: the one
// he knows, if he is free; else by the queue's strategy among those who are free,
// then among those who have room for one more.
func (s *step) reserve(q *queueState, c Dial) *agentState {
	if c.StickyAgentID != nil && !excluded(c.Exclusions, *c.StickyAgentID, s.now) {
		if g := s.e.agents[*c.StickyAgentID]; g != nil {
			gr := g.grade(q, c.Bucket)
			if gr.ok && int(gr.level) <= q.cfg.MaxLevel && (g.mayTake(q) || g.roomFor(&q.cfg)) {
				return g
			}
		}
	}
	group := q.groups[q.groupOf[c.Bucket]]
	o := asked{attempt: c.AttemptID, offerNo: 1, level: q.cfg.MaxLevel, not: c.Exclusions}
	for _, free := range [...]*index[freeKey]{&group.free, &group.room} {
		if g := s.choose(q, free, o); g != nil {
			return g
		}
	}
	return nil
}

// firstOf returns the first attempt of the index from which the agent is not
// excluded, or nil.
func (s *step) firstOf(in *index[waitKey], g *agentState) *attempt {
	var first *attempt
	in.walk(func(k waitKey) bool {
		a := s.e.attempts[k.id]
		if a.excludes(g.cfg.ID, s.now) {
			return true
		}
		first = a
		return false
	})
	return first
}
