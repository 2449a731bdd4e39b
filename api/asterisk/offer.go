package asterisk

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// offer is one phone that the switch rings for a caller.
type offer struct {
	call        *call
	uid         string // of the agent's leg
	iface, name string

	answered bool   // DialEnd ANSWER
	dial     string // the last DialEnd status that is not ANSWER
	end      ending // why the leg ended, when that is known
	gone     bool   // the leg's Hangup was seen
	rang     time.Time
	cut      time.Time // DialEnd CANCEL
	dumped   time.Time // AgentDump
	vanished time.Time // Hangup before any of them
	deciding bool
	closed   bool // its end is reported
}

// called: the switch begins to ring an agent.
func (t *Translator) called(p *Packet, at time.Time) {
	c := t.callOf(p)
	if c == nil {
		return
	}
	t.ring(c, p, at)
}

// ring opens an offer and reports it. A phone that is rung a second time while
// its first ringing has not been seen to end has stopped ringing.
func (t *Translator) ring(c *call, p *Packet, at time.Time) *offer {
	iface := p.Value("Interface")
	if iface == "" || len(c.offers) >= maxOffers {
		t.stats.Dropped++
		return nil
	}
	o := &offer{call: c, uid: p.Value("DestUniqueid"), iface: iface, name: p.Value("MemberName")}
	if old := c.offerTo(iface); old != nil {
		t.hold(func(bool) ([]queue.Command, bool) { return t.missed(old, t.missedBy(old), at), true })
		c.drop(old)
	}
	c.offers = append(c.offers, o)
	if o.uid != "" {
		t.legs[o.uid] = o
	}
	t.memberOf(iface, o.name).ringing++
	t.put(queue.SwitchReport{
		ChannelID: c.uid, Event: queue.SwitchOffered, At: at,
		AgentRef: iface, AgentName: o.agentName(), AgentChannelID: o.uid,
	})
	return o
}

// agentName returns what the switch calls the member; the interface when it has
// no name for it.
func (o *offer) agentName() string {
	if o.name == "" {
		return o.iface
	}
	return o.name
}

// offerTo returns the call's open offer to the interface, or nil.
func (c *call) offerTo(iface string) *offer {
	for _, o := range c.offers {
		if o.iface == iface {
			return o
		}
	}
	return nil
}

// drop takes the offer from the call's open ones.
func (c *call) drop(o *offer) {
	for i := range c.offers {
		if c.offers[i] == o {
			c.offers = append(c.offers[:i:i], c.offers[i+1:]...)
			return
		}
	}
}

// offerOf returns the open offer that an agent event names: by its leg, else by
// caller and interface; nil, and counted, when there is none.
func (t *Translator) offerOf(p *Packet) *offer {
	if o := t.legs[p.Value("DestUniqueid")]; o != nil {
		return o
	}
	if c := t.calls[p.Value("Uniqueid")]; c != nil {
		if o := c.offerTo(p.Value("Interface")); o != nil {
			return o
		}
	}
	t.stats.Unknown++
	return nil
}

// rangOut: an agent's phone was not answered, or refused: the event is the same.
func (t *Translator) rangOut(p *Packet, at time.Time) {
	if o := t.offerOf(p); o != nil && o.rang.IsZero() {
		o.rang = at
		t.decide(o)
	}
}

// dumped: the agent answered and hung up before the caller was connected.
func (t *Translator) dumped(p *Packet, at time.Time) {
	if o := t.offerOf(p); o != nil && o.dumped.IsZero() {
		o.dumped = at
		t.decide(o)
	}
}

