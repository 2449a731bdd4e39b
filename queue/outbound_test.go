package queue

import (
	"testing"
	"time"
)

// TestWorkedPreviewExample carries out the worked example of engine.md B.3:
// joined and offered at 0, accepted at 5, answered at 17, hung up at 77,
// reported at 97.
func TestWorkedPreviewExample(t *testing.T) {
	t.Parallel()
	for _, typ := range []Type{Preview, Offline} {
		c := newCentre(t)
		q := c.queue("callbacks", typ)
		anna := c.agent("Anna", q)
		id := c.do(Dial{QueueID: q, AgentID: anna, Destination: "+12025550101"}).Attempt.ID
		c.at(5)
		c.do(Accept{AttemptID: id, AgentID: anna})
		c.at(17)
		c.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchAnswered})
		c.do(SwitchReport{AttemptID: id, Event: SwitchBridged})
		c.at(77)
		c.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
		c.at(97)
		c.do(Report{AttemptID: id})

		c.wantStory(id, "joined", "offering Anna", "answered Anna", "active Anna", "bridged Anna",
			"processing Anna NORMAL_CLEARING", "leaving Anna success reported_success NORMAL_CLEARING")
		c.wantDurations(id, []durations{
			{0.0, nil, nil, nil}, {0.0, nil, nil, nil}, {5.0, 0.0, nil, nil}, {5.0, 0.0, nil, nil},
			{17.0, 12.0, 0.0, 0.0}, {77.0, 72.0, 60.0, 60.0}, {97.0, 72.0, 60.0, 60.0},
		})
	}
}

// TestLateDetection: a result whose deadline has passed is ignored although the
// engine has not been told the time in between (engine.md B.10, 7).
func TestLateDetection(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Predictive, func(q *Queue) { q.AMD = true })
	id := c.do(Dial{QueueID: q, Destination: "+12025550101"}).Attempt.ID
	c.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchAnswered})
	c.now = at(6.5)
	if res := c.do(SwitchReport{AttemptID: id, Event: SwitchAMD, AMDResult: "HUMAN"}); res.Dropped == "" {
		t.Errorf("a result half a second too late was taken: %+v", res.Attempt)
	}
	if res := c.do(SwitchReport{AttemptID: id, Event: SwitchAMD, AMDResult: "HUMAN", At: at(5.9)}); res.Dropped != "" || res.Attempt.State != StateWaiting {
		t.Errorf("a result in time, told late, was dropped: %s", res.Dropped)
	}
}

// TestRetryRules holds the default rules to the last column of engine.md B.9.
func TestRetryRules(t *testing.T) {
	t.Parallel()
	q := DefaultQueue(1, "sales", Predictive)
	stop := Retry{}
	after := func(sec int) Retry { return Retry{Again: true, AfterSec: sec} }
	now := Retry{Again: true, Uncounted: true}
	for _, row := range []struct {
		reason Reason
		result CCResult
		cause  Cause
		want   Retry
	}{
		{ReasonServed, ResultSuccess, "", stop},
		{ReasonReportedSuccess, ResultSuccess, "", stop},
		{ReasonReportedCancel, ResultCancel, "", stop},
		{ReasonReportedAbandoned, ResultAbandoned, "", after(1800)},
		{ReasonProcessingTimeout, ResultSuccess, "", stop},
		{ReasonTransferred, ResultSuccess, "", stop},
		{ReasonIVRCompleted, ResultSuccess, "", stop},
		{ReasonShortIVR, ResultAbandoned, "", after(1800)},
		{ReasonNoAgents, ResultAbandoned, "", after(259200)},
		{ReasonAgentNoAnswer, ResultAbandoned, "", after(259200)},
		{ReasonAgentGone, ResultAbandoned, "", after(259200)},
		{ReasonMemberHangupWaiting, ResultAbandoned, "", after(259200)},
		{ReasonBusy, ResultAbandoned, "USER_BUSY", after(300)},
		{ReasonNoAnswer, ResultAbandoned, "NO_ANSWER", after(1800)},
		{ReasonRejected, ResultAbandoned, "CALL_REJECTED", after(14400)},
		{ReasonUnreachable, ResultAbandoned, "SUBSCRIBER_ABSENT", after(3600)},
		{ReasonBadNumber, ResultAbandoned, "UNALLOCATED_NUMBER", Retry{BadNumber: true}},
		{ReasonNetwork, ResultAbandoned, "GATEWAY_DOWN", Retry{Again: true, AfterSec: 60, Uncounted: true, OtherTrunk: true, Max: 3}},
		{ReasonNetwork, ResultAbandoned, "INVALID_GATEWAY", stop},
		{ReasonBarred, ResultAbandoned, "OUTGOING_CALL_BARRED", stop},
		{ReasonMachine, ResultAbandoned, "", after(7200)},
		{ReasonAMDNotSure, ResultAbandoned, "", after(1800)},
		{ReasonAMDCancel, ResultAbandoned, "", after(1800)},
		{ReasonBridgeFailed, ResultAbandoned, "", after(60)},
		{ReasonAgentNoAnswer, ResultCancel, "", now},
		{ReasonAgentGone, ResultCancel, "", now},
		{ReasonSkipped, ResultCancel, "", Retry{Again: true, AfterSec: 300, Uncounted: true}},
		{ReasonAgentHangup, ResultCancel, "", after(60)},
		{ReasonLostRace, ResultCancel, "", now},
		{ReasonCancelled, ResultCancel, "", stop},
		{ReasonShutdown, ResultCancel, "", now},
		{ReasonRecovered, ResultCancel, "", now},
	} {
		a := Attempt{ResultReason: row.reason, Result: row.result, Cause: row.cause, AttemptSeq: 1}
		if got := q.Retry(&a); got != row.want {
			t.Errorf("%s %s: %+v, want %+v", row.reason, row.result, got, row.want)
		}
		a.AttemptSeq = q.MaxAttempts
		if got := q.Retry(&a); got.Again != (row.want.Again && row.want.Uncounted) {
			t.Errorf("%s %s, the last attempt: %+v", row.reason, row.result, got)
		}
	}
	preview := Attempt{Queue: QueueRef{Type: Preview}, ResultReason: ReasonMemberHangupWaiting, Result: ResultAbandoned, AttemptSeq: 1}
	if got := q.Retry(&preview); got != after(1800) {
		t.Errorf("a member of preview who hung up before the bridge: %+v", got)
	}
	q.RetryAbandonedSec = 0
	if got := q.Retry(&Attempt{ResultReason: ReasonNoAgents, Result: ResultAbandoned, AttemptSeq: 1}); got != stop {
		t.Errorf("retry_abandoned_sec 0 gives %+v", got)
	}
}

