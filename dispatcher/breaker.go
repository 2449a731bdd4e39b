package dispatcher

import "time"

// When failures open the breaker: so many in a row, of so many events, or a
// share of at least so many requests within a window.
const (
	breakerStreak = 5
	breakerEvents = 2
	breakerLeast  = 20
	breakerShare  = 2  // one in so many
	breakerWindow = 60 // seconds
)

// How long it stays open: doubled from the first to the longest.
const (
	firstOpening   = 5 * time.Second
	longestOpening = 5 * time.Minute
)

// opening returns how long the breaker stays open the n-th time in a row, n from
// 1 on.
func opening(n int) time.Duration {
	d := firstOpening
	for ; n > 1 && d < longestOpening; n-- {
		d *= 2
	}
	return min(d, longestOpening)
}

// standing is what an outcome says about the endpoint as a whole.
type standing uint8

const (
	saysNothing standing = iota
	answers              // it is there, whatever it thinks of the event
	isBroken
)

// standingOf returns what an outcome says. An endpoint that refuses an event, or
// everything, is there; one that asks for a pause gets that.
func standingOf(o Outcome) standing {
	switch o {
	case OutcomeDNS, OutcomeConnect, OutcomeTLS, OutcomeTimeout, OutcomeReset, OutcomeProtocol, OutcomeUpstream, OutcomeHTTPError:
		return isBroken
	case OutcomeThrottled, OutcomeBlocked, OutcomeUnknown, OutcomeExpired:
		return saysNothing
	default:
		return answers
	}
}

// tally counts the requests of one second.
type tally struct {
	sec         int64 // since 1970
	all, broken int
}

// breaker watches the outcomes of an endpoint while it is closed. The zero
// breaker has seen nothing.
type breaker struct {
	streak  int   // failures in a row
	first   int64 // the event of the first of them
	several bool  // there were others
	seconds [breakerWindow]tally
}

// note takes the outcome of a request for an event into account, and reports
// whether the breaker opens.
func (b *breaker) note(s standing, seq int64, now time.Time) bool {
	if s == saysNothing {
		return false
	}
	sec := now.Unix()
	t := &b.seconds[((sec%breakerWindow)+breakerWindow)%breakerWindow]
	if t.sec != sec {
		*t = tally{sec: sec}
	}
	t.all++
	if s == answers {
		b.streak, b.several = 0, false
		return false
	}
	t.broken++
	if b.streak == 0 {
		b.first = seq
	}
	b.streak++
	b.several = b.several || seq != b.first
	// Only a failure opens it, although a share is reached by time going by, too.
	return b.streak >= breakerStreak && b.several || b.mostBreak(sec)
}

// mostBreak reports whether the share of the last minute is reached.
func (b *breaker) mostBreak(sec int64) bool {
	all, broken := 0, 0
	for i := range b.seconds {
		if t := &b.seconds[i]; t.sec > sec-breakerWindow && t.sec <= sec {
			all += t.all
			broken += t.broken
		}
	}
	return all >= breakerLeast && broken*breakerShare >= all
}
