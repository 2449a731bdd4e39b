package queue

import (
	"slices"
	"time"
)

// settle writes down what an attempt that leaves has found out about its listed
// member, and gives his next attempt; zero = he is stopped. kept says that the
// member has noticed nothing and stays on the list as he was.
func (s *step) settle(a *attempt, q *Queue, kept bool) time.Time {
	m := s.e.listed[*a.MemberID].Clone()
	delete(s.e.listed, m.ID)
	m.Open, m.AvoidTrunk, m.NextNumber = 0, 0, ""
	r, rule := q.plan(&a.Attempt)
	if kept {
		r, rule = Retry{Again: true, Uncounted: true}, string(a.ResultReason)
	}
	r, rule = m.bound(q, r, rule)
	a.Uncounted = r.Uncounted
	n := m.number(*a.Destination)
	if !a.DialAt.IsZero() {
		n.LastAt = a.DialAt
	}
	if !r.Uncounted {
		m.Attempts++
		n.Attempts++
	}
	if r.BadNumber {
		n.Stopped = a.ResultReason
		if usable, _ := q.usable(m); usable > 0 {
			r, rule = Retry{Again: true}, ByNextNumber
		}
	}
	m.ReadyAt, m.RetryRule = a.readyAt(r), rule
	s.excludeSkipper(a, q)
	a.dropExclusions(s.now)
	m.Exclusions = slices.Clone(a.Exclusions)
	if cause := m.ended(q, a, r); cause != "" {
		m.ReadyAt, m.RetryRule, m.RetryTries = a.LeavingAt, "", 0
		m.StoppedAt, m.StopCause = a.LeavingAt, cause
		s.noteMember(m)
		return time.Time{}
	}
	if r.OtherTrunk && a.Trunk != nil {
		m.AvoidTrunk = a.Trunk.ID
	}
	m.NextNumber = m.wants(q, r.Number, n)
	s.noteMember(m)
	return m.ReadyAt
}

// bound counts how often in a row the rule has been used, and puts the ordinary
// pause in its place when that was often enough.
func (m *Member) bound(q *Queue, r Retry, rule string) (Retry, string) {
	switch {
	case r.Max == 0:
		m.RetryTries = 0
	case m.RetryRule != rule:
		m.RetryTries = 1
	case m.RetryTries < r.Max:
		m.RetryTries++
	default:
		m.RetryTries = 0
		return Retry{Again: true, AfterSec: q.WaitBetweenRetriesSec}, "wait_between_retries"
	}
	return r, rule
}

// readyAt is when the member may be dialled again.
func (a *attempt) readyAt(r Retry) time.Time {
	if a.ResultReason == ReasonReportedAbandoned && a.RetryAt.After(a.LeavingAt) {
		return a.RetryAt
	}
	return a.LeavingAt.Add(time.Duration(r.AfterSec) * time.Second)
}

// ended says why the member is dialled no more; empty = he is.
func (m *Member) ended(q *Queue, a *attempt, r Retry) Reason {
	usable, _ := q.usable(m)
	switch {
	case !r.Again || a.ResultReason == ReasonDNC && usable == 1:
		return a.ResultReason
	case usable == 0 || !r.Uncounted && !q.PerNumbers && q.MaxAttempts > 0 && m.Attempts >= q.MaxAttempts:
		return StopMaxAttempts
	case !m.ExpiresAt.IsZero() && !m.ReadyAt.Before(m.ExpiresAt):
		return StopExpired
	default:
		return ""
	}
}

// wants returns the number that the rule asks for; empty = the best.
func (m *Member) wants(q *Queue, which string, last *Number) string {
	switch which {
	case NumberSame:
		return last.Number
	case NumberNext:
		var next *Number
		for i := range m.Numbers {
			n := &m.Numbers[i]
			if n != last && n.Stopped == "" && !n.Forbidden && !q.spent(n) && (next == nil || compareNumbers(n, next) < 0) {
				next = n
			}
		}
		if next != nil {
			return next.Number
		}
	}
	return ""
}

// number returns the member's number, in place. A number that is no longer his,
// which cannot be while he is in an attempt, gives one that nobody sees.
func (m *Member) number(number string) *Number {
	for i := range m.Numbers {
		if m.Numbers[i].Number == number {
			return &m.Numbers[i]
		}
	}
	return &Number{Number: number}
}

// has reports whether the number is one of the member's.
func (m *Member) has(number string) bool {
	return slices.ContainsFunc(m.Numbers, func(n Number) bool { return n.Number == number })
}

// excludeSkipper keeps the agent who passed the member over from getting him
// again too soon (engine.md B.7, preview 3).
func (s *step) excludeSkipper(a *attempt, q *Queue) {
	if a.ResultReason == ReasonSkipped && q.SkipExcludeSec > 0 {
		a.exclude(a.Agent.ID, s.now.Add(time.Duration(q.SkipExcludeSec)*time.Second))
	}
}
