package dispatcher

import (
	"net/http"
	"testing"
	"time"
)

var noon = time.Date(2026, 8, 22, 12, 0, 0, 0, time.UTC)

func TestRecordSchedule(t *testing.T) {
	t.Parallel()
	want := []time.Duration{
		2 * time.Second, 10 * time.Second, 60 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour,
		5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	at, tries := noon, 1
	for ; ; tries++ {
		next, ok := NextTry(Failure{Profile: ProfileRecord, Try: tries, RecordedAt: noon}, at, 0)
		if !ok {
			break
		}
		if got := next.Sub(at); got != want[tries-1] {
			t.Errorf("after try %d: %s, want %s", tries, got, want[tries-1])
		}
		at = next
	}
	if total := at.Sub(noon); tries != 12 || total != 75*time.Hour+36*time.Minute+12*time.Second {
		t.Errorf("%d tries over %s, want 12 over 75h36m12s", tries, total)
	}
}

func TestCustomSchedule(t *testing.T) {
	t.Parallel()
	own := waits(3, 7*time.Second)
	for try, want := range map[int]time.Duration{1: 7 * time.Second, 3: 7 * time.Second, 4: 0, 99: 0} {
		next, ok := NextTry(Failure{Profile: ProfileCustom, Waits: own, Try: try, RecordedAt: noon}, noon, 0)
		if ok != (want > 0) || ok && next.Sub(noon) != want {
			t.Errorf("after try %d: %s, %t", try, next.Sub(noon), ok)
		}
	}
	if Expired(ProfileCustom, noon, noon.Add(1000*time.Hour)) {
		t.Error("an event of a custom schedule expires")
	}
}

func TestLiveScheduleEndsByAge(t *testing.T) {
	t.Parallel()
	var waits []time.Duration
	at := noon
	for try := 1; ; try++ {
		next, ok := NextTry(Failure{Profile: ProfileLive, Try: try, RecordedAt: noon}, at, 0)
		if !ok {
			break
		}
		waits = append(waits, next.Sub(at))
		at = next
	}
	want := []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 15 * time.Second, 15 * time.Second}
	if len(waits) != len(want) || at.Sub(noon) != 45*time.Second {
		t.Fatalf("waits %v, want %v", waits, want)
	}
	for i := range want {
		if waits[i] != want[i] {
			t.Errorf("wait %d is %s, want %s", i+1, waits[i], want[i])
		}
	}
	for age, want := range map[time.Duration]bool{0: false, time.Minute - 1: false, time.Minute: true} {
		if got := Expired(ProfileLive, noon, noon.Add(age)); got != want {
			t.Errorf("expired at the age of %s: %t", age, got)
		}
		if Expired(ProfileRecord, noon, noon.Add(1000*time.Hour)) {
			t.Error("an event of the profile record expires")
		}
	}
}

func TestJitterOnlyDelays(t *testing.T) {
	t.Parallel()
	for try := 1; try <= 11; try++ {
		f := Failure{Profile: ProfileRecord, Try: try}
		first, _ := NextTry(f, noon, 0)
		half, _ := NextTry(f, noon, 0.5)
		last, _ := NextTry(f, noon, 0.999999)
		wait := first.Sub(noon)
		if half.Sub(first) != wait/20 || last.Before(half) || last.Sub(first) > wait/10 {
			t.Errorf("try %d: %s, %s, %s", try, first.Sub(noon), half.Sub(noon), last.Sub(noon))
		}
	}
}

