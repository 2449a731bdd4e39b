package queue

import (
	"slices"
	"time"
)

// openHours is a calendar made ready for being asked.
type openHours struct {
	cfg    Calendar
	weekly [len(Days)][]Hours
	once   map[string][]Hours // by YYYY-MM-DD
	yearly map[string][]Hours // by -MM-DD
}

// horizon is how many days ahead a change is looked for: all yearly exceptions
// but that of a 29 February.
const horizon = 370

func newOpenHours(cfg *Calendar) *openHours {
	c := &openHours{cfg: *cfg.clone(), once: map[string][]Hours{}, yearly: map[string][]Hours{}}
	for _, w := range cfg.Weekly {
		for _, d := range w.Days {
			i := slices.Index(Days[:], d)
			c.weekly[i] = append(c.weekly[i], w.Hours)
		}
	}
	for _, x := range cfg.Exceptions {
		if x.Yearly {
			c.yearly[x.Date[len("2006"):]] = x.Hours
		} else {
			c.once[x.Date] = x.Hours
		}
	}
	return c
}

// on returns the spans that begin on the day, which is any instant of it.
func (c *openHours) on(day time.Time) []Hours {
	if len(c.once)+len(c.yearly) > 0 {
		date := day.Format(time.DateOnly)
		if hours, ok := c.once[date]; ok {
			return hours
		}
		if hours, ok := c.yearly[date[len("2006"):]]; ok {
			return hours
		}
	}
	return c.weekly[day.Weekday()]
}

// noon returns the middle of the day so many days after that of the wall clock,
// in UTC: an instant whose date is never in doubt.
func noon(wall time.Time, days int) time.Time {
	y, m, d := wall.Date()
	return time.Date(y, m, d+days, 12, 0, 0, 0, time.UTC)
}

// open reports whether the calendar is open at the instant, in the zone. What
// counts is the clock on the wall: an hour that a summer time skips never comes,
// one that it repeats comes twice.
func (c *openHours) open(at time.Time, zone *time.Location) bool {
	wall := at.In(zone)
	minute := Clock(wall.Hour()*60 + wall.Minute())
	for _, h := range c.on(wall) {
		if h.From <= minute && (minute < h.To || h.overnight()) {
			return true
		}
	}
	for _, h := range c.on(noon(wall, -1)) {
		if h.overnight() && minute < h.To {
			return true
		}
	}
	return false
}

// next returns the first instant after at when the calendar opens or closes;
// false when it does not within a year.
func (c *openHours) next(at time.Time, zone *time.Location) (time.Time, bool) {
	now, wall := c.open(at, zone), at.In(zone)
	var first time.Time
	for ahead, last := -1, horizon; ahead <= last; ahead++ {
		for _, t := range c.moments(noon(wall, ahead), zone) {
			if t.After(at) && (first.IsZero() || t.Before(first)) && c.open(t, zone) != now {
				first = t.UTC()
				last = min(last, ahead+2) // a span that begins later may still come first
			}
		}
	}
	return first, !first.IsZero()
}

// moments returns every instant at which one of the day's spans may begin or
// end: each edge by the offsets in force before and after it, and the change
// from one to the other.
func (c *openHours) moments(day time.Time, zone *time.Location) []time.Time {
	var out []time.Time
	midnight := day.Add(-12 * time.Hour)
	edge := func(minute Clock) {
		wall := midnight.Add(time.Duration(minute) * time.Minute)
		for _, near := range [...]time.Duration{-24 * time.Hour, 24 * time.Hour} {
			_, offset := wall.Add(near).In(zone).Zone()
			out = append(out, wall.Add(-time.Duration(offset)*time.Second))
		}
	}
	for _, h := range c.on(day) {
		edge(h.From)
		if h.overnight() {
			edge(h.To + 24*60)
		} else {
			edge(h.To)
		}
	}
	start, end := day.In(zone).ZoneBounds()
	for _, change := range [...]time.Time{start, end} {
		if d := change.Sub(day); !change.IsZero() && d > -48*time.Hour && d < 48*time.Hour {
			out = append(out, change)
		}
	}
	return out
}

// UseZones gives the engine the time zones by their IANA names; without it only
// UTC is known. The function must always give the same answer.
func (e *Engine) UseZones(load func(name string) (*time.Location, error)) { e.loadZone = load }

// zone returns the time zone of the name; empty is UTC.
func (e *Engine) zone(name string) (*time.Location, error) {
	if name == "" || name == "UTC" {
		return time.UTC, nil
	}
	if z := e.zones[name]; z != nil {
		return z, nil
	}
	if e.loadZone == nil || name == "Local" { // the machine's own zone is nobody else's
		return nil, invalid("time_zone", "this engine knows the time zone UTC only")
	}
	z, err := e.loadZone(name)
	if err != nil {
		return nil, invalid("time_zone", "no time zone is called so; use an IANA name such as Europe/Berlin")
	}
	e.zones[name] = z
	return z, nil
}

// Open reports whether the queue's calendar is open at the instant for somebody
// in the time zone; empty, or unknown, = the calendar's own. A queue without a
// calendar is always open.
func (e *Engine) Open(queueID int64, zone string, at time.Time) bool {
	q := e.queues[queueID]
	return q != nil && e.openFor(&q.cfg, zone, at)
}

func (e *Engine) openFor(q *Queue, zone string, at time.Time) bool {
	c := e.calendars[q.CalendarID]
	return c == nil || c.open(at, e.zoneFor(c, zone))
}

// zoneFor returns the zone by whose wall the calendar is read for a member.
func (e *Engine) zoneFor(c *openHours, zone string) *time.Location {
	if zone != "" {
		if z, err := e.zone(zone); err == nil {
			return z
		}
	}
	z, err := e.zone(c.cfg.TimeZone)
	if err != nil { // it was known to whoever saved the calendar
		return time.UTC
	}
	return z
}
