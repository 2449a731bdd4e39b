package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// command draws a command that has a fair chance to be carried out.
func (w *world) command() Command {
	if w.n("settings", 50) == 0 {
		return w.rearrange()
	}
	if w.n("nudge", 6) == 0 {
		if c := w.nudge(); c != nil {
			return c
		}
	}
	if w.n("outbound", 2) == 0 {
		return w.outbound()
	}
	attempt, agent, offer := int64(1), pick(w, "agent", w.agents), 0
	if len(w.known) > 0 {
		attempt = pick(w, "attempt", w.known[max(0, len(w.known)-6):])
	}
	if a := w.e.Attempt(attempt); a != nil && w.n("fitting", 5) > 0 {
		if len(a.Offers) > 0 {
			o := pick(w, "offer", a.Offers)
			agent, offer = o.Agent.ID, o.No
		} else if a.Agent != nil {
			agent = a.Agent.ID
		}
	}
	number := w.number()
	leg := pick(w, "leg", []Leg{LegMember, LegAgent, LegAgent})
	report := SwitchReport{AttemptID: attempt, Leg: leg, AgentID: agent, OfferNo: offer}
	if w.n("late", 4) == 0 {
		report.At = w.now.Add(-time.Duration(w.n("earlier", 12_000)-3000) * time.Millisecond)
	}
	switch w.n("kind", 18) {
	case 0, 1:
		return Join{
			QueueID: pick(w, "queue", w.queues), Destination: &number,
			MemberUnanswered: w.n("unanswered", 2) == 0,
			Priority:         w.n("priority", 3), Bucket: w.bucket(), StickyAgentID: w.sticky(),
		}
	case 2, 3:
		return Accept{AttemptID: attempt, AgentID: agent, OfferNo: offer, Bridged: w.n("both", 2) == 0}
	case 4:
		return Decline{AttemptID: attempt, AgentID: agent}
	case 5:
		return Report{
			AttemptID: attempt, AgentID: agent, KeepOpen: w.n("keep", 5) == 0,
			Result: pick(w, "result", []CCResult{"", ResultSuccess, ResultCancel, ResultAbandoned}),
		}
	case 6:
		return pick(w, "small", []Command{
			Renew{AttemptID: attempt}, Close{AttemptID: attempt, AgentID: agent}, Cancel{AttemptID: attempt}, Tick{},
		})
	case 7:
		return SetAgentStatus{AgentID: agent, Status: pick(w, "status", []Status{StatusOnline, StatusOnline, StatusOnline, StatusPause, StatusOffline})}
	case 8:
		report.Event, report.QueueID = SwitchJoined, w.queues[4]
		report.Destination, report.MemberChannelID = &number, "chan-"+number
		return report
	case 9, 10:
		report.Event = pick(w, "external", []SwitchEvent{SwitchOffered, SwitchOffered, SwitchMissed, SwitchBridged, SwitchLeft})
		if w.n("stranger", 10) == 0 {
			report.AgentID, report.AgentRef, report.OfferNo = 0, "SIP/"+number, 0
		}
		if report.Event == SwitchOffered && w.n("another", 2) == 0 {
			report.AgentID, report.OfferNo = pick(w, "ringing", w.agents), 0
		}
		report.Reason = pick(w, "reason", []string{"", "declined", "busy", "cancelled"})
		report.ResultReason = pick(w, "left", []Reason{"", ReasonMaxWait, ReasonKeyExit, ReasonWithdrawn, ReasonNoAgents})
		return report
	case 11, 12:
		report.Event = pick(w, "event", []SwitchEvent{
			SwitchRinging, SwitchAnswered, SwitchBridged, SwitchBridged, SwitchBridgeFailed, SwitchEnded, SwitchMessage,
		})
		report.Cause = pick(w, "cause", []Cause{"", "USER_BUSY", "CALL_REJECTED", "SUBSCRIBER_ABSENT", "NO_ANSWER", "WRONG_CALL_STATE"})
		report.Reason = pick(w, "transfer", []string{"", "", "", "transfer_blind"})
		return report
	case 16:
		return w.transfer(attempt)
	case 17:
		report.Event, report.OfferNo = SwitchTransferred, 0
		report.Reason = pick(w, "how", []string{"", "transfer_attended", "transfer_attended"})
		switch w.n("where", 4) {
		case 0:
			report.AgentID, report.QueueID = 0, pick(w, "to queue", w.queues)
		case 1:
			report.AgentID = 0
		case 2:
			report.AgentID = pick(w, "to agent", w.agents)
			report.AgentChannelID = "leg-" + number
		}
		return report
	case 13:
		return Reconcile{Lost: w.n("lost", 2) == 0, Engine: w.n("own", 4) == 0}
	default:
		report.Event, report.Leg = SwitchMessage, pick(w, "writer", []Leg{LegMember, LegAgent})
		return report
	}
}

