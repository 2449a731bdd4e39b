package queue

import (
	"crypto/sha1"
	"time"
)

// The operational events: what became of endpoints, deliveries and tasks, on
// the same log as everything else. An endpoint gets those that it names in its
// events, except those about itself.
const (
	// EventEndpointCreated, Updated, Deleted and SecretRotated: an admin did so.
	EventEndpointCreated       EventType = "endpoint.created"
	EventEndpointUpdated       EventType = "endpoint.updated"
	EventEndpointDeleted       EventType = "endpoint.deleted"
	EventEndpointSecretRotated EventType = "endpoint.secret_rotated"
	// EventEndpointEnabled and Disabled: by an admin, or, with a reason, by
	// offhook itself.
	EventEndpointEnabled  EventType = "endpoint.enabled"
	EventEndpointDisabled EventType = "endpoint.disabled"
	// EventEndpointFailing: it has accepted nothing for a while; told at several
	// stages before it is disabled. EventEndpointRecovered: it accepts again,
	// after a failing was told.
	EventEndpointFailing   EventType = "endpoint.failing"
	EventEndpointRecovered EventType = "endpoint.recovered"
	// EventDeliveryExhausted: deliveries ended without success.
	EventDeliveryExhausted EventType = "delivery.exhausted"
	// EventTaskFinished: a task is done, has failed or was cancelled.
	EventTaskFinished EventType = "task.finished"
)

// What the subjects of operational events are.
const (
	SubjectEndpoint = "endpoint"
	SubjectTask     = "task"
)

// NoticeEvents lists the operational events.
var NoticeEvents = []EventType{
	EventEndpointCreated, EventEndpointUpdated, EventEndpointDeleted, EventEndpointSecretRotated,
	EventEndpointEnabled, EventEndpointDisabled, EventEndpointFailing, EventEndpointRecovered,
	EventDeliveryExhausted, EventTaskFinished,
}

// Notice is an operational event that is to be put on a domain's log. Who keeps
// the log makes the event of it.
type Notice struct {
	DomainID int64
	Type     EventType // one of NoticeEvents
	Subject  Subject
	// Key tells notices of one type about one subject apart. The id of the event
	// follows from the three, so that a notice that is written again, because
	// nobody heard that the first writing succeeded, is known for what it is.
	Key string
	// Data is an EndpointData, ExhaustedData or TaskData, as the type has it.
	Data any
}

// EndpointData is the data of endpoint.* events. A nil field is null.
type EndpointData struct {
	EndpointID  string `json:"endpoint_id"`
	Description string `json:"description"`
	// Host is the name, and the port if it says one, of the endpoint's URL: the
	// rest of it is often a secret.
	Host string `json:"host"`
	// Reason says why an endpoint was disabled: manual, gone or failing.
	Reason *string `json:"reason"`
	// FailingSince is since when nothing was accepted: failing and recovered, and
	// disabled for the reason failing. DisableAt, of failing, is when the endpoint
	// will be disabled at the earliest. Both as RFC 3339 with milliseconds.
	FailingSince *string `json:"failing_since"`
	DisableAt    *string `json:"disable_at"`
	// LastOutcome is how the last request ended: failing and disabled.
	LastOutcome *string `json:"last_outcome"`
}

// ExhaustedData is the data of delivery.exhausted: deliveries to one endpoint
// that ended at about the same time.
type ExhaustedData struct {
	EndpointID string      `json:"endpoint_id"`
	Host       string      `json:"host"`
	Deliveries []Exhausted `json:"deliveries"` // 1 to MaxExhausted
}

// MaxExhausted is how many deliveries one delivery.exhausted tells of.
const MaxExhausted = 100

// Exhausted is one delivery that ended without success.
type Exhausted struct {
	EventID   string    `json:"event_id"`
	EventType EventType `json:"event_type"`
	AttemptID *int64    `json:"attempt_id"` // nil outside attempt.* and switch.*
	// Tries is how many requests were made. Outcome is that of the last one, or
	// expired.
	Tries   int    `json:"tries"`
	Outcome string `json:"outcome"`
}

// TaskData is the data of task.finished. A nil field is null.
type TaskData struct {
	TaskID string `json:"task_id"`
	Kind   string `json:"kind"`
	State  string `json:"state"` // done, failed or cancelled
	// Done is how much was done, Total of how much, if that was known.
	Done  int64   `json:"done"`
	Total *int64  `json:"total"`
	Error *string `json:"error"` // why it failed
}

// Event returns the notice as an event of the domain d that happened at the
// instant, not yet appended.
func (n *Notice) Event(d Domain, at time.Time) Event {
	subject := n.Subject
	return Event{
		ID: d.noticeID(n), Type: n.Type, DomainID: n.DomainID, At: at.UTC().Truncate(time.Millisecond),
		Subject: &subject, Data: mustJSON(n.Data),
	}
}

// noticeID returns the UUIDv5 of a notice in the domain's namespace.
func (d Domain) noticeID(n *Notice) UUID {
	buf := append(make([]byte, 0, 128), d.Namespace[:]...)
	for _, part := range [...]string{string(n.Type), n.Subject.Kind, n.Subject.ID, n.Key} {
		buf = append(append(buf, part...), 0)
	}
	return versionFive(sha1.Sum(buf))
}

// Instant returns t as events write it, nil for the zero instant.
func Instant(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format(instant)
	return &s
}
