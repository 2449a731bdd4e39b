package queue

import (
	"fmt"
	"slices"
)

// Needs says how many fresh ids cmd would use if it were stepped now: for an
// attempt, queue or agent that it creates. WithIDs puts them into the command.
func (e *Engine) Needs(cmd Command) int {
	unknownAgent := func(id int64, ref string) int {
		if id == 0 && ref != "" && e.refs[ref] == 0 {
			return 1
		}
		return 0
	}
	switch c := cmd.(type) {
	case Join:
		return zero(c.AttemptID)
	case Dial:
		return zero(c.AttemptID)
	case Transfer:
		if c.ToQueueID != 0 {
			return zero(c.NewID)
		}
	case SaveQueue:
		return zero(c.Queue.ID)
	case SaveAgent:
		return zero(c.Agent.ID)
	case SaveCalendar:
		return zero(c.Calendar.ID)
	case SaveTrunk:
		return zero(c.Trunk.ID)
	case SetAgentStatus:
		return unknownAgent(c.AgentID, c.AgentRef)
	case SwitchReport:
		switch c.Event {
		case SwitchJoined:
			if e.queueFor(c) == nil {
				return 2
			}
			return 1
		case SwitchTransferred:
			if c.QueueID == 0 && c.QueueName == "" {
				return unknownAgent(c.AgentID, c.AgentRef)
			}
			if e.queueFor(c) == nil {
				return 2
			}
			return 1
		case SwitchOffered, SwitchBridged:
			return unknownAgent(c.AgentID, c.AgentRef)
		}
	}
	return 0
}

func zero(id int64) int {
	if id == 0 {
		return 1
	}
	return 0
}

// WithIDs returns cmd with the ids that Needs asked for.
func WithIDs(cmd Command, ids ...int64) Command {
	if len(ids) == 0 {
		return cmd
	}
	switch c := cmd.(type) {
	case Join:
		c.AttemptID = ids[0]
		return c
	case Dial:
		c.AttemptID = ids[0]
		return c
	case Transfer:
		c.NewID = ids[0]
		return c
	case SaveQueue:
		c.Queue.ID = ids[0]
		return c
	case SaveAgent:
		c.Agent.ID = ids[0]
		return c
	case SaveCalendar:
		c.Calendar.ID = ids[0]
		return c
	case SaveTrunk:
		c.Trunk.ID = ids[0]
		return c
	case SetAgentStatus:
		c.NewID = ids[0]
		return c
	case SwitchReport:
		c.NewIDs = ids
		return c
	default:
		return cmd
	}
}

// saveQueue creates a queue or changes its settings.
func (s *step) saveQueue(c SaveQueue) error {
	q := *c.Queue.clone()
	if q.Strategy == "" {
		q.Strategy = LongestIdle
	}
	if q.Order == "" {
		q.Order = FIFO
	}
	if err := q.Validate(); err != nil {
		return err
	}
	if q.ID <= 0 {
		return invalid("id", "a queue needs a fresh id")
	}
	if other, ok := s.e.names[q.Name]; ok && other != q.ID {
		return refuse(CodeNameTaken, "another queue is called %q", q.Name)
	}
	if err := validateTexts(q.Variables, "", &q.Name); err != nil {
		return err
	}
	if q.CalendarID != 0 && s.e.calendars[q.CalendarID] == nil {
		return &Error{Code: CodeUnknownCalendar, Field: "calendar_id", Detail: fmt.Sprintf("no calendar %d", q.CalendarID)}
	}
	for i, id := range q.Trunks {
		if s.e.trunks[id] == nil {
			return &Error{Code: CodeUnknownTrunk, Field: fmt.Sprintf("trunks/%d", i), Detail: fmt.Sprintf("no trunk %d", id)}
		}
	}
	if err := s.e.validateHelp(&q); err != nil {
		return err
	}
	old := s.e.queues[q.ID]
	if old != nil {
		if (old.cfg.Type != q.Type || old.cfg.Distribution != q.Distribution) && len(old.open) > 0 {
			return refuse(CodeInUse, "queue %q has %d open attempts; type and distribution can change when they have left", q.Name, len(old.open))
		}
	}
	if old != nil && old.cfg.Enabled && !q.Enabled {
		s.withdrawPreviews(old)
	}
	otherHours := old != nil && (old.cfg.Enabled != q.Enabled || old.cfg.CalendarID != q.CalendarID || old.cfg.CloseWaiting != q.CloseWaiting)
	saved := q.clone()
	s.e.putQueue(saved)
	s.look(s.e.queues[q.ID])
	if otherHours {
		s.rehours(old)
	}
	s.res.Changed = append(s.res.Changed, saved)
	s.touchSticky(s.e.queues[q.ID], 0)
	for _, id := range sortedIDs(s.e.queues[q.ID].agents) {
		s.touchAgent(s.e.agents[id]) // he may be free for it now
	}
	return nil
}

