package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// MaxHopper bounds the members of one Load; MaxForbid the numbers of one Forbid.
const (
	MaxHopper = 5000
	MaxForbid = 1000
)

// maxCallsPerSec bounds the setting calls_per_sec.
const maxCallsPerSec = 1000

// dialling is what the engine knows about whom it may dial. The members in open
// attempts are stored state; hoppers and the stock of ids are not: a replica has
// its own.
type dialling struct {
	calendars  map[int64]*openHours
	trunks     map[int64]*trunkState
	trunkOrder []*trunkState // by priority
	zones      map[string]*time.Location
	loadZone   func(name string) (*time.Location, error)
	listed     map[int64]*Member  // in open attempts
	stock      int64              // next fresh id
	stockEnd   int64              // first id that is not ours
	later      index[dueKey]      // when hoppers are to be looked at again, by queue
	short      map[int64]struct{} // queues whose hoppers wait for a line
	lineFreed  bool               // since the last look at those
}

func newDialling() dialling {
	return dialling{
		calendars: map[int64]*openHours{}, trunks: map[int64]*trunkState{},
		zones: map[string]*time.Location{}, listed: map[int64]*Member{},
		later: newIndex(compareDue), short: map[int64]struct{}{},
	}
}

// hopper holds the members of one queue who may be dialled next, best first.
type hopper struct {
	members  []*Member
	loadedAt time.Time // zero = never
	due      time.Time // when it is looked at again, as entered in Engine.later; zero = not by time
	passed   int       // members who were left at the last look, although somebody was free
	calls    int       // attempts that have a line
	flying   int       // attempts in the state dialing
	recent
}

// drop takes the member out.
func (h *hopper) drop(id int64) {
	h.members = slices.DeleteFunc(h.members, func(m *Member) bool { return m.ID == id })
}

// forbid marks a number that came onto the do-not-call list.
func (h *hopper) forbid(number string) {
	for _, m := range h.members {
		for i := range m.Numbers {
			if m.Numbers[i].Number == number {
				m.Numbers[i].Forbidden = true
			}
		}
	}
}

// recent are the instants of the calls within the last second, for a limit of
// calls per second: in unix milliseconds, ascending.
type recent struct{ at []int64 }

// add notes a call.
func (r *recent) add(t time.Time) {
	ms := t.UnixMilli()
	i, _ := slices.BinarySearch(r.at, ms)
	r.at = slices.Insert(r.at, i, ms)
	last := r.at[len(r.at)-1]
	old, _ := slices.BinarySearch(r.at, last-999)
	r.at = slices.Delete(r.at, 0, old)
}

// free returns when one more call may begin: no more than limit begin within any
// second. Zero = now; a limit of 0 is none.
func (r *recent) free(now time.Time, limit int) time.Time {
	if limit == 0 || len(r.at) < limit {
		return time.Time{}
	}
	if t := time.UnixMilli(r.at[len(r.at)-limit] + 1000).UTC(); t.After(now) {
		return t
	}
	return time.Time{}
}

// Stock gives the engine the fresh ids from first up to, and without, end, for
// the attempts and members that it makes by itself; what it had is forgotten.
// Without ids it dials nobody from a hopper.
func (e *Engine) Stock(first, end int64) { e.stock, e.stockEnd = first, end }

// Stocked returns how many fresh ids are left.
func (e *Engine) Stocked() int { return int(e.stockEnd - e.stock) }

// fresh takes an id from the stock; false when there is none.
func (e *Engine) fresh() (int64, bool) {
	if e.stock >= e.stockEnd {
		return 0, false
	}
	e.stock++
	return e.stock - 1, true
}

// Member returns a copy of a member who is in an open attempt, or nil.
func (e *Engine) Member(id int64) *Member {
	if m := e.listed[id]; m != nil {
		return m.Clone()
	}
	return nil
}

// Members returns copies of all members in open attempts, in the order of their
// ids.
func (e *Engine) Members() []*Member { return copies(e.listed, e.Member) }

func (e *Engine) putMember(r *Member) {
	if q := e.queues[r.QueueID]; q != nil {
		q.hopper.drop(r.ID)
	}
	if r.Open != 0 {
		e.listed[r.ID] = r.Clone()
	} else {
		delete(e.listed, r.ID)
	}
}

func (e *Engine) putForbidden(number string) {
	for _, q := range e.queues {
		q.hopper.forbid(number)
	}
}

// indexLine keeps count of the attempt's line, of its queue and trunk, and of
// when it was dialled.
func (e *Engine) indexLine(a *attempt) {
	if !a.Queue.Type.Outbound() {
		return
	}
	q, t := e.queues[a.Queue.ID], (*trunkState)(nil)
	if a.Trunk != nil {
		t = e.trunks[a.Trunk.ID]
	}
	if line := a.State != StateLeaving && a.EndedAt.IsZero(); line != a.line {
		by := -1
		if line {
			by = 1
		}
		a.line = line
		e.lineFreed = e.lineFreed || !line
		if q != nil {
			q.hopper.calls += by
		}
		if t != nil {
			t.calls += by
		}
	}
	if flies := a.State == StateDialing; flies != a.flies {
		a.flies = flies
		switch {
		case q == nil:
		case flies:
			q.hopper.flying++
		default:
			q.hopper.flying--
		}
	}
	if !a.DialAt.IsZero() && !a.rang {
		a.rang = true
		if q != nil {
			q.hopper.add(a.DialAt)
		}
		if t != nil {
			t.add(a.DialAt)
		}
	}
}

