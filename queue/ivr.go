package queue

import "time"

// Outbound IVR: no agent. The flow of the switch talks to the member, so ringing
// is the offering and the answer is the bridge (engine.md B.7).

// ivrRings: the member's phone rings. Sent once.
func (s *step) ivrRings(a *attempt) {
	if a.OfferingAt.IsZero() {
		a.OfferingAt = s.when(a)
		s.fire(a, EventOffering, nil)
	}
}

// ivrAnswered: a person has answered, the flow begins. Offering comes first, if
// the ringing was not reported.
func (s *step) ivrAnswered(a *attempt) {
	s.ivrRings(a)
	s.talk(a, nil)
}

// ivrResult judges the flow that has ended by its length.
func (s *step) ivrResult(a *attempt) (CCResult, Reason) {
	least := time.Duration(s.queueOf(a).cfg.MinDurationSec) * time.Second
	if a.EndedAt.Sub(a.BridgedAt) < least {
		return ResultAbandoned, ReasonShortIVR
	}
	return ResultSuccess, ReasonIVRCompleted
}
