package dispatcher

import "time"

// Health is what the dispatcher keeps about how an endpoint is doing. A save of
// the endpoint's settings ignores it; a new URL and enabling begin it anew.
type Health struct {
	// PausedUntil, if set, is until when nothing is sent. From then on one
	// request at a time goes out, until one succeeds and the pause is over.
	PausedUntil time.Time
	// PausedReason is the outcome that the pause came from.
	PausedReason Outcome
	// Openings is how often in a row the breaker has paused the endpoint because
	// of its failures; 0 when it did not.
	Openings int
	// LastSuccess is when a request was accepted last, to about a second; zero =
	// never.
	LastSuccess time.Time
	// FailingSince is the first failure after the last success, zero when there
	// was none. Told is how many stages of it were told.
	FailingSince time.Time
	Told         int
}

// Breaker is what stands between the dispatcher and an endpoint.
type Breaker string

// Closed: everything may go. Open: nothing goes. HalfOpen: one request at a time
// goes, until one succeeds.
const (
	BreakerClosed   Breaker = "closed"
	BreakerOpen     Breaker = "open"
	BreakerHalfOpen Breaker = "half_open"
)

// Breaker returns its position at the instant, whether failures have opened it
// or the endpoint asked for a pause.
func (h *Health) Breaker(at time.Time) Breaker {
	switch {
	case h.PausedUntil.IsZero():
		return BreakerClosed
	case at.Before(h.PausedUntil):
		return BreakerOpen
	default:
		return BreakerHalfOpen
	}
}

// When an endpoint that accepts nothing is told of, counted from FailingSince,
// and when it is disabled.
const failingEnds = 5 * 24 * time.Hour

var failingStages = []time.Duration{time.Hour, 24 * time.Hour, 72 * time.Hour, failingEnds - 24*time.Hour}

// DisableAt returns when the endpoint is disabled at the earliest, unless it
// accepts something before; zero while it is not failing.
func (h *Health) DisableAt() time.Time {
	if h.FailingSince.IsZero() {
		return time.Time{}
	}
	return h.FailingSince.Add(failingEnds)
}

// HealthOf is the health of an endpoint that has had its settings since
// Version: where the settings are newer, it is out of date.
type HealthOf struct {
	Ref
	Version time.Time // Endpoint.UpdatedAt
	Health
}

// Disabling switches an endpoint off, unless it is off.
type Disabling struct {
	Ref
	Reason string // DisabledGone or DisabledFailing
}