// load fills the hopper of a queue.
func (s *step) load(c Load) error {
	q := s.e.queues[c.QueueID]
	switch {
	case q == nil:
		return refuse(CodeUnknownQueue, "no queue %d", c.QueueID)
	case !q.cfg.Type.Outbound():
		return refuse(CodeBadState, "queue %q is %s: it has no list of members", q.cfg.Name, q.cfg.Type)
	case len(c.Members) > MaxHopper:
		return invalid("members", fmt.Sprintf("a hopper holds at most %d members", MaxHopper))
	}
	q.hopper.loadedAt = s.now
	q.hopper.members = make([]*Member, 0, len(c.Members))
	for _, m := range c.Members {
		if m.QueueID != c.QueueID || s.e.listed[m.ID] != nil || s.e.members[m.ID] > 0 || !m.StoppedAt.IsZero() || m.ReadyAt.After(s.now) {
			continue
		}
		if m = m.Clone(); s.dialable(q, m) {
			q.hopper.members = append(q.hopper.members, m)
		}
	}
	slices.SortFunc(q.hopper.members, compareMembers)
	q.hopper.members = slices.CompactFunc(q.hopper.members, func(a, b *Member) bool { return a.ID == b.ID })
	s.look(q)
	return nil
}

// dialable reports whether the member has time and a number left, and stops him
// when he has not.
func (s *step) dialable(q *queueState, m *Member) bool {
	if !m.ExpiresAt.IsZero() && !m.ExpiresAt.After(s.now) {
		s.stop(m, StopExpired)
		s.fireExpired(m)
		return false
	}
	usable, cause := q.cfg.usable(m)
	if usable == 0 {
		s.stop(m, cause)
	}
	return usable > 0
}

// usable counts the member's numbers that may be dialled. Without one it says
// why.
func (q *Queue) usable(m *Member) (int, Reason) {
	n, cause := 0, StopMaxAttempts
	for i := range m.Numbers {
		switch x := &m.Numbers[i]; {
		case x.Stopped != "":
			if cause == StopMaxAttempts {
				cause = x.Stopped
			}
		case q.spent(x):
		case x.Forbidden:
			cause = ReasonDNC
		default:
			n++
		}
	}
	return n, cause
}

// spent reports whether the number has had its attempts (per_numbers).
func (q *Queue) spent(n *Number) bool {
	return q.PerNumbers && q.MaxAttempts > 0 && n.Attempts >= q.MaxAttempts
}

// stop ends a member's being dialled.
func (s *step) stop(m *Member, cause Reason) {
	m.StoppedAt, m.StopCause = s.now, cause
	s.noteMember(m)
}

// noteMember has the member written.
func (s *step) noteMember(m *Member) { s.res.Changed = append(s.res.Changed, m.Clone()) }

// look has the queue's hopper dialled from at the end of the step.
func (s *step) look(q *queueState) {
	if len(q.hopper.members) > 0 && !slices.Contains(s.queues, q) {
		s.queues = append(s.queues, q)
	}
}

// lookAtAll is for changes that may concern every hopper.
func (s *step) lookAtAll() {
	for _, q := range s.e.queues {
		s.look(q)
	}
}

// forbid puts numbers on the do-not-call list (engine.md B.12).
func (s *step) forbid(c Forbid) error {
	if len(c.Numbers) == 0 || len(c.Numbers) > MaxForbid {
		return invalid("numbers", fmt.Sprintf("name between 1 and %d numbers", MaxForbid))
	}
	if len(c.Note) > 1000 {
		return invalid("note", "a note has at most 1000 bytes")
	}
	for i, number := range c.Numbers {
		if number == "" || len(number) > 128 {
			return invalid(fmt.Sprintf("numbers/%d", i), "a number has 1 to 128 bytes")
		}
		if err := validateTexts(nil, "", &c.Numbers[i], &c.Note); err != nil {
			return err
		}
	}
	numbers := slices.Clone(c.Numbers)
	slices.Sort(numbers)
	for _, number := range slices.Compact(numbers) {
		s.e.putForbidden(number)
		s.res.Changed = append(s.res.Changed, &Forbidden{Number: number, Note: c.Note, CreatedAt: s.now})
		if s.e.numbers[number] > 0 {
			s.withdrawNumber(number)
		}
	}
	return nil
}

// byPriority orders the queues whose hoppers are dialled from.
func byPriority(a, b *queueState) int {
	if c := cmp.Compare(b.cfg.Priority, a.cfg.Priority); c != 0 {
		return c
	}
	return cmp.Compare(a.cfg.ID, b.cfg.ID)
}
