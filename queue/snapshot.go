package queue

import (
	"slices"

	"github.com/offhook/offhook/queue/pacing"
)

// PacingMode is how a queue dials ahead, PacingRates its shares of dropped calls.
type (
	PacingMode  = pacing.Mode
	PacingRates = pacing.Rates
)

// Line returns copies of those who wait in the queue, first who is first by its
// order (engine.md B.12): priority of the bucket, priority, who came first. Which
// of them an agent gets also depends on his skills. It costs n log n in those who
// are open in the queue.
func (e *Engine) Line(queueID int64) []*Attempt {
	q := e.queues[queueID]
	if q == nil {
		return nil
	}
	keys := make([]waitKey, 0, q.waiting)
	for id := range q.open {
		if a := e.attempts[id]; a.State == StateWaiting {
			keys = append(keys, q.waitKey(&a.Attempt))
		}
	}
	slices.SortFunc(keys, compareWait)
	line := make([]*Attempt, len(keys))
	for i, k := range keys {
		line[i] = e.Attempt(k.id)
	}
	return line
}

// Online returns how many of the agents who serve the queue are online.
func (e *Engine) Online(queueID int64) int {
	if q := e.queues[queueID]; q != nil {
		return q.online
	}
	return 0
}

// Offers returns copies of the open attempts that are being offered, in the
// order of their ids.
func (e *Engine) Offers() []*Attempt {
	var out []*Attempt
	for _, id := range sortedIDs(e.attempts) {
		if len(e.attempts[id].Offers) > 0 {
			out = append(out, e.Attempt(id))
		}
	}
	return out
}
