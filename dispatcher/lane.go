package dispatcher

import (
	"container/heap"
	"slices"
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
	// sequence is the event's number in its attempt, 0 outside attempt.*. prev
	// is the header Offhook-Prev-Sequence; 0 = none.
	sequence int
	prev     int
	// tries is how many were made, and lost how many of those have no known
	// outcome.
	tries, lost int
	nextAt      time.Time
	// heldSince is since when it is parked, which counts while it is behind
	// another one.
	heldSince time.Time
	// recoveredAt is when a recovery took it up again; see Parked.
	recoveredAt time.Time
	// early: it is sent before its next try is due, to find out about the
	// endpoint. overtakes is the header Offhook-Overtakes.
	early     bool
	overtakes []int64
	// claimed: the store knows that it may be sent. fetched: it was parked and its
	// turn has come. sending: a request is under way.
	claimed bool
	fetched bool
	sending bool
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
	laneReady    laneState = iota // its item may be sent
	laneBusy                      // its item is being sent
	laneWaiting                   // all are parked until due
	laneFetching                  // its item is being read and claimed again
)

// lane is the queue of the events of one attempt at one endpoint.
type lane struct {
	key   string
	items []*item
	state laneState
	at    int       // the place of its item: 0, unless it overtakes those before
	due   time.Time // while waiting
	slot  int       // in the heap of those that wait
}

func (l *lane) item() *item { return l.items[l.at] }

// laneSet holds the lanes of one endpoint. It is pure bookkeeping: the caller
// serialises access.
//
// Invariants: a lane is in the map while it has items. Once an item of a lane
// is parked, so are all behind it, until each in turn is claimed again. Whose
// turn it is says laneturn.go.
type laneSet struct {
	byKey     map[string]*lane
	ready     []*lane // a queue: taken from first
	first     int
	waiting   dueHeap
	parked    int
	orderWait time.Duration // see Endpoint.OrderWait
}

func newLaneSet(orderWait time.Duration) *laneSet {
	return &laneSet{byKey: map[string]*lane{}, orderWait: orderWait}
}

// add puts a fresh item, claimed and with its event, at the end of its lane. It
// returns true when the item is held behind a parked one.
func (s *laneSet) add(key string, it *item, now time.Time) (held bool) {
	l := s.append(key, it)
	if len(l.items) == 1 {
		l.at = 0
		s.makeReady(l)
		return false
	}
	if !l.items[len(l.items)-2].parked {
		return false
	}
	s.hold(it, now)
	if l.state == laneWaiting {
		s.setDue(l)
		heap.Fix(&s.waiting, l.slot)
	}
	return true
}

// load puts a parked item, as the store has it, at the end of its lane. After
// the last one rewait says when their turns come.
func (s *laneSet) load(key string, it *item) {
	l := s.append(key, it)
	it.parked, it.row = true, true
	s.parked++
	if len(l.items) == 1 {
		s.wait(l)
	}
}

// insert puts a parked item that was taken up again into its lane: where it
// belongs when the lane waits, else at its end, behind what is on its way.
func (s *laneSet) insert(key string, it *item) {
	l := s.byKey[key]
	if l == nil || l.state != laneWaiting {
		s.load(key, it)
		return
	}
	it.lane, it.parked, it.row = l, true, true
	s.parked++
	i := slices.IndexFunc(l.items, func(other *item) bool { return other.pos.Seq > it.pos.Seq })
	if i < 0 {
		i = len(l.items)
	}
	l.items = slices.Insert(l.items, i, it)
	s.setDue(l)
	heap.Fix(&s.waiting, l.slot)
}

func (s *laneSet) append(key string, it *item) *lane {
	l := s.byKey[key]
	if l == nil {
		l = &lane{key: key}
		s.byKey[key] = l
	}
	it.lane = l
	l.items = append(l.items, it)
	return l
}

// take returns the item of the next ready lane, which is busy from then on, or
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
	return s.send(l)
}

func (s *laneSet) send(l *lane) *item {
	l.state = laneBusy
	l.item().sending = true
	return l.item()
}

// takeOldest is take for the oldest event of all that are ready.
func (s *laneSet) takeOldest() *item {
	var oldest *lane
	for _, l := range s.ready[s.first:] {
		if oldest == nil || l.item().pos.Seq < oldest.item().pos.Seq {
			oldest = l
		}
	}
	if oldest == nil {
		return nil
	}
	s.ready = slices.DeleteFunc(s.ready[s.first:], func(l *lane) bool { return l == oldest })
	s.first = 0
	return s.send(oldest)
}

// peek returns what take would.
func (s *laneSet) peek() *item { return s.ready[s.first].item() }

func (s *laneSet) readyCount() int { return len(s.ready) - s.first }

// done takes a final item, the one of its lane, away. What follows is ready, or
// its turn comes when it is due.
func (s *laneSet) done(it *item) {
	l := it.lane
	if it.parked {
		s.parked--
	}
	it.final, it.entry, it.sending = true, nil, false
	if l.at == 0 { // nearly always: nothing is moved
		l.items[0] = nil
		l.items = l.items[1:]
	} else {
		l.items = slices.Delete(l.items, l.at, l.at+1)
	}
	if len(l.items) == 0 {
		delete(s.byKey, l.key)
		return
	}
	if l.at < len(l.items) && l.item().claimed && l.item().entry != nil {
		s.makeReady(l)
		return
	}
	s.wait(l)
}

// park keeps the item of a lane until an instant, and returns the items behind
// it that are held from now on.
func (s *laneSet) park(it *item, until, now time.Time) (held []*item) {
	l := it.lane
	s.hold(it, now)
	it.nextAt = until
	for _, follower := range l.items[l.at+1:] {
		if !follower.parked || follower.claimed {
			s.hold(follower, now)
			held = append(held, follower)
		}
	}
	s.wait(l)
	return held
}

// hold parks one item.
func (s *laneSet) hold(it *item, now time.Time) {
	if !it.parked {
		it.parked, it.heldSince = true, micros(now)
		s.parked++
	}
	it.claimed, it.fetched, it.sending, it.entry = false, false, false, nil
}

// drop takes an item, of which nothing was sent, away as if it had never come.
// Behind it are at most events that were taken up again.
func (s *laneSet) drop(it *item) {
	l := it.lane
	if it.parked {
		s.parked--
	}
	it.final, it.entry = true, nil
	i := len(l.items) - 1
	for l.items[i] != it {
		i--
	}
	l.items = slices.Delete(l.items, i, i+1)
	switch {
	case len(l.items) == 0:
		delete(s.byKey, l.key)
		s.leave(l)
	case i == 0 && l.state == laneReady: // what is first now has to be fetched
		s.leave(l)
		s.wait(l)
	case l.state == laneWaiting:
		s.setDue(l)
		heap.Fix(&s.waiting, l.slot)
	}
}

// leave takes a lane out of those that are ready or wait.
func (s *laneSet) leave(l *lane) {
	switch l.state {
	case laneReady:
		s.ready, s.first = slices.DeleteFunc(s.ready[s.first:], func(other *lane) bool { return other == l }), 0
	case laneWaiting:
		heap.Remove(&s.waiting, l.slot)
	}
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

// dueHeap orders waiting lanes by due.
type dueHeap []*lane

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].slot, h[j].slot = i, j
}
func (h *dueHeap) Push(x any) {
	l := x.(*lane)
	l.slot = len(*h)
	*h = append(*h, l)
}
func (h *dueHeap) Pop() any {
	old := *h
	l := old[len(old)-1]
	*h = old[:len(old)-1]
	return l
}
