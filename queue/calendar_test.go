package queue

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // the same zones on every machine

	"github.com/google/go-cmp/cmp"
)

// hours reads spans such as "09:00-17:30 22:00-06:00".
func hours(t *testing.T, text string) []Hours {
	t.Helper()
	var out []Hours
	for span := range strings.FieldsSeq(text) {
		from, to, _ := strings.Cut(span, "-")
		var h Hours
		if err := errors.Join(h.From.UnmarshalText([]byte(from)), h.To.UnmarshalText([]byte(to))); err != nil {
			t.Fatal(err)
		}
		out = append(out, h)
	}
	return out
}

// weekly makes a calendar of lines such as "monday,tuesday 09:00-17:30", and
// exceptions such as "2026-12-25 yearly" and "2026-12-24 09:00-12:00".
func calendar(t *testing.T, lines ...string) *Calendar {
	t.Helper()
	c := &Calendar{ID: 1, Name: "test"}
	for _, line := range lines {
		first, rest, _ := strings.Cut(line, " ")
		if first[0] == '2' {
			x := CalendarException{Date: first}
			x.Yearly = strings.HasPrefix(rest, "yearly")
			x.Hours = hours(t, strings.TrimPrefix(rest, "yearly"))
			c.Exceptions = append(c.Exceptions, x)
			continue
		}
		for _, h := range hours(t, rest) {
			w := WeeklyHours{Hours: h}
			for d := range strings.SplitSeq(first, ",") {
				w.Days = append(w.Days, Day(d))
			}
			c.Weekly = append(c.Weekly, w)
		}
	}
	if err := c.Validate(); err != nil {
		t.Fatal(err)
	}
	return c
}

