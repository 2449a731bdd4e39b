package api

import (
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// EndpointHealth is how an endpoint is doing.
type EndpointHealth struct {
	Breaker       dispatcher.Breaker `json:"breaker" enum:"closed,open,half_open" doc:"closed: everything may go. open: nothing is sent until paused_until. half_open: one request at a time, until one succeeds."`
	PausedUntil   *string            `json:"paused_until" format:"date-time" doc:"Nothing is sent before; null when the breaker is closed."`
	PausedReason  *string            `json:"paused_reason" doc:"The outcome that the pause came from, such as timeout, throttled or blocked_target."`
	LastSuccessAt *string            `json:"last_success_at" format:"date-time" doc:"When it accepted something last."`
	FailingSince  *string            `json:"failing_since" format:"date-time" doc:"The first failure since then; null when there was none."`
	DisableAt     *string            `json:"disable_at" format:"date-time" doc:"When it is disabled at the earliest, unless it accepts something before."`
}

func viewHealth(h *dispatcher.Health, now time.Time) EndpointHealth {
	return EndpointHealth{
		Breaker: h.Breaker(now), PausedUntil: stamp(h.PausedUntil), PausedReason: orNil(h.PausedReason),
		LastSuccessAt: stamp(h.LastSuccess), FailingSince: stamp(h.FailingSince), DisableAt: stamp(h.DisableAt()),
	}
}