// transfer draws a transfer of the attempt to somebody.
func (w *world) transfer(attempt int64) Command {
	c := Transfer{AttemptID: attempt, Attended: w.n("attended", 2) == 0}
	switch w.n("to", 3) {
	case 0:
		c.ToQueueID, c.Attended = pick(w, "to queue", w.queues), false
		if w.n("joinable", 3) > 0 {
			c.ToQueueID = pick(w, "joinable queue", w.queues[:5])
		}
	case 1:
		c.ToDestination = "+12025550199"
	default:
		c.ToAgentID = pick(w, "to agent", w.agents)
	}
	return c
}

// outbound draws a command about a member who is dialled.
func (w *world) outbound() Command {
	var open []*Attempt
	for _, a := range w.e.Attempts() {
		if a.Queue.Type.Outbound() {
			open = append(open, a)
		}
	}
	if len(open) == 0 || w.n("more", 3) == 0 {
		c := Dial{
			QueueID: pick(w, "list", w.lists), Destination: fmt.Sprint("+120255502", 10+w.n("number", 20)),
			AttemptSeq: w.n("seq", 4), Bucket: w.bucket(), StickyAgentID: w.sticky(),
		}
		if w.n("picks", 4) > 0 || c.QueueID == w.queues[5] {
			c.AgentID = pick(w, "agent", w.agents[2:])
		}
		if i := slices.IndexFunc(open, func(a *Attempt) bool { return a.State == StateDialing && a.Agent != nil }); i >= 0 && w.n("race", 2) == 0 {
			c.AgentID = open[i].Agent.ID
		}
		if id := int64(w.n("member", 20)); id > 0 {
			c.MemberID = &id
		}
		if w.n("excluded", 8) == 0 {
			c.Exclusions = []Exclusion{{AgentID: pick(w, "not", w.agents), Until: w.now.Add(time.Minute)}}
		}
		return c
	}
	a := pick(w, "open", open)
	agent := int64(0)
	switch {
	case len(a.Offers) > 0:
		agent = a.Offers[0].Agent.ID
	case a.Agent != nil:
		agent = a.Agent.ID
	}
	r := SwitchReport{AttemptID: a.ID, Leg: LegMember}
	if w.n("late", 4) == 0 {
		r.At = w.now.Add(-time.Duration(w.n("earlier", 12_000)-3000) * time.Millisecond)
	}
	r.Cause = pick(w, "cause", []Cause{"", "USER_BUSY", "CALL_REJECTED", "SUBSCRIBER_ABSENT", "NO_ANSWER", "UNALLOCATED_NUMBER", "GATEWAY_DOWN", "OUTGOING_CALL_BARRED"})
	kind := w.n("dialled", 16)
	if a.State == StateDialing && !a.MemberAnsweredAt.IsZero() && w.n("examined", 2) == 0 {
		kind = 5
	}
	switch kind {
	case 0, 1, 2, 3:
		r.Event = SwitchAnswered
	case 4:
		r.Event = SwitchRinging
	case 5, 6, 15:
		r.Event, r.AMDResult = SwitchAMD, pick(w, "amd", []string{"HUMAN", "human", "HUMAN", "HUMAN", "MACHINE", "NOTSURE", "CANCEL", "VOICEMAIL"})
	case 7:
		r.Event = SwitchEnded
	case 8, 9, 10:
		return Accept{AttemptID: a.ID, AgentID: agent, Bridged: w.n("both", 4) == 0}
	case 11:
		r.Event = SwitchBridged
	case 12:
		r.Event, r.Leg = SwitchBridgeFailed, pick(w, "gone", []Leg{LegMember, LegAgent, ""})
	case 13:
		r.Event, r.Leg = SwitchEnded, LegAgent
	default:
		return pick(w, "answer", []Command{
			Skip{AttemptID: a.ID, AgentID: agent}, Decline{AttemptID: a.ID, AgentID: agent},
			Close{AttemptID: a.ID}, Report{AttemptID: a.ID, Result: ResultAbandoned}, Report{AttemptID: a.ID}, w.transfer(a.ID),
		})
	}
	return r
}