func location(t *testing.T, name string) *time.Location {
	t.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

// TestCalendarChanges follows a calendar from one change to the next: when it
// opens (+) and closes (-), by the wall with its offset from UTC.
func TestCalendarChanges(t *testing.T) {
	t.Parallel()
	const week = "monday,tuesday,wednesday,thursday,friday"
	everyDay := week + ",saturday,sunday"
	for name, row := range map[string]struct {
		zone  string
		from  string // RFC 3339
		lines []string
		want  []string
	}{
		"a week with a break": {"Europe/Berlin", "2026-08-21T11:00:00+02:00", []string{week + " 09:00-12:00 13:00-17:00"}, []string{
			"- 2026-08-21 12:00 +0200", "+ 2026-08-21 13:00 +0200", "- 2026-08-21 17:00 +0200", "+ 2026-08-24 09:00 +0200",
		}},
		"spans that touch or overlap are one": {"UTC", "2026-08-24T00:00:00Z", []string{"monday 08:00-12:00 12:00-14:00 13:00-18:00"}, []string{
			"+ 2026-08-24 08:00 +0000", "- 2026-08-24 18:00 +0000", "+ 2026-08-31 08:00 +0000",
		}},
		"over midnight": {"America/New_York", "2026-08-22T12:00:00Z", []string{"saturday 22:00-06:00"}, []string{
			"+ 2026-08-22 22:00 -0400", "- 2026-08-23 06:00 -0400", "+ 2026-08-29 22:00 -0400",
		}},
		"whole days run together": {"UTC", "2026-08-22T12:00:00Z", []string{"saturday,sunday 00:00-24:00"}, []string{
			"- 2026-08-24 00:00 +0000", "+ 2026-08-29 00:00 +0000",
		}},
		"always, and never": {"UTC", "2026-08-22T12:00:00Z", []string{everyDay + " 00:00-24:00"}, nil},
		"never":             {"UTC", "2026-08-22T12:00:00Z", nil, nil},
		"exceptions": {"UTC", "2026-12-23T12:00:00Z", []string{
			everyDay + " 09:00-17:00", "2020-12-25 yearly", "2020-12-26 yearly 10:00-11:00", "2026-12-24 09:00-12:00", "2026-12-26",
		}, []string{
			"- 2026-12-23 17:00 +0000", "+ 2026-12-24 09:00 +0000", "- 2026-12-24 12:00 +0000", "+ 2026-12-27 09:00 +0000",
		}},
		"an exception ends no night that began before it": {"UTC", "2026-12-24T12:00:00Z", []string{everyDay + " 22:00-02:00", "2026-12-25"}, []string{
			"+ 2026-12-24 22:00 +0000", "- 2026-12-25 02:00 +0000", "+ 2026-12-26 22:00 +0000",
		}},
		"only one day a year": {"UTC", "2026-12-26T00:00:00Z", []string{"2020-12-25 yearly 10:00-11:00"}, []string{
			"+ 2027-12-25 10:00 +0000", "- 2027-12-25 11:00 +0000",
		}},
		"summer time skips 02:00 to 03:00: the night is an hour shorter": {"Europe/Berlin", "2026-03-28T12:00:00+01:00", []string{"saturday 22:00-06:00"}, []string{
			"+ 2026-03-28 22:00 +0100", "- 2026-03-29 06:00 +0200",
		}},
		"a span that begins in the hour that is skipped": {"Europe/Berlin", "2026-03-29T00:00:00+01:00", []string{"sunday 02:30-05:00"}, []string{
			"+ 2026-03-29 03:00 +0200", "- 2026-03-29 05:00 +0200",
		}},
		"a span that ends there": {"Europe/Berlin", "2026-03-29T00:00:00+01:00", []string{"sunday 01:00-02:30"}, []string{
			"+ 2026-03-29 01:00 +0100", "- 2026-03-29 03:00 +0200",
		}},
		"a span within it never comes": {"Europe/Berlin", "2026-03-29T00:00:00+01:00", []string{"sunday 02:10-02:50"}, []string{
			"+ 2026-04-05 02:10 +0200",
		}},
		"winter time repeats 02:00 to 03:00": {"Europe/Berlin", "2026-10-25T00:00:00+02:00", []string{"sunday 02:30-05:00"}, []string{
			"+ 2026-10-25 02:30 +0200", "- 2026-10-25 02:00 +0100", "+ 2026-10-25 02:30 +0100", "- 2026-10-25 05:00 +0100",
		}},
		"a night over it is an hour longer": {"Europe/Berlin", "2026-10-24T12:00:00+02:00", []string{"saturday 22:00-06:00"}, []string{
			"+ 2026-10-24 22:00 +0200", "- 2026-10-25 06:00 +0100",
		}},
		"half an hour of summer time": {"Australia/Lord_Howe", "2026-10-03T12:00:00Z", []string{"sunday 01:00-02:15"}, []string{
			"+ 2026-10-04 01:00 +1030", "- 2026-10-04 02:30 +1100",
		}},
		"a day that never was": {"Pacific/Apia", "2011-12-29T12:00:00-10:00", []string{everyDay + " 09:00-17:00"}, []string{
			"- 2011-12-29 17:00 -1000", "+ 2011-12-31 09:00 +1400",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			zone, c := location(t, row.zone), newOpenHours(calendar(t, row.lines...))
			at, err := time.Parse(time.RFC3339, row.from)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for range row.want {
				next, ok := c.next(at, zone)
				if !ok {
					break
				}
				if !next.After(at) || c.open(next, zone) == c.open(next.Add(-time.Millisecond), zone) {
					t.Errorf("%v is no change", next)
				}
				sign := map[bool]string{true: "+", false: "-"}[c.open(next, zone)]
				got = append(got, sign+next.In(zone).Format(" 2006-01-02 15:04 -0700"))
				at = next
			}
			if diff := cmp.Diff(row.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if row.want == nil {
				if next, ok := c.next(at, zone); ok {
					t.Errorf("changes at %v", next)
				}
			}
		})
	}
}

// TestCalendarAgainstMinutes compares changes with a dumb search, minute by minute
// over days in which clocks are changed, for random calendars.
func TestCalendarAgainstMinutes(t *testing.T) {
	t.Parallel()
	clock := func(dice *rand.Rand) Clock { return Clock(dice.IntN(24*4+1) * 15) }
	for seed := range uint64(150) {
		dice := rand.New(rand.NewPCG(seed, 3))
		c := &Calendar{Name: "random"}
		for range 1 + dice.IntN(4) {
			h := Hours{From: clock(dice) % (24 * 60), To: clock(dice)}
			if h.From != h.To {
				c.Weekly = append(c.Weekly, WeeklyHours{Days: []Day{Days[dice.IntN(7)], Days[dice.IntN(7)], "sunday"}, Hours: h})
			}
		}
		zone := location(t, []string{"Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"}[seed%4])
		month := []time.Month{3, 10, 11, 4}[dice.IntN(4)]
		begin := time.Date(2026, month, 1+dice.IntN(28), dice.IntN(24), 0, 0, 0, time.UTC)
		if dice.IntN(2) == 0 {
			c.Exceptions = []CalendarException{{Date: begin.Format(time.DateOnly), Hours: []Hours{{From: 60, To: 180}}}}
		}
		hours := newOpenHours(c)
		want := begin.Add(time.Minute)
		for hours.open(want, zone) == hours.open(begin, zone) && want.Sub(begin) < 9*24*time.Hour {
			want = want.Add(time.Minute)
		}
		got, ok := hours.next(begin, zone)
		if ok != (want.Sub(begin) < 9*24*time.Hour) || ok && !got.Equal(want) {
			t.Errorf("seed %d: %+v in %s changes after %v at %v (%v), want %v", seed, c, zone, begin, got, ok, want)
		}
	}
}

// TestClockText: times of day are written and read as people do.
func TestClockText(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Clock{"00:00": 0, "08:30": 510, "23:59": 1439, "24:00": 1440} {
		var c Clock
		if err := json.Unmarshal([]byte(`"`+text+`"`), &c); err != nil || c != want {
			t.Errorf("%s is read as %d, %v", text, c, err)
		}
		if b, err := json.Marshal(want); err != nil || string(b) != `"`+text+`"` {
			t.Errorf("%d is written as %s, %v", want, b, err)
		}
	}
	for _, text := range []string{"", "8:30", "08:60", "24:01", "25:00", "08.30", "08:3", "08:300", "-1:00", "aa:bb", "99:99"} {
		if err := new(Clock).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is read as a time of day", text)
		}
	}
}

// TestZoneOfWhom: a member's own zone decides, else that of the calendar; a zone
// that nobody knows is the calendar's.
func TestZoneOfWhom(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	cal := calendar(t, "saturday 09:00-12:30")
	cal.ID, cal.TimeZone = 0, "Europe/Berlin"
	id := c.do(SaveCalendar{Calendar: *cal}).Changed[0].(*Calendar).ID
	q := c.queue("sales", IVR, func(q *Queue) { q.CalendarID = id })
	for zone, want := range map[string]bool{"": true, "Europe/Berlin": true, "America/New_York": false, "UTC": true, "Asia/Kolkata": false, "Moon/Base": true} {
		if got := c.e.Open(q, zone, epoch); got != want { // 10:00 UTC, 12:00 in Berlin, 15:30 in Kolkata
			t.Errorf("in zone %q the queue is open: %v", zone, got)
		}
	}
	if c.e.Open(q+100, "", epoch) || !c.e.Open(c.queue("always", IVR), "", epoch) {
		t.Error("a queue that is not there is open, or one without a calendar closed")
	}
	bare := New(Domain{ID: 1})
	if _, err := bare.Step(epoch, SaveCalendar{Calendar: Calendar{ID: 1, Name: "x", TimeZone: "Europe/Berlin"}}); err == nil {
		t.Error("an engine without zones took Europe/Berlin")
	}
	if _, err := c.try(SaveCalendar{Calendar: Calendar{Name: "x", TimeZone: "Local"}}); !errors.Is(err, &Error{Code: CodeInvalid}) {
		t.Errorf("the zone Local: %v", err)
	}
}

// BenchmarkCalendarNext asks for the next change of a calendar with a thousand
// exceptions.
func BenchmarkCalendarNext(b *testing.B) {
	c := &Calendar{Weekly: []WeeklyHours{{Days: Days[1:6], Hours: Hours{From: 540, To: 1020}}}}
	for i := range 1000 {
		c.Exceptions = append(c.Exceptions, CalendarException{Date: fmt.Sprintf("%d-%02d-%02d", 2027+i/300, 1+i%12, 1+i/12%28)})
	}
	hours := newOpenHours(c)
	for b.Loop() {
		hours.next(epoch, time.UTC)
	}
}