// removeQueue deletes a queue; agents who served it no longer do.
func (s *step) removeQueue(c RemoveQueue) error {
	q := s.e.queues[c.ID]
	switch {
	case q == nil:
		return refuse(CodeUnknownQueue, "no queue %d", c.ID)
	case len(q.open) > 0:
		return refuse(CodeInUse, "queue %q has %d open attempts; disable it and wait until they have left", q.cfg.Name, len(q.open))
	}
	for _, id := range sortedIDs(s.e.queues) {
		other := &s.e.queues[id].cfg
		if slices.ContainsFunc(other.Overflow, func(x OverflowStep) bool { return x.QueueID == c.ID }) {
			return refuse(CodeInUse, "the overflow of queue %q leads to queue %q; change it first", other.Name, q.cfg.Name)
		}
	}
	for _, id := range sortedIDs(q.agents) {
		cfg := s.e.agents[id].cfg
		if !slices.Contains(cfg.Queues, c.ID) {
			continue // he served it by his skills
		}
		cfg.Queues = slices.DeleteFunc(slices.Clone(cfg.Queues), func(x int64) bool { return x == c.ID })
		s.e.putAgent(&cfg)
		s.res.Changed = append(s.res.Changed, &cfg)
	}
	s.e.removeQueue(c.ID)
	s.res.Changed = append(s.res.Changed, &Removed{Kind: KindQueue, ID: c.ID})
	return nil
}

// saveAgent creates an agent, offline, or changes him.
func (s *step) saveAgent(c SaveAgent) error {
	a := *c.Agent.clone()
	if err := a.Validate(); err != nil {
		return err
	}
	if a.ID <= 0 {
		return invalid("id", "an agent needs a fresh id")
	}
	if other := s.e.refs[a.Ref]; a.Ref != "" && other != 0 && other != a.ID {
		return refuse(CodeNameTaken, "agent %d has the agent_ref %q already", other, a.Ref)
	}
	if err := validateTexts(nil, a.Ref, &a.Name, a.Extension); err != nil {
		return err
	}
	for _, id := range a.Queues {
		if s.e.queues[id] == nil {
			return refuse(CodeUnknownQueue, "no queue %d", id)
		}
	}
	slices.Sort(a.Queues)
	a.Queues = slices.Compact(a.Queues)
	if a.Queues == nil {
		a.Queues = []int64{}
	}
	if old := s.e.agents[a.ID]; old != nil {
		s.touchStuck(old)
	}
	s.e.putAgent(&a)
	s.res.Changed = append(s.res.Changed, &a)
	g := s.e.agents[a.ID]
	if g.st.Status == "" {
		g.st.Status, g.st.Since = StatusOffline, s.now
	}
	s.touchAgent(g)
	return nil
}

// removeAgent deletes an agent who holds nothing.
func (s *step) removeAgent(c RemoveAgent) error {
	g := s.e.agents[c.ID]
	if g == nil {
		return refuse(CodeUnknownAgent, "no agent %d", c.ID)
	}
	for i := range g.st.Channels {
		if len(g.st.Channels[i].Slots) > 0 {
			return refuse(CodeInUse, "agent %d holds attempt %d", c.ID, g.st.Channels[i].Slots[0].AttemptID)
		}
	}
	s.touchStuck(g)
	s.e.removeAgent(c.ID)
	s.res.Changed = append(s.res.Changed, &Removed{Kind: KindAgent, ID: c.ID})
	return nil
}
