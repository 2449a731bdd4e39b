package dispatcher

import (
	"slices"

	"github.com/offhook/offhook/queue"
)

// Wants reports whether the endpoint subscribes to the event: its type is one
// of Events, and its queue, if it has one, one of Queues. An event without a
// queue passes a filter on queues only when its type is named. An event about
// an endpoint is never sent to that endpoint.
func (e *Endpoint) Wants(ev *queue.Event) bool {
	if ev.DomainID != e.DomainID {
		return false
	}
	if ev.Subject != nil && ev.Subject.Kind == "endpoint" && ev.Subject.ID == e.ID {
		return false
	}
	if !slices.Contains(e.eventTypes(), ev.Type) {
		return false
	}
	return len(e.Queues) == 0 || ev.Queue == nil || slices.Contains(e.Queues, ev.Queue.ID)
}

// eventTypes returns the types that the endpoint gets.
func (e *Endpoint) eventTypes() []queue.EventType {
	if len(e.Events) == 0 {
		return queue.AttemptEvents
	}
	return e.Events
}

// wantsWholeAttempts reports whether the endpoint gets every event of the
// attempts that it gets any of. A filter on queues leaves attempts whole: an
// attempt stays in one queue.
func (e *Endpoint) wantsWholeAttempts() bool {
	types := e.eventTypes()
	for _, t := range queue.AttemptEvents {
		if !slices.Contains(types, t) {
			return false
		}
	}
	return true
}
