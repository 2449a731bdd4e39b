package queue

import (
	"fmt"
	"slices"
	"time"
)

// Clock is a time of day in minutes after midnight, 0 to 1440; as text "08:30",
// and "24:00" for the end of the day.
type Clock int

// MarshalText writes hours and minutes.
func (c Clock) MarshalText() ([]byte, error) {
	return fmt.Appendf(nil, "%02d:%02d", c/60, c%60), nil
}

// UnmarshalText reads hours and minutes, such as 08:30.
func (c *Clock) UnmarshalText(text []byte) error {
	digit := func(i int) int {
		if i >= len(text) || text[i] < '0' || text[i] > '9' {
			return -1 << 20
		}
		return int(text[i] - '0')
	}
	hour, minute := 10*digit(0)+digit(1), 10*digit(3)+digit(4)
	if len(text) != 5 || text[2] != ':' || hour < 0 || minute < 0 || minute > 59 || hour*60+minute > 24*60 {
		return fmt.Errorf("read a time of day: %q is not between 00:00 and 24:00", text)
	}
	*c = Clock(hour*60 + minute)
	return nil
}

// Hours are one span of a day. To at or before From means the next day: 22:00
// to 06:00 belongs to the day on which it begins.
type Hours struct {
	From Clock `json:"from"`
	To   Clock `json:"to"`
}

func (h Hours) overnight() bool { return h.To <= h.From }

// Day is a day of the week, in lower-case English.
type Day string

// Days lists the days of the week in the order of time.Weekday.
var Days = [...]Day{"sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"}

// WeeklyHours are one span on some days of the week.
type WeeklyHours struct {
	Days []Day `json:"days"`
	Hours
}

// CalendarException replaces the weekly hours of one date.
type CalendarException struct {
	// Date is YYYY-MM-DD. Yearly: every year on that day and month; one for the
	// very date beats it.
	Date   string `json:"date"`
	Yearly bool   `json:"yearly"`
	Name   string `json:"name,omitempty"`
	// Hours are the spans that begin on that date; none = closed.
	Hours []Hours `json:"hours"`
}

// Calendar says when a queue is open (engine.md B.12). Its hours are times of
// day on the wall, so that a summer time moves them along.
type Calendar struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
	// TimeZone is an IANA name, such as Europe/Berlin; empty = UTC.
	TimeZone   string              `json:"time_zone"`
	Weekly     []WeeklyHours       `json:"weekly"`
	Exceptions []CalendarException `json:"exceptions"`
}

// Validate reports the first field that cannot be carried out, as an *Error.
// The time zone is checked by who knows the zones.
func (c *Calendar) Validate() error {
	switch {
	case c.Name == "" || len(c.Name) > 200:
		return invalid("name", "a calendar needs a name of at most 200 bytes")
	case len(c.Weekly) > 100:
		return invalid("weekly", "a calendar has at most 100 weekly spans")
	case len(c.Exceptions) > 2000:
		return invalid("exceptions", "a calendar has at most 2000 exceptions")
	}
	for i, w := range c.Weekly {
		field := fmt.Sprintf("weekly/%d", i)
		if len(w.Days) == 0 {
			return invalid(field+"/days", "name the days of the week: monday, tuesday …")
		}
		for _, d := range w.Days {
			if !slices.Contains(Days[:], d) {
				return invalid(field+"/days", fmt.Sprintf("%q is not a day of the week; write monday, tuesday …", d))
			}
		}
		if err := w.validate(field); err != nil {
			return err
		}
	}
	dates := map[string]bool{}
	for i, x := range c.Exceptions {
		field := fmt.Sprintf("exceptions/%d", i)
		if _, err := time.Parse(time.DateOnly, x.Date); err != nil {
			return invalid(field+"/date", "date must be YYYY-MM-DD")
		}
		key := fmt.Sprint(x.Date, x.Yearly)
		if x.Yearly {
			key = x.Date[4:]
		}
		if dates[key] {
			return invalid(field+"/date", "the calendar has an exception for this date already")
		}
		dates[key] = true
		if len(x.Hours) > 20 {
			return invalid(field+"/hours", "a date has at most 20 spans")
		}
		for j, h := range x.Hours {
			if err := h.validate(fmt.Sprintf("%s/hours/%d", field, j)); err != nil {
				return err
			}
		}
		if err := validateTexts(nil, "", &x.Name); err != nil {
			return err
		}
	}
	return validateTexts(nil, "", &c.Name, &c.TimeZone)
}

func (h Hours) validate(field string) error {
	switch {
	case h.From < 0 || h.From >= 24*60:
		return invalid(field+"/from", "from must be between 00:00 and 23:59")
	case h.To < 0 || h.To > 24*60:
		return invalid(field+"/to", "to must be between 00:00 and 24:00")
	case h.From == h.To:
		return invalid(field+"/to", "from and to are the same; a whole day is 00:00 to 24:00")
	default:
		return nil
	}
}

func (c *Calendar) clone() *Calendar {
	d := *c
	d.Weekly = slices.Clone(c.Weekly)
	for i := range d.Weekly {
		d.Weekly[i].Days = slices.Clone(d.Weekly[i].Days)
	}
	d.Exceptions = slices.Clone(c.Exceptions)
	for i := range d.Exceptions {
		d.Exceptions[i].Hours = slices.Clone(d.Exceptions[i].Hours)
	}
	return &d
}
