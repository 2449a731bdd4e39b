package sim

import (
	"container/heap"
	"time"

	"github.com/offhook/offhook/queue"
)

// plan is something that shall happen at an instant unless its reason is gone
// by then: a caller's patience does not end a call that was answered.
type plan struct {
	due   time.Time
	order uint64 // of two plans for one instant the older goes first
	still func() bool
	do    func(at time.Time) []queue.Command
}

// agenda holds plans in the order of their instants.
type agenda struct {
	plans []plan
	last  uint64
}

func (a *agenda) add(p plan) {
	a.last++
	p.order = a.last
	heap.Push(a, p)
}

// next drops what is void and says when the first plan is due.
func (a *agenda) next() (time.Time, bool) {
	for len(a.plans) > 0 {
		if first := a.plans[0]; first.still == nil || first.still() {
			return first.due, true
		}
		heap.Pop(a)
	}
	return time.Time{}, false
}

func (a *agenda) pop() plan { return heap.Pop(a).(plan) }

// Len, Less, Swap, Push and Pop are for container/heap only.
func (a *agenda) Len() int      { return len(a.plans) }
func (a *agenda) Swap(i, j int) { a.plans[i], a.plans[j] = a.plans[j], a.plans[i] }
func (a *agenda) Push(x any)    { a.plans = append(a.plans, x.(plan)) }
func (a *agenda) Less(i, j int) bool {
	p, q := a.plans[i], a.plans[j]
	if p.due.Equal(q.due) {
		return p.order < q.order
	}
	return p.due.Before(q.due)
}

func (a *agenda) Pop() any {
	end := len(a.plans) - 1
	p := a.plans[end]
	a.plans[end] = plan{}
	a.plans = a.plans[:end]
	return p
}
