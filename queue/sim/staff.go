package sim

import (
	"encoding/json"
	"time"

	"github.com/offhook/offhook/queue"
)

// worker is one agent, as he knows himself.
type worker struct {
	agent queue.Agent
	// shift numbers his plans to come and go; a plan of an older shift is void.
	shift int64
	// lone is the agent of the night desk: more out than in.
	lone bool
	// picks numbers what he has taken from his list.
	picks int64
	// away says that he went by himself and has his return planned.
	away bool
}

// hire has an agent log in soon and take breaks from then on.
func (c *Centre) hire(at time.Time, a queue.Agent) {
	w := &worker{agent: a, lone: len(a.Queues) == 1 && c.queues[a.Queues[0]].NoAgentsSec > 0}
	c.staff[a.ID] = w
	c.come(w, at, 50*time.Millisecond, 800*time.Millisecond)
}

// come plans that the agent logs in, and when he goes next.
func (c *Centre) come(w *worker, at time.Time, lo, hi time.Duration) {
	w.shift++
	c.turn(w, at.Add(c.span(lo, hi, "come", w.agent.ID, w.shift)), func(at time.Time) []queue.Command {
		w.away = false
		c.stay(w, at)
		c.pick(w, at)
		return []queue.Command{queue.SetAgentStatus{AgentID: w.agent.ID, Status: queue.StatusOnline}}
	})
}

// stay plans the agent's next break. After closing time nobody takes one, so
// that everybody inside is served.
func (c *Centre) stay(w *worker, at time.Time) {
	lo, hi := 8*time.Second, 24*time.Second
	if w.lone {
		lo, hi = 3*time.Second, 6*time.Second
	}
	c.turn(w, at.Add(c.span(lo, hi, "stay", w.agent.ID, w.shift)), func(at time.Time) []queue.Command {
		if !at.Before(c.closing) {
			return nil
		}
		return []queue.Command{c.leave(w, at)}
	})
}

// leave is a short break or a logout; either way he comes back.
func (c *Centre) leave(w *worker, at time.Time) queue.Command {
	out := queue.SetAgentStatus{AgentID: w.agent.ID, Status: queue.StatusPause, Reason: "coffee"}
	lo, hi := time.Second, 4*time.Second
	if w.lone || c.dice.share("logout", w.agent.ID, w.shift) < 0.3 {
		out.Status, out.Reason = queue.StatusOffline, ""
	}
	if w.lone {
		lo, hi = 4*time.Second, 7*time.Second
	}
	w.away = true
	c.come(w, at, lo, hi)
	return out
}

// turn plans something for the agent in his present shift.
func (c *Centre) turn(w *worker, due time.Time, do func(time.Time) []queue.Command) {
	shift := w.shift
	c.agenda.add(plan{due: due, do: do, still: func() bool { return w.shift == shift }})
}

// agentChanged brings back an agent whom the engine has taken off: one who
// missed too often, or whose phone could not be reached.
func (c *Centre) agentChanged(ev *queue.Event) {
	var d queue.AgentStateData
	if json.Unmarshal(ev.Data, &d) != nil || d.Channel != nil {
		return
	}
	w, ours := c.staff[d.AgentID]
	if !ours || w.away || d.Status == queue.StatusOnline || d.Status == queue.StatusPause {
		return
	}
	c.come(w, ev.At, time.Second, 4*time.Second)
}

// answer is what an agent does with an offer.
type answer int

const (
	accepts answer = iota
	declines
	ignores
	busies      // calls only: his line is taken
	unreachable // calls only: his phone is not there
	walks       // he goes on a break instead
	customer    // the customer goes away while it rings
	skips       // previews only: he passes the member over
)

var (
	phoneManners = []option[answer]{
		{74, accepts}, {6, declines}, {6, ignores}, {4, busies}, {3, unreachable}, {3, walks}, {4, customer},
	}
	screenManners = []option[answer]{{78, accepts}, {7, declines}, {6, ignores}, {4, walks}, {5, customer}}
	// A preview or a pick is his own to refuse; the customer knows nothing of it.
	previewManners = []option[answer]{{72, accepts}, {10, skips}, {4, declines}, {5, ignores}, {4, busies}, {2, unreachable}, {3, walks}}
)

// offered has the agent look at a chat or a task on his screen. A call waits
// for the switch to ring his phone.
func (c *Centre) offered(ct *contact, at time.Time) {
	c.wait(ct)
	if ct.queue.Type.Channel() != queue.ChannelCall {
		c.respond(ct, at, pick(c.dice, screenManners, "screen", ct.id, int64(ct.offer)))
	}
}

func (c *Centre) respond(ct *contact, at time.Time, what answer) {
	const soon, late = 300 * time.Millisecond, 1800 * time.Millisecond
	var cmd queue.Command
	switch what {
	case accepts:
		cmd = queue.Accept{AttemptID: ct.id, AgentID: ct.agent, OfferNo: ct.offer}
	case skips:
		cmd = queue.Skip{AttemptID: ct.id, AgentID: ct.agent, OfferNo: ct.offer}
	case declines:
		cmd = queue.Decline{AttemptID: ct.id, AgentID: ct.agent, OfferNo: ct.offer}
	case walks:
		w := c.staff[ct.agent]
		if w == nil {
			return
		}
		cmd = c.leave(w, at.Add(late))
	case customer:
		cmd = c.goAway(ct)
	case busies:
		cmd = queue.SwitchReport{AttemptID: ct.id, OfferNo: ct.offer, AgentID: ct.agent,
			Leg: queue.LegAgent, Event: queue.SwitchEnded, Cause: "USER_BUSY", SIPCode: 486}
	case unreachable:
		cmd = queue.SwitchReport{AttemptID: ct.id, OfferNo: ct.offer, AgentID: ct.agent,
			Leg: queue.LegAgent, Event: queue.SwitchEnded, Cause: "USER_NOT_REGISTERED", SIPCode: 480}
	case ignores:
		return
	}
	c.at(ct, at.Add(c.takes(ct, soon, late, "hand")), cmd)
}
