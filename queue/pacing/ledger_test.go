package pacing

import (
	"math"
	"testing"
	"time"
)

var (
	connected = Person{Agents: 10, Bridged: true}
	droppedP  = Person{Agents: 10, Late: true}
	lateP     = Person{Agents: 10, Late: true, Bridged: true}
	hungUp    = Person{Agents: 10}
)

func pacer(t testing.TB, s Settings) *Pacer {
	t.Helper()
	p, err := New(s, NewState())
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func tell(p *Pacer, at time.Time, who Person, times int) {
	for range times {
		p.PersonDone(at, who)
	}
}

// TestRatesCount: who counts for the law and who in the manner of Webitel.
func TestRatesCount(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name           string
		settings       Settings
		legal, webitel float64
	}{
		{"US: everybody who answered", US(), 5.0 / 100, 10.0 / 100},
		{"UK: without those who hung up at once, with machines misjudged", UK(), (5.0 + 2) / (93 + 2), 10.0 / 100},
	} {
		p := pacer(t, tt.settings)
		tell(p, epoch, connected, 88)
		tell(p, epoch, lateP, 2) // dropped by law, but bridged
		tell(p, epoch, droppedP, 3)
		tell(p, epoch, hungUp, 7)
		for range 200 {
			p.LineEnded(epoch, 18*time.Second, Machine)
		}
		r := p.Rates(epoch).Campaign
		if math.Abs(r.Legal-tt.legal) > 1e-12 || math.Abs(r.Webitel-tt.webitel) > 1e-12 {
			t.Errorf("%s: legal %v, Webitel %v; want %v, %v", tt.name, r.Legal, r.Webitel, tt.legal, tt.webitel)
		}
	}
}

// TestWindowsMoveOn: 10 people at midnight local time less a second, then none.
func TestWindowsMoveOn(t *testing.T) {
	t.Parallel()
	s := US()
	s.DayOffset = 2 * 3600
	p := pacer(t, s)
	start := time.Date(2026, 11, 2, 21, 59, 59, 0, time.UTC)
	tell(p, start, droppedP, 10)
	for _, tt := range []struct {
		later                          time.Duration
		hour, day, hours24, days30, ev int64
	}{
		{0, 10, 10, 10, 10, 10},
		{time.Second, 10, 0, 10, 10, 10},
		{time.Hour, 10, 0, 10, 10, 10},
		{76 * time.Minute, 0, 0, 10, 10, 10},
		{24 * time.Hour, 0, 0, 10, 10, 10},
		{25 * time.Hour, 0, 0, 0, 10, 10},
		{30 * 24 * time.Hour, 0, 0, 0, 10, 10},
		{31*24*time.Hour + time.Second, 0, 0, 0, 0, 10},
	} {
		r := p.Rates(start.Add(tt.later))
		got := [5]int64{r.Hour.Dropped, r.Day.Dropped, r.Hours24.Dropped, r.Days30.Dropped, r.Campaign.Dropped}
		if want := [5]int64{tt.hour, tt.day, tt.hours24, tt.days30, tt.ev}; got != want {
			t.Errorf("%v later: dropped %v, want %v (hour, day, 24 h, 30 days, campaign)", tt.later, got, want)
		}
	}
}

// TestLedgerIsBounded: two years, a call every ten minutes.
func TestLedgerIsBounded(t *testing.T) {
	t.Parallel()
	p := pacer(t, US())
	for i := range 2 * 365 * 24 * 6 {
		p.PersonDone(epoch.Add(time.Duration(i)*10*time.Minute), connected)
	}
	if l := p.State().Ledger; len(l.Quarters) > keptQuarters+1 || len(l.Days) > keptDays+1 {
		t.Errorf("%d quarters and %d days are kept", len(l.Quarters), len(l.Days))
	}
	p.PersonDone(epoch.Add(-time.Hour), connected) // a clock that went back loses nothing
	if got := p.Rates(epoch).Campaign.Persons; got != 2*365*24*6+1 {
		t.Errorf("%d people are counted", got)
	}
}

// TestHeldUntilUnderTheTarget: 3 % holds, 2.6 % does not let go, 2.4 % does.
func TestHeldUntilUnderTheTarget(t *testing.T) {
	t.Parallel()
	s := US()
	s.GuardAnswers, s.GuardHourMin = 0, 0
	p := pacer(t, s)
	tell(p, epoch, connected, 97)
	steps := []struct {
		who   Person
		times int
		held  bool
	}{
		{droppedP, 2, false},  // 2 of 99
		{droppedP, 1, true},   // 3 of 100
		{connected, 15, true}, // 2.6 %
		{connected, 10, false},
		{connected, 100, false},
	}
	for i, st := range steps {
		tell(p, epoch, st.who, st.times)
		if d := p.Decide(epoch, View{Room: NoLimit}); d.Held != st.held {
			t.Errorf("step %d: held is %v at %.2f %%", i, d.Held, 100*p.Rates(epoch).Days30.Legal)
		}
	}
}

// TestTheHourHoldsInsideTheMonth: a good month does not pay for a bad hour.
func TestTheHourHoldsInsideTheMonth(t *testing.T) {
	t.Parallel()
	s := US()
	s.GuardAnswers = 0
	p := pacer(t, s)
	tell(p, epoch, connected, 10_000)
	later := epoch.Add(5 * time.Hour)
	tell(p, later, connected, 480)
	tell(p, later, droppedP, 20)
	if d := p.Decide(later, View{}); !d.Held {
		t.Errorf("%.2f %% in the hour, and dialling goes on", 100*p.Rates(later).Hour.Legal)
	}
	if d := p.Decide(later.Add(2*time.Hour), View{}); d.Held {
		t.Error("the hour is over, and dialling is still held")
	}
}

func TestSettingsAreChecked(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]Settings{"US": US(), "UK": UK()} {
		if err := s.Validate(); err != nil {
			t.Errorf("preset %s: %v", name, err)
		}
	}
	for name, spoil := range map[string]func(*Settings){
		"zero":               func(s *Settings) { *s = Settings{} },
		"target at maximum":  func(s *Settings) { s.TargetPercent = 3 },
		"not a number":       func(s *Settings) { s.TargetPercent = math.NaN() },
		"unknown window":     func(s *Settings) { s.Window = "week" },
		"the inner window":   func(s *Settings) { s.Window = hour },
		"unknown share":      func(s *Settings) { s.Denominator = "all" },
		"threshold under 0":  func(s *Settings) { s.ThresholdSec = -1 },
		"AMD over 100":       func(s *Settings) { s.AMDErrorPercent = 101 },
		"a day of days":      func(s *Settings) { s.DayOffset = 90_000 },
		"no lines":           func(s *Settings) { s.MaxAgentLine = 0 },
		"a guard of nothing": func(s *Settings) { s.GuardAnswers = 10 },
		"hour under 0":       func(s *Settings) { s.GuardHourMin = -1 },
	} {
		s := US()
		spoil(&s)
		if _, err := New(s, NewState()); err == nil {
			t.Errorf("%s: the settings are taken", name)
		}
	}
}
