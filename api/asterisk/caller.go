package asterisk

import (
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// call is one pass of a caller through a queue: an attempt. The same channel may
// own several, one after the other.
type call struct {
	uid, queue string
	joinedAt   time.Time
	up         bool // the caller's leg is answered
	offers     []*offer
	talk       *offer // the connected agent
	holdTime   string // of AgentConnect: tells conversations of one agent apart

	// Evidence of how it ends.
	hungAt      time.Time // a hang-up of the caller that counts; zero = none
	hungUp      ending
	status      string // QUEUESTATUS since joining
	abandonedAt time.Time
	leftAt      time.Time
	vanishedAt  time.Time // its channel is gone
	transfer    string    // queue.TransferBlind or TransferAttended; empty = not told yet
	into        string    // the queue that it was transferred to, when that is one
	closing     bool      // a decision about its end is held
	superseded  bool      // its channel has joined a queue again
	over        bool      // nothing more to say
}

// join: a caller enters a queue.
func (t *Translator) join(p *Packet, at time.Time) {
	uid, name := p.Value("Uniqueid"), p.Value("Queue")
	if uid == "" || name == "" {
		t.stats.Unknown++
		return
	}
	if old := t.calls[uid]; old != nil {
		t.supersede(old, at)
	}
	t.wentOn(uid, name, at)
	if len(t.calls) >= maxCalls {
		t.stats.Dropped++
		return
	}
	t.stats.Joined++
	t.enter(p, &call{uid: uid, queue: name, joinedAt: at})
}

// enter opens the call and reports it; the packet has the channel's block.
func (t *Translator) enter(p *Packet, c *call) {
	t.calls[c.uid] = c
	t.know(c.queue)
	if t.resync != nil {
		t.resync.joined = append(t.resync.joined, c.uid)
	}
	r := queue.SwitchReport{
		Event: queue.SwitchJoined, At: c.joinedAt, QueueName: queueName(t.queue, c.queue),
		MemberChannelID: c.uid, Destination: address(p.Value("CallerIDNum")),
		MemberName: known(p.Value("CallerIDName")), DialAt: c.joinedAt, Variables: variables(p),
	}
	facts := t.channels.find(c.uid)
	if facts != nil && !facts.createdAt.IsZero() {
		r.DialAt = facts.createdAt
	}
	state := p.Value("ChannelState")
	switch {
	case facts != nil && !facts.upAt.IsZero():
		r.MemberAnsweredAt = facts.upAt
	case state == channelUp || state == "":
		r.MemberAnsweredAt = c.joinedAt
	default:
		r.MemberUnanswered = true
	}
	c.up = !r.MemberUnanswered
	t.put(r)
}

// answered: the caller's leg went up while he was in the queue.
func (t *Translator) answered(c *call, at time.Time) {
	if !c.up {
		c.up = true
		t.put(queue.SwitchReport{ChannelID: c.uid, Event: queue.SwitchAnswered, Leg: queue.LegMember, At: at})
	}
}

// address returns the caller's number; withheld numbers have a word, because a
// call's destination is never null.
func address(num string) *string {
	if n := known(num); n != nil {
		return n
	}
	word := "anonymous"
	return &word
}

// known returns nil for what the switch does not know.
func known(s string) *string {
	if s == "" || s == "<unknown>" {
		return nil
	}
	return &s
}

// variables are the channel variables that the switch was told to put into its
// events, and the call's group when it has one: linkedid differs from the
// channel's own id after a transfer.
func variables(p *Packet) map[string]string {
	vars := map[string]string{}
	for _, v := range p.Values("ChanVariable") {
		if name, value, ok := strings.Cut(v, "="); ok && name != "" {
			vars[name] = value
		}
	}
	if l := p.Value("Linkedid"); l != "" && l != p.Value("Uniqueid") {
		vars["linkedid"] = l
	}
	if len(vars) == 0 {
		return nil
	}
	return vars
}

// supersede: the channel joins again though we did not see its end. A pending
// decision is taken now; a call without one ended unseen.
func (t *Translator) supersede(c *call, at time.Time) {
	c.superseded = true
	delete(t.calls, c.uid)
	if !c.closing {
		c.leftAt = at
		t.close(c)
	}
}

// forget drops a call without a word: the engine's own timers end it.
func (t *Translator) forget(c *call) {
	c.over = true
	if t.calls[c.uid] == c {
		delete(t.calls, c.uid)
	}
	for _, o := range c.offers {
		t.release(o)
	}
	if c.talk != nil {
		t.unseat(c)
	}
}
