package dispatcher

import (
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/offhook/offhook/queue"
)

// Position is a place in a domain's log: everything up to and including the
// event Seq, which was recorded at RecordedAt. The zero Position is the
// beginning.
type Position struct {
	RecordedAt time.Time
	Seq        int64
}

// Profile names a retry schedule (see NextTry).
type Profile string

// The built-in schedules.
const (
	ProfileRecord Profile = "record"
	ProfileLive   Profile = "live"
	// ProfileCustom: Endpoint.Schedule says when.
	ProfileCustom Profile = "custom"
)

// Ordering says what an endpoint is promised about order.
type Ordering string

// Per attempt: one request at a time and in sequence within an attempt. None:
// every event on its own.
const (
	OrderPerAttempt Ordering = "per_attempt"
	OrderNone       Ordering = "none"
)

// Why an endpoint is disabled: Endpoint.DisabledReason.
const (
	DisabledGone    = "gone"    // it answered 410
	DisabledManual  = "manual"  // an admin did
	DisabledFailing = "failing" // it accepted nothing for too long
)

// The defaults of an endpoint's settings, as WithDefaults fills them in.
const (
	DefaultMaxInFlight = 8
	DefaultTimeout     = 15 * time.Second
	// DefaultOrderWait is that of the API: WithDefaults leaves 0, which has a
	// meaning of its own.
	DefaultOrderWait = time.Minute
)

// Endpoint is one registered webhook: its settings as an admin sees them, and
// the secrets that sign for it.
type Endpoint struct {
	ID          string // ep_ and a UUIDv7
	DomainID    int64
	URL         string
	Description string
	// Events empty means the eight attempt events; Queues and QueueTypes empty
	// mean all queues. With both, a queue must be named and of a type.
	Events     []queue.EventType
	Queues     []int64
	QueueTypes []queue.Type
	// Filter is an expression that an event must fulfil; empty means every one.
	Filter  string
	Format  queue.Format // default standard
	Profile Profile
	// Schedule has the waits between the tries of the profile custom: 1 to 24.
	Schedule []time.Duration
	Ordering Ordering
	// OrderWait is how long an event is held behind one of its lane that cannot
	// be delivered, before it overtakes; 0 = for ever.
	OrderWait   time.Duration
	MaxInFlight int           // 1–256, default 8
	Rate        float64       // requests a second; 0 = as many as it takes
	Timeout     time.Duration // 1–30 s, default 15 s
	Headers     http.Header
	Disabled    bool
	// DisabledReason is gone, manual, failing, or empty.
	DisabledReason string
	Health
	CreatedAt time.Time
	// UpdatedAt changes with every change of the settings.
	UpdatedAt time.Time
	// Secrets sign every request while they last, newest first.
	Secrets []Secret
}

// NewEndpointID returns a fresh id: ep_ and a UUIDv7, so that ids sort by their
// time of creation.
func NewEndpointID() string { return "ep_" + uuid.Must(uuid.NewV7()).String() }

// WithDefaults returns e with the defaults in place of settings that are zero.
func (e Endpoint) WithDefaults() Endpoint {
	if e.Format == "" {
		e.Format = queue.FormatStandard
	}
	if e.Profile == "" {
		e.Profile = ProfileRecord
	}
	if e.Ordering == "" {
		e.Ordering = OrderPerAttempt
	}
	if e.MaxInFlight == 0 {
		e.MaxInFlight = DefaultMaxInFlight
	}
	if e.Timeout == 0 {
		e.Timeout = DefaultTimeout
	}
	return e
}
