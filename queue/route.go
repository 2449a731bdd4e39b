package queue

import (
	"cmp"
	"slices"
	"time"
)

// match offers attempts to agents (engine.md B.12). Before a step no attempt
// and agent that fit are both without each other, so only those that the step
// touched have to be looked at: each attempt that waits takes its best agent,
// then each agent who is free his best attempt.
func (s *step) match() {
	for _, g := range s.agents {
		s.e.indexAgent(g)
	}
	for i := 0; i < len(s.attempts); i++ { // leaving changes agents, who are looked at below
		a := s.attempts[i]
		if a.State == StateWaiting {
			s.refresh(a)
		}
		s.e.indexAttempt(a)
	}
	for i := 0; i < len(s.e.led); i++ { // who was behind others may have lost his agent meanwhile
		if a := s.e.led[i]; a.State == StateWaiting {
			s.holdSticky(a)
			s.e.indexAttempt(a)
		}
	}
	waiting := make([]*attempt, 0, 4)
	for _, from := range [...][]*attempt{s.attempts, s.e.led} {
		for _, a := range from {
			if a.home.in != nil {
				waiting = append(waiting, a)
			}
		}
	}
	for _, a := range inTurn(waiting) {
		if a.State != StateWaiting { // who got the lead may be there twice
			continue
		}
		if g := s.bestAgent(a); g != nil {
			s.propose(a, g)
		}
	}
	for i := 0; i < len(s.agents); i++ {
		g := s.agents[i]
		for _, ch := range Channels {
			if a := s.bestAttempt(g, ch); a != nil {
				s.propose(a, g)
			}
		}
	}
}

// refresh carries out what time has done to an attempt that waits before it is
// matched.
func (s *step) refresh(a *attempt) {
	if late := earliest(a.WaitUntil, a.ClosesAt, a.OverflowAt); !late.IsZero() && !late.After(s.now) {
		s.waitDue(a)
	}
	if a.State == StateWaiting && !a.external() {
		a.dropExclusions(s.now)
		s.holdSticky(a)
	}
}

// inTurn sorts the attempts as an agent who may be offered all of them would
// take them: by the priorities of their queues, by the order in each queue, and,
// of the first of queues of the same priority, by who is before the other.
func inTurn(waiting []*attempt) []*attempt {
	if len(waiting) < 2 {
		return waiting
	}
	slices.SortFunc(waiting, func(a, b *attempt) int {
		if c := cmp.Compare(b.home.q.cfg.Priority, a.home.q.cfg.Priority); c != 0 {
			return c
		}
		if c := cmp.Compare(a.Queue.ID, b.Queue.ID); c != 0 {
			return c
		}
		return compareWait(a.home.key, b.home.key)
	})
	var queues [][]*attempt // what is left of each
	for from, a := range waiting {
		if from == 0 || a.Queue.ID != waiting[from-1].Queue.ID {
			queues = append(queues, nil)
		}
		queues[len(queues)-1] = append(queues[len(queues)-1], a)
	}
	sorted := make([]*attempt, 0, len(waiting))
	for len(queues) > 0 {
		next, priority := 0, queues[0][0].home.q.cfg.Priority
		for i := 1; i < len(queues) && queues[i][0].home.q.cfg.Priority == priority; i++ {
			if queues[i][0].before(&queues[next][0].Attempt) {
				next = i
			}
		}
		sorted = append(sorted, queues[next][0])
		if queues[next] = queues[next][1:]; len(queues[next]) == 0 {
			queues = slices.Delete(queues, next, next+1)
		}
	}
	return sorted
}

func (s *step) propose(a *attempt, g *agentState) {
	a.NoAgentsUntil = time.Time{}
	s.offer(a, g, "")
	s.e.indexAttempt(a)
	s.e.indexAgent(g)
}

// bestAgent returns the free agent who is to be offered the attempt, or nil: its
// own, while it waits for him; else one of its queue's, else one of those of the
// queues that help.
func (s *step) bestAgent(a *attempt) *agentState {
	q := s.queueOf(a)
	if !a.StickyUntil.IsZero() {
		g := s.e.agents[*a.StickyAgentID]
		if a.excludes(g.cfg.ID, s.now) || !g.mayTake(q) {
			return nil
		}
		return g
	}
	if g := s.freeIn(q, a); g != nil {
		return g
	}
	for _, p := range a.guests {
		if p.q == nil {
			continue
		}
		if g := s.freeIn(p.q, a); g != nil {
			return g
		}
	}
	return nil
}

// freeIn returns the agent of the queue, its own or one that helps, who is to be
// offered the attempt, or nil.
func (s *step) freeIn(q *queueState, a *attempt) *agentState {
	return s.choose(q, &q.groups[q.groupOf[a.Bucket]].free, asked{
		attempt: a.ID, offerNo: a.OfferNo + 1, level: q.cfg.allowed(&a.Attempt), not: a.Exclusions,
	})
}

// bestAttempt returns the attempt that the agent should be offered on the
// channel: the queue with the highest priority first, in it who is first.
func (s *step) bestAttempt(g *agentState, ch Channel) *attempt {
	if !g.eligible(ch) {
		return nil
	}
	var best *attempt
	var from *queueState
	for i := range g.serves {
		v := &g.serves[i]
		q := v.q
		if q.cfg.Type.Channel() != ch || best != nil && q.cfg.Priority < from.cfg.Priority || !g.mayTake(q) {
			continue
		}
		a := s.firstFor(g, v)
		if a != nil && (best == nil || q.cfg.Priority > from.cfg.Priority || a.before(&best.Attempt)) {
			best, from = a, q
		}
	}
	return best
}

// firstFor returns the first of those who wait in the queue and may be offered
// to the agent, or nil. It looks at the first of each class.
func (s *step) firstFor(g *agentState, v *service) *attempt {
	var first *attempt
	var key waitKey
	take := func(a *attempt) {
		if a == nil {
			return
		}
		if k := v.q.waitKey(&a.Attempt); first == nil || compareWait(k, key) < 0 {
			first, key = a, k
		}
	}
	for _, c := range v.q.classes {
		if gr := v.grades[c.group]; gr.ok && int(gr.level) <= c.level {
			take(s.firstOf(&c.waiting, g))
		}
	}
	if in := v.q.sticky[g.cfg.ID]; in != nil {
		take(s.firstOf(in, g))
	}
	return first
}
