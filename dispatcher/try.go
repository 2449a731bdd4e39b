package dispatcher

import (
	"net/http"
	"time"

	"github.com/offhook/offhook/queue"
)

// State is where the delivery of one event to one endpoint stands.
type State string

// The states. Delivered, refused and exhausted are final.
const (
	// StatePending: not sent yet; its turn has not come.
	StatePending State = "pending"
	// StateSuspended: still owed, but the endpoint is disabled: its turn comes when
	// it is enabled where it stopped.
	StateSuspended State = "suspended"
	// StateSkipped: tried in vain, and then passed over: the endpoint was enabled
	// from a later place on.
	StateSkipped State = "skipped"
	// StateHeld: behind an event of its lane that waits for its next try.
	StateHeld State = "held"
	// StateRetrying: a try failed and the next one has an instant.
	StateRetrying State = "retrying"
	// StateDelivered: the endpoint answered 2xx.
	StateDelivered State = "delivered"
	// StateRefused: the endpoint answered 410.
	StateRefused State = "refused"
	// StateExhausted: the schedule has ended.
	StateExhausted State = "exhausted"
)

// Final reports whether nothing more will happen by itself.
func (s State) Final() bool {
	return s == StateDelivered || s == StateRefused || s == StateExhausted
}

// Try is one request of one event to one endpoint, or, with the outcomes
// blocked_target and expired, the record that none was made.
type Try struct {
	DomainID   int64
	EndpointID string
	// Seq is the event's place in the log; 0 for a test event.
	Seq       int64
	EventID   queue.UUID
	EventType queue.EventType
	AttemptID int64 // 0 outside attempt.* and switch.*
	// Number is the header Offhook-Try: 1-based. 0 for expired. A try that was
	// blocked does not spend its number.
	Number int
	// Manual says that somebody asked for this try, outside the schedule: what it
	// came to says nothing about the event's way by the schedule, unless it was
	// delivered.
	Manual  bool
	Outcome Outcome
	// State is where this try left the delivery.
	State State
	// StartedAt is when the try began, or, for unknown, when its loss was
	// noticed. Duration is until the last byte that was read of the answer;
	// FirstByte until its headers, 0 when there were none.
	StartedAt time.Time
	Duration  time.Duration
	FirstByte time.Duration
	// Status is the answer's status code, 0 when there was none. Header and
	// Body are what is kept of the answer: up to 8 KiB and 16 KiB.
	Status        int
	Header        http.Header
	Body          []byte
	BodyTruncated bool
	// Error says in words why there was no proper answer; no secret and no part
	// of the URL beyond host and port is in it.
	Error string
	// NextAt is when the next try is due, in the state retrying only.
	NextAt time.Time
}

// Delivery is the way of one event to one endpoint.
type Delivery struct {
	EndpointID string
	Seq        int64
	EventID    queue.UUID
	State      State
	// NextAt is when the next try is due, in the state retrying only.
	NextAt time.Time
	// Tries are in the order in which they were made.
	Tries []Try
}
