package sim

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// ending is how a conversation is brought to its end.
type ending int

const (
	byCustomer ending = iota
	byAgent
	byTransfer    // the switch passes the caller on
	byEarlyReport // the form is filled in while they still talk
	byOffice      // cancelled from outside
	byClientIdle  // chats: somebody stops writing
	byAgentIdle
	byBothIdle
	atOnce // ivr: the member puts the phone down again
)

var endings = map[queue.Type][]option[ending]{
	queue.Inbound: {{50, byCustomer}, {30, byAgent}, {7, byTransfer}, {9, byEarlyReport}, {4, byOffice}},
	queue.Chat: {{25, byCustomer}, {35, byAgent}, {10, byEarlyReport}, {4, byOffice},
		{10, byClientIdle}, {8, byAgentIdle}, {8, byBothIdle}},
	queue.Task: {{84, byAgent}, {12, byEarlyReport}, {4, byOffice}},
	queue.IVR:  {{70, byCustomer}, {20, atOnce}, {10, byEarlyReport}},
}

// endingsOf are those of the type; what is dialled for agents ends as what came in.
func endingsOf(t queue.Type) []option[ending] {
	if table, own := endings[t]; own {
		return table
	}
	return endings[queue.Inbound]
}

// converse plans what happens between bridge and end.
func (c *Centre) converse(ct *contact, at time.Time) {
	how := pick(c.dice, endingsOf(ct.queue.Type), "ending", ct.id, 0)
	if how == byEarlyReport && !ct.queue.UseProcessing && ct.queue.Type != queue.IVR {
		how = byAgent
	}
	end := at.Add(c.span(1500*time.Millisecond, 6*time.Second, "talk", ct.id, 0))
	if ct.queue.Type == queue.Chat {
		c.write(ct, at, end, how)
	}
	over := queue.SwitchReport{AttemptID: ct.id, Leg: queue.LegMember, Event: queue.SwitchEnded}
	switch how {
	case byCustomer:
		c.at(ct, end, over)
	case atOnce:
		c.at(ct, at.Add(c.takes(ct, 200*time.Millisecond, time.Second, "puts down")), over)
	case byAgent:
		c.at(ct, end, queue.Close{AttemptID: ct.id, AgentID: ct.agent})
	case byTransfer:
		over.Reason = queue.TransferBlind
		c.at(ct, end, over)
	case byEarlyReport:
		half := at.Add(end.Sub(at) / 2)
		c.at(ct, half, queue.Report{AttemptID: ct.id, AgentID: ct.agent, Result: queue.ResultSuccess,
			Variables: map[string]string{"outcome": "noted"}})
		if ct.queue.Type == queue.IVR {
			c.at(ct, end, over)
		} else {
			c.at(ct, end, queue.Close{AttemptID: ct.id, AgentID: ct.agent})
		}
	case byOffice:
		c.at(ct, end, queue.Cancel{AttemptID: ct.id})
	}
}

// write has both sides of a chat type, except the one that falls silent.
func (c *Centre) write(ct *contact, at, end time.Time, how ending) {
	const beat = 900 * time.Millisecond
	if how == byBothIdle {
		return
	}
	if how == byClientIdle || how == byAgentIdle {
		end = at.Add(12 * time.Second) // long enough for any idle limit of Queues
	}
	for due, client := at.Add(beat), true; due.Before(end); due, client = due.Add(beat), !client {
		leg := queue.LegAgent
		if how == byAgentIdle || client && how != byClientIdle {
			leg = queue.LegMember
		}
		c.at(ct, due, queue.SwitchReport{AttemptID: ct.id, Leg: leg, Event: queue.SwitchMessage})
	}
}

// form is how an agent ends his processing.
type form int

const (
	sold form = iota
	lost
	void
	moreTime // he asks for more time, then reports
	forgets  // the deadline decides
	asksLate // he asks for more time and then forgets after all
	dropped  // the office cancels it
)

var forms = []option[form]{{52, sold}, {10, lost}, {8, void}, {12, moreTime}, {10, forgets}, {4, asksLate}, {4, dropped}}

// process plans the agent's report.
func (c *Centre) process(ct *contact, at time.Time) {
	report := queue.Report{AttemptID: ct.id, AgentID: ct.agent, Result: queue.ResultSuccess,
		Variables: map[string]string{"outcome": "done"}}
	// Renewed before the shortest deadline there is, whatever the speed.
	renewAt := at.Add(min(c.span(500*time.Millisecond, 2*time.Second, "renew", ct.id, 0), 2*time.Second))
	switch pick(c.dice, forms, "form", ct.id, 0) {
	case lost:
		report.Result = queue.ResultAbandoned
	case void:
		report.Result = queue.ResultCancel
	case moreTime:
		c.at(ct, renewAt, queue.Renew{AttemptID: ct.id, AgentID: ct.agent})
	case asksLate:
		c.at(ct, renewAt, queue.Renew{AttemptID: ct.id, AgentID: ct.agent})
		return
	case forgets:
		return
	case dropped:
		c.at(ct, renewAt, queue.Cancel{AttemptID: ct.id})
		return
	}
	c.at(ct, renewAt.Add(c.takes(ct, 200*time.Millisecond, 2500*time.Millisecond, "report")), report)
}
