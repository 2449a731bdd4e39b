package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// How often customers come to a queue: the mean gap at speed 1.
var gaps = map[queue.Type]time.Duration{
	queue.Inbound: 1700 * time.Millisecond,
	queue.Chat:    1600 * time.Millisecond,
	queue.Task:    1500 * time.Millisecond,
}

var names = [...]string{"Noor", "Oskar", "Priya", "Quentin", "Rosa", "Sami", "Tove", "Umar", "Vera", "Wen"}

// expect plans the n-th arrival at a queue; each arrival plans the next one,
// until the doors close.
func (c *Centre) expect(at time.Time, q queue.Queue, n int64) {
	wait := c.dice.gap(gaps[q.Type], "gap "+q.Name, n, 0)
	if n == 1 {
		wait = min(wait, gaps[q.Type]/2) // the shortest day has somebody everywhere
	}
	gap := time.Duration(float64(wait) / c.cfg.Speed)
	due := at.Add(gap.Round(time.Millisecond))
	if due.After(c.closing) {
		return
	}
	c.agenda.add(plan{due: due, do: func(at time.Time) []queue.Command {
		c.expect(at, q, n+1)
		return []queue.Command{c.join(at, q, n)}
	}})
}

func (c *Centre) join(at time.Time, q queue.Queue, n int64) queue.Join {
	who := names[c.dice.below(len(names), "name "+q.Name, n, 0)]
	number := c.dice.below(100, "number "+q.Name, n, 0)
	j := queue.Join{
		QueueID: q.ID, MemberName: &who,
		Variables: map[string]string{"crm_id": strconv.Itoa(7000 + number), "visit": strconv.FormatInt(n, 10)},
	}
	address := fmt.Sprintf("+120255501%02d", number)
	switch q.Type {
	case queue.Chat:
		address = fmt.Sprintf("visitor-%d@chat.example", number)
	case queue.Inbound:
		// The call reached the switch and was answered before it was queued.
		j.DialAt = at.Add(-c.dice.between(1500*time.Millisecond, 4*time.Second, "dialled "+q.Name, n, 0))
		j.MemberAnsweredAt = at.Add(-time.Second)
		j.MemberUnanswered = c.dice.share("unanswered "+q.Name, n, 0) < 0.1
		if j.MemberUnanswered {
			j.MemberAnsweredAt = time.Time{}
		}
	}
	if q.Type != queue.Task || n%2 == 0 { // a task may have no address
		j.Destination = &address
	}
	if c.dice.share("important "+q.Name, n, 0) < 0.1 {
		j.Priority = 10
	}
	return j
}

// temper is how a customer takes waiting.
type temper int

const (
	patient temper = iota
	hurried
	supervised // somebody in the office takes him out again
)

var tempers = []option[temper]{{80, patient}, {16, hurried}, {4, supervised}}

// arrive decides how long the new customer is going to wait.
func (c *Centre) arrive(ct *contact, at time.Time) {
	lo, hi := 6*time.Second, 16*time.Second
	switch pick(c.dice, tempers, "temper", ct.id, 0) {
	case hurried:
		lo, hi = 300*time.Millisecond, 3*time.Second
	case supervised:
		c.at(ct, at.Add(c.takes(ct, 200*time.Millisecond, 2*time.Second, "taken out")), queue.Cancel{AttemptID: ct.id})
	}
	ct.giveUp = at.Add(c.span(lo, hi, "patience", ct.id, 0))
	c.wait(ct)
}

// wait plans the end of the customer's patience: callers hang up, chats are
// closed, a task is withdrawn by whoever made it.
func (c *Centre) wait(ct *contact) {
	if !ct.giveUp.IsZero() { // a member who has not answered yet cannot hang up
		c.at(ct, ct.giveUp, c.goAway(ct))
	}
}

func (c *Centre) goAway(ct *contact) queue.Command {
	if ct.queue.Type == queue.Task {
		return queue.Cancel{AttemptID: ct.id}
	}
	return queue.SwitchReport{AttemptID: ct.id, Leg: queue.LegMember, Event: queue.SwitchEnded}
}
