package queue

import "slices"

// Progressive: an agent is reserved, the member is dialled for him, and the
// agent is rung when a person has answered (engine.md B.7).

// offerReserved: a person has answered; the agent who is reserved for him is
// rung. Another member may have been faster: then nobody is there, except that
// reoffer_sec lets him wait for any agent.
func (s *step) offerReserved(a *attempt) {
	g, q := s.e.agents[a.Agent.ID], s.queueOf(a)
	if g == nil || !g.holds(a) && !g.freeFor(q, a.Bucket) {
		if q.cfg.ReofferSec > 0 {
			s.waitForAgent(a, q.cfg.ReofferSec)
			return
		}
		s.drop(a, ending{result: ResultAbandoned, reason: ReasonNoAgents, cause: CauseOriginatorCancel})
		return
	}
	s.offer(a, g, "")
	s.endRace(a, g)
}

// freeFor reports whether the agent may be offered an attempt of the queue's
// bucket now.
func (g *agentState) freeFor(q *queueState, bucket string) bool {
	return g.grade(q, bucket).ok && g.mayTake(q)
}

// endRace: of the members who were dialled for the agent a is the first person.
// Those who still ring have lost. One who has answered and is being examined may
// be a person too, so his detection goes on: if he is, nobody is there for him,
// which counts as abandoned (engine.md B.7, progressive 6).
func (s *step) endRace(a *attempt, g *agentState) {
	for _, x := range slices.Clone(g.st.Channels[channelIndex(ChannelCall)].Slots) {
		b := s.e.attempts[x.AttemptID]
		if !x.dialled() || b == nil || b == a {
			continue
		}
		if b.MemberAnsweredAt.IsZero() {
			s.drop(b, ending{result: ResultCancel, reason: ReasonLostRace, cause: CauseOriginatorCancel})
		} else {
			s.release(g, b)
		}
	}
}

// missProgressive: the agent did not take a person who has answered. With
// reoffer_sec the member waits for any agent, as in predictive; else the call is
// abandoned (engine.md D8).
func (s *step) missProgressive(a *attempt, i int, reason MissedReason) {
	end := ending{result: ResultAbandoned, reason: ReasonAgentNoAnswer, cause: CauseLoseRace}
	reoffer := s.queueOf(a).cfg.ReofferSec
	switch {
	case reason == MissedBridgeFailed:
		end.reason, end.cause = ReasonBridgeFailed, CauseTemporaryFailure
	case !a.WaitUntil.IsZero() || reoffer > 0:
		s.miss(a, i, reason, StateWaiting)
		if a.WaitUntil.IsZero() {
			a.WaitUntil = later(s.at, reoffer)
		}
		return
	case reason == MissedAgentGone:
		end.reason = ReasonAgentGone
	}
	s.miss(a, i, reason, StateLeaving)
	s.drop(a, end)
}
