package queue

import (
	"fmt"
	"slices"
)

// checkLists asserts that listed members and their attempts know each other, that
// lines are counted, and that hoppers hold nobody who is in an attempt.
func (e *Engine) checkLists() error {
	for _, id := range sortedIDs(e.listed) {
		m := e.listed[id]
		a := e.attempts[m.Open]
		if a == nil || a.MemberID == nil || *a.MemberID != id || m.LastAttempt != m.Open {
			return fmt.Errorf("member %d is in attempt %d, which is not his, or not open", id, m.Open)
		}
	}
	calls := map[int64]int{}
	for _, q := range e.queues {
		if err := e.checkHopper(q, calls); err != nil {
			return fmt.Errorf("queue %d: %w", q.cfg.ID, err)
		}
	}
	for id, t := range e.trunks {
		if calls[id] != t.calls {
			return fmt.Errorf("trunk %d has %d calls, counted %d", id, calls[id], t.calls)
		}
	}
	return nil
}

func (e *Engine) checkHopper(q *queueState, trunks map[int64]int) error {
	calls, flying := 0, 0
	for id := range q.open {
		a := e.attempts[id]
		if !a.Queue.Type.Outbound() {
			continue
		}
		if a.State == StateDialing {
			flying++
		}
		if a.EndedAt.IsZero() {
			calls++
			if a.Trunk != nil {
				trunks[a.Trunk.ID]++
			}
		}
	}
	h := &q.hopper
	if calls != h.calls || flying != h.flying {
		return fmt.Errorf("%d calls, counted %d; %d being dialled, counted %d", calls, h.calls, flying, h.flying)
	}
	if !slices.IsSortedFunc(h.members, compareMembers) {
		return fmt.Errorf("the hopper is out of order")
	}
	for _, m := range h.members {
		if e.listed[m.ID] != nil || m.QueueID != q.cfg.ID {
			return fmt.Errorf("the hopper holds member %d, who is in an attempt, or of another queue", m.ID)
		}
	}
	if due := (dueKey{at: h.due.UnixMilli(), id: q.cfg.ID}); !h.due.IsZero() {
		if _, _, ok := e.later.find(due); !ok {
			return fmt.Errorf("the hopper is looked at again at %v, which is not indexed", h.due)
		}
	}
	return nil
}
