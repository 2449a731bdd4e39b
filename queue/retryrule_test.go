package queue

import (
	"testing"
	"time"
)

// TestRuleFits: all that a rule names has to fit; the first that does decides,
// and without one the default rules do.
func TestRuleFits(t *testing.T) {
	t.Parallel()
	busy := Attempt{ResultReason: ReasonBusy, Result: ResultAbandoned, Cause: "USER_BUSY", SIPCode: 486, AttemptSeq: 2}
	for name, row := range map[string]struct {
		rule RetryRule
		want bool
	}{
		"nothing named":            {RetryRule{}, true},
		"its reason":               {RetryRule{Reasons: []Reason{ReasonNoAnswer, ReasonBusy}}, true},
		"another reason":           {RetryRule{Reasons: []Reason{ReasonNoAnswer}}, false},
		"its class":                {RetryRule{Classes: []CauseClass{ClassBusy}}, true},
		"another class":            {RetryRule{Classes: []CauseClass{ClassNetwork}}, false},
		"its cause":                {RetryRule{Causes: []Cause{"USER_BUSY"}}, true},
		"another cause":            {RetryRule{Causes: []Cause{CauseNoAnswer}}, false},
		"its code":                 {RetryRule{SIPFrom: 486}, true},
		"another code":             {RetryRule{SIPFrom: 487}, false},
		"a range with it":          {RetryRule{SIPFrom: 400, SIPTo: 486}, true},
		"a range without":          {RetryRule{SIPFrom: 487, SIPTo: 499}, false},
		"no detection":             {RetryRule{AMDResults: []string{AMDMachine}}, false},
		"from this attempt":        {RetryRule{AttemptFrom: 2}, true},
		"from a later one":         {RetryRule{AttemptFrom: 3}, false},
		"up to this one":           {RetryRule{AttemptTo: 2}, true},
		"up to an earlier one":     {RetryRule{AttemptTo: 1}, false},
		"reason fits, cause not":   {RetryRule{Reasons: []Reason{ReasonBusy}, Causes: []Cause{CauseNoAnswer}}, false},
		"everything that there is": {RetryRule{Reasons: []Reason{ReasonBusy}, Classes: []CauseClass{ClassBusy}, Causes: []Cause{"USER_BUSY"}, SIPFrom: 480, SIPTo: 490, AttemptFrom: 1, AttemptTo: 5}, true},
	} {
		if got := row.rule.fits(&busy); got != row.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	served := Attempt{ResultReason: ReasonServed, Result: ResultSuccess, AttemptSeq: 1}
	if (&RetryRule{}).fits(&served) || !(&RetryRule{Reasons: []Reason{ReasonServed}}).fits(&served) {
		t.Error("a success fits a rule that does not name it, or does not fit one that does")
	}
	chat := Attempt{ResultReason: ReasonCancelled, Result: ResultCancel}
	if (&RetryRule{Classes: []CauseClass{ClassNormal}}).fits(&chat) {
		t.Error("no cause fits a class")
	}

	q := DefaultQueue(1, "sales", Predictive)
	q.RetryRules = []RetryRule{
		{Reasons: []Reason{ReasonNoAnswer}, AfterSec: 1},
		{Name: "second", Reasons: []Reason{ReasonBusy}, AfterSec: 2, Uncounted: true, OtherTrunk: true, Max: 4, Number: NumberNext},
		{Reasons: []Reason{ReasonBusy}, Stop: true},
	}
	r, name := q.plan(&busy)
	if want := (Retry{Again: true, AfterSec: 2, Uncounted: true, OtherTrunk: true, Max: 4, Number: NumberNext}); r != want || name != "second" {
		t.Errorf("busy: %+v by %q, want %+v", r, name, want)
	}
	noAnswer := Attempt{ResultReason: ReasonNoAnswer, Result: ResultAbandoned, AttemptSeq: 1}
	if r, name := q.plan(&noAnswer); r.AfterSec != 1 || name != "rule 1" {
		t.Errorf("no answer: %+v by %q", r, name)
	}
	machine := Attempt{ResultReason: ReasonMachine, Result: ResultAbandoned, AttemptSeq: 1}
	if r, name := q.plan(&machine); r.AfterSec != 7200 || name != "machine" {
		t.Errorf("a machine: %+v by %q", r, name)
	}
	q.RetryRules = q.RetryRules[2:]
	if r := q.Retry(&busy); r != (Retry{}) {
		t.Errorf("a rule that stops: %+v", r)
	}
	reported := Attempt{ResultReason: ReasonReportedAbandoned, Result: ResultAbandoned, AttemptSeq: 1, RetryAt: epoch.Add(time.Hour)}
	if r, name := q.plan(&reported); !r.Again || name != ByReport {
		t.Errorf("reported with a time: %+v by %q", r, name)
	}
	reported.NoRetry = true
	if r, name := q.plan(&reported); r.Again || name != ByReport {
		t.Errorf("reported with stop: %+v by %q", r, name)
	}
}

// TestNumberOfAMember: the number that a rule asked for, else by priority, then
// the fewest attempts, then whose last one is longest ago, then as listed.
func TestNumberOfAMember(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	queue := c.queue("sales", IVR)
	q := c.e.queues[queue]
	s := &step{e: c.e, now: c.now, at: c.now}
	number := func(n string, priority, attempts int, ago int) Number {
		x := Number{Number: n, Priority: priority, Attempts: attempts}
		if ago > 0 {
			x.LastAt = epoch.Add(-time.Duration(ago) * time.Second)
		}
		return x
	}
	forbidden, stopped := number("+8", 9, 0, 0), number("+9", 9, 0, 0)
	forbidden.Forbidden, stopped.Stopped = true, ReasonBadNumber
	for name, row := range map[string]struct {
		numbers []Number
		next    string
		want    string
	}{
		"priority":          {[]Number{number("+1", 0, 0, 0), number("+2", 1, 5, 1)}, "", "+2"},
		"fewest attempts":   {[]Number{number("+1", 1, 2, 90), number("+2", 1, 1, 10)}, "", "+2"},
		"longest ago":       {[]Number{number("+1", 1, 1, 10), number("+2", 1, 1, 90)}, "", "+2"},
		"never":             {[]Number{number("+1", 1, 0, 10), number("+2", 1, 0, 0)}, "", "+2"},
		"as listed":         {[]Number{number("+1", 1, 0, 0), number("+2", 1, 0, 0)}, "", "+1"},
		"as asked":          {[]Number{number("+1", 1, 0, 0), number("+2", 0, 3, 1)}, "+2", "+2"},
		"asked, but gone":   {[]Number{number("+1", 1, 0, 0), number("+2", 0, 3, 1)}, "+3", "+1"},
		"not the forbidden": {[]Number{forbidden, stopped, number("+1", 0, 0, 0)}, "+8", "+1"},
	} {
		m := &Member{ID: 1, QueueID: queue, Numbers: row.numbers, NextNumber: row.next}
		if got, why := s.pickNumber(q, m); got != row.want || why != numberFound {
			t.Errorf("%s: %s (%d), want %s", name, got, why, row.want)
		}
	}
	open := onList(1, queue)
	c.do(Dial{QueueID: queue, Member: open})
	if got, why := s.pickNumber(q, &Member{Numbers: open.Numbers}); why != numberBusy {
		t.Errorf("a number in an open attempt: %s, %d", got, why)
	}
}
