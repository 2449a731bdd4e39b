package dispatcher

import (
	"container/heap"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// LaneOf returns the lane of an event: requests of one lane go out one at a
// time, in the order of the log. It is the attempt for the events of an
// attempt, the subject for all others, and the event itself for an endpoint
// without order.
func LaneOf(o Ordering, ev *queue.Event) string {
	switch {
	case o == OrderNone:
		return "seq/" + strconv.FormatInt(ev.Seq, 10)
	case ev.Subject != nil:
		return ev.Subject.Kind + "/" + ev.Subject.ID
	default:
		return "attempt/" + strconv.FormatInt(ev.AttemptID, 10)
	}
}

// item is one event on its way to one endpoint.
type item struct {
	pos  Position
	lane *lane
	// entry is the event itself; nil while it is parked, and then read again
	// when its time comes.
	entry *entry
	// prev is the header Offhook-Prev-Sequence; 0 = none.
	prev int
	// tries is how many were made.
	tries  int
	nextAt time.Time
	// claimed: the store knows that it may be sent.
	claimed bool
	// parked: it waits outside the cursor. final: nothing more will happen.
	parked bool
	final  bool
	// unsaved counts its changes that the store does not know yet; queued: it is
	// on the list of what to write; row: the store has, or may have, a row of it
	// in parked.
	unsaved int
	queued  bool
	row     bool
}

type laneState uint8

const (
	laneReady    laneState = iota // its head may be sent
	laneBusy                      // its head is being sent
	laneWaiting                   // its head is parked until due
	laneFetching                  // its head is being read and claimed again
)

// lane is the queue of the events of one attempt at one endpoint.
type lane struct {
	key   string
	items []*item
	state laneState
	due   time.Time // while waiting
}

// laneSet holds the lanes of one endpoint. It is pure bookkeeping: the caller
// serialises access.
//
// Invariants: a lane is in the map while it has items. Once an item of a lane
// is parked, so are all behind it, until each in turn is the head and claimed
// again.
type laneSet struct {
	byKey   map[string]*lane
	ready   []*lane // a queue: taken from first
	first   int
	waiting dueHeap
	parked  int
}

func newLaneSet() *laneSet { return &laneSet{byKey: map[string]*lane{}} }

// add puts a fresh item, claimed and with its event, at the end of its lane. It
// returns true when the item is held behind a parked one.
func (s *laneSet) add(key string, it *item) (held bool) {
	l := s.byKey[key]
	if l == nil {
		l = &lane{key: key}
		s.byKey[key] = l
	}
	it.lane = l
	l.items = append(l.items, it)
	if len(l.items) == 1 {
		s.makeReady(l)
		return false
	}
	if !l.items[len(l.items)-2].parked {
		return false
	}
	s.hold(it)
	return true
}

// load puts a parked item, as the store has it, at the end of its lane.
func (s *laneSet) load(key string, it *item) {
	l := s.byKey[key]
	if l == nil {
		l = &lane{key: key}
		s.byKey[key] = l
	}
	it.lane, it.parked, it.row = l, true, true
	s.parked++
	l.items = append(l.items, it)
	if len(l.items) == 1 {
		s.wait(l, it.nextAt)
	}
}

// take returns the head of the next ready lane, which is busy from then on, or
// nil.
func (s *laneSet) take() *item {
	if s.first == len(s.ready) {
		return nil
	}
	l := s.ready[s.first]
	s.ready[s.first] = nil
	s.first++
	if s.first == len(s.ready) {
		s.ready, s.first = s.ready[:0], 0
	}
	l.state = laneBusy
	return l.items[0]
}

func (s *laneSet) readyCount() int { return len(s.ready) - s.first }

// done takes a final item, the head of its lane, away. What follows is ready,
// or due at once when it is parked.
func (s *laneSet) done(it *item) {
	l := it.lane
	if it.parked {
		s.parked--
	}
	it.final, it.entry = true, nil
	l.items[0] = nil
	l.items = l.items[1:]
	if len(l.items) == 0 {
		delete(s.byKey, l.key)
		return
	}
	next := l.items[0]
	if next.claimed && next.entry != nil {
		s.makeReady(l)
		return
	}
	s.wait(l, time.Time{})
}

// park keeps the head of a lane until an instant, and returns the items behind
// it that are held from now on.
func (s *laneSet) park(it *item, until time.Time) (held []*item) {
	l := it.lane
	s.hold(it)
	it.nextAt = until
	for _, follower := range l.items[1:] {
		if !follower.parked || follower.claimed {
			s.hold(follower)
			held = append(held, follower)
		}
	}
	s.wait(l, until)
	return held
}

// hold parks one item without an instant of its own.
func (s *laneSet) hold(it *item) {
	if !it.parked {
		it.parked = true
		s.parked++
	}
	it.claimed, it.entry, it.nextAt = false, nil, time.Time{}
}

// fetchRun is how many items of one lane are read and claimed at a time when
// it comes back: claiming one by one would make a long lane wait for the store
// at every step.
const fetchRun = 64

// fetch returns up to limit parked items that are due at now, each lane's from
// its head on. Their lanes are being fetched until fetched is called. A lane
// whose head the store does not know yet is left out.
func (s *laneSet) fetch(now time.Time, limit int) (items []*item) {
	var later []*lane
	for len(s.waiting) > 0 && len(items) < limit && !s.waiting[0].due.After(now) {
		l := s.waiting[0]
		heap.Pop(&s.waiting)
		if l.items[0].unsaved > 0 {
			later = append(later, l)
			continue
		}
		l.state = laneFetching
		for i, it := range l.items {
			if i == fetchRun || len(items) == limit || it.unsaved > 0 {
				break
			}
			items = append(items, it)
		}
	}
	for _, l := range later {
		heap.Push(&s.waiting, l)
	}
	return items
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
func (s *laneSet) unfetched(items []*item, until time.Time) {
	for _, it := range items {
		it.entry = nil
		if l := it.lane; l.state == laneFetching {
			s.wait(l, until)
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

func (s *laneSet) makeReady(l *lane) {
	l.state = laneReady
	if s.first > 0 && len(s.ready) == cap(s.ready) { // reuse the front before growing
		n := copy(s.ready, s.ready[s.first:])
		clear(s.ready[n:])
		s.ready, s.first = s.ready[:n], 0
	}
	s.ready = append(s.ready, l)
}

func (s *laneSet) wait(l *lane, until time.Time) {
	l.state, l.due = laneWaiting, until
	heap.Push(&s.waiting, l)
}

// dueHeap orders waiting lanes by due.
type dueHeap []*lane

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(*lane)) }
func (h *dueHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}
