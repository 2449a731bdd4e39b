package queue

import (
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
	waiting := make([]*attempt, 0, 4)
	for i := 0; i < len(s.attempts); i++ { // leaving changes agents, who are looked at below
		a := s.attempts[i]
		if late := earliest(a.WaitUntil, a.ClosesAt); a.State == StateWaiting && !late.IsZero() && !late.After(s.now) {
			s.waitDue(a)
		}
		if a.State == StateWaiting && !a.external() {
			a.dropExclusions(s.now)
			waiting = append(waiting, a)
		}
		s.e.indexAttempt(a)
	}
	slices.SortFunc(waiting, func(a, b *attempt) int { return compareWait(a.waitKey, b.waitKey) })
	for _, a := range waiting {
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

func (s *step) propose(a *attempt, g *agentState) {
	a.NoAgentsUntil = time.Time{}
	s.offer(a, g, "")
	s.e.indexAttempt(a)
	s.e.indexAgent(g)
}

// bestAgent returns the free agent who has been idle longest and may be offered
// the attempt, or nil.
func (s *step) bestAgent(a *attempt) *agentState {
	var best *agentState
	s.queueOf(a).free.walk(func(k freeKey) bool {
		if a.excludes(k.id, s.now) {
			return true
		}
		best = s.e.agents[k.id]
		return false
	})
	return best
}

// bestAttempt returns the attempt that the agent should be offered on the
// channel: the queue with the highest priority first, in it who is first.
func (s *step) bestAttempt(g *agentState, ch Channel) *attempt {
	if !g.eligible(ch) {
		return nil
	}
	var best *attempt
	var bestQueue *queueState
	for _, id := range g.cfg.Queues {
		q := s.e.queues[id]
		if q == nil || q.cfg.Type.Channel() != ch || q.cfg.Distribution == DistributionExternal {
			continue
		}
		if best != nil && q.cfg.Priority < bestQueue.cfg.Priority {
			continue
		}
		q.waiting.walk(func(k waitKey) bool {
			a := s.e.attempts[k.id]
			if a.excludes(g.cfg.ID, s.now) {
				return true
			}
			if best == nil || q.cfg.Priority > bestQueue.cfg.Priority || compareWait(k, best.waitKey) < 0 {
				best, bestQueue = a, q
			}
			return false
		})
	}
	return best
}
