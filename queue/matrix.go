package queue

import "math"

// Bound is how often one attempt fires an event: from Least to Most times.
type Bound struct{ Least, Most int }

// Many is a Most without a limit.
const Many = math.MaxInt

// Fires is the table of engine.md B.8: how often an attempt of the queue that
// has left fired the event, which is one of AttemptEvents.
func (q *Queue) Fires(e EventType) Bound {
	offered := Bound{0, Many}
	switch {
	case q.Type.agentFirst():
		offered = Bound{1, 1}
	case q.Type == IVR, q.Type == Progressive && q.ReofferSec == 0:
		offered = Bound{0, 1}
	}
	switch e {
	case EventJoined, EventLeaving:
		return Bound{1, 1}
	case EventOffering:
		return offered
	case EventMissed:
		if q.Type == IVR {
			return Bound{}
		}
		return Bound{0, offered.Most}
	case EventAnswered, EventActive:
		if !q.Type.agentFirst() {
			return Bound{}
		}
	case EventProcessing:
		if q.Type == IVR {
			return Bound{}
		}
	}
	return Bound{0, 1}
}
