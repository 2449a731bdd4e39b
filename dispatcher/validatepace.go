package dispatcher

import "time"

// The bounds of when an endpoint is sent to.
const (
	maxOrderWait = 7 * 24 * time.Hour
	minRate      = 0.01
	maxRate      = 10_000

	maxWaits = 24
	minWait  = time.Second
	maxWait  = 24 * time.Hour
	maxWaitS = 7 * 24 * time.Hour // all together
)

// validatePace checks the settings that say when requests are made.
func (e *Endpoint) validatePace() error {
	switch {
	case e.OrderWait < 0 || e.OrderWait > maxOrderWait:
		return bad("order_wait", "between 0 (never overtake) and %d seconds", maxOrderWait/time.Second)
	case e.Rate != 0 && !(e.Rate >= minRate && e.Rate <= maxRate): // NaN is neither
		return bad("rate", "0 (no limit), or between %v and %d requests a second", minRate, int(maxRate))
	}
	switch e.Profile {
	case ProfileRecord, ProfileLive:
		if len(e.Schedule) > 0 {
			return bad("schedule", "a schedule of its own needs the profile %q", ProfileCustom)
		}
		return nil
	case ProfileCustom:
		return validateSchedule(e.Schedule)
	default:
		return bad("profile", "profile is %q, %q or %q", ProfileRecord, ProfileLive, ProfileCustom)
	}
}

func validateSchedule(waits []time.Duration) error {
	if len(waits) == 0 || len(waits) > maxWaits {
		return bad("schedule", "between 1 and %d waits", maxWaits)
	}
	var sum time.Duration
	for i, w := range waits {
		if w < minWait || w > maxWait {
			return bad("schedule", "wait %d is not between 1 second and 24 hours", i+1)
		}
		sum += w
	}
	if sum > maxWaitS {
		return bad("schedule", "the waits are together longer than 7 days")
	}
	return nil
}
