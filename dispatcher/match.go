package dispatcher

import (
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/offhook/offhook/queue"
)

// Matcher decides which events an endpoint gets. It is an endpoint's
// subscription made ready, and safe for concurrent use.
type Matcher struct {
	id         string
	domainID   int64
	types      map[queue.EventType]bool
	queues     []int64
	queueTypes []queue.Type
	filter     *filter // nil = none
	failures   atomic.Int64
	failure    atomic.Pointer[string]
}

// Matcher makes the endpoint's subscription ready. It errs when its filter
// cannot be compiled, and says where.
func (e *Endpoint) Matcher() (*Matcher, error) {
	m := &Matcher{id: e.ID, domainID: e.DomainID, queues: e.Queues, queueTypes: e.QueueTypes, types: map[queue.EventType]bool{}}
	for _, t := range e.eventTypes() {
		m.types[t] = true
	}
	if e.Filter == "" {
		return m, nil
	}
	var err error
	if m.filter, err = compileFilter(e.Filter); err != nil {
		return nil, fmt.Errorf("compile the filter of %s: %w", e.ID, err)
	}
	return m, nil
}

// Wants reports whether the endpoint subscribes to the event: its type is one
// of Events, its queue, if it has one, one of Queues and of one of QueueTypes,
// and it fulfils the Filter. An event without a queue passes a selection of queues
// only when its type is named. An event about an endpoint is never sent to that
// endpoint. An event at which the filter fails is not wanted: a filter may be there
// to keep something from somebody. Failures tells of it. A nil Matcher wants
// nothing.
func (m *Matcher) Wants(ev *queue.Event) bool {
	if m == nil || !m.types[ev.Type] || ev.DomainID != m.domainID {
		return false
	}
	if ev.Subject != nil && ev.Subject.Kind == queue.SubjectEndpoint && ev.Subject.ID == m.id {
		return false
	}
	if ev.Queue != nil && !m.selects(ev.Queue) {
		return false
	}
	if m.filter == nil {
		return true
	}
	yes, err := m.filter.match(ev)
	if err != nil {
		text := fmt.Sprintf("%s %s: %s", ev.Type, queue.EventID(ev.ID), err)
		m.failure.Store(&text)
		m.failures.Add(1)
	}
	return yes
}

func (m *Matcher) selects(q *queue.QueueRef) bool {
	return (len(m.queues) == 0 || slices.Contains(m.queues, q.ID)) && (len(m.queueTypes) == 0 || slices.Contains(m.queueTypes, q.Type))
}

// Failures returns at how many events the filter has failed, and what happened
// at the last one.
func (m *Matcher) Failures() (n int64, last string) {
	if text := m.failure.Load(); text != nil {
		last = *text
	}
	return m.failures.Load(), last
}

// eventTypes returns the types that the endpoint gets.
func (e *Endpoint) eventTypes() []queue.EventType {
	if len(e.Events) == 0 {
		return queue.AttemptEvents
	}
	return e.Events
}

// wantsWholeAttempts reports whether the endpoint gets every event of the
// attempts that it gets any of. A selection of queues leaves attempts whole: an
// attempt stays in one queue.
func (e *Endpoint) wantsWholeAttempts() bool {
	if e.Filter != "" {
		return false
	}
	types := e.eventTypes()
	for _, t := range queue.AttemptEvents {
		if !slices.Contains(types, t) {
			return false
		}
	}
	return true
}
