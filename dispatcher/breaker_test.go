package dispatcher

import (
	"testing"
	"time"
)

func TestOpenings(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]time.Duration{
		1: 5 * time.Second, 2: 10 * time.Second, 3: 20 * time.Second, 6: 160 * time.Second, 7: 5 * time.Minute, 1000: 5 * time.Minute,
	} {
		if got := opening(n); got != want {
			t.Errorf("opening %d lasts %s, want %s", n, got, want)
		}
	}
}

// Each step is a letter an outcome: b broken, a an answer, n nothing; the digit
// in front is the event. The breaker opens at the last letter, or never.
func TestWhenTheBreakerOpens(t *testing.T) {
	t.Parallel()
	mixed := ""
	for range 10 {
		mixed += "1b2a"
	}
	for name, tc := range map[string]struct {
		steps string
		every time.Duration
		opens bool
	}{
		"five in a row":                 {"1b2b3b4b5b", time.Second, true},
		"of two events":                 {"1b1b1b2b1b", time.Hour, true},
		"of one event":                  {"1b1b1b1b1b1b1b1b1b", time.Second, false},
		"four":                          {"1b2b3b4b", time.Second, false},
		"an answer between":             {"1b2b3b4b5a6b7b8b9b", time.Second, false},
		"what says nothing is no break": {"1b2b3n3b4b5b", time.Second, true},
		"nothing at all":                {"1n2n3n4n5n6n7n", time.Second, false},
		"refusals":                      {"1a2a3a4a5a6a7a8a9a", time.Second, false},
		"half of twenty":                {mixed[:38] + "1b", time.Second, true},
		"half of nineteen":              {mixed[:38], time.Second, false},
		"half of twenty, slowly":        {mixed + mixed, 4 * time.Second, false}, // 16 within a minute
	} {
		var b breaker
		now, opened := noon, false
		for i := 0; i < len(tc.steps); i += 2 {
			if opened {
				t.Errorf("%s: it opened at step %d", name, i/2)
			}
			s := map[byte]standing{'a': answers, 'b': isBroken, 'n': saysNothing}[tc.steps[i+1]]
			opened = b.note(s, int64(tc.steps[i]-'0'), now)
			now = now.Add(tc.every)
		}
		if opened != tc.opens {
			t.Errorf("%s: opens %t, want %t", name, opened, tc.opens)
		}
	}
}

func TestStandingOfEveryOutcome(t *testing.T) {
	t.Parallel()
	want := map[Outcome]standing{
		OutcomeDelivered: answers, OutcomeRefused: answers, OutcomeRedirect: answers, OutcomeUnauthorized: answers, OutcomeRejected: answers,
		OutcomeThrottled: saysNothing, OutcomeBlocked: saysNothing, OutcomeUnknown: saysNothing, OutcomeExpired: saysNothing,
		OutcomeUpstream: isBroken, OutcomeHTTPError: isBroken, OutcomeDNS: isBroken, OutcomeConnect: isBroken, OutcomeTLS: isBroken,
		OutcomeTimeout: isBroken, OutcomeReset: isBroken, OutcomeProtocol: isBroken,
	}
	for _, o := range Outcomes {
		if s, known := want[o]; !known || standingOf(o) != s {
			t.Errorf("%s says %d of the endpoint, want %d", o, standingOf(o), s)
		}
	}
}

func TestPace(t *testing.T) {
	t.Parallel()
	for _, rate := range []float64{0.5, 3, 250} {
		var p pace
		n, now := 0, noon
		for now.Sub(noon) < 20*time.Second {
			if p.take(now, rate) {
				n++
			}
			now = now.Add(time.Millisecond)
		}
		// What may be caught up of the moment before the first is on top.
		if want := 20 * rate; float64(n) < want || float64(n) > want+1+rate*catchUp.Seconds() {
			t.Errorf("%d requests in 20 s, at a rate of %v", n, rate)
		}
	}
	var p pace
	for range 1000 {
		if !p.take(noon, 0) {
			t.Fatal("no rate is a limit")
		}
	}
}
