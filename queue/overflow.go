package queue

import (
	"fmt"
	"slices"
	"time"
)

// OverflowAction is what a step of a queue's overflow does.
type OverflowAction string

// The actions (engine.md B.12). What was raised or opened stays so until the
// attempt leaves.
const (
	// RaisePriority adds By to the attempt's priority.
	RaisePriority OverflowAction = "raise_priority"
	// AddLevel lets agents of By more levels of the skills be offered it.
	AddLevel OverflowAction = "add_level"
	// AddQueue lets the agents of another queue of the same channel be offered
	// it. It stays in its own queue, with that queue's times and settings.
	AddQueue OverflowAction = "add_queue"
	// CallBack puts the caller on the list of an outbound queue, as one who has
	// been ready since he came, and ends his waiting with the reason callback.
	// Inbound queues only.
	CallBack OverflowAction = "callback"
	// LeaveQueue ends the waiting as max_wait_sec does.
	LeaveQueue OverflowAction = "leave"
)

// OverflowStep is taken when an attempt has waited for AfterSec seconds. A step
// whose time comes while an offer is open is taken if the attempt waits again.
type OverflowStep struct {
	AfterSec int            `json:"after_sec" minimum:"1" maximum:"2592000" doc:"How long the attempt has waited by then."`
	Action   OverflowAction `json:"action" enum:"raise_priority,add_level,add_queue,callback,leave" doc:"What happens to it."`
	// By is how much raise_priority and add_level add; 0 = 1.
	By int `json:"by,omitempty" minimum:"0" maximum:"1000000" doc:"raise_priority, add_level: how much is added; 1 when absent."`
	// QueueID is the queue of add_queue and callback.
	QueueID int64 `json:"queue_id,omitempty" minimum:"0" doc:"add_queue: the queue whose agents may be offered it, too; callback: the outbound queue that calls back."`
}

// maxOverflow bounds the steps of a queue.
const maxOverflow = 20

// validateOverflow reports the first step that cannot be carried out.
func (q *Queue) validateOverflow() error {
	if len(q.Overflow) == 0 {
		return nil
	}
	if q.Distribution == DistributionExternal || q.Type == IVR || q.Type.reserved() {
		return invalid("overflow", "overflow is for who waits for an agent: queues of type inbound, chat, task and predictive that the engine distributes")
	}
	if len(q.Overflow) > maxOverflow {
		return invalid("overflow", fmt.Sprintf("a queue has at most %d steps of overflow", maxOverflow))
	}
	before := 0
	for i, x := range q.Overflow {
		field := fmt.Sprintf("overflow/%d/", i)
		switch {
		case x.AfterSec < 1 || x.AfterSec > int(30*24*time.Hour/time.Second):
			return invalid(field+"after_sec", "after_sec must be between 1 and 2592000")
		case x.AfterSec < before:
			return invalid(field+"after_sec", "the steps must be in order of after_sec")
		case x.By < 0 || x.By > maxPriority:
			return invalid(field+"by", "by must be between 0 and 1000000")
		case x.By != 0 && x.Action != RaisePriority && x.Action != AddLevel:
			return invalid(field+"by", "by belongs to raise_priority and add_level")
		case x.QueueID != 0 && x.Action != AddQueue && x.Action != CallBack:
			return invalid(field+"queue_id", "queue_id belongs to add_queue and callback")
		}
		switch x.Action {
		case RaisePriority, AddLevel, LeaveQueue:
		case AddQueue, CallBack:
			if x.QueueID <= 0 || x.QueueID == q.ID {
				return invalid(field+"queue_id", string(x.Action)+" needs the id of another queue")
			}
			if x.Action == CallBack && q.Type != Inbound {
				return invalid(field+"action", "only callers of an inbound queue can be called back")
			}
		default:
			return invalid(field+"action", fmt.Sprintf("there is no action %q; use raise_priority, add_level, add_queue, callback or leave", x.Action))
		}
		before = x.AfterSec
	}
	return nil
}

// validateHelp refuses an overflow into a queue that cannot take it.
func (e *Engine) validateHelp(q *Queue) error {
	for i, x := range q.Overflow {
		if x.QueueID == 0 {
			continue
		}
		field := fmt.Sprintf("overflow/%d/queue_id", i)
		other := e.queues[x.QueueID]
		switch {
		case other == nil:
			return invalid(field, fmt.Sprintf("no queue %d", x.QueueID))
		case x.Action == CallBack:
			if !other.cfg.Type.Outbound() {
				return invalid(field, fmt.Sprintf("queue %q is %s; only an outbound queue calls back", other.cfg.Name, other.cfg.Type))
			}
		case other.cfg.Distribution == DistributionExternal || other.cfg.Type == IVR || other.cfg.Type.Channel() != q.Type.Channel():
			return invalid(field, fmt.Sprintf("queue %q has no agents who could be offered a %s by the engine", other.cfg.Name, q.Type.Channel()))
		}
	}
	return nil
}

// overflowAt is the instant of the attempt's next step; zero when there is none.
func (q *Queue) overflowAt(a *Attempt) time.Time {
	if a.OverflowDone >= len(q.Overflow) {
		return time.Time{}
	}
	return later(a.waitsSince(), q.Overflow[a.OverflowDone].AfterSec)
}

// overflow takes the steps whose time has come. The list may have changed since
// the attempt joined: what counts is which step comes next, and its time now.
func (s *step) overflow(a *attempt) {
	q := &s.queueOf(a).cfg
	for a.State == StateWaiting && !a.OverflowAt.IsZero() {
		a.OverflowAt = q.overflowAt(&a.Attempt)
		if a.OverflowAt.IsZero() || a.OverflowAt.After(s.now) {
			return
		}
		x := q.Overflow[a.OverflowDone]
		a.OverflowDone++
		switch by := max(1, x.By); x.Action {
		case RaisePriority:
			a.Priority = min(maxPriority, a.Priority+by)
		case AddLevel:
			a.Levels = min(maxLevel, a.Levels+by)
		case AddQueue:
			a.addQueue(x.QueueID)
		case CallBack:
			s.callBack(a, x.QueueID)
			if a.OverflowAt.After(s.now) {
				return
			}
		case LeaveQueue:
			s.leaveWaiting(a, ReasonMaxWait)
		}
	}
}

// addQueue lets the agents of another queue be offered the attempt, too.
func (a *Attempt) addQueue(id int64) {
	if !slices.Contains(a.AddedQueues, id) {
		a.AddedQueues = append(slices.Clone(a.AddedQueues), id)
	}
}
