package queue

import (
	"slices"
	"time"
)

// When a hopper is filled again: after refillEvery, or after refillSoon when it
// is less than half full.
const (
	refillEvery = 5 * time.Second
	refillSoon  = time.Second
	mostWanted  = 1000
)

// Want is a hopper that should be filled with up to Limit members.
type Want struct {
	QueueID int64
	Limit   int
}

// Wants says which hoppers should be filled at the instant now: those of enabled
// queues that could dial, with about what may be dialled in five seconds. Those
// of the queues named are wanted even if they were filled just before.
func (e *Engine) Wants(now time.Time, queues ...int64) []Want {
	var wants []Want
	for _, id := range sortedIDs(e.queues) {
		q := e.queues[id]
		limit := q.appetite()
		since := now.Sub(q.hopper.loadedAt)
		if limit == 0 || 0 <= since && since < refillSoon && !slices.Contains(queues, id) {
			continue
		}
		if slices.Contains(queues, id) || since >= refillEvery || since < 0 || 2*len(q.hopper.members) < limit {
			wants = append(wants, Want{QueueID: id, Limit: limit})
		}
	}
	return wants
}

// appetite is how many members the hopper should hold; 0 = nobody would be
// dialled now. Members who were passed over, such as those excluded from whoever
// is free, are not counted among them.
func (q *queueState) appetite() int {
	n := 0
	switch {
	case !q.cfg.Enabled || !q.cfg.Type.Outbound() || q.cfg.Type == Offline:
		return 0
	case q.cfg.Type == IVR && q.cfg.MaxCalls == 0:
		n = mostWanted
	case q.cfg.Type == IVR:
		n = 2*q.cfg.MaxCalls + 20
	case q.online == 0:
		return 0
	case q.cfg.Type == Predictive:
		n = 10*q.online + 20
	default:
		n = 2*q.online*max(1, q.cfg.ProgressiveCount) + 20
	}
	if q.cfg.CallsPerSec > 0 {
		n = min(n, 10*q.cfg.CallsPerSec+20)
	}
	return min(mostWanted, n+2*q.hopper.passed)
}
