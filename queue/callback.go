package queue

import "time"

// callbackRetry is when a callback is tried again for which there was no id.
const callbackRetry = time.Second

// callBack puts the caller who waits on the list of an outbound queue and ends
// his waiting. He is due at once, ordered by when he came (engine.md B.12). A
// caller without a number, or a queue that is gone, leaves him where he is.
func (s *step) callBack(a *attempt, queueID int64) {
	to := s.e.queues[queueID]
	if to == nil || !to.cfg.Type.Outbound() || a.Destination == nil {
		return
	}
	m := &Member{
		QueueID: queueID, Name: a.MemberName, Numbers: []Number{{Number: *a.Destination}}, Priority: a.Priority,
		Variables: a.Variables, StickyAgentID: a.StickyAgentID, CreatedAt: s.now, ReadyAt: a.placeAt(), RetryRule: ByCallback,
	}
	if to.cfg.validateBucket(a.Bucket) == nil {
		m.Bucket = a.Bucket
	}
	if m.Validate() != nil {
		return
	}
	id, ok := s.e.fresh()
	if !ok { // the step is taken again when there is one
		a.OverflowDone--
		a.OverflowAt = s.now.Add(callbackRetry)
		return
	}
	m.ID = id
	s.noteMember(m)
	s.leaveWaiting(a, ReasonCallback)
}
