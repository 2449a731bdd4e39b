package queue

import "time"

// What is inside a queue when its calendar closes, or when it is disabled
// (engine.md B.10, 17): those who wait stay, unless close_waiting ends that;
// offers of preview and offline queues that nobody has accepted are withdrawn;
// everything else goes on.

// closesAt says when closing ends what the attempt does now; zero = never. It is
// now when the queue is closed already.
func (e *Engine) closesAt(a *attempt, now time.Time) time.Time {
	q := e.queues[a.Queue.ID]
	c := e.calendars[q.cfg.CalendarID]
	switch {
	case !q.cfg.Enabled && !a.external() && !a.Queue.Type.Outbound() && q.cfg.CloseWaiting:
		return now
	case c == nil || a.external(), a.Queue.Type.Outbound() && !a.Queue.Type.agentFirst(), !a.Queue.Type.Outbound() && !q.cfg.CloseWaiting:
		return time.Time{}
	}
	zone := e.zoneFor(c, a.Zone)
	if !c.open(now, zone) {
		return now
	}
	at, _ := c.next(now, zone)
	return at
}

// rehours asks anew when the queue closes for those inside, after its calendar or
// its settings have changed.
func (s *step) rehours(q *queueState) {
	for _, id := range sortedIDs(q.open) {
		a := s.e.attempts[id]
		if at := s.e.closesAt(a, s.now); !at.Equal(a.ClosesAt) {
			a.ClosesAt = at
			s.touch(a)
		}
	}
}

// closeDue carries out that the queue has closed.
func (s *step) closeDue(a *attempt) {
	a.ClosesAt = s.e.closesAt(a, s.now)
	switch {
	case a.ClosesAt.IsZero() || a.ClosesAt.After(s.now): // it has other hours by now
	case a.State == StateOffering:
		s.withdraw(a, ReasonCancelled)
	case !s.queueOf(a).cfg.Enabled:
		s.leaveWaiting(a, ReasonQueueDisabled)
	default:
		s.leaveWaiting(a, ReasonCalendarClosed)
	}
}