// TestCausesGiveReasons: every cause of Part C has its reason by its class.
func TestCausesGiveReasons(t *testing.T) {
	t.Parallel()
	want := map[CauseClass]Reason{
		ClassNormal: ReasonNoAnswer, ClassBusy: ReasonBusy, ClassNoAnswer: ReasonNoAnswer, ClassUnreachable: ReasonUnreachable,
		ClassRejected: ReasonRejected, ClassBadNumber: ReasonBadNumber, ClassNetwork: ReasonNetwork, ClassBarred: ReasonBarred,
		ClassLocal: ReasonNoAnswer, ClassConfig: ReasonNetwork,
	}
	for cause, info := range causes {
		if got := ReasonByCause(cause); got != want[info.class] {
			t.Errorf("%s: %s, want %s", cause, got, want[info.class])
		}
	}
}

// TestDialIsRefused: every refusal of Dial and Skip by its code.
func TestDialIsRefused(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	sales, leads, in := c.queue("sales", Progressive), c.queue("leads", Offline), c.queue("in", Inbound)
	off := c.queue("off", IVR, func(q *Queue) { q.Enabled = false })
	anna, boris := c.agent("Anna", sales, leads), c.agent("Boris", in)
	member := int64(7)
	c.do(Dial{QueueID: sales, Destination: "+12025550101", MemberID: &member})
	bad := "\x00"
	for name, row := range map[string]struct {
		cmd  Command
		want Code
	}{
		"no queue":          {Dial{QueueID: 1, Destination: "+1"}, CodeUnknownQueue},
		"inbound":           {Dial{QueueID: in, Destination: "+1"}, CodeBadState},
		"disabled":          {Dial{QueueID: off, Destination: "+1"}, CodeQueueDisabled},
		"no number":         {Dial{QueueID: sales}, CodeInvalid},
		"member open":       {Dial{QueueID: sales, Destination: "+1", MemberID: &member}, CodeMemberBusy},
		"number open":       {Dial{QueueID: sales, Destination: "+12025550101"}, CodeMemberBusy},
		"nobody free":       {Dial{QueueID: sales, Destination: "+1"}, CodeNoAgent},
		"not free":          {Dial{QueueID: sales, Destination: "+1", AgentID: anna}, CodeNoAgent},
		"not of the queue":  {Dial{QueueID: sales, Destination: "+1", AgentID: boris}, CodeNoAgent},
		"unknown agent":     {Dial{QueueID: sales, Destination: "+1", AgentID: 1}, CodeUnknownAgent},
		"nobody picks":      {Dial{QueueID: leads, Destination: "+1"}, CodeInvalid},
		"text":              {Dial{QueueID: sales, Destination: bad}, CodeInvalid},
		"skip what":         {Skip{AttemptID: 1, AgentID: anna}, CodeUnknownAttempt},
		"join of a dialler": {Join{QueueID: sales, Destination: &bad}, CodeBadState},
	} {
		c.refuses(name, row.cmd, row.want)
	}
}

// TestReservedAgentsGoInTurn: the agent who has been idle longest is reserved
// first; a member who fails does not cost her that place.
func TestReservedAgentsGoInTurn(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Progressive, func(q *Queue) { q.ProgressiveCount = 2 })
	c.agent("Anna", q)
	c.at(1)
	c.agent("Boris", q)
	reserved := func(number string) (int64, string) {
		a := c.do(Dial{QueueID: q, Destination: number}).Attempt
		return a.ID, a.Agent.Name
	}
	first, name := reserved("+12025550101")
	if name != "Anna" {
		t.Errorf("%s is reserved first", name)
	}
	c.at(2)
	c.do(SwitchReport{AttemptID: first, Leg: LegMember, Event: SwitchEnded, Cause: "USER_BUSY"})
	// Again Anna; then Boris, who is free, before a second member for Anna.
	for i, want := range []string{"Anna", "Boris", "Anna", "Boris"} {
		if _, name := reserved("+1202555020" + string(rune('0'+i))); name != want {
			t.Errorf("member %d is dialled for %s, want %s", i, name, want)
		}
	}
	if due, ok := c.e.NextDeadline(); !ok || !due.Equal(at(2).Add(65*time.Second)) {
		t.Errorf("the next deadline is %v", due)
	}
}
