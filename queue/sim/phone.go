package sim

import (
	"encoding/json"
	"time"

	"github.com/offhook/offhook/queue"
)

// obey is the telephone switch: it carries out an order of the engine and
// reports what became of it.
func (c *Centre) obey(ev *queue.Event) {
	var order queue.Order
	if json.Unmarshal(ev.Data, &order) != nil {
		return
	}
	ct, open := c.contacts[order.AttemptID]
	switch {
	case ev.Type == queue.EventSwitchHangup:
		c.hangUp(ev, order)
	case !open:
	case ev.Type == queue.EventSwitchDial:
		c.dial(ct, order, ev.At)
	case ev.Type == queue.EventSwitchRing:
		c.ring(ct, ev.At)
	case ev.Type == queue.EventSwitchBridge:
		c.connect(ct, ev.At)
	}
}

// ring lets the agent's phone ring and leaves the rest to him.
func (c *Centre) ring(ct *contact, at time.Time) {
	table := phoneManners
	if ct.queue.Type == queue.Preview || ct.queue.Type == queue.Offline {
		table = previewManners
	}
	manner := pick(c.dice, table, "phone", ct.id, int64(ct.offer))
	if ct.easy {
		manner = accepts
	}
	if manner != busies && manner != unreachable {
		c.at(ct, at.Add(c.takes(ct, 20*time.Millisecond, 200*time.Millisecond, "rings")), queue.SwitchReport{
			AttemptID: ct.id, OfferNo: ct.offer, AgentID: ct.agent, Leg: queue.LegAgent, Event: queue.SwitchRinging})
	}
	c.respond(ct, at, manner)
}

// connection is what becomes of the order to bridge.
type connection int

const (
	connected    connection = iota
	broken                  // the switch says that it could not
	silent                  // the switch says nothing; the engine's timer decides
	callerGone              // the caller hung up in that very moment
	agentDropped            // the agent picked up and put down again
)

var connections = []option[connection]{{90, connected}, {3, broken}, {2, silent}, {3, callerGone}, {2, agentDropped}}

func (c *Centre) connect(ct *contact, at time.Time) {
	report := queue.SwitchReport{AttemptID: ct.id, OfferNo: ct.offer, AgentID: ct.agent}
	how := pick(c.dice, connections, "bridge", ct.id, int64(ct.offer))
	if ct.easy {
		how = connected
	}
	switch how {
	case connected:
		report.Event = queue.SwitchBridged
	case broken:
		report.Event = queue.SwitchBridgeFailed
		report.Cause, report.SIPCode = queue.CauseTemporaryFailure, 503
	case callerGone:
		report.Event, report.Leg = queue.SwitchEnded, queue.LegMember
	case agentDropped:
		report.Event, report.Leg, report.Cause = queue.SwitchEnded, queue.LegAgent, queue.CauseNormalClearing
	case silent:
		return
	}
	c.at(ct, at.Add(c.takes(ct, 30*time.Millisecond, 250*time.Millisecond, "connects")), report)
}

// hangUp ends a leg and says so, also after the attempt has left: a switch does
// not know of attempts.
func (c *Centre) hangUp(ev *queue.Event, order queue.Order) {
	if order.Leg == nil {
		return
	}
	report := queue.SwitchReport{AttemptID: order.AttemptID, Leg: *order.Leg, Event: queue.SwitchEnded}
	if order.Cause != nil {
		report.Cause = *order.Cause
	}
	switch {
	case *order.Leg == queue.LegAgent && order.AgentChannelID != nil:
		report.ChannelID = *order.AgentChannelID
	case *order.Leg == queue.LegMember && order.MemberChannelID != nil:
		report.ChannelID = *order.MemberChannelID
	}
	due := ev.At.Add(c.span(20*time.Millisecond, 120*time.Millisecond, "hangs up", order.AttemptID, int64(len(*order.Leg))))
	c.agenda.add(plan{due: due, do: func(time.Time) []queue.Command { return []queue.Command{report} }})
}
