package queue

import (
	"cmp"
	"slices"
	"strings"
)

// Trunk is a line out of the house, as far as dialling has to know it: how much
// it carries, and which numbers. A domain without trunks dials without regard to
// them; once it has one, every call needs a trunk that takes its number.
type Trunk struct {
	ID      int64  `json:"id"`
	Name    string `json:"name"`
	Enabled bool   `json:"enabled"`
	// Priority orders the trunks that take a number, higher first.
	Priority int `json:"priority"`
	// Lines bounds the calls at once, CallsPerSec the new ones within any
	// second; 0 = no limit.
	Lines       int `json:"lines"`
	CallsPerSec int `json:"calls_per_sec"`
	// Patterns are the beginnings of the numbers that it takes, such as "+49";
	// empty = all.
	Patterns []string `json:"patterns"`
}

// TrunkRef names the trunk of an attempt, frozen when it was chosen.
type TrunkRef struct {
	ID   int64  `json:"id"`
	Name string `json:"name"`
}

// Validate reports the first field that cannot be carried out, as an *Error.
func (t *Trunk) Validate() error {
	switch {
	case t.Name == "" || len(t.Name) > 200:
		return invalid("name", "a trunk needs a name of at most 200 bytes")
	case t.Lines < 0 || t.Lines > 1_000_000:
		return invalid("lines", "lines must be between 0 and 1000000")
	case t.CallsPerSec < 0 || t.CallsPerSec > maxCallsPerSec:
		return invalid("calls_per_sec", "calls_per_sec must be between 0 and 1000")
	case len(t.Patterns) > 1000:
		return invalid("patterns", "a trunk has at most 1000 patterns")
	}
	for _, p := range t.Patterns {
		if p == "" || len(p) > 64 {
			return invalid("patterns", "a pattern is the beginning of a number: 1 to 64 bytes")
		}
		if err := validateTexts(nil, "", &p); err != nil {
			return err
		}
	}
	return validateTexts(nil, "", &t.Name)
}

func (t *Trunk) clone() *Trunk {
	c := *t
	c.Patterns = slices.Clone(t.Patterns)
	return &c
}

// takes reports whether the number may leave by the trunk.
func (t *Trunk) takes(number string) bool {
	return len(t.Patterns) == 0 || slices.ContainsFunc(t.Patterns, func(p string) bool { return strings.HasPrefix(number, p) })
}

// trunkState is a trunk with the calls on it.
type trunkState struct {
	cfg   Trunk
	calls int // attempts that have a line of it
	recent
}

// Trunks returns copies of all trunks in the order of their ids.
func (e *Engine) Trunks() []*Trunk { return copies(e.trunks, e.Trunk) }

// Trunk returns a copy of the trunk, or nil.
func (e *Engine) Trunk(id int64) *Trunk {
	if t := e.trunks[id]; t != nil {
		return t.cfg.clone()
	}
	return nil
}

func (e *Engine) putTrunk(cfg *Trunk) {
	t := e.trunks[cfg.ID]
	if t == nil {
		t = &trunkState{}
		e.trunks[cfg.ID] = t
	}
	t.cfg = *cfg.clone()
	e.sortTrunks()
}

func (e *Engine) removeTrunk(id int64) {
	delete(e.trunks, id)
	e.sortTrunks()
}

func (e *Engine) sortTrunks() {
	e.trunkOrder = e.trunkOrder[:0]
	for _, t := range e.trunks {
		e.trunkOrder = append(e.trunkOrder, t)
	}
	slices.SortFunc(e.trunkOrder, func(a, b *trunkState) int {
		if c := cmp.Compare(b.cfg.Priority, a.cfg.Priority); c != 0 {
			return c
		}
		return cmp.Compare(a.cfg.ID, b.cfg.ID)
	})
}

// saveTrunk creates a trunk or changes it; calls on it go on.
func (s *step) saveTrunk(c SaveTrunk) error {
	t := c.Trunk
	if err := t.Validate(); err != nil {
		return err
	}
	if t.ID <= 0 {
		return invalid("id", "a trunk needs a fresh id")
	}
	for _, other := range s.e.trunkOrder {
		if other.cfg.Name == t.Name && other.cfg.ID != t.ID {
			return refuse(CodeNameTaken, "another trunk is called %q", t.Name)
		}
	}
	if t.Patterns = slices.Clone(t.Patterns); t.Patterns == nil {
		t.Patterns = []string{}
	}
	s.e.putTrunk(&t)
	s.res.Changed = append(s.res.Changed, &t)
	s.lookAtAll()
	return nil
}

// removeTrunk deletes a trunk that no queue names and no call is on.
func (s *step) removeTrunk(c RemoveTrunk) error {
	t := s.e.trunks[c.ID]
	if t == nil {
		return refuse(CodeUnknownTrunk, "no trunk %d", c.ID)
	}
	if t.calls > 0 {
		return refuse(CodeInUse, "trunk %q has %d calls; disable it and wait until they have ended", t.cfg.Name, t.calls)
	}
	for _, id := range sortedIDs(s.e.queues) {
		if q := &s.e.queues[id].cfg; slices.Contains(q.Trunks, c.ID) {
			return refuse(CodeInUse, "queue %q names trunk %q", q.Name, t.cfg.Name)
		}
	}
	s.e.removeTrunk(c.ID)
	s.res.Changed = append(s.res.Changed, &Removed{Kind: KindTrunk, ID: c.ID})
	s.lookAtAll()
	return nil
}
