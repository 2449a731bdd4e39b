package dispatcher

import (
	"container/heap"
	"slices"
	"time"
)

// Whose turn it is in a lane whose items are parked. The first one's, when its
// next try is due. Until then, the turn of one behind it that was held for
// longer than the endpoint's order wait: it overtakes. Those that have
// overtaken and failed are due by their own schedule.

// dueOf returns when the turn of the i-th item of a waiting lane comes, and
// false when that is not before those in front of it are gone.
func (s *laneSet) dueOf(l *lane, i int) (time.Time, bool) {
	it := l.items[i]
	if i == 0 {
		return it.nextAt, true
	}
	if s.orderWait == 0 {
		return time.Time{}, false
	}
	due := it.heldSince.Add(s.orderWait)
	if it.nextAt.After(due) {
		due = it.nextAt
	}
	return due, true
}

// turns calls yield with the items whose turn may come, and when: all that were
// tried, and the first that was not; those behind it were held later.
func (s *laneSet) turns(l *lane, yield func(i int, due time.Time) bool) {
	for i, it := range l.items {
		due, ok := s.dueOf(l, i)
		if !ok || !yield(i, due) || i > 0 && it.tries == 0 {
			return
		}
	}
}

// wait makes a lane wait for whose turn comes first.
func (s *laneSet) wait(l *lane) {
	l.state = laneWaiting
	s.setDue(l)
	heap.Push(&s.waiting, l)
}

func (s *laneSet) setDue(l *lane) {
	s.turns(l, func(i int, due time.Time) bool {
		if i == 0 || due.Before(l.due) {
			l.due = due
		}
		return true
	})
}

// rewait is for a new order wait.
func (s *laneSet) rewait(orderWait time.Duration) {
	s.orderWait = orderWait
	lanes := s.waiting
	s.waiting = nil
	for _, l := range lanes {
		s.wait(l)
	}
}

// fetchRun is how many items of one lane are read and claimed at a time when
// it comes back: claiming one by one would make a long lane wait for the store
// at every step.
const fetchRun = 64

// fetch returns up to limit parked items whose turn it is at now, with those
// that may follow them at once. Their lanes are being fetched until fetched is
// called. A lane of whose item the store does not know yet is left out.
func (s *laneSet) fetch(now time.Time, limit int) (items []*item) {
	var later []*lane
	for len(s.waiting) > 0 && len(items) < limit && !s.waiting[0].due.After(now) {
		l := s.waiting[0]
		heap.Pop(&s.waiting)
		found := false
		s.turns(l, func(i int, due time.Time) bool {
			l.at, found = i, !due.After(now)
			return !found
		})
		if !found { // the one that it was waiting for has been dropped
			s.wait(l)
			continue
		}
		if l.item().unsaved > 0 {
			later = append(later, l)
			continue
		}
		items = append(items, s.run(l, now, min(fetchRun, limit-len(items)))...)
	}
	for _, l := range later {
		heap.Push(&s.waiting, l)
	}
	return items
}

// run begins to fetch a lane from its item on: up to limit items.
func (s *laneSet) run(l *lane, now time.Time, limit int) []*item {
	l.state = laneFetching
	end := l.at + 1
	for end < len(l.items) && end-l.at < limit && l.items[end].unsaved == 0 && !l.items[end].nextAt.After(now) {
		// Behind one that overtakes go those who may overtake as well.
		if due, _ := s.dueOf(l, end); l.at > 0 && due.After(now) {
			break
		}
		end++
	}
	items := l.items[l.at:end]
	for _, it := range items {
		it.fetched = true
	}
	return items
}

// fetchOldest is fetch for the oldest event of all, whether its turn has come or
// not; nil when that is ready, or the store does not know of it yet, or there is
// none.
func (s *laneSet) fetchOldest() []*item {
	var oldest *lane
	for _, l := range s.byKey {
		if l.state == laneBusy || l.state == laneFetching {
			continue
		}
		if l.state == laneWaiting {
			l.at = 0
		}
		if oldest == nil || l.item().pos.Seq < oldest.item().pos.Seq {
			oldest = l
		}
	}
	if oldest == nil || oldest.state != laneWaiting || oldest.item().unsaved > 0 {
		return nil
	}
	heap.Remove(&s.waiting, oldest.slot)
	return slices.Clone(s.run(oldest, time.Time{}, 1))
}

// fetched makes the lanes of items ready: they have their events and are
// claimed.
func (s *laneSet) fetched(items []*item) {
	for _, it := range items {
		it.claimed = true
		if l := it.lane; l.state == laneFetching {
			s.makeReady(l)
		}
	}
}

// unfetched puts lanes back whose items could not be read or claimed.
func (s *laneSet) unfetched(items []*item) {
	for _, it := range items {
		it.entry, it.fetched = nil, false
		if l := it.lane; l.state == laneFetching {
			s.wait(l)
		}
	}
}

// nextDue returns when the first waiting lane is due.
func (s *laneSet) nextDue() (time.Time, bool) {
	if len(s.waiting) == 0 {
		return time.Time{}, false
	}
	return s.waiting[0].due, true
}

// overtaken returns the events that the item of a lane goes before although they
// came earlier: their numbers in the attempt, or, outside attempt.*, on the log.
func (it *item) overtaken() (numbers []int64) {
	for _, earlier := range it.lane.items[:it.lane.at] {
		switch {
		case earlier.pos.Seq > it.pos.Seq: // it was taken up again, and stands behind
		case earlier.sequence > 0:
			numbers = append(numbers, int64(earlier.sequence))
		default:
			numbers = append(numbers, earlier.pos.Seq)
		}
	}
	return numbers
}
