package dispatcher

import (
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Outcome is how one try ended.
type Outcome string

// The closed set of outcomes.
const (
	// OutcomeDelivered: 2xx, whatever its body was like.
	OutcomeDelivered Outcome = "delivered"
	// OutcomeRefused: 410. The endpoint is disabled at once.
	OutcomeRefused Outcome = "refused"
	// OutcomeThrottled: 429 or 503. The endpoint pauses.
	OutcomeThrottled Outcome = "throttled"

	OutcomeRedirect     Outcome = "redirect"     // 3xx: never followed
	OutcomeUnauthorized Outcome = "unauthorized" // 401, 403, 407
	OutcomeRejected     Outcome = "rejected"     // any other 4xx
	OutcomeUpstream     Outcome = "upstream"     // any other 5xx
	OutcomeHTTPError    Outcome = "http_error"   // a status that is none of these

	OutcomeDNS      Outcome = "dns"      // the name has no address
	OutcomeConnect  Outcome = "connect"  // no connection within its deadline
	OutcomeTLS      Outcome = "tls"      // no TLS session, or a bad certificate
	OutcomeTimeout  Outcome = "timeout"  // no complete headers within the deadline
	OutcomeReset    Outcome = "reset"    // connection lost before complete headers
	OutcomeProtocol Outcome = "protocol" // the answer was not HTTP

	// OutcomeBlocked: the guard forbids the target. Nothing was sent.
	OutcomeBlocked Outcome = "blocked_target"
	// OutcomeUnknown: the request may have been sent, its answer was lost with
	// the process.
	OutcomeUnknown Outcome = "unknown"
	// OutcomeExpired: the event was too old for its schedule before its turn
	// came. Nothing was sent.
	OutcomeExpired Outcome = "expired"
)

// Outcomes lists every outcome, for checks and documentation.
var Outcomes = []Outcome{
	OutcomeDelivered, OutcomeRefused, OutcomeThrottled,
	OutcomeRedirect, OutcomeUnauthorized, OutcomeRejected, OutcomeUpstream, OutcomeHTTPError,
	OutcomeDNS, OutcomeConnect, OutcomeTLS, OutcomeTimeout, OutcomeReset, OutcomeProtocol,
	OutcomeBlocked, OutcomeUnknown, OutcomeExpired,
}

// ClassifyStatus returns the outcome of an answer with the status code.
func ClassifyStatus(status int) Outcome {
	switch {
	case status >= 200 && status < 300:
		return OutcomeDelivered
	case status == http.StatusGone:
		return OutcomeRefused
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		return OutcomeThrottled
	case status >= 300 && status < 400:
		return OutcomeRedirect
	case status == http.StatusUnauthorized, status == http.StatusForbidden,
		status == http.StatusProxyAuthRequired:
		return OutcomeUnauthorized
	case status >= 400 && status < 500:
		return OutcomeRejected
	case status >= 500 && status < 600:
		return OutcomeUpstream
	default:
		return OutcomeHTTPError
	}
}

// verdict is what the outcome of a try means for the event and its endpoint.
type verdict struct {
	state  State
	nextAt time.Time // of the next try, in the state retrying
	spent  bool      // a request was made, or may have been
	// lost: whether it was, and what came of it, is not known. The schedule does
	// not count it: otherwise a server that is restarted a dozen times in a minute
	// would give up what nobody has refused.
	lost bool
	// pause, if set, is until when the endpoint gets nothing, because of the
	// outcome.
	pause time.Time
	gone  bool // the endpoint is to be disabled
}

const (
	// blockedPause is how long an endpoint rests whose target is forbidden. Its
	// settings are wrong, or its name points to a wrong address for a while.
	blockedPause = 5 * time.Minute
	// maxSchedulePause bounds the share of one event's schedule in the pause of
	// its whole endpoint: its eleventh try may be a day away, but the others
	// should not wait for that. Retry-After is not bounded by it.
	maxSchedulePause = 5 * time.Minute
)

// judge decides what follows from a try. Jitter is in [0,1).
func judge(t *Try, f Failure, now time.Time, jitter float64) verdict {
	switch t.Outcome {
	case OutcomeDelivered:
		return verdict{state: StateDelivered, spent: true}
	case OutcomeRefused:
		return verdict{state: StateRefused, spent: true, gone: true}
	case OutcomeExpired:
		return verdict{state: StateExhausted}
	case OutcomeUnknown:
		return verdict{state: StateRetrying, nextAt: now, spent: true, lost: true}
	case OutcomeBlocked:
		until := now.Add(blockedPause)
		return verdict{state: StateRetrying, nextAt: until, pause: until}
	}
	v := verdict{state: StateExhausted, spent: true}
	f.Try = t.Number - f.Lost
	if t.Outcome == OutcomeThrottled {
		f.RetryAfter = RetryAfter(t.Header, now)
		v.pause = now.Add(max(f.RetryAfter, min(f.wait(), maxSchedulePause)))
	}
	if next, ok := NextTry(f, now, jitter); ok {
		v.state, v.nextAt = StateRetrying, next
	}
	return v
}

// ofOldURL returns the verdict for an endpoint that has another URL by now: the
// old one has no say in whether the endpoint rests, and what it refused for good
// goes to the new one.
func (v verdict) ofOldURL(now time.Time) verdict {
	if v.gone {
		return verdict{state: StateRetrying, nextAt: now, spent: true}
	}
	v.pause = time.Time{}
	return v
}

// maxRetryAfter bounds what an endpoint may ask for: beyond it, an insane or
// hostile value would stop deliveries for ever.
const maxRetryAfter = 24 * time.Hour

// RetryAfter returns how long after now the header asks to wait, between 0 and
// 24 h; 0 when it asks for nothing that can be understood. It takes seconds or
// an HTTP date.
func RetryAfter(h http.Header, now time.Time) time.Duration {
	v := strings.TrimSpace(h.Get("Retry-After"))
	if v == "" {
		return 0
	}
	if isDigits(v) {
		secs, err := strconv.ParseInt(v, 10, 64)
		if err != nil || secs > int64(maxRetryAfter/time.Second) {
			return maxRetryAfter // digits that overflow ask for more than the cap too
		}
		return time.Duration(secs) * time.Second
	}
	at, err := http.ParseTime(v)
	if err != nil {
		return 0
	}
	return min(max(at.Sub(now), 0), maxRetryAfter)
}

func isDigits(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return true
}
