package dispatcher

import (
	"net/http"
	"time"

	"github.com/offhook/offhook/queue"
)

// Position is a place in a domain's log: everything up to and including the
// event Seq, which was recorded at RecordedAt. The zero Position is the
// beginning.
type Position struct {
	RecordedAt time.Time
	Seq        int64
}

// Profile names a retry schedule (delivery.md 5).
type Profile string

// The built-in schedules.
const (
	ProfileRecord Profile = "record"
	ProfileLive   Profile = "live"
)

// Ordering says what an endpoint is promised about order.
type Ordering string

// Per attempt: one request at a time and in sequence within an attempt. None:
// every event on its own.
const (
	OrderPerAttempt Ordering = "per_attempt"
	OrderNone       Ordering = "none"
)

// Endpoint is one registered webhook: its settings as an admin sees them, and
// the secrets that sign for it.
type Endpoint struct {
	ID          string // ep_ and a UUIDv7
	DomainID    int64
	URL         string
	Description string
	// Events empty means the eight attempt events; Queues empty means all.
	Events      []queue.EventType
	Queues      []int64
	Format      string // standard
	Profile     Profile
	Ordering    Ordering
	MaxInFlight int           // 1–256, default 8
	Timeout     time.Duration // 1–30 s, default 15 s
	Headers     http.Header
	Disabled    bool
	// DisabledReason is gone, manual, or empty.
	DisabledReason string
	CreatedAt      time.Time
	UpdatedAt      time.Time
	// Secrets sign every request, newest first: whsec_ and base64.
	Secrets []string
}
