package queue

import (
	"strings"
	"time"
)

// The results of answering machine detection that the engine acts on: the field
// amd_result. Any other label of a detector stands for something that is no
// person.
const (
	AMDHuman   = "HUMAN"
	AMDMachine = "MACHINE"
	AMDNotSure = "NOTSURE"
	AMDCancel  = "CANCEL"
)

// amdNet is how long after the detection's own time its result may come.
const amdNet = time.Second

// detected is the result of the detection, as the switch reports it. One after
// the deadline is ignored (engine.md B.10, 7).
func (s *step) detected(a *attempt, c SwitchReport) error {
	result := strings.ToUpper(c.AMDResult)
	switch {
	case result == "" || len(result) > 64 || strings.IndexFunc(result, notInCause) >= 0:
		return invalid("amd_result", "amd_result is HUMAN, MACHINE, NOTSURE, CANCEL or the label of a detector: at most 64 letters, digits and _")
	case a.AMDMs == 0:
		s.res.Dropped = "the member is not examined for an answering machine"
		return nil
	case a.State != StateDialing:
		s.res.Dropped = "the detection is over"
		return nil
	case !a.MemberAnsweredAt.IsZero() && s.at.After(a.DialUntil):
		s.res.Dropped = "the result of the detection has come too late"
		return nil
	}
	s.touch(a)
	if a.MemberAnsweredAt.IsZero() {
		a.MemberAnsweredAt = s.at
	}
	if result == "MASHINE" { // as the published list of events spells it
		result = AMDMachine
	}
	s.judge(a, result, c.Reason)
	return nil
}

// judge goes on with a person and ends the attempt of anything else.
func (s *step) judge(a *attempt, result, why string) {
	a.AMDResult, a.AMDCause = result, why
	end := ending{result: ResultAbandoned, reason: ReasonMachine, cause: CauseUnspecified}
	switch result {
	case AMDHuman:
		s.human(a)
		return
	case AMDNotSure:
		if s.queueOf(a).cfg.AllowNotSure {
			s.human(a)
			return
		}
		end.reason = ReasonAMDNotSure
	case AMDCancel:
		end.reason, end.cause = ReasonAMDCancel, CauseNormalClearing
	}
	s.drop(a, end)
}
