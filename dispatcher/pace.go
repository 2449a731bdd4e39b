package dispatcher

import "time"

// catchUp is how late a request may come without its slot being lost: timers
// and senders are late, and the rate is to be reached all the same.
const catchUp = 100 * time.Millisecond

// pace spaces requests by a rate.
type pace struct {
	next time.Time // when the next request may go
}

// take reports whether a request may go now, and counts it. A rate of 0 is none.
func (p *pace) take(now time.Time, rate float64) bool {
	if rate == 0 {
		return true
	}
	if now.Before(p.next) {
		return false
	}
	if slot := now.Add(-catchUp); p.next.Before(slot) {
		p.next = slot
	}
	p.next = p.next.Add(time.Duration(float64(time.Second) / rate))
	return true
}
