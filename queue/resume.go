package queue

import (
	"cmp"
	"time"
)

// Place is where a subscriber stood who gave up waiting: when he comes again in
// time, he stands there again (engine.md B.12). A queue keeps one for each
// address, the last, and the most recent maxPlaces of them; who stores places
// may drop each after Until.
type Place struct {
	QueueID int64 `json:"queue_id"`
	// Destination is the subscriber's address.
	Destination string `json:"destination"`
	// AttemptID is the attempt that he abandoned, OrderAt when it counted as
	// having joined.
	AttemptID int64     `json:"attempt_id"`
	OrderAt   time.Time `json:"order_at"`
	// Until is how long the place is kept for him; Taken says that he has come
	// back, or that the queue keeps no more.
	Until time.Time `json:"until"`
	Taken bool      `json:"taken,omitempty"`
}

func (*Place) record() {}

// maxPlaces bounds the places of one queue.
const maxPlaces = 10_000

// placeKey orders places by how long they are kept.
type placeKey struct {
	until       int64
	destination string
}

func comparePlaces(a, b placeKey) int {
	if c := cmp.Compare(a.until, b.until); c != 0 {
		return c
	}
	return cmp.Compare(a.destination, b.destination)
}

// places are the places that a queue keeps.
type places struct {
	of    map[string]*Place // by address
	until index[placeKey]
}

func newPlaces() places { return places{of: map[string]*Place{}, until: newIndex(comparePlaces)} }

func (p *places) put(x *Place) {
	p.drop(x.Destination)
	if !x.Taken {
		p.of[x.Destination] = x
		p.until.insert(placeKey{x.Until.UnixMilli(), x.Destination})
	}
}

func (p *places) drop(destination string) {
	if old := p.of[destination]; old != nil {
		p.until.remove(placeKey{old.Until.UnixMilli(), destination})
		delete(p.of, destination)
	}
}

func (e *Engine) putPlace(r *Place) {
	if q := e.queues[r.QueueID]; q != nil {
		p := *r
		q.places.put(&p)
	}
}

// notePlace changes a place and hands it out to be stored.
func (s *step) notePlace(q *queueState, p Place) {
	q.places.put(&p)
	stored := p
	s.res.Changed = append(s.res.Changed, &stored)
}

// remember keeps the place of a subscriber who has given up waiting, and lets
// the oldest ones go.
func (s *step) remember(a *attempt) {
	q := s.queueOf(a)
	if q.cfg.ResumeSec == 0 || a.external() || a.Queue.Type.Outbound() || a.Result != ResultAbandoned ||
		!a.BridgedAt.IsZero() || a.ResultReason == ReasonCallback || a.Destination == nil || *a.Destination == "" {
		return
	}
	for {
		k, ok := q.places.until.first()
		if !ok || k.until >= s.now.UnixMilli() {
			break
		}
		q.places.drop(k.destination) // the store does so by itself
	}
	for q.places.until.size >= maxPlaces {
		k, _ := q.places.until.first()
		oldest := *q.places.of[k.destination]
		oldest.Taken = true
		s.notePlace(q, oldest)
	}
	s.notePlace(q, Place{
		QueueID: q.cfg.ID, Destination: *a.Destination, AttemptID: a.ID, OrderAt: a.placeAt(),
		Until: later(s.now, q.cfg.ResumeSec),
	})
}

// resume gives a subscriber who comes again his place back, once.
func (s *step) resume(a *attempt) {
	q := s.queueOf(a)
	if q.cfg.ResumeSec == 0 || a.Destination == nil {
		return
	}
	p := q.places.of[*a.Destination]
	if p == nil || p.Until.Before(s.now) {
		return
	}
	a.OrderAt = p.OrderAt
	taken := *p
	taken.Taken = true
	s.notePlace(q, taken)
}