func TestRetryAfterOnlyDelays(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]time.Duration{
		"":                              0,
		"120":                           2 * time.Minute,
		" 7 ":                           7 * time.Second,
		"0":                             0,
		"-5":                            0,
		"1e3":                           0,
		"soon":                          0,
		"864000":                        24 * time.Hour,
		"99999999999999999999999":       24 * time.Hour,
		"Sat, 22 Aug 2026 12:01:30 GMT": 90 * time.Second,
		"Sat, 22 Aug 2026 11:00:00 GMT": 0,
		"Sun, 22 Aug 2060 11:00:00 GMT": 24 * time.Hour,
	} {
		h := http.Header{"Retry-After": {value}}
		if got := RetryAfter(h, noon); got != want {
			t.Errorf("Retry-After %q: %s, want %s", value, got, want)
		}
	}
	f := Failure{Profile: ProfileRecord, Try: 1, RetryAfter: time.Second}
	if next, _ := NextTry(f, noon, 0); next.Sub(noon) != 2*time.Second {
		t.Errorf("a short Retry-After makes the wait %s", next.Sub(noon))
	}
	f.RetryAfter = time.Hour
	if next, _ := NextTry(f, noon, 0.5); next.Sub(noon) != time.Hour {
		t.Errorf("a long Retry-After makes the wait %s", next.Sub(noon))
	}
}

func TestClassifyStatus(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]Outcome{
		200: OutcomeDelivered, 204: OutcomeDelivered, 299: OutcomeDelivered,
		300: OutcomeRedirect, 302: OutcomeRedirect, 308: OutcomeRedirect,
		400: OutcomeRejected, 404: OutcomeRejected, 422: OutcomeRejected,
		401: OutcomeUnauthorized, 403: OutcomeUnauthorized, 407: OutcomeUnauthorized,
		410: OutcomeRefused, 429: OutcomeThrottled, 503: OutcomeThrottled,
		500: OutcomeUpstream, 502: OutcomeUpstream, 504: OutcomeUpstream, 599: OutcomeUpstream,
		101: OutcomeHTTPError, 600: OutcomeHTTPError, 999: OutcomeHTTPError,
	} {
		if got := ClassifyStatus(status); got != want {
			t.Errorf("%d: %s, want %s", status, got, want)
		}
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	slow := http.Header{"Retry-After": {"600"}}
	for name, tc := range map[string]struct {
		try  Try
		want verdict
	}{
		"delivered": {Try{Outcome: OutcomeDelivered, Number: 1}, verdict{state: StateDelivered, spent: true}},
		"gone":      {Try{Outcome: OutcomeRefused, Number: 1}, verdict{state: StateRefused, spent: true, gone: true}},
		"failed":    {Try{Outcome: OutcomeReset, Number: 2}, verdict{state: StateRetrying, spent: true, nextAt: noon.Add(10 * time.Second)}},
		"the last":  {Try{Outcome: OutcomeReset, Number: 12}, verdict{state: StateExhausted, spent: true}},
		"throttled": {Try{Outcome: OutcomeThrottled, Number: 1, Header: slow},
			verdict{state: StateRetrying, spent: true, nextAt: noon.Add(10 * time.Minute), pause: noon.Add(10 * time.Minute)}},
		"throttled without a word": {Try{Outcome: OutcomeThrottled, Number: 2},
			verdict{state: StateRetrying, spent: true, nextAt: noon.Add(10 * time.Second), pause: noon.Add(10 * time.Second)}},
		"throttled late": {Try{Outcome: OutcomeThrottled, Number: 9}, // the others do not wait with it for 14 h
			verdict{state: StateRetrying, spent: true, nextAt: noon.Add(14 * time.Hour), pause: noon.Add(5 * time.Minute)}},
		"throttled at the end": {Try{Outcome: OutcomeThrottled, Number: 12, Header: slow},
			verdict{state: StateExhausted, spent: true, pause: noon.Add(10 * time.Minute)}},
		"blocked": {Try{Outcome: OutcomeBlocked, Number: 1},
			verdict{state: StateRetrying, nextAt: noon.Add(5 * time.Minute), pause: noon.Add(5 * time.Minute)}},
		"lost":    {Try{Outcome: OutcomeUnknown, Number: 12}, verdict{state: StateRetrying, spent: true, lost: true, nextAt: noon}},
		"expired": {Try{Outcome: OutcomeExpired}, verdict{state: StateExhausted}},
	} {
		if got := judge(&tc.try, Failure{Profile: ProfileRecord, RecordedAt: noon}, noon, 0); got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
	}
}