// dialEnd: the ringing of a leg is over. It may be told twice.
func (t *Translator) dialEnd(p *Packet, at time.Time) {
	o := t.legs[p.Value("DestUniqueid")]
	if o == nil || o == o.call.talk {
		return
	}
	switch status := p.Value("DialStatus"); status {
	case "ANSWER":
		if !o.answered {
			o.answered = true
			t.put(queue.SwitchReport{
				ChannelID: o.call.uid, Event: queue.SwitchAnswered, Leg: queue.LegAgent, At: at,
				AgentRef: o.iface, AgentChannelID: o.uid,
			})
		}
	case "CANCEL":
		if o.cut.IsZero() {
			o.cut = at
			t.decide(o)
		}
	default:
		o.dial = status
	}
}

// ending: the leg of an offer is gone. Usually that is the last piece of what is
// held; a leg about which nothing was said may still be explained.
func (t *Translator) ending(o *offer, at time.Time) {
	if o != o.call.talk && o.vanished.IsZero() {
		o.vanished = at
		t.decide(o)
	}
}

// decide holds a decision about how the offer ended.
func (t *Translator) decide(o *offer) {
	if o.deciding || o.closed {
		return
	}
	o.deciding = true
	t.hold(func(final bool) ([]queue.Command, bool) {
		cmds, ok := t.decideMissed(o, final)
		if ok {
			o.deciding = false
		}
		return cmds, ok
	})
}

// decideMissed says how an offer ended, or that it is not known yet.
func (t *Translator) decideMissed(o *offer, final bool) ([]queue.Command, bool) {
	c := o.call
	known := final || o.gone || o.end.telling() || dialEnding(o.dial).telling() || t.view.agentsOnly()
	switch {
	case o.closed || o == c.talk || c.over:
		return nil, true
	case !o.dumped.IsZero():
		return t.missed(o, queue.MissedDeclined, o.dumped), true
	case !o.rang.IsZero() && known:
		return t.missed(o, t.missedBy(o), o.rang), true
	case !o.rang.IsZero():
		return nil, false
	case !o.cut.IsZero() && (t.outrun(o) || o.end.cause == queue.CauseLoseRace):
		if !known {
			return nil, false
		}
		return t.missed(o, queue.MissedCancelled, o.cut), true
	case !c.hungAt.IsZero() || c.closing:
		return nil, true // closes with the call
	case !final:
		return nil, false
	case !o.cut.IsZero():
		return t.missed(o, queue.MissedCancelled, o.cut), true
	case o.answered:
		return t.missed(o, queue.MissedDeclined, o.vanished), true
	default:
		return t.missed(o, t.missedBy(o), o.vanished), true
	}
}

// outrun reports whether another agent took the call of the offer.
func (t *Translator) outrun(o *offer) bool {
	if o.call.talk != nil {
		return true
	}
	for _, other := range o.call.offers {
		if other != o && other.answered {
			return true
		}
	}
	return false
}

// missedBy returns why the phone did not answer, as far as its leg told.
func (t *Translator) missedBy(o *offer) queue.MissedReason {
	return missedFor(o.cause().cause)
}

// cause returns the leg's end: its Hangup, else what DialEnd said.
func (o *offer) cause() ending {
	if o.end.telling() {
		return o.end
	}
	return dialEnding(o.dial)
}

// missed closes the offer with its report.
func (t *Translator) missed(o *offer, reason queue.MissedReason, at time.Time) []queue.Command {
	o.call.drop(o)
	if o.closed {
		return nil
	}
	t.release(o)
	e := o.cause()
	return append([]queue.Command{queue.SwitchReport{
		ChannelID: o.call.uid, Event: queue.SwitchMissed, At: at, Reason: string(reason),
		AgentRef: o.iface, AgentChannelID: o.uid, Cause: e.cause, SIPCode: e.sip,
	}}, t.settled(o.iface)...)
}

// release forgets the leg of an offer that is no longer ringing.
func (t *Translator) release(o *offer) {
	if o.closed {
		return
	}
	o.closed = true
	if t.legs[o.uid] == o {
		delete(t.legs, o.uid)
	}
	if m := t.members[o.iface]; m != nil && m.ringing > 0 {
		m.ringing--
	}
}
