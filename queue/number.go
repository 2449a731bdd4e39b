package queue

import "cmp"

// Why no number of a member can be dialled now.
type numberState int

const (
	numberFound     numberState = iota
	numberBusy                  // the others are in open attempts
	numberNotRouted             // no trunk takes any of the others
)

// pickNumber returns the number to dial: the one that a retry rule asked for, if
// it can be; else by priority, then with the fewest attempts, then whose last one
// is longest ago (engine.md B.13).
func (s *step) pickNumber(q *queueState, m *Member) (string, numberState) {
	best, why := (*Number)(nil), numberNotRouted
	for i := range m.Numbers {
		n := &m.Numbers[i]
		switch {
		case n.Stopped != "" || n.Forbidden || q.cfg.spent(n) || !s.e.routed(&q.cfg, n.Number):
		case s.e.numbers[n.Number] > 0:
			why = numberBusy
		case n.Number == m.NextNumber:
			return n.Number, numberFound
		case best == nil || compareNumbers(n, best) < 0:
			best = n
		}
	}
	if best == nil {
		return "", why
	}
	return best.Number, numberFound
}

// compareNumbers orders the numbers of a member as they are dialled; of equal
// ones the one that stands first in his list.
func compareNumbers(a, b *Number) int {
	if c := cmp.Compare(b.Priority, a.Priority); c != 0 {
		return c
	}
	if c := cmp.Compare(a.Attempts, b.Attempts); c != 0 {
		return c
	}
	return a.LastAt.Compare(b.LastAt)
}
