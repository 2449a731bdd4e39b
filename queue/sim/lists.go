package sim

import (
	"fmt"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// easyName is the variable of a member who is sure to be reached: the first of
// each list are, so that the shortest run shows what a type is for.
const easyName = "expects_call"

// easyMembers is how many those are.
const easyMembers = 2

// How many members of a list are reached for in a second, at the most.
var paces = map[queue.Type]float64{
	queue.Predictive: 4, queue.Progressive: 3, queue.Preview: 1, queue.Offline: 1, queue.IVR: 4,
}

// Members returns the lists of the outbound queues, which were saved, without
// ids: enough for a run of that length.
func Members(queues []queue.Queue, length time.Duration, speed float64) []queue.Member {
	var members []queue.Member
	for list, q := range queues {
		if !q.Type.Outbound() {
			continue
		}
		n := 10 + int(paces[q.Type]*length.Seconds()*max(1, speed))
		for i := range min(n, 9000) {
			name := names[i%len(names)]
			m := queue.Member{
				QueueID: q.ID, Name: &name, Priority: n - i,
				Numbers:   []queue.Number{{Number: fmt.Sprintf("+120255%d%04d", list, i), Priority: 1}},
				Variables: map[string]string{"crm_id": strconv.Itoa(9000 + i)},
			}
			if i%3 == 2 {
				m.Numbers = append(m.Numbers, queue.Number{Number: fmt.Sprintf("+144779%d%04d", list, i)})
			}
			if i < easyMembers {
				m.Variables[easyName] = "yes"
			}
			members = append(members, m)
		}
	}
	return members
}

// pick has an agent of an offline queue take the next member of his list, now
// and then. He is refused while he is busy, and tries another.
func (c *Centre) pick(w *worker, at time.Time) {
	offline := int64(0)
	for _, id := range w.agent.Queues {
		if c.queues[id].Type == queue.Offline {
			offline = id
		}
	}
	if offline == 0 {
		return
	}
	w.picks++
	c.turn(w, at.Add(c.span(400*time.Millisecond, 1500*time.Millisecond, "pick", w.agent.ID, w.picks)), func(at time.Time) []queue.Command {
		c.pick(w, at)
		list := c.lists[offline]
		if len(list) == 0 || !at.Before(c.closing) || c.occupied(w) {
			return nil
		}
		m := list[0]
		c.lists[offline] = list[1:]
		return []queue.Command{queue.Dial{QueueID: offline, AgentID: w.agent.ID, Member: &m}}
	})
}

// occupied reports whether the agent has a contact of his own.
func (c *Centre) occupied(w *worker) bool {
	for _, ct := range c.contacts {
		if ct.agent == w.agent.ID {
			return true
		}
	}
	return false
}
