package queue

import (
	"fmt"
	"slices"
)

// Which number a retry rule asks for; empty = the best.
const (
	NumberSame = "same"
	NumberNext = "next"
	NumberBest = "best"
)

// RetryRule is one rule of a queue's retry plan (engine.md B.13). It fits an
// attempt when all that it names does; the first rule that fits decides, and
// after the last one the default rules do.
type RetryRule struct {
	// Name is what Member.RetryRule says; empty = rule 1, rule 2 …
	Name string `json:"name,omitempty"`
	// What has to fit. An empty list, or 0, fits everything, except that an
	// attempt with the result success fits only a rule that names its reason.
	Reasons     []Reason     `json:"reasons,omitempty"`
	Classes     []CauseClass `json:"cause_classes,omitempty"`
	Causes      []Cause      `json:"causes,omitempty"`
	SIPFrom     int          `json:"sip_from,omitempty"`
	SIPTo       int          `json:"sip_to,omitempty"` // 0 = SIPFrom
	AMDResults  []string     `json:"amd_results,omitempty"`
	AttemptFrom int          `json:"attempt_from,omitempty"` // cc_attempt_seq
	AttemptTo   int          `json:"attempt_to,omitempty"`
	// Stop ends the member. Else he is ready again after AfterSec.
	Stop     bool `json:"stop,omitempty"`
	AfterSec int  `json:"after_sec,omitempty"`
	// Uncounted: the attempt does not count towards max_attempts.
	Uncounted bool `json:"uncounted,omitempty"`
	// Number is same, next or best (or empty) of the member's numbers.
	Number string `json:"number,omitempty"`
	// OtherTrunk has the next call leave by another trunk, if one takes the number.
	OtherTrunk bool `json:"other_trunk,omitempty"`
	// Max is how often in a row the rule may be used for a member; after that the
	// attempt counts and he waits wait_between_retries_sec. 0 = no limit.
	Max int `json:"max,omitempty"`
}

// fits reports whether the rule is about the attempt, which has its result.
func (r *RetryRule) fits(a *Attempt) bool {
	sipTo := r.SIPTo
	if sipTo == 0 {
		sipTo = r.SIPFrom
	}
	switch {
	case len(r.Reasons) > 0 && !slices.Contains(r.Reasons, a.ResultReason),
		len(r.Reasons) == 0 && a.Result == ResultSuccess,
		len(r.Classes) > 0 && (a.Cause == "" || !slices.Contains(r.Classes, a.Cause.Class())),
		len(r.Causes) > 0 && !slices.Contains(r.Causes, a.Cause),
		r.SIPFrom > 0 && (a.SIPCode < r.SIPFrom || a.SIPCode > sipTo),
		len(r.AMDResults) > 0 && !slices.Contains(r.AMDResults, a.AMDResult),
		a.AttemptSeq < r.AttemptFrom,
		r.AttemptTo > 0 && a.AttemptSeq > r.AttemptTo:
		return false
	}
	return true
}

func (r *RetryRule) retry() Retry {
	if r.Stop {
		return Retry{Uncounted: r.Uncounted}
	}
	return Retry{
		Again: true, AfterSec: r.AfterSec, Uncounted: r.Uncounted, OtherTrunk: r.OtherTrunk, Max: r.Max, Number: r.Number,
	}
}

func (r *RetryRule) validate(field string) error {
	for _, c := range r.Classes {
		if !slices.Contains(CauseClasses, c) {
			return invalid(field+"/cause_classes", fmt.Sprintf("%q is no class of causes; use one of %v", c, CauseClasses))
		}
	}
	switch {
	case len(r.Name) > 100:
		return invalid(field+"/name", "a rule's name has at most 100 bytes")
	case r.SIPFrom < 0 || r.SIPFrom > 699 || r.SIPTo < 0 || r.SIPTo > 699 || r.SIPTo > 0 && r.SIPTo < r.SIPFrom:
		return invalid(field+"/sip_from", "sip_from and sip_to are SIP codes, the lower one first")
	case r.AttemptFrom < 0 || r.AttemptTo < 0 || r.AttemptTo > 0 && r.AttemptTo < r.AttemptFrom:
		return invalid(field+"/attempt_from", "attempt_from and attempt_to are numbers of attempts, the lower one first")
	case r.AfterSec < 0 || r.AfterSec > 365*24*3600:
		return invalid(field+"/after_sec", "after_sec must be between 0 and 31536000, a year")
	case r.Number != "" && r.Number != NumberSame && r.Number != NumberNext && r.Number != NumberBest:
		return invalid(field+"/number", "number is same, next or best")
	case r.Max < 0 || r.Max > 1000:
		return invalid(field+"/max", "max must be between 0 and 1000")
	case r.Stop && (r.AfterSec > 0 || r.Number != "" || r.OtherTrunk || r.Max > 0):
		return invalid(field+"/stop", "a rule that stops the member says nothing of the next attempt")
	}
	return validateTexts(nil, "", &r.Name)
}

func (q *Queue) validateList() error {
	switch {
	case q.MaxCalls < 0 || q.MaxCalls > 1_000_000:
		return invalid("max_calls", "max_calls must be between 0 and 1000000")
	case q.CallsPerSec < 0 || q.CallsPerSec > maxCallsPerSec:
		return invalid("calls_per_sec", fmt.Sprintf("calls_per_sec must be between 0 and %d", maxCallsPerSec))
	case len(q.RetryRules) > 100:
		return invalid("retry_rules", "a queue has at most 100 retry rules")
	}
	for i := range q.RetryRules {
		if err := q.RetryRules[i].validate(fmt.Sprintf("retry_rules/%d", i)); err != nil {
			return err
		}
	}
	return nil
}
