package asterisk

import (
	"slices"
	"time"

	"github.com/offhook/offhook/queue"
)

// connected: caller and agent hear each other. Whoever else still rings lost.
func (t *Translator) connected(p *Packet, at time.Time) {
	c := t.callOf(p)
	if c == nil || c.talk != nil {
		return
	}
	if p.Value("ChannelState") == channelUp {
		t.answered(c, at)
	}
	o := t.legs[p.Value("DestUniqueid")]
	if o == nil || o.call != c {
		o = c.offerTo(p.Value("Interface"))
	}
	if o == nil { // its AgentCalled was not seen
		if o = t.ring(c, p, at); o == nil {
			return
		}
	}
	t.bridge(c, o, at)
	c.holdTime = p.Value("HoldTime")
}

// bridge reports the connection, after the end of every other offer.
func (t *Translator) bridge(c *call, o *offer, at time.Time) {
	c.talk, c.leftAt, c.hungAt, c.hungUp = o, time.Time{}, time.Time{}, ending{}
	c.drop(o)
	t.seat(c)
	t.hold(func(bool) ([]queue.Command, bool) {
		var cmds []queue.Command
		for len(c.offers) > 0 {
			cmds = append(cmds, t.missed(c.offers[0], queue.MissedCancelled, at)...)
		}
		cmds = append(cmds, queue.SwitchReport{
			ChannelID: c.uid, Event: queue.SwitchBridged, At: at,
			AgentRef: o.iface, AgentName: o.agentName(), AgentChannelID: o.uid,
		})
		t.release(o)
		return append(cmds, t.settled(o.iface)...), true
	})
}

func (t *Translator) seat(c *call) {
	s := seat{c.queue, c.talk.iface}
	t.talks[s] = append(t.talks[s], c)
}

func (t *Translator) unseat(c *call) {
	s := seat{c.queue, c.talk.iface}
	t.talks[s] = slices.DeleteFunc(t.talks[s], func(other *call) bool { return other == c })
	if len(t.talks[s]) == 0 {
		delete(t.talks, s)
	}
}

// completed: a conversation is over. When its channels are gone already the
// event does not name them (switches.md 2, no. 8).
func (t *Translator) completed(p *Packet, at time.Time) {
	c := t.calls[p.Value("Uniqueid")]
	if p.Value("Uniqueid") == "" {
		c = t.talkOf(p)
	}
	if c == nil || c.talk == nil {
		t.stats.Unknown++
		return
	}
	leg := queue.LegMember
	switch p.Value("Reason") {
	case "agent":
		leg = queue.LegAgent
	case "transfer":
		t.transferred(c, at)
		return
	}
	last := t.ended(c, leg, at)
	t.over(c)
	t.hold(func(bool) ([]queue.Command, bool) { return t.finish(c, last), true })
}

// over takes the call from those that packets can name.
func (t *Translator) over(c *call) {
	if t.calls[c.uid] == c {
		delete(t.calls, c.uid)
	}
	t.unseat(c)
	c.over = true
}

// talkOf finds a conversation by queue and interface: the one that waited as
// long as the event says, else the oldest.
func (t *Translator) talkOf(p *Packet) *call {
	open := t.talks[seat{p.Value("Queue"), p.Value("Interface")}]
	for _, c := range open {
		if c.holdTime == p.Value("HoldTime") {
			return c
		}
	}
	if len(open) > 0 {
		return open[0]
	}
	return nil
}

// transferred: the conversation ended by a transfer. Which kind is said by
// another event, that may come before or after. A caller who is sent on blindly
// keeps his channel, so that a queue which he enters then is where he was sent.
func (t *Translator) transferred(c *call, at time.Time) {
	t.over(c)
	for _, uid := range []string{c.uid, c.talk.uid} {
		t.moving[uid] = append(t.moving[uid], c)
	}
	t.hold(func(final bool) ([]queue.Command, bool) {
		where := c.transfer == queue.TransferAttended || c.into != "" || !c.vanishedAt.IsZero()
		if told := c.transfer != "" || t.view.agentsOnly(); !final && !(told && where) {
			return nil, false
		}
		for _, uid := range []string{c.uid, c.talk.uid} {
			delete(t.moving, uid)
		}
		if c.into != "" {
			return t.finish(c, queue.SwitchReport{
				ChannelID: c.uid, Event: queue.SwitchTransferred, At: at, QueueName: queueName(t.queue, c.into),
			}), true
		}
		r := queue.SwitchReport{ChannelID: c.uid, Event: queue.SwitchEnded, Leg: queue.LegMember, At: at, Reason: c.transfer}
		if r.Reason == "" {
			r.Reason = queue.TransferBlind
		}
		return t.finish(c, r), true
	})
}

// wentOn notes where a caller who is being transferred has gone: into a queue,
// or, with no name, away.
func (t *Translator) wentOn(uid, into string, at time.Time) {
	for _, c := range t.moving[uid] {
		switch {
		case c.uid != uid: // his agent's leg
		case into == "":
			c.vanishedAt = at
		case c.transfer != queue.TransferAttended:
			c.into = into
		}
	}
}

// transfer notes of which kind a transfer is, for the conversation that one of
// its channels is in.
func (t *Translator) transfer(p *Packet) {
	kind := queue.TransferBlind
	if p.Event() == "AttendedTransfer" {
		kind = queue.TransferAttended
	}
	for _, key := range []string{
		"TransfererUniqueid", "TransfereeUniqueid", "OrigTransfererUniqueid",
		"SecondTransfererUniqueid", "TransferTargetUniqueid",
	} {
		uid := p.Value(key)
		if uid == "" {
			continue
		}
		for _, c := range t.moving[uid] {
			c.transfer = kind
		}
		if c := t.calls[uid]; c != nil && c.talk != nil {
			c.transfer = kind
		}
		if o := t.talking(uid); o != nil {
			o.call.transfer = kind
		}
	}
}

// talking returns the connected offer whose leg has the id, or nil.
func (t *Translator) talking(uid string) *offer {
	for _, calls := range t.talks {
		for _, c := range calls {
			if c.talk.uid == uid {
				return c.talk
			}
		}
	}
	return nil
}
