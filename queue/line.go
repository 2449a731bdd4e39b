package queue

import (
	"slices"
	"time"
)

// line is the way out for one call: by trunk, or, in a domain without trunks,
// just out. One that is not free may be later; until says when, zero = when a
// call ends.
type line struct {
	trunk *trunkState
	free  bool
	until time.Time
}

// queueLine says whether the queue's own limits, max_calls and calls_per_sec,
// leave room for one more call.
func (s *step) queueLine(q *queueState) line {
	if q.cfg.MaxCalls > 0 && q.hopper.calls >= q.cfg.MaxCalls {
		return line{}
	}
	until := q.hopper.free(s.now, q.cfg.CallsPerSec)
	return line{free: until.IsZero(), until: until}
}

// trunkLine finds a trunk for the number: of those that take it the one with the
// highest priority, then the fewest calls. The one to avoid counts only when no
// other takes the number.
func (s *step) trunkLine(q *queueState, number string, avoid int64) line {
	if len(s.e.trunkOrder) == 0 {
		return line{free: true}
	}
	best, others := line{}, false
	for _, t := range s.e.trunkOrder {
		if t.cfg.ID == avoid || !q.cfg.leavesBy(&t.cfg, number) {
			continue
		}
		others = true
		best = s.better(best, t)
	}
	if t := s.e.trunks[avoid]; !others && t != nil && q.cfg.leavesBy(&t.cfg, number) {
		best = s.better(best, t)
	}
	return best
}

// better returns the line by t if it beats the one found so far.
func (s *step) better(best line, t *trunkState) line {
	busy := t.cfg.Lines > 0 && t.calls >= t.cfg.Lines
	until := t.free(s.now, t.cfg.CallsPerSec)
	switch {
	case busy:
	case !until.IsZero():
		best.until = earliest(best.until, until)
	case !best.free, best.trunk.cfg.Priority == t.cfg.Priority && t.calls < best.trunk.calls:
		return line{trunk: t, free: true}
	}
	return best
}

// leavesBy reports whether a call of the queue to the number may take the trunk.
func (q *Queue) leavesBy(t *Trunk, number string) bool {
	return t.Enabled && (len(q.Trunks) == 0 || slices.Contains(q.Trunks, t.ID)) && t.takes(number)
}

// routed reports whether any trunk takes the number.
func (e *Engine) routed(q *Queue, number string) bool {
	return len(e.trunkOrder) == 0 || slices.ContainsFunc(e.trunkOrder, func(t *trunkState) bool { return q.leavesBy(&t.cfg, number) })
}
