package sim

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// picksUp is what becomes of a call to a member.
type picksUp int

const (
	answersPhone picksUp = iota
	noAnswer
	isBusy
	rejectsCall
	phoneOff
	wrongNumber
	congested
	silentSwitch // nothing is heard of the call; the engine's timer decides
)

var memberManners = []option[picksUp]{
	{64, answersPhone}, {10, noAnswer}, {8, isBusy}, {5, rejectsCall}, {3, phoneOff}, {3, wrongNumber}, {4, congested}, {1, silentSwitch},
}

// failures are what the switch says of calls that were not answered.
var failures = map[picksUp]queue.SwitchReport{
	noAnswer:    {Cause: queue.CauseNoAnswer, SIPCode: 480},
	isBusy:      {Cause: "USER_BUSY", SIPCode: 486},
	rejectsCall: {Cause: "CALL_REJECTED", SIPCode: 603},
	phoneOff:    {Cause: "SUBSCRIBER_ABSENT", SIPCode: 480},
	wrongNumber: {Cause: "UNALLOCATED_NUMBER", SIPCode: 404},
	congested:   {Cause: queue.CauseTemporaryFailure, SIPCode: 503},
}

// voices are who is found on the line, where the queue wants to know.
var voices = []option[string]{
	{78, queue.AMDHuman}, {12, queue.AMDMachine}, {6, queue.AMDNotSure}, {4, queue.AMDCancel},
}

// dial calls the member, and has the detection listen if the order asks for it.
func (c *Centre) dial(ct *contact, order queue.Order, at time.Time) {
	manner := pick(c.dice, memberManners, "member", ct.id, 0)
	if ct.easy {
		manner = answersPhone
	}
	report := func(what queue.SwitchEvent) queue.SwitchReport {
		return queue.SwitchReport{AttemptID: ct.id, Leg: queue.LegMember, Event: what}
	}
	if manner == silentSwitch {
		return
	}
	rings := at.Add(c.span(50*time.Millisecond, 300*time.Millisecond, "member rings", ct.id, 0))
	if manner != wrongNumber && manner != congested && manner != phoneOff {
		c.onLine(ct, rings, report(queue.SwitchRinging))
	}
	answers := rings.Add(c.span(300*time.Millisecond, 1500*time.Millisecond, "member answers", ct.id, 0))
	if manner != answersPhone {
		end := report(queue.SwitchEnded)
		end.Cause, end.SIPCode = failures[manner].Cause, failures[manner].SIPCode
		c.onLine(ct, answers, end)
		return
	}
	c.onLine(ct, answers, report(queue.SwitchAnswered))
	heard := answers
	if order.AMDTotalAnalysisMs != nil {
		heard = answers.Add(c.span(200*time.Millisecond, 700*time.Millisecond, "listens", ct.id, 0))
		amd := report(queue.SwitchAMD)
		amd.AMDResult = pick(c.dice, voices, "voice", ct.id, 0)
		if ct.easy {
			amd.AMDResult = queue.AMDHuman
		}
		c.onLine(ct, heard, amd)
	}
	// From then on he waits for somebody to speak.
	ct.giveUp = heard.Add(c.span(3*time.Second, 8*time.Second, "member waits", ct.id, 0))
	c.agenda.add(plan{
		due: ct.giveUp, still: func() bool { return c.contacts[ct.id] == ct && !ct.talked },
		do: func(time.Time) []queue.Command { return []queue.Command{c.goAway(ct)} },
	})
}

// onLine plans what the member's line does, whatever the attempt has become by
// then, as long as it is open.
func (c *Centre) onLine(ct *contact, due time.Time, cmd queue.Command) {
	c.agenda.add(plan{
		due: due, still: func() bool { return c.contacts[ct.id] == ct },
		do: func(time.Time) []queue.Command { return []queue.Command{cmd} },
	})
}
