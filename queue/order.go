package queue

import (
	"cmp"
	"time"
)

// WaitOrder says which of those who wait with the same priority is first.
type WaitOrder string

// The orders (engine.md B.12).
const (
	FIFO WaitOrder = "fifo" // who came first
	LIFO WaitOrder = "lifo" // who came last
)

// maxPriority bounds priorities, of attempts and of buckets.
const maxPriority = 1_000_000

// waitKey orders those who wait in a queue; the smallest is first. It does not
// change while time passes, which is what lets it stand in an index: ageing
// gives everybody the same per second, so that what is compared is where each
// one started.
type waitKey struct {
	bucket, priority int32 // negated: higher is first
	joined           int64
	id               int64
}

func compareWait(a, b waitKey) int {
	if c := cmp.Compare(a.bucket, b.bucket); c != 0 {
		return c
	}
	if c := cmp.Compare(a.priority, b.priority); c != 0 {
		return c
	}
	if c := cmp.Compare(a.joined, b.joined); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

// waitKey places the attempt among those who wait in the queue: by the priority
// of its bucket, its own, when it came, and its id (engine.md B.12). With
// age_step_sec s an attempt of priority p that has waited for w seconds stands
// as one of priority p + w/s does, without cutting fractions off: with whole
// steps two who wait would overtake each other again and again.
func (q *queueState) waitKey(a *Attempt) waitKey {
	priority := int32(max(-maxPriority, min(maxPriority, a.Priority)))
	k := waitKey{bucket: -q.bucketPriority[a.Bucket], priority: -priority, joined: a.placeAt().UnixMilli(), id: a.ID}
	switch {
	case q.cfg.AgeStepSec > 0:
		k.priority = 0
		k.joined -= int64(priority) * int64(q.cfg.AgeStepSec) * 1000
	case q.cfg.Order == LIFO:
		k.joined = -k.joined
	}
	return k
}

// placeAt is when the attempt counts as having joined: earlier than it did for a
// caller who regained his place.
func (a *Attempt) placeAt() time.Time {
	if !a.OrderAt.IsZero() {
		return a.OrderAt
	}
	return a.JoinedAt
}

// before compares attempts that wait in two queues of the same priority, whose
// own orders may differ: by priority, then by who came first.
func (a *Attempt) before(b *Attempt) bool {
	if a.Priority != b.Priority {
		return a.Priority > b.Priority
	}
	if c := a.placeAt().Compare(b.placeAt()); c != 0 {
		return c < 0
	}
	return a.ID < b.ID
}

// validateOrder reports the first setting of the order that cannot be carried
// out.
func (q *Queue) validateOrder() error {
	switch {
	case q.Order != FIFO && q.Order != LIFO:
		return invalid("order", `order is "fifo" or "lifo"`)
	case q.Order == LIFO && q.AgeStepSec > 0:
		return invalid("age_step_sec", "age_step_sec moves up who has waited long, which lifo does not; set one of them")
	case q.ResumeSec > 0 && (q.Type.Outbound() || q.Distribution == DistributionExternal):
		return invalid("resume_sec", "resume_sec is for who joins a queue that the engine distributes: inbound, chat and task")
	case q.MaxLevel < 0 || q.MaxLevel > maxLevel:
		return invalid("max_level", "max_level must be between 0 and 100")
	default:
		return q.Strategy.validate()
	}
}

// class is those who wait in a queue and may be offered to the same agents: of
// one group, up to the same level.
type class struct {
	group, level int
	waiting      index[waitKey]
}

// class returns the queue's class of the group and level.
func (q *queueState) class(group, level int) *class {
	for _, c := range q.classes {
		if c.group == group && c.level == level {
			return c
		}
	}
	c := &class{group: group, level: level, waiting: newIndex(compareWait)}
	q.classes = append(q.classes, c)
	return c
}

// allowed is the highest level of the queue that the attempt may be offered to.
func (q *Queue) allowed(a *Attempt) int { return min(maxLevel, q.MaxLevel+a.Levels) }

// place is where an attempt waits: in a queue, in one of its indexes.
type place struct {
	q   *queueState
	in  *index[waitKey]
	key waitKey
}

func (p *place) leave() {
	if p.in != nil {
		p.in.remove(p.key)
	}
	*p = place{}
}

// set moves the attempt to where it waits now.
func (p *place) set(to place) {
	if *p == to {
		return
	}
	p.leave()
	if to.in != nil {
		to.in.insert(to.key)
	}
	*p = to
}

// indexWait brings the places where the attempt waits up to date. In a queue
// with strict_fifo only its first is anywhere, so a change may give the lead to
// another; who got it stands in e.led.
func (e *Engine) indexWait(a *attempt) {
	q := e.queues[a.Queue.ID]
	if q == nil {
		a.lose()
		return
	}
	if waits := a.State == StateWaiting; waits != a.waiting {
		a.waiting = waits
		if waits {
			q.waiting++
		} else {
			q.waiting--
		}
	}
	if !q.cfg.StrictFIFO || a.external() {
		e.stand(a, q, a.waiting && !a.external())
		return
	}
	to := place{}
	if a.State == StateWaiting || a.State == StateOffering {
		to = place{q: q, in: &q.line, key: q.waitKey(&a.Attempt)}
	}
	a.strict.set(to)
	first, _ := q.line.first()
	if first.id != q.lead {
		if old := e.attempts[q.lead]; old != nil {
			old.lose()
		}
		q.lead = first.id
		if next := e.attempts[first.id]; next != nil && next != a {
			e.stand(next, q, next.State == StateWaiting)
			e.led = append(e.led, next)
		}
	}
	e.stand(a, q, a.waiting && q.lead == a.ID)
}

// stand places the attempt among those who may be offered, or takes it away.
func (e *Engine) stand(a *attempt, q *queueState, waits bool) {
	if !waits {
		a.lose()
		return
	}
	key := q.waitKey(&a.Attempt)
	if !a.StickyUntil.IsZero() && a.StickyAgentID != nil {
		a.dropGuests()
		a.home.set(place{q: q, in: q.stickyTo(*a.StickyAgentID), key: key})
		return
	}
	c := q.class(q.groupOf[a.Bucket], q.cfg.allowed(&a.Attempt))
	a.home.set(place{q: q, in: &c.waiting, key: key})
	if len(a.AddedQueues)+len(a.guests) > 0 {
		e.visit(a)
	}
}

// visit places the attempt in the queues whose agents its own queue has asked
// for help.
func (e *Engine) visit(a *attempt) {
	for i, id := range a.AddedQueues {
		if i == len(a.guests) {
			a.guests = append(a.guests, place{})
		}
		to := place{}
		if q := e.queues[id]; q.helps(&a.Attempt) {
			c := q.class(q.groupOf[a.Bucket], q.cfg.allowed(&a.Attempt))
			to = place{q: q, in: &c.waiting, key: q.waitKey(&a.Attempt)}
			q.guests[a.ID] = struct{}{}
		}
		a.guests[i].set(to)
	}
}

// helps reports whether the queue's agents may be offered attempts of another.
func (q *queueState) helps(a *Attempt) bool {
	return q != nil && q.cfg.Distribution == DistributionEngine && q.cfg.Type.Channel() == a.Channel() && q.cfg.ID != a.Queue.ID
}

// lose takes the attempt from everywhere where it waits.
func (a *attempt) lose() {
	a.home.leave()
	a.dropGuests()
}

func (a *attempt) dropGuests() {
	for i := range a.guests {
		if q := a.guests[i].q; q != nil {
			delete(q.guests, a.ID)
		}
		a.guests[i].leave()
	}
}
