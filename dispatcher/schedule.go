package dispatcher

import "time"

// recordWaits are the waits between the tries of the profile record: 12 tries
// over 75 h 36 m 12 s.
var recordWaits = []time.Duration{
	2 * time.Second, 10 * time.Second, time.Minute, 5 * time.Minute, 30 * time.Minute,
	2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
}

// liveWaits are the waits of the profile live. It ends by the event's age, not
// by their number.
var liveWaits = []time.Duration{
	time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second,
}

// liveExpiry is the age at which an event is of no more use to a screen.
const liveExpiry = time.Minute

// maxJitter is the largest share of a wait that jitter adds.
const maxJitter = 0.10

// Failure is what a schedule needs to know of a failed try.
type Failure struct {
	Profile Profile
	// Waits are those of the profile custom.
	Waits []time.Duration
	// Try is the 1-based number of the try that failed, of those that count; Lost
	// is how many before it do not, because their outcome is unknown.
	Try, Lost int
	// RecordedAt is when the event was recorded.
	RecordedAt time.Time
	// RetryAfter is what the endpoint asked for; it can only delay.
	RetryAfter time.Duration
}

// NextTry returns when the next try after f is due, and false when the schedule
// has ended. Jitter is a number in [0,1); it adds up to a tenth of the wait,
// and never takes from it.
func NextTry(f Failure, now time.Time, jitter float64) (time.Time, bool) {
	if f.Profile != ProfileLive && f.Try > len(f.waits()) {
		return time.Time{}, false
	}
	wait := f.wait()
	wait += time.Duration(float64(wait) * maxJitter * jitter)
	next := now.Add(max(wait, f.RetryAfter))
	if f.Profile == ProfileLive && !next.Before(f.RecordedAt.Add(liveExpiry)) {
		return time.Time{}, false
	}
	return next, true
}

// wait returns the wait after the failed try without jitter. The last wait
// repeats: live ends by age, and the others by NextTry.
func (f Failure) wait() time.Duration {
	waits := f.waits()
	return waits[min(max(f.Try, 1), len(waits))-1]
}

func (f Failure) waits() []time.Duration {
	switch {
	case f.Profile == ProfileLive:
		return liveWaits
	case f.Profile == ProfileCustom && len(f.Waits) > 0:
		return f.Waits
	default:
		return recordWaits
	}
}

// Expired reports whether an event recorded at is too old to be sent at now.
func Expired(p Profile, recordedAt, now time.Time) bool {
	return p == ProfileLive && !now.Before(recordedAt.Add(liveExpiry))
}