// TestRandomCommands drives random commands through the engine and holds every
// invariant of engine.md B.11; the state rebuilt by Put equals the live one,
// and both go on alike.
func TestRandomCommands(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		// rapid likes small numbers; mixing the draw makes all of them equally
		// likely, so that rare commands are reached.
		draw := func(name string, limit int) int {
			x := rapid.Uint64().Draw(rt, name)
			x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
			x = (x ^ x>>27) * 0x94d049bb133111eb
			return int((x ^ x>>31) % uint64(limit))
		}
		newWorld(rt, draw).live(rapid.IntRange(60, 160).Draw(rt, "steps"))
	})
}

// TestEveryMoveIsMade walks by fixed seeds, so that what is reached does not
// depend on luck: every transition of engine.md B.6, and every reason that
// random commands can cause.
func TestEveryMoveIsMade(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a short run is too short to reach everything")
	}
	gone, reached := map[string]int{}, map[string]int{}
	for seed := range uint64(120) {
		dice := rand.New(rand.NewPCG(seed, 1))
		w := newWorld(t, func(_ string, limit int) int { return dice.IntN(limit) })
		w.lists = w.queues[5+seed%6 : 6+seed%6] // one outbound queue a walk
		w.live(300)
		for row, n := range w.witness.moves {
			gone[row] += n
		}
		for what, n := range w.witness.reached {
			reached[what] += n
		}
	}
	everyMove(t, gone)
	for _, reason := range []MissedReason{
		MissedTimeout, MissedDeclined, MissedFailed, MissedMemberHangup, MissedAgentGone, MissedBridgeFailed,
		MissedCancelled, MissedBusy, MissedUnreachable, MissedSkipped,
	} {
		if reached["missed "+string(reason)] == 0 {
			t.Errorf("nobody reached missed %s", reason)
		}
	}
	for _, reason := range []Reason{
		ReasonServed, ReasonReportedSuccess, ReasonReportedCancel, ReasonReportedAbandoned, ReasonProcessingTimeout,
		ReasonTransferred, ReasonMemberHangupWaiting, ReasonMemberHangupOffer, ReasonMaxWait, ReasonNoAgents,
		ReasonBridgeFailed, ReasonCancelled, ReasonWithdrawn, ReasonMaxOffers, ReasonKeyExit, ReasonRecovered,
		ReasonDialogIdle, ReasonIVRCompleted, ReasonShortIVR, ReasonBusy, ReasonNoAnswer, ReasonRejected,
		ReasonUnreachable, ReasonBadNumber, ReasonNetwork, ReasonBarred, ReasonMachine, ReasonAMDNotSure,
		ReasonAMDCancel, ReasonAgentNoAnswer, ReasonSkipped, ReasonAgentGone, ReasonAgentHangup, ReasonLostRace, ReasonCallback,
	} {
		if reached["leaving "+string(reason)] == 0 {
			t.Errorf("nobody left by %s", reason)
		}
	}
}

// live carries out so many random commands, lets an engine rebuilt from the
// records answer every tenth of them too, and then time run out.
func (w *world) live(steps int) {
	var twin *Engine
	for i := range steps {
		w.now = w.now.Add(time.Duration(w.n("ms", pick(w, "pace", []int{500, 500, 10_000}))) * time.Millisecond)
		if w.n("clock", 60) == 0 { // a clock that is set back (engine.md B.10, 22)
			w.now = w.now.Add(-time.Duration(w.n("back", 20)) * time.Second)
		}
		if due, ok := w.e.NextDeadline(); ok && due.Before(w.now) {
			w.now = due
			w.step(Tick{})
		}
		if i%10 == 9 {
			twin = w.rebuilt()
		}
		cmd := w.command()
		firstID := w.ids
		res := w.step(cmd)
		if twin != nil {
			var ids []int64
			for range twin.Needs(cmd) {
				firstID++
				ids = append(ids, firstID)
			}
			again, _ := twin.Step(w.now, WithIDs(cmd, ids...))
			if diff := difference(res, again); diff != "" {
				w.rt.Fatalf("the rebuilt engine answers %#v otherwise:\n%s", cmd, diff)
			}
			twin = nil
		}
	}
	w.runOut()
}
