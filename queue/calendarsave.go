package queue

// Calendars returns copies of all calendars in the order of their ids.
func (e *Engine) Calendars() []*Calendar { return copies(e.calendars, e.Calendar) }

// Calendar returns a copy of the calendar, or nil.
func (e *Engine) Calendar(id int64) *Calendar {
	if c := e.calendars[id]; c != nil {
		return c.cfg.clone()
	}
	return nil
}

func (e *Engine) putCalendar(cfg *Calendar) { e.calendars[cfg.ID] = newOpenHours(cfg) }

// saveCalendar creates a calendar or changes it.
func (s *step) saveCalendar(c SaveCalendar) error {
	cal := c.Calendar.clone()
	if err := cal.Validate(); err != nil {
		return err
	}
	if _, err := s.e.zone(cal.TimeZone); err != nil {
		return err
	}
	if cal.ID <= 0 {
		return invalid("id", "a calendar needs a fresh id")
	}
	for _, other := range s.e.calendars {
		if other.cfg.Name == cal.Name && other.cfg.ID != cal.ID {
			return refuse(CodeNameTaken, "another calendar is called %q", cal.Name)
		}
	}
	if cal.Weekly == nil {
		cal.Weekly = []WeeklyHours{}
	}
	if cal.Exceptions == nil {
		cal.Exceptions = []CalendarException{}
	}
	s.e.putCalendar(cal)
	s.res.Changed = append(s.res.Changed, cal)
	for _, id := range sortedIDs(s.e.queues) {
		if q := s.e.queues[id]; q.cfg.CalendarID == cal.ID {
			s.rehours(q)
		}
	}
	s.lookAtAll()
	return nil
}

// removeCalendar deletes a calendar that no queue has.
func (s *step) removeCalendar(c RemoveCalendar) error {
	if s.e.calendars[c.ID] == nil {
		return refuse(CodeUnknownCalendar, "no calendar %d", c.ID)
	}
	for _, id := range sortedIDs(s.e.queues) {
		if q := &s.e.queues[id].cfg; q.CalendarID == c.ID {
			return refuse(CodeInUse, "queue %q has calendar %d", q.Name, c.ID)
		}
	}
	delete(s.e.calendars, c.ID)
	s.res.Changed = append(s.res.Changed, &Removed{Kind: KindCalendar, ID: c.ID})
	return nil
}
