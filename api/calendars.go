package api

import (
	"context"
	"fmt"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
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
	delete(s.Properties, "id")
	s.Required = []string{"name"}
	return s
}

// CalendarChange is the body that changes a calendar.
type CalendarChange Calendar

// TransformSchema makes everything optional.
func (CalendarChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	delete(s.Properties, "id")
	s.Required = nil
	return s
}

type calendarOut struct{ Body Calendar }

type calendarCreated struct {
	Location string `header:"Location"`
	Body     Calendar
}

// CalendarPath names a calendar in a path.
type CalendarPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The calendar."`
}

func (h *handler) calendarRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/calendars", id: "listCalendars", tag: tagDialling, role: store.RoleAnalyst,
		summary: "List calendars", doc: "In the order of their ids.",
	}, h.listCalendars)
	register(h, operation{
		method: http.MethodPost, path: "/v1/calendars", id: "createCalendar", tag: tagDialling, role: store.RoleAdmin,
		status: http.StatusCreated, conflicts: true, summary: "Create a calendar",
		doc: "A queue has it by `calendar_id`. Its hours are times on the wall of its zone, so they move with the summer time.",
	}, h.createCalendar)
	register(h, operation{
		method: http.MethodGet, path: "/v1/calendars/{id}", id: "readCalendar", tag: tagDialling, role: store.RoleAnalyst,
		summary: "Read a calendar",
	}, h.readCalendar)
	register(h, operation{
		method: http.MethodPatch, path: "/v1/calendars/{id}", id: "changeCalendar", tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Change a calendar",
		doc: "Only the fields in the body change; `weekly` and `exceptions` are replaced as a whole.",
	}, h.changeCalendar)
	register(h, operation{
		method: http.MethodDelete, path: "/v1/calendars/{id}", id: "deleteCalendar", tag: tagDialling, role: store.RoleAdmin,
		conflicts: true, summary: "Delete a calendar", doc: "Refused with in_use while a queue has it.",
	}, h.deleteCalendar)
}

func (h *handler) listCalendars(ctx context.Context, c caller, in *Page) (*listOut[Calendar], error) {
	var found []*queue.Calendar
	if err := h.read(ctx, c, func(e *queue.Engine) { found = e.Calendars() }); err != nil {
		return nil, err
	}
	some, next, err := pageByID(found, *in, "cal", func(x *queue.Calendar) int64 { return x.ID })
	if err != nil {
		return nil, err
	}
	out := &listOut[Calendar]{list[Calendar]{Data: []Calendar{}, NextCursor: next}}
	for _, x := range some {
		out.Body.Data = append(out.Body.Data, viewCalendar(x))
	}
	return out, nil
}

func (h *handler) createCalendar(ctx context.Context, c caller, in *struct {
	Body    NewCalendar
	RawBody []byte
}) (*calendarCreated, error) {
	var x Calendar
	if err := overlay(in.RawBody, &x); err != nil {
		return nil, err
	}
	saved, err := h.saveCalendar(ctx, c, x)
	if err != nil {
		return nil, err
	}
	return &calendarCreated{Location: location("calendars", saved.ID), Body: *saved}, nil
}

func (h *handler) readCalendar(ctx context.Context, c caller, in *CalendarPath) (*calendarOut, error) {
	x, err := h.calendar(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &calendarOut{*x}, nil
}

func (h *handler) changeCalendar(ctx context.Context, c caller, in *struct {
	CalendarPath
	Body    CalendarChange
	RawBody []byte
}) (*calendarOut, error) {
	h.settings.Lock()
	defer h.settings.Unlock()
	if err := h.catchUp(ctx, c); err != nil {
		return nil, err
	}
	x, err := h.calendar(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	if in.Body.Weekly != nil {
		x.Weekly = nil // else parts of the old ones would shine through
	}
	if in.Body.Exceptions != nil {
		x.Exceptions = nil
	}
	if err := overlay(in.RawBody, x); err != nil {
		return nil, err
	}
	x.ID = in.ID
	if x, err = h.saveCalendar(ctx, c, *x); err != nil {
		return nil, err
	}
	return &calendarOut{*x}, nil
}

func (h *handler) deleteCalendar(ctx context.Context, c caller, in *CalendarPath) (*struct{}, error) {
	_, err := h.do(ctx, c, queue.RemoveCalendar{ID: in.ID})
	return nil, err
}

// calendar reads one calendar of the caller's domain.
func (h *handler) calendar(ctx context.Context, c caller, id int64) (*Calendar, error) {
	var x *queue.Calendar
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		x = e.Calendar(id)
		return x != nil
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, problem(queue.CodeUnknownCalendar, fmt.Sprintf("No calendar %d is visible with this key.", id))
	}
	v := viewCalendar(x)
	return &v, nil
}

// saveCalendar creates or changes a calendar and returns it as the engine keeps
// it.
func (h *handler) saveCalendar(ctx context.Context, c caller, x Calendar) (*Calendar, error) {
	result, err := h.do(ctx, c, queue.SaveCalendar{Calendar: x.calendar()})
	if err != nil {
		return nil, err
	}
	for _, r := range result.Changed {
		if saved, ok := r.(*queue.Calendar); ok {
			v := viewCalendar(saved)
			return &v, nil
		}
	}
	return h.calendar(ctx, c, x.ID) // nothing changed
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
