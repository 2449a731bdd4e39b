package pacing

import (
	"fmt"
	"slices"
	"time"
)

// A State is all that a Pacer remembers: bounded (some kilobytes), and the same
// after a way through JSON. The zero value is not a beginning; NewState is.
type State struct {
	Lines  Lines  `json:"lines"`
	Talk   Spread `json:"talk"`    // from the bridge to the end of the conversation
	WrapUp Spread `json:"wrap_up"` // from there until the agent is free
	Budget Budget `json:"budget"`
	Ledger Ledger `json:"ledger"`
	Held   bool   `json:"held"` // as of the last person; see Decision.Held
}

// NewState is where a campaign begins.
func NewState() State { return State{Budget: Budget{Balance: opening}} }

// A Pacer paces one queue. It is not for use by several goroutines at once.
type Pacer struct {
	settings Settings
	state    State

	curves curves // the State's spreads added up; computed again when stale
	stale  bool
	moment [moments]moment // scratch of Decide
}

// New begins where st ends: NewState, or one that Pacer.State gave. It fails if
// the settings are not valid.
func New(s Settings, st State) (*Pacer, error) {
	if err := s.Validate(); err != nil {
		return nil, fmt.Errorf("check pacing settings: %w", err)
	}
	return &Pacer{settings: s, state: st.clone(), stale: true}, nil
}

// State is a copy of all that the Pacer remembers.
func (p *Pacer) State() State { return p.state.clone() }

// Settings are those that the Pacer works by.
func (p *Pacer) Settings() Settings { return p.settings }

// SetSettings changes the settings from now on; what was counted stays. It
// fails, and changes nothing, if they are not valid.
func (p *Pacer) SetSettings(s Settings) error {
	if err := s.Validate(); err != nil {
		return fmt.Errorf("check pacing settings: %w", err)
	}
	p.settings = s
	return nil
}

func (s Spread) clone() Spread {
	s.Now, s.Old = slices.Clone(s.Now), slices.Clone(s.Old)
	return s
}

func (s State) clone() State {
	s.Lines.Ended, s.Lines.Live = s.Lines.Ended.clone(), s.Lines.Live.clone()
	s.Talk, s.WrapUp = s.Talk.clone(), s.WrapUp.clone()
	s.Budget.Drops = slices.Clone(s.Budget.Drops)
	s.Ledger.Quarters, s.Ledger.Days = slices.Clone(s.Ledger.Quarters), slices.Clone(s.Ledger.Days)
	return s
}

// An Ending is how a line's flight ended.
type Ending int

// The endings. A line is in flight from dialling until it needs an agent or
// will never need one.
const (
	NoAnswer Ending = iota // rang out, busy, rejected
	Failed                 // never rang: wrong number, network
	Machine                // answered and judged to be a machine
	Live                   // answered and judged to be a person (or not known to be a machine)
)

// LineEnded tells that a line ended so at the instant at, after flight in the air.
func (p *Pacer) LineEnded(at time.Time, flight time.Duration, how Ending) {
	p.refresh()
	p.state.Lines.ended(flight, how == Live, &p.curves)
	if how == Machine {
		p.state.Ledger.add(at, p.settings.DayOffset, Count{Machines: 1})
		p.state.Budget.take(p.settings.AMDErrorPercent / 100)
	}
	p.stale = true
}

// handled is how many conversations make a generation: some hours of a small
// team, some minutes of a big one.
const handled = 400

// TalkEnded tells how long a conversation was.
func (p *Pacer) TalkEnded(d time.Duration) { p.took(&p.state.Talk, d) }

// WrapUpEnded tells how long an agent was busy after his conversation: with
// processing, wrap-up or both; 0 if he was free at once.
func (p *Pacer) WrapUpEnded(d time.Duration) { p.took(&p.state.WrapUp, d) }

func (p *Pacer) took(s *Spread, d time.Duration) {
	if s.N >= handled {
		s.roll()
	}
	s.add(d)
	p.stale = true
}

// A Person is what became of somebody who answered. It is known at the bridge,
// when the threshold passes, or when the person hangs up before it.
type Person struct {
	Agents  int  // logged in for the queue at that time
	Late    bool // still there at the threshold, without an agent: a dropped call by law, whatever came after
	Bridged bool // reached an agent, in time or late
}

// PersonDone tells what became of a person who answered; once for each LineEnded
// with Live. A late person who is bridged after all is reported at the bridge or
// at the end, with both set.
func (p *Pacer) PersonDone(at time.Time, who Person) {
	c := Count{Persons: 1}
	switch {
	case who.Late:
		c.Dropped = 1
	case who.Bridged:
		c.Connected = 1
	}
	if !who.Bridged {
		c.Unbridged = 1
	}
	p.state.Ledger.add(at, p.settings.DayOffset, c)
	p.state.Budget.answered(p.settings, who.Agents, who.Late)
	p.state.Held = p.held(at)
}
