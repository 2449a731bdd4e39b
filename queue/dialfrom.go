package queue

import (
	"math"
	"slices"
	"time"
)

// noRouteDelay is when a member none of whose numbers a trunk takes is looked at
// again, so that such members do not fill the hopper.
const noRouteDelay = 5 * time.Minute

// passesALook bounds how many members without a line are passed over in one look
// at a hopper.
const passesALook = 50

// dialFromHoppers dials for agents who are free, and into lines that are, after
// whoever waits already has been served. As in match, only what the step has
// touched can have changed.
func (s *step) dialFromHoppers() {
	for _, g := range s.agents {
		s.e.indexAgent(g)
		for i := range g.serves {
			if v := &g.serves[i]; v.free || v.room {
				s.look(v.q)
			}
		}
	}
	for _, a := range s.attempts {
		s.e.indexAttempt(a)
		if q := s.e.queues[a.Queue.ID]; q != nil {
			s.look(q)
		}
	}
	if s.e.lineFreed {
		s.e.lineFreed = false
		for id := range s.e.short {
			s.look(s.e.queues[id])
		}
	}
	asked := s.res.Attempt
	slices.SortFunc(s.queues, byPriority)
	for _, q := range s.queues {
		s.dialFrom(q)
	}
	s.res.Attempt = asked
}

// dialFrom dials members of the hopper, the first one first, as long as there is
// somebody to talk to them and a line.
func (s *step) dialFrom(q *queueState) {
	h := &q.hopper
	h.passed = 0
	s.e.setDue(q, time.Time{})
	delete(s.e.short, q.cfg.ID)
	if !q.cfg.Enabled || q.cfg.Type == Offline {
		return
	}
	s.e.setDue(q, s.paceAgain(q))
	for i, short := 0, 0; i < len(h.members) && short < passesALook && s.wanted(q) > 0 && s.e.Stocked() > 0; {
		if !s.hasLine(q, s.queueLine(q)) {
			return
		}
		m := h.members[i]
		switch s.dialMember(q, m) {
		case memberTaken:
			h.members = slices.Delete(h.members, i, i+1)
		case memberShort:
			short++
			i++
		case memberPassed:
			i++
		}
	}
	if s.wanted(q) > 0 {
		h.passed = len(h.members)
	}
}

// hasLine notes of a line that is not free when the queue is to look again.
func (s *step) hasLine(q *queueState, l line) bool {
	switch {
	case l.free:
	case l.until.IsZero():
		s.e.short[q.cfg.ID] = struct{}{}
	default:
		s.e.setDue(q, earliest(q.hopper.due, l.until))
	}
	return l.free
}

// wanted is how many more members of the queue should be dialled now, if there
// are lines for them.
func (s *step) wanted(q *queueState) int {
	switch q.cfg.Type {
	case IVR:
		return math.MaxInt
	case Predictive:
		return s.linesFor(q)
	default:
		return q.free + q.room
	}
}

// What became of a member of the hopper.
type verdict int

const (
	memberPassed verdict = iota // he stays, for other agents or later
	memberShort                 // he stays, for want of a line
	memberTaken                 // he is dialled, or does not belong there any more
)

// dialMember begins an attempt for the member, unless something speaks against it.
func (s *step) dialMember(q *queueState, m *Member) verdict {
	if !s.e.openFor(&q.cfg, m.TimeZone, s.now) || !s.dialable(q, m) {
		return memberTaken
	}
	number, why := s.pickNumber(q, m)
	switch why {
	case numberBusy:
		return memberPassed
	case numberNotRouted:
		m.ReadyAt, m.RetryRule, m.RetryTries = s.now.Add(noRouteDelay), ByNoRoute, 0
		s.noteMember(m)
		return memberTaken
	}
	c := dialOf(m, number)
	c.AttemptID = s.e.stock
	var g *agentState
	if q.cfg.Type.reserved() {
		if g = s.reserve(q, c); g == nil {
			return memberPassed
		}
	}
	l := s.trunkLine(q, number, m.AvoidTrunk)
	if !s.hasLine(q, l) {
		return memberShort
	}
	c.AttemptID, _ = s.e.fresh() // there is one: see dialFrom
	a := s.begin(q, g, c, l.trunk)
	s.openMember(m, a)
	if q.cfg.Type == Predictive {
		q.pace.left--
	}
	return memberTaken
}

// dialOf is the Dial that a member means.
func dialOf(m *Member, number string) Dial {
	id := m.ID
	return Dial{
		QueueID: m.QueueID, Destination: number, MemberID: &id, MemberName: m.Name, AttemptSeq: m.Attempts + 1,
		Priority: m.Priority, Variables: m.Variables, Exclusions: m.Exclusions, Zone: m.TimeZone,
		Bucket: m.Bucket, StickyAgentID: m.StickyAgentID,
	}
}

// openMember notes that the member is in the attempt.
func (s *step) openMember(m *Member, a *attempt) {
	m = m.Clone()
	m.Open, m.LastAttempt = a.ID, a.ID
	for i := range m.Numbers {
		m.Numbers[i].Forbidden = false // not stored, so that no decision may hang on it from here on
	}
	s.e.listed[m.ID] = m
	s.noteMember(m)
}

// setDue notes when the queue's hopper is to be looked at again; zero = not by
// time.
func (e *Engine) setDue(q *queueState, at time.Time) {
	if q.hopper.due.Equal(at) {
		return
	}
	if old := q.hopper.due; !old.IsZero() {
		e.later.remove(dueKey{at: old.UnixMilli(), id: q.cfg.ID})
	}
	if !at.IsZero() {
		e.later.insert(dueKey{at: at.UnixMilli(), id: q.cfg.ID})
	}
	q.hopper.due = at
}

// hoppersDue has every hopper looked at whose time has come.
func (s *step) hoppersDue() {
	for {
		k, ok := s.e.later.first()
		if !ok || k.at > s.now.UnixMilli() {
			return
		}
		q := s.e.queues[k.id]
		s.e.setDue(q, time.Time{})
		s.look(q)
	}
}
