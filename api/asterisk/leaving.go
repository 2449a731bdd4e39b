package asterisk

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// leftBy maps QUEUESTATUS to the reason of a caller who was not connected and
// whose call goes on in the dialplan (switches.md 2, no. 1).
var leftBy = map[string]queue.Reason{
	"TIMEOUT":      queue.ReasonMaxWait,
	"LEAVEEMPTY":   queue.ReasonNoAgents,
	"LEAVEUNAVAIL": queue.ReasonNoAgents,
	"WITHDRAW":     queue.ReasonWithdrawn,
}

// variable: QUEUESTATUS says how a queue was left, or that it was not entered.
func (t *Translator) variable(p *Packet, _ time.Time) {
	if p.Value("Variable") != "QUEUESTATUS" {
		return
	}
	status := p.Value("Value")
	if c := t.calls[p.Value("Uniqueid")]; c != nil {
		c.status = status
		return
	}
	switch status {
	case "FULL", "JOINEMPTY", "JOINUNAVAIL":
		t.stats.Refused++
	}
}

// hangupRequest: somebody wants a channel to end. hard says that the far end
// did; soft requests come from the switch itself too, so after the caller has
// left the queue they say nothing about why.
func (t *Translator) hangupRequest(p *Packet, at time.Time, hard bool) {
	uid := p.Value("Uniqueid")
	if c := t.calls[uid]; c != nil && c.hungAt.IsZero() && (!c.closing || hard && !c.abandonedAt.IsZero()) {
		c.hungAt, c.hungUp = at, endingOf(p)
	}
	if o := t.legs[uid]; o != nil && hard {
		if e := endingOf(p); e.telling() {
			o.end = e
		}
	}
}

// hangup: a channel is gone. An agent's phone: here is why. A caller's: if no
// queue event follows, that was the end.
func (t *Translator) hangup(p *Packet, at time.Time) {
	uid := p.Value("Uniqueid")
	t.channels.forget(uid)
	t.wentOn(uid, "", at)
	if o := t.legs[uid]; o != nil {
		if e := endingOf(p); e.telling() || !o.end.telling() {
			o.end = e
		}
		o.gone = true
		t.ending(o, at)
	}
	if c := t.calls[uid]; c != nil && c.vanishedAt.IsZero() {
		if c.hungAt.IsZero() && !c.closing {
			c.hungAt, c.hungUp = at, endingOf(p)
		}
		c.vanishedAt = at
		t.close(c)
	}
}

// abandon: the caller left unconnected. Why is not said here.
func (t *Translator) abandon(p *Packet, at time.Time) {
	c := t.callOf(p)
	if c == nil {
		return
	}
	if c.abandonedAt.IsZero() {
		c.abandonedAt = at
	}
	t.close(c)
}

// left: the caller waits no longer: connected within milliseconds, after an
// abandonment (which may have closed the call already), or gone by a key.
func (t *Translator) left(p *Packet, at time.Time) {
	c := t.calls[p.Value("Uniqueid")]
	if c == nil {
		return
	}
	if c.leftAt.IsZero() {
		c.leftAt = at
	}
	t.close(c)
}

// callOf returns the open call that a queue event names; nil, and counted, when
// its joining was not seen.
func (t *Translator) callOf(p *Packet) *call {
	c := t.calls[p.Value("Uniqueid")]
	if c == nil {
		t.stats.Unknown++
	}
	return c
}

// close holds a decision about how the call ends.
func (t *Translator) close(c *call) {
	if c.closing || c.over {
		return
	}
	c.closing = true
	t.hold(func(final bool) ([]queue.Command, bool) {
		cmds, ok := t.decideEnd(c, final || c.superseded)
		if ok {
			c.closing = false
		}
		return cmds, ok
	})
}

// decideEnd says how a call ended, or that it has not.
func (t *Translator) decideEnd(c *call, final bool) ([]queue.Command, bool) {
	switch {
	case c.over:
		return nil, true
	case c.talk != nil && c.vanishedAt.IsZero() && !c.superseded:
		return nil, true // the leaving that precedes a connection
	case c.talk != nil:
		// Its AgentComplete follows, or was lost.
		if !final {
			return nil, false
		}
		return t.finish(c, t.ended(c, queue.LegMember, earliest(c.vanishedAt, c.leftAt))), true
	}
	seen := earliest(c.abandonedAt, c.leftAt, c.vanishedAt)
	abandoned := !c.abandonedAt.IsZero()
	hung := !c.hungAt.IsZero() && (abandoned || !c.hungAt.After(seen))
	reason, told := leftBy[c.status]
	switch {
	case hung && (abandoned || final):
		return t.finish(c, t.ended(c, queue.LegMember, c.hungAt)), true
	case told:
		return t.leave(c, reason, seen), true
	case abandoned && t.view.agentsOnly():
		return t.finish(c, t.ended(c, queue.LegMember, seen)), true
	case !final:
		return nil, false
	case abandoned && (t.view.noDialplan() || c.superseded):
		return t.leave(c, queue.ReasonMaxWait, seen), true
	case abandoned, c.leftAt.IsZero():
		return t.finish(c, t.ended(c, queue.LegMember, seen)), true
	default:
		return t.leave(c, queue.ReasonKeyExit, seen), true
	}
}

// ended reports the end of a leg, with the caller's cause when the switch gave
// one that says anything.
func (t *Translator) ended(c *call, leg queue.Leg, at time.Time) queue.SwitchReport {
	r := queue.SwitchReport{ChannelID: c.uid, Event: queue.SwitchEnded, Leg: leg, At: at}
	if leg == queue.LegMember {
		r.Cause, r.SIPCode = c.hungUp.cause, c.hungUp.sip
	}
	return r
}

// leave closes the call for another reason than a hang-up: the caller's channel
// goes on, so there is neither cause nor code. Phones that still ring are
// closed first.
func (t *Translator) leave(c *call, reason queue.Reason, at time.Time) []queue.Command {
	missed := queue.MissedCancelled
	if reason == queue.ReasonMaxWait {
		missed = queue.MissedTimeout
	}
	var cmds []queue.Command
	for len(c.offers) > 0 {
		cmds = append(cmds, t.missed(c.offers[0], missed, at)...)
	}
	r := queue.SwitchReport{ChannelID: c.uid, Event: queue.SwitchLeft, ResultReason: reason, At: at}
	return append(cmds, t.finish(c, r)...)
}

// finish closes the call with its last report; offers that are still open end
// with it in the engine.
func (t *Translator) finish(c *call, last queue.SwitchReport) []queue.Command {
	cmds := []queue.Command{last}
	offers := c.offers
	t.forget(c)
	for _, o := range offers {
		cmds = append(cmds, t.settled(o.iface)...)
	}
	if c.talk != nil {
		cmds = append(cmds, t.settled(c.talk.iface)...)
	}
	return cmds
}

// earliest returns the first of the instants that are set.
func earliest(ts ...time.Time) time.Time {
	var first time.Time
	for _, at := range ts {
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first
}
