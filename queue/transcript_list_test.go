package queue

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// The list of members that a transcript keeps beside its engine, as a store
// would: `member` enters one, `load` fills a hopper with those who are ready.

// member enters: member <id> <queue> <number>[/priority],… [name=value]
func (p *play) member(w words) {
	p.t.Helper()
	id, err := strconv.ParseInt(w.bare[0], 10, 64)
	if err != nil {
		p.t.Fatal(err)
	}
	m := &Member{ID: id, QueueID: p.e.QueueByName(w.bare[1]).ID, Edition: 1, CreatedAt: p.now, ReadyAt: p.now, Variables: w.variables()}
	for n := range strings.SplitSeq(w.bare[2], ",") {
		number, priority, _ := strings.Cut(n, "/")
		x, _ := strconv.Atoi(priority)
		m.Numbers = append(m.Numbers, Number{Number: number, Priority: x})
	}
	if name := w.take("sticky"); name != "" {
		agent := p.named(name)
		m.StickyAgentID = &agent
	}
	for name, into := range map[string]*time.Time{"ready": &m.ReadyAt, "expires": &m.ExpiresAt} {
		if _, ok := w.set[name]; ok {
			*into = w.instant(name)
		}
	}
	w.fill(p.t, m)
	if err := m.Validate(); err != nil {
		p.t.Fatal(err)
	}
	p.list[id] = m
}

// lists makes the commands about lists, calendars and trunks.
func (p *play) lists(w words) Command {
	p.t.Helper()
	switch w.verb {
	case "load":
		c := Load{QueueID: p.e.QueueByName(w.bare[0]).ID}
		for _, m := range p.list {
			if m.QueueID == c.QueueID && m.Open == 0 && m.StoppedAt.IsZero() && !m.ReadyAt.After(p.now) {
				c.Members = append(c.Members, p.read(m))
			}
		}
		return c
	case "forbid":
		return Forbid{Numbers: w.bare, Note: w.take("note")}
	case "calendar":
		c := Calendar{Name: w.bare[0]}
		w.fill(p.t, &c)
		return SaveCalendar{Calendar: c}
	case "rehour", "remove_calendar":
		c := byName(p.e.Calendars(), func(c *Calendar) bool { return c.Name == w.bare[0] })
		if w.verb == "remove_calendar" {
			return RemoveCalendar{ID: c.ID}
		}
		c.Weekly, c.Exceptions = nil, nil
		w.fill(p.t, c)
		return SaveCalendar{Calendar: *c}
	case "trunk":
		t := Trunk{Name: w.bare[0], Enabled: true}
		w.fill(p.t, &t)
		return SaveTrunk{Trunk: t}
	default:
		t := byName(p.e.Trunks(), func(t *Trunk) bool { return t.Name == w.bare[0] })
		if w.verb == "remove_trunk" {
			return RemoveTrunk{ID: t.ID}
		}
		w.fill(p.t, t)
		return SaveTrunk{Trunk: *t}
	}
}

// byName finds one of the things, or an empty one: it has been removed.
func byName[T any](all []*T, is func(*T) bool) *T {
	if i := slices.IndexFunc(all, is); i >= 0 {
		return all[i]
	}
	return new(T)
}

// read returns a member as a reading of his list gives him.
func (p *play) read(m *Member) *Member {
	m = m.Clone()
	for i := range m.Numbers {
		m.Numbers[i].Forbidden = p.forbidden[m.Numbers[i].Number]
	}
	return m
}

// keepMember writes down what the engine found out of a member.
func (p *play) keepMember(m *Member) {
	p.t.Helper()
	old := p.list[m.ID]
	if old == nil && m.Edition == 0 { // made by a callback: the store's first edition
		m.Edition, old = 1, m
	}
	if old == nil || old.Edition != m.Edition || old.Open != 0 && m.LastAttempt != old.Open {
		p.t.Errorf("member %d is written over %+v: %+v", m.ID, old, m)
	}
	p.list[m.ID] = m
	p.found = slices.DeleteFunc(p.found, func(x *Member) bool { return x.ID == m.ID })
	p.found = append(p.found, m)
	slices.SortFunc(p.found, func(a, b *Member) int { return cmp.Compare(a.ID, b.ID) })
}

// showMember says what is known of a member whom an attempt has changed.
func (p *play) showMember(m *Member) string {
	var b pairs
	fmt.Fprintf(&b, "  member %d", m.ID)
	switch {
	case m.Open != 0:
		b.add("in", p.attemptName(m.Open))
		return b.String()
	case !m.StoppedAt.IsZero():
		b.add("stopped", second(m.StoppedAt))
		b.add("cause", string(m.StopCause))
	default:
		b.add("ready", second(m.ReadyAt))
		b.add("rule", strings.ReplaceAll(m.RetryRule, " ", "_"))
	}
	b.add("attempts", strconv.Itoa(m.Attempts))
	if m.RetryTries > 0 {
		b.add("tries", strconv.Itoa(m.RetryTries))
	}
	b.add("next", m.NextNumber)
	for _, t := range p.e.Trunks() {
		if t.ID == m.AvoidTrunk {
			b.add("avoid", t.Name)
		}
	}
	for _, x := range m.Exclusions {
		b.add("not", p.names[key("agent", x.AgentID)]+","+second(x.Until))
	}
	for _, n := range m.Numbers {
		if n.Stopped != "" {
			fmt.Fprintf(&b, " %s=%s", n.Number, n.Stopped)
		}
	}
	return b.String()
}
