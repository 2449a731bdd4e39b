package api

import (
	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
)

// Calendar says when the queues that have it are open.
type Calendar struct {
	ID         int64               `json:"id" doc:"Given by the server."`
	Name       string              `json:"name" minLength:"1" maxLength:"200" doc:"Unique in the domain."`
	TimeZone   string              `json:"time_zone" maxLength:"64" doc:"An IANA name such as Europe/Berlin; empty: UTC. A member's own zone comes before it."`
	Weekly     []CalendarHours     `json:"weekly" maxItems:"100" doc:"When it is open in a week without exceptions. None: never."`
	Exceptions []CalendarException `json:"exceptions" maxItems:"2000" doc:"Dates that differ."`
}

// CalendarHours are one span of time on some days of the week.
type CalendarHours struct {
	Days []queue.Day `json:"days" minItems:"1" doc:"sunday, monday, tuesday, wednesday, thursday, friday, saturday."`
	CalendarSpan
}

// CalendarSpan is one span of a day.
type CalendarSpan struct {
	From queue.Clock `json:"from" doc:"Such as 08:30." example:"08:30"`
	To   queue.Clock `json:"to" doc:"Such as 17:00; 24:00 is the end of the day. At or before from: on the next day." example:"17:00"`
}

// CalendarException replaces the weekly hours of one date.
type CalendarException struct {
	Date   string         `json:"date" doc:"YYYY-MM-DD." example:"2026-12-25"`
	Yearly bool           `json:"yearly,omitempty" doc:"Every year on that day and month. One for the very date comes before it."`
	Name   string         `json:"name,omitempty" maxLength:"200"`
	Hours  []CalendarSpan `json:"hours,omitempty" maxItems:"20" doc:"When it is open on that date. None: not at all."`
}

// NewCalendar is the body that creates a calendar.
type NewCalendar Calendar

// TransformSchema makes everything but the name optional.
func (NewCalendar) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return namedOnly(s, "name")
}

// CalendarChange is the body that changes a calendar.
type CalendarChange Calendar

// TransformSchema makes everything optional.
func (CalendarChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	return namedOnly(s)
}

func (h *handler) calendarRoutes() {
	settingsRoutes(h, settings[queue.Calendar, Calendar, NewCalendar, CalendarChange]{
		one: "calendar", many: "calendars", unknown: queue.CodeUnknownCalendar,
		id:   func(x *queue.Calendar) int64 { return x.ID },
		all:  (*queue.Engine).Calendars,
		find: (*queue.Engine).Calendar,
		view: viewCalendar,
		save: func(x Calendar, id int64) queue.Command {
			x.ID = id
			return queue.SaveCalendar{Calendar: x.calendar()}
		},
		remove: func(id int64) queue.Command { return queue.RemoveCalendar{ID: id} },
		docs: settingsDocs{
			create: "A queue has it by `calendar_id`. Its hours are times on the wall of its zone, so they move with the summer time.",
			change: "Only the fields in the body change; `weekly` and `exceptions` are replaced as a whole.",
			remove: "Refused with in_use while a queue has it.",
		},
	}, "Calendar")
}

func (x *Calendar) calendar() queue.Calendar {
	out := queue.Calendar{ID: x.ID, Name: x.Name, TimeZone: x.TimeZone}
	for _, w := range x.Weekly {
		out.Weekly = append(out.Weekly, queue.WeeklyHours{Days: w.Days, Hours: queue.Hours(w.CalendarSpan)})
	}
	for _, e := range x.Exceptions {
		exception := queue.CalendarException{Date: e.Date, Yearly: e.Yearly, Name: e.Name, Hours: []queue.Hours{}}
		for _, span := range e.Hours {
			exception.Hours = append(exception.Hours, queue.Hours(span))
		}
		out.Exceptions = append(out.Exceptions, exception)
	}
	return out
}

func viewCalendar(x *queue.Calendar) Calendar {
	v := Calendar{ID: x.ID, Name: x.Name, TimeZone: x.TimeZone, Weekly: []CalendarHours{}, Exceptions: []CalendarException{}}
	for _, w := range x.Weekly {
		v.Weekly = append(v.Weekly, CalendarHours{Days: w.Days, CalendarSpan: CalendarSpan(w.Hours)})
	}
	for _, e := range x.Exceptions {
		exception := CalendarException{Date: e.Date, Yearly: e.Yearly, Name: e.Name, Hours: []CalendarSpan{}}
		for _, span := range e.Hours {
			exception.Hours = append(exception.Hours, CalendarSpan(span))
		}
		v.Exceptions = append(v.Exceptions, exception)
	}
	return v
}
