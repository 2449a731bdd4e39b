package queue

import (
	"time"

	"github.com/offhook/offhook/queue/pacing"
)

// linesFor is how many more members a predictive queue dials now: once a second
// as many as its pacer allows, and at any time one for each agent who is free and
// has nobody under way to him, which drops nobody (engine.md B.14).
func (s *step) linesFor(q *queueState) int {
	s.decide(q)
	if q.pace.left > 0 {
		return q.pace.left
	}
	free := q.free
	if q.pace.shared {
		free = 0
		for id := range q.agents {
			if g := s.e.agents[id]; g.in(q).free && s.e.pacedFor(g) == q {
				free++
			}
		}
	}
	return free - q.hopper.flying - q.waiting
}

// decide asks the pacer, if it has not been asked in this second.
func (s *step) decide(q *queueState) {
	second := s.now.Truncate(time.Second)
	if !q.pace.at.Before(second) {
		return
	}
	d := q.pace.Decide(s.now, s.view(q))
	if d.New > 0 || d.Mode != q.pace.decision.Mode {
		s.touchPace(q) // the others do not decide again; what changes nothing is not stored
	}
	q.pace.at, q.pace.left, q.pace.decision = second, d.New, d
}

// view is the queue as its pacer sees it. Limits of lines are held by whoever
// dials, so that none are named here.
func (s *step) view(q *queueState) pacing.View {
	v := pacing.View{Waiting: q.waiting, Lines: s.e.flying(q, s.now), Room: pacing.NoLimit}
	q.pace.shared = false
	for id := range q.agents {
		g := s.e.agents[id]
		q.pace.shared = q.pace.shared || g.pacings() > 1
		if g.st.Status != StatusOnline || g.st.Pending != "" || s.e.pacedFor(g) != q {
			continue
		}
		c := &g.st.Channels[channelIndex(ChannelCall)]
		switch {
		case len(c.Slots) > 0:
			v.Busy = append(v.Busy, busyWith(&c.Slots[0], s.now))
		case c.Block == AgentWrapUp:
			v.Busy = append(v.Busy, pacing.Busy{Phase: pacing.WrapUp, For: s.now.Sub(c.Since)})
		case c.Block == "":
			v.Free++
		}
	}
	return v
}

// busyWith says what keeps an agent busy who holds the slot. One who is rung
// will talk.
func busyWith(x *Slot, now time.Time) pacing.Busy {
	switch x.State {
	case AgentProcessing:
		return pacing.Busy{Phase: pacing.WrapUp, For: now.Sub(x.Since)}
	case AgentBridged:
		return pacing.Busy{Phase: pacing.Talk, For: now.Sub(x.Since)}
	default:
		return pacing.Busy{Phase: pacing.Talk}
	}
}

// pacedFor returns the predictive queue that may count on the agent: of those he
// serves and that have members to dial the one with the highest priority. Two
// queues that both counted on him would drop people.
func (e *Engine) pacedFor(g *agentState) *queueState {
	var first *queueState
	for i := range g.serves {
		q := g.serves[i].q
		if q.cfg.Type != Predictive || !q.cfg.Enabled || len(q.hopper.members) == 0 && q.hopper.flying == 0 {
			continue
		}
		if first == nil || byPriority(q, first) < 0 {
			first = q
		}
	}
	return first
}

// pacings counts the predictive queues that the agent serves.
func (g *agentState) pacings() int {
	n := 0
	for i := range g.serves {
		if g.serves[i].q.cfg.Type == Predictive {
			n++
		}
	}
	return n
}

// paceAgain is when a predictive queue that has members to dial is looked at
// again; zero = only when something happens.
func (s *step) paceAgain(q *queueState) time.Time {
	if q.cfg.Type != Predictive || q.online == 0 || len(q.hopper.members) == 0 {
		return time.Time{}
	}
	return s.now.Truncate(time.Second).Add(time.Second)
}
