package queue

import (
	"fmt"
	"time"
)

// Retry says what becomes of a listed member after an attempt of an outbound
// queue: the last column of engine.md B.9.
type Retry struct {
	// Again: he is ready for another attempt AfterSec seconds after this one left.
	Again    bool
	AfterSec int
	// Uncounted: this attempt does not count towards max_attempts.
	Uncounted bool
	// BadNumber: this number is not dialled again; another one of his may be, at
	// once.
	BadNumber bool
	// OtherTrunk: the next attempt shall leave by another trunk; Max bounds how
	// often that is tried in a row, 0 = no bound.
	OtherTrunk bool
	Max        int
	// Number is which of his numbers is next: same, next, or best (or empty).
	Number string
}

// retries are the rules that need no setting. A reason that is not here stops
// the member.
var retries = map[Reason]Retry{
	ReasonBusy:        {Again: true, AfterSec: 300},
	ReasonRejected:    {Again: true, AfterSec: 14400},
	ReasonUnreachable: {Again: true, AfterSec: 3600},
	ReasonBadNumber:   {BadNumber: true},
	ReasonNetwork:     {Again: true, AfterSec: 60, Uncounted: true, OtherTrunk: true, Max: 3},
	ReasonMachine:     {Again: true, AfterSec: 7200},
	ReasonAMDNotSure:  {Again: true, AfterSec: 1800},
	ReasonAMDCancel:   {Again: true, AfterSec: 1800},

	ReasonBridgeFailed: {Again: true, AfterSec: 60},
	ReasonAgentHangup:  {Again: true, AfterSec: 60},
	ReasonLostRace:     {Again: true, Uncounted: true},
	ReasonShutdown:     {Again: true, Uncounted: true},
	ReasonRecovered:    {Again: true, Uncounted: true},
}

// Retry returns what the queue's rules make of the attempt, which has its result,
// reason and cause. Whoever holds the list may know better: another number, the
// member's own expiry.
func (q *Queue) Retry(a *Attempt) Retry {
	r, _ := q.plan(a)
	if r.Again && !r.Uncounted && q.MaxAttempts > 0 && a.AttemptSeq >= q.MaxAttempts {
		r = Retry{} // that was the last one
	}
	return r
}

// plan returns what the report, the queue's own rules or the default ones say of
// the attempt, and which of them.
func (q *Queue) plan(a *Attempt) (Retry, string) {
	if a.NoRetry {
		return Retry{}, ByReport
	}
	if a.ResultReason == ReasonReportedAbandoned && !a.RetryAt.IsZero() {
		return Retry{Again: true}, ByReport
	}
	for i := range q.RetryRules {
		if rule := &q.RetryRules[i]; rule.fits(a) {
			name := rule.Name
			if name == "" {
				name = fmt.Sprintf("rule %d", i+1)
			}
			return rule.retry(), name
		}
	}
	return q.retryRule(a), string(a.ResultReason)
}

func (q *Queue) retryRule(a *Attempt) Retry {
	person := Retry{Again: q.RetryAbandonedSec > 0, AfterSec: q.RetryAbandonedSec} // he answered, and nobody was there
	switch a.ResultReason {
	case ReasonNoAnswer, ReasonReportedAbandoned, ReasonShortIVR:
		return Retry{Again: true, AfterSec: q.WaitBetweenRetriesSec}
	case ReasonProcessingTimeout:
		if q.ProcessingTimeoutRetry {
			return Retry{Again: true, AfterSec: q.WaitBetweenRetriesSec}
		}
	case ReasonNetwork:
		if a.Cause.Class() == ClassConfig { // a fault in the set-up does not mend itself
			return Retry{}
		}
	case ReasonNoAgents, ReasonMemberHangupWaiting, ReasonMemberHangupOffer:
		if a.Queue.Type.agentFirst() { // an agent was there, only not connected yet
			return Retry{Again: true, AfterSec: q.WaitBetweenRetriesSec}
		}
		return person
	case ReasonAgentNoAnswer, ReasonAgentGone:
		if a.Result == ResultAbandoned {
			return person
		}
		return Retry{Again: true, Uncounted: true}
	case ReasonSkipped:
		return Retry{Again: true, AfterSec: q.SkipDelaySec, Uncounted: true}
	}
	return retries[a.ResultReason]
}

// planRetry notes on an attempt that leaves when its member is tried again: as
// the report said, or by the rules.
func (s *step) planRetry(a *attempt, kept bool) {
	if !a.Queue.Type.Outbound() {
		return
	}
	q := &s.queueOf(a).cfg
	if m := s.listedIn(a); m != nil {
		a.RetryAt = s.settle(a, q, kept)
		return
	}
	r := q.Retry(&a.Attempt)
	if kept {
		r = Retry{Again: true, Uncounted: true}
	}
	a.Uncounted = r.Uncounted
	if r.Again {
		a.RetryAt = a.readyAt(r)
	} else {
		a.RetryAt = time.Time{}
	}
}

// listedIn returns the listed member who is in the attempt, or nil.
func (s *step) listedIn(a *attempt) *Member {
	if a.MemberID == nil {
		return nil
	}
	if m := s.e.listed[*a.MemberID]; m != nil && m.Open == a.ID {
		return m
	}
	return nil
}
