package queue

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue/pacing"
)

// TestPaceKeepsTheBooks: what the law counts of each way in which a dialled call
// can end (figures.md 2.3: two seconds, people only).
func TestPaceKeepsTheBooks(t *testing.T) {
	t.Parallel()
	const number = "+12025550101"
	answered := SwitchReport{Leg: LegMember, Event: SwitchAnswered}
	ended := SwitchReport{Leg: LegMember, Event: SwitchEnded}
	for _, test := range []struct {
		name string
		play func(c *centre, id, anna int64)
		amd  bool
		want pacing.Count
	}{
		{"bridged within two seconds", func(c *centre, id, anna int64) {
			c.report(id, answered)
			c.at(12)
			c.do(Accept{AttemptID: id, AgentID: anna, Bridged: true})
		}, false, pacing.Count{Persons: 1, Connected: 1}},
		{"bridged late", func(c *centre, id, anna int64) {
			c.report(id, answered)
			c.at(12.001)
			c.do(Accept{AttemptID: id, AgentID: anna, Bridged: true})
		}, false, pacing.Count{Persons: 1, Dropped: 1}},
		{"hung up before two seconds", func(c *centre, id, _ int64) {
			c.report(id, answered)
			c.at(11.9)
			c.report(id, ended)
		}, false, pacing.Count{Persons: 1, Unbridged: 1}},
		{"nobody for two seconds", func(c *centre, id, anna int64) {
			c.do(SetAgentStatus{AgentID: anna, Status: StatusOffline})
			c.report(id, answered)
			c.at(12)
			c.report(id, ended)
		}, false, pacing.Count{Persons: 1, Dropped: 1, Unbridged: 1}},
		{"the wait begins when the detection ends", func(c *centre, id, anna int64) {
			c.report(id, answered)
			c.at(14)
			c.report(id, SwitchReport{Event: SwitchAMD, AMDResult: AMDHuman})
			c.at(15.5)
			c.do(Accept{AttemptID: id, AgentID: anna, Bridged: true})
		}, true, pacing.Count{Persons: 1, Connected: 1}},
		{"a machine is no person", func(c *centre, id, _ int64) {
			c.report(id, answered)
			c.report(id, SwitchReport{Event: SwitchAMD, AMDResult: AMDMachine})
		}, true, pacing.Count{Machines: 1}},
		{"nobody answers", func(c *centre, id, _ int64) { c.report(id, ended) }, false, pacing.Count{}},
		{"cut by the engine", func(c *centre, id, _ int64) { c.do(Cancel{AttemptID: id}) }, false, pacing.Count{}},
	} {
		c := newCentre(t)
		q := c.queue("sales", Predictive, func(q *Queue) { q.AMD = test.amd })
		anna := c.agent("Anna", q)
		id := c.do(Dial{QueueID: q, Destination: number}).Attempt.ID
		c.at(10)
		test.play(c, id, anna)
		report, _ := c.e.Pacing(q, c.now)
		if diff := cmp.Diff(test.want, report.Rates.Campaign.Count); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}

// report tells of the attempt what the switch says.
func (c *centre) report(id int64, r SwitchReport) {
	c.t.Helper()
	r.AttemptID = id
	c.do(r)
}

// TestPaceIsStored: an engine that takes over the records decides and reports
// as the one that stepped.
func TestPaceIsStored(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Predictive)
	var last *Pace
	for i := range 3 {
		id := c.do(Dial{QueueID: q, Destination: "+12025550101"}).Attempt.ID
		c.at(float64(10 * (i + 1)))
		c.report(id, SwitchReport{Leg: LegMember, Event: SwitchAnswered})
		res := c.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
		for _, r := range res.Changed {
			if p, ok := r.(*Pace); ok {
				last = p
			}
		}
	}
	other := New(c.e.domain)
	other.Put(last, c.e.Queue(q))
	got, _ := other.Pacing(q, c.now)
	want, _ := c.e.Pacing(q, c.now)
	if diff := cmp.Diff(want, got); diff != "" || want.Rates.Campaign.Persons != 3 {
		t.Errorf("of %d people, stepped and stored differ:\n%s", want.Rates.Campaign.Persons, diff)
	}
}

// TestLawOfAQueue: a queue says by which law it counts, and may change it.
func TestLawOfAQueue(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Predictive)
	cfg := c.e.Queue(q)
	cfg.Pacing.MaximumPercent = 1
	if _, err := c.try(SaveQueue{Queue: *cfg}); err == nil || err.(*Error).Field != "pacing" {
		t.Errorf("a maximum under the target: got %v, want a refusal of pacing", err)
	}
	uk := pacing.UK()
	cfg.Pacing = &uk
	c.do(SaveQueue{Queue: *cfg})
	uk.TargetPercent = 99 // the caller's copy is his own
	if got := c.e.Queue(q).Pacing; got.Window != pacing.Hours24 || got.TargetPercent == 99 {
		t.Errorf("the law of the queue is %+v", got)
	}
	if c.e.queues[q].pace.Settings().Denominator != pacing.ConnectedDropped {
		t.Error("the pacer goes on by the old law")
	}
}
