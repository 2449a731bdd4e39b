package sim

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// Config says what a centre is made of.
type Config struct {
	// Queues and Agents are those of the functions of the same name, as they
	// were saved: with their ids.
	Queues []queue.Queue
	Agents []queue.Agent
	// Members are the lists of the outbound queues, as they were saved. The
	// engine dials them by itself, except those of offline queues, whom agents
	// pick from here.
	Members []queue.Member
	// Length is for how long customers come. Whoever is inside then is served.
	Length time.Duration
	// Speed makes people faster: 2 halves the gaps between customers, their
	// patience and every talk. The queues' own timers are whole seconds and
	// stay. Zero means 1.
	Speed float64
}

// Centre is a simulated contact centre. The zero Centre is not usable; call New.
type Centre struct {
	dice     dice
	cfg      Config
	queues   map[int64]queue.Queue
	staff    map[int64]*worker
	contacts map[int64]*contact
	lists    map[int64][]queue.Member // of offline queues: who is still to be picked
	agenda   agenda
	closing  time.Time
}

// contact is one open attempt, as the people around it know it.
type contact struct {
	id    int64
	queue queue.Queue
	// stage rises with every event of the attempt. A plan that was made in an
	// earlier stage is void.
	stage  int
	giveUp time.Time // when the customer has had enough of waiting
	agent  int64     // who was offered it last
	offer  int
	// easy customers answer their phone, and their agents are there at once.
	easy bool
	// talked is set from the bridge on.
	talked bool
}

// New returns a centre that is still closed; Open opens it.
func New(seed uint64, cfg Config) *Centre {
	if cfg.Speed <= 0 {
		cfg.Speed = 1
	}
	c := &Centre{
		dice: dice{seed}, cfg: cfg,
		queues: map[int64]queue.Queue{}, staff: map[int64]*worker{}, contacts: map[int64]*contact{}, lists: map[int64][]queue.Member{},
	}
	for _, q := range cfg.Queues {
		c.queues[q.ID] = q
	}
	for _, m := range cfg.Members {
		c.lists[m.QueueID] = append(c.lists[m.QueueID], m)
	}
	return c
}

// Open lets agents log in and customers come, from at on.
func (c *Centre) Open(at time.Time) {
	c.closing = at.Add(c.cfg.Length)
	for _, a := range c.cfg.Agents {
		c.hire(at, a)
	}
	for _, q := range c.cfg.Queues {
		if !q.Type.Outbound() {
			c.expect(at, q, 1)
		}
	}
}

// NextDue says when Due has something to give; false while everybody waits for
// an event.
func (c *Centre) NextDue() (time.Time, bool) { return c.agenda.next() }

// Due returns the commands that are due at the instant at, in order. Refusals
// are part of the game (a hand reaches for a phone that has just gone quiet)
// and need no answer.
func (c *Centre) Due(at time.Time) []queue.Command {
	var cmds []queue.Command
	for {
		due, ok := c.agenda.next()
		if !ok || due.After(at) {
			return cmds
		}
		cmds = append(cmds, c.agenda.pop().do(due)...)
	}
}

// Done reports that the doors are closed at the instant at and that every
// customer has left.
func (c *Centre) Done(at time.Time) bool {
	return !at.Before(c.closing) && len(c.contacts) == 0
}

// Observe takes in what happened: events of the log, in order. Events of other
// queues are none of its business.
func (c *Centre) Observe(events []queue.Event) {
	for i := range events {
		switch ev := &events[i]; ev.Type {
		case queue.EventAgentState:
			c.agentChanged(ev)
		case queue.EventSwitchDial, queue.EventSwitchRing, queue.EventSwitchBridge, queue.EventSwitchHangup:
			c.obey(ev)
		default:
			c.attemptMoved(ev)
		}
	}
}

func (c *Centre) attemptMoved(ev *queue.Event) {
	if ev.Type == queue.EventJoined {
		if q, ours := c.queues[ev.Queue.ID]; ours {
			ct := &contact{id: ev.AttemptID, queue: q}
			ct.easy = ev.Variables[easyName] != ""
			c.contacts[ct.id] = ct
			if !q.Type.Outbound() {
				c.arrive(ct, ev.At)
			}
		}
		return
	}
	ct, open := c.contacts[ev.AttemptID]
	if !open {
		return
	}
	ct.stage++
	switch ev.Type {
	case queue.EventOffering:
		if ev.Listed.AgentID != nil { // in an ivr queue there is none
			ct.agent, ct.offer = *ev.Listed.AgentID, ev.Ext.OfferNo
			c.offered(ct, ev.At)
		}
	case queue.EventMissed:
		c.wait(ct)
	case queue.EventBridged:
		ct.talked = true
		c.converse(ct, ev.At)
	case queue.EventProcessing:
		c.process(ct, ev.At)
	case queue.EventLeaving:
		delete(c.contacts, ct.id)
	}
}

// takes is how long somebody takes over something in the contact's present stage.
// lo and hi are spans at speed 1; question names what is being decided.
func (c *Centre) takes(ct *contact, lo, hi time.Duration, question string) time.Duration {
	return c.span(lo, hi, question, ct.id, int64(ct.stage))
}

// at plans commands for a contact in its present stage at an instant.
func (c *Centre) at(ct *contact, due time.Time, cmds ...queue.Command) {
	stage := ct.stage
	c.agenda.add(plan{
		due:   due,
		still: func() bool { return ct.stage == stage },
		do:    func(time.Time) []queue.Command { return cmds },
	})
}

func (c *Centre) span(lo, hi time.Duration, question string, a, b int64) time.Duration {
	d := c.dice.between(lo, hi, question, a, b)
	return time.Duration(float64(d) / c.cfg.Speed).Round(time.Millisecond)
}
