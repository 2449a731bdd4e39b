package dispatcher

import (
	"bytes"
	"context"
	"slices"
	"sort"
	"sync"
	"sync/atomic"
	"time"

	"github.com/offhook/offhook/queue"
)

// bodies are the formats whose bytes differ.
var bodies = [...]queue.Format{queue.FormatStandard, queue.FormatFlat, queue.FormatCloudEvents}

// entry is one event of the log as all endpoints share it: read once, rendered
// once.
type entry struct {
	ev     queue.Event
	laneOf string // per attempt
	bodies [len(bodies)]atomic.Pointer[[]byte]
}

func newEntries(events []queue.Event) []*entry {
	out := make([]*entry, len(events))
	for i := range events {
		// Each on its own: one that waits must not keep its whole page in memory.
		out[i] = &entry{ev: events[i], laneOf: LaneOf(OrderPerAttempt, &events[i])}
	}
	return out
}

// What an event with its body takes in memory: one of an attempt without its
// variables, any other without its data.
const (
	usualWeight = 2 << 10
	otherWeight = 1 << 9
)

// weigh returns roughly how many bytes entries take: what people put into them
// counts twice, in the event and in its body. Few installations use more than
// one format, so only one body is counted.
func weigh(entries []*entry) (bytes int) {
	for _, e := range entries {
		if e.ev.Listed != nil {
			bytes += usualWeight
		} else {
			bytes += otherWeight + 2*len(e.ev.Data)
		}
		for name, value := range e.ev.Variables {
			bytes += 2 * (len(name) + len(value))
		}
	}
	return bytes
}

func (e *entry) pos() Position {
	return Position{RecordedAt: e.ev.RecordedAt, Seq: e.ev.Seq}
}

func (e *entry) lane(o Ordering) string {
	if o == OrderPerAttempt {
		return e.laneOf
	}
	return LaneOf(o, &e.ev)
}

// rendered returns the body in a format. Two endpoints that come at the same
// moment may both render; the bytes are the same.
func (e *entry) rendered(f queue.Format) []byte {
	at := &e.bodies[max(slices.Index(bodies[:], f.Body()), 0)]
	if b := at.Load(); b != nil {
		return *b
	}
	// It stays in memory for a while, and takes what it needs.
	room := renderRooms.Get().(*[]byte)
	rendered := e.ev.AppendBody((*room)[:0], f)
	b := bytes.Clone(rendered)
	if *room = rendered; cap(rendered) <= maxRenderRoom {
		renderRooms.Put(room)
	}
	at.Store(&b)
	return b
}

// renderRooms are where bodies were rendered; none that is larger than
// maxRenderRoom is kept.
var renderRooms = sync.Pool{New: func() any { return &[]byte{} }}

const maxRenderRoom = 64 << 10

const (
	pageSize  = 1000     // events read from the table at a time
	tailBytes = 64 << 20 // kept in memory behind the head, at most
	pageLimit = 4        // pages kept for endpoints that catch up
)

// eventReader is what the log needs of the store.
type eventReader func(ctx context.Context, after Position) ([]queue.Event, error)

// eventLog is one domain's log in memory: the tail, fed by whoever commits, and
// the pages that endpoints read last from the table. The table is the truth:
// what is not here is read from there, and a poll finds what was not fed.
type eventLog struct {
	read  eventReader
	now   func() time.Time
	every time.Duration // between polls

	reading sync.Mutex // one read of the table at a time: others share its page

	mu       sync.Mutex
	tail     []*entry   // without gaps, the newest last
	weight   int        // of the tail
	pages    [][]*entry // the newest last
	head     int64      // the highest number known
	nextPoll time.Time  // for those who are at the head
}

// feed takes over events that were just committed, in the order of the log.
// Events that do not follow the tail replace it.
func (l *eventLog) feed(entries []*entry) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.extend(entries)
}

func (l *eventLog) extend(entries []*entry) {
	if n := len(l.tail); n > 0 {
		last := l.tail[n-1].ev.Seq
		i := sort.Search(len(entries), func(i int) bool { return entries[i].ev.Seq > last })
		entries = entries[i:]
		if len(entries) == 0 {
			return
		}
		if entries[0].ev.Seq != last+1 {
			l.tail, l.weight = nil, 0
		}
	}
	l.tail = append(l.tail, entries...)
	l.head = max(l.head, entries[len(entries)-1].ev.Seq)
	if l.weight += weigh(entries); l.weight > tailBytes {
		l.cut()
	}
}

// cut takes the front of the tail away, enough that it need not be done for each
// batch, and little, because who falls off costs a read of the table.
func (l *eventLog) cut() {
	n := 0
	for l.weight > tailBytes/8*7 && n < len(l.tail)-1 {
		l.weight -= weigh(l.tail[n : n+1])
		n++
	}
	l.tail = slices.Clone(l.tail[n:]) // a new array: readers may hold parts of the old one
}

// after returns up to a page of events behind the position: nil when there are
// none yet, and then the instant at which to ask again unless events are fed
// before.
func (l *eventLog) after(ctx context.Context, pos Position) ([]*entry, time.Time, error) {
	if got, again, ok := l.cached(pos); ok {
		return got, again, nil
	}
	l.reading.Lock()
	defer l.reading.Unlock()
	if got, again, ok := l.cached(pos); ok { // somebody read it while we waited
		return got, again, nil
	}
	events, err := l.read(ctx, pos)
	if err != nil {
		return nil, time.Time{}, err
	}
	return l.store(pos, newEntries(events))
}

// cached answers from memory; false when the table must be asked.
func (l *eventLog) cached(pos Position) ([]*entry, time.Time, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if got := slice(l.tail, pos); got != nil {
		return got, time.Time{}, true
	}
	for _, page := range l.pages {
		if got := slice(page, pos); got != nil {
			return got, time.Time{}, true
		}
	}
	if pos.Seq >= l.head && l.now().Before(l.nextPoll) {
		return nil, l.nextPoll, true
	}
	return nil, time.Time{}, false
}

func (l *eventLog) store(pos Position, entries []*entry) ([]*entry, time.Time, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(entries) == 0 {
		l.head = max(l.head, pos.Seq)
		l.nextPoll = l.now().Add(l.every)
		return nil, l.nextPoll, nil
	}
	// A page that is not full ends at the head: it belongs to the tail. A full
	// one belongs to somebody who catches up.
	if len(entries) < pageSize {
		l.extend(entries)
		return entries, time.Time{}, nil
	}
	l.head = max(l.head, entries[len(entries)-1].ev.Seq)
	if weigh(entries) > tailBytes/2 {
		return entries, time.Time{}, nil // too large to share
	}
	if len(l.pages) == pageLimit {
		l.pages = slices.Delete(l.pages, 0, 1)
	}
	l.pages = append(l.pages, entries)
	return entries, time.Time{}, nil
}

// slice returns up to a page of entries behind pos if the event that follows
// pos is among them.
func slice(entries []*entry, pos Position) []*entry {
	if len(entries) == 0 || pos.Seq+1 < entries[0].ev.Seq || pos.Seq >= entries[len(entries)-1].ev.Seq {
		return nil
	}
	i := sort.Search(len(entries), func(i int) bool { return entries[i].ev.Seq > pos.Seq })
	return entries[i:min(len(entries), i+pageSize):min(len(entries), i+pageSize)]
}

// pollNow lets the next one at the head ask the table.
func (l *eventLog) pollNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.nextPoll = time.Time{}
}
