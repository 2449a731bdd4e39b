package queue

import (
	"fmt"
	"slices"
)

// witness follows the events of a log and reports the first that breaks an
// invariant of engine.md B.11 or an identity of the durations.
type witness struct {
	attempts map[int64]*seen
}

// seen is what the events of one attempt have said so far.
type seen struct {
	last    Event
	open    map[int64]bool // open offers by number
	offers  int64
	bridged bool
	worked  bool // processing was fired
	left    bool
}

func newWitness() *witness { return &witness{attempts: map[int64]*seen{}} }

func (w *witness) see(ev Event) error {
	if ev.Listed == nil {
		if ev.Sequence != 0 || len(ev.Data) == 0 || ev.Subject == nil {
			return fmt.Errorf("%s: %+v", ev.Type, ev)
		}
		return nil
	}
	s := w.attempts[ev.AttemptID]
	if s == nil {
		s = &seen{open: map[int64]bool{}}
		w.attempts[ev.AttemptID] = s
	}
	if err := s.see(ev); err != nil {
		return fmt.Errorf("attempt %d, event %d %s: %w", ev.AttemptID, ev.Sequence, ev.Type, err)
	}
	s.last = ev
	return nil
}

func (s *seen) see(ev Event) error {
	switch {
	case s.left:
		return fmt.Errorf("comes after leaving")
	case (ev.Type == EventJoined) != (ev.Sequence == 1):
		return fmt.Errorf("joined is the first event and nothing else is")
	case ev.Sequence != s.last.Sequence+1:
		return fmt.Errorf("follows %d", s.last.Sequence)
	case ev.At.Before(s.last.At):
		return fmt.Errorf("is before the event in front of it")
	}
	if err := s.transition(ev); err != nil {
		return err
	}
	return durationsHold(ev)
}

// transition checks what may follow what (B.11, 3 to 5).
func (s *seen) transition(ev Event) error {
	no := int64(ev.Ext.OfferNo)
	switch ev.Type {
	case EventOffering:
		if s.offers++; no != s.offers {
			return fmt.Errorf("offer_no %d, want %d", no, s.offers)
		}
		if s.bridged || ev.Listed.AgentID == nil || ev.Listed.AgentChannelID == nil {
			return fmt.Errorf("offered after a bridge, or to nobody")
		}
		s.open[no] = true
	case EventMissed, EventBridged:
		if !s.open[no] {
			return fmt.Errorf("closes offer %d, which is not open", no)
		}
		delete(s.open, no)
		if ev.Type == EventMissed && (ev.Ext.MissedReason == "" || s.bridged) {
			return fmt.Errorf("missed for no reason, or after the bridge")
		}
		if ev.Type == EventBridged && (s.bridged || len(s.open) > 0) {
			return fmt.Errorf("bridged twice, or beside open offers %v", s.open)
		}
		s.bridged = s.bridged || ev.Type == EventBridged
	case EventProcessing:
		if s.worked || !s.bridged || !ev.Listed.UseProcessing || ev.Ext.ProcessingDeadline.IsZero() {
			return fmt.Errorf("processing twice, without a bridge, or although it is off")
		}
		s.worked = true
	case EventLeaving:
		s.left = true
		results := []CCResult{ResultSuccess, ResultCancel, ResultAbandoned}
		if len(s.open) > 0 || !slices.Contains(results, ev.Listed.Result) || ev.Ext.ResultReason == "" {
			return fmt.Errorf("left with open offers %v, result %q, reason %q", s.open, ev.Listed.Result, ev.Ext.ResultReason)
		}
	case EventAnswered, EventActive:
		return fmt.Errorf("belongs to preview and offline only")
	}
	return nil
}

// durationsHold checks B.3 and B.5 on one event.
func durationsHold(ev Event) error {
	l := ev.Listed
	if ev.Type == EventJoined {
		return nil
	}
	if (l.Cause == nil) != (l.SIPCode == nil) {
		return fmt.Errorf("cause %v with code %v", l.Cause, l.SIPCode)
	}
	if l.Channel != ChannelCall {
		if l.BillSec != nil || l.Duration != nil || l.VoiceSec != nil || l.Cause != nil || l.AMD != nil {
			return fmt.Errorf("a %s has fields of a call", l.Channel)
		}
		return nil
	}
	le := func(a, b *int64) bool { return a == nil || b == nil || 0 <= *a && *a <= *b }
	if !le(l.VoiceSec, l.BillSec) || !le(l.BillSec, l.Duration) || l.Duration == nil {
		return fmt.Errorf("durations are out of order: voice %v, bill %v, duration %v", l.VoiceSec, l.BillSec, l.Duration)
	}
	if l.MemberChannelID == nil || l.Destination == nil {
		return fmt.Errorf("a call without member_channel_id or destination")
	}
	return nil
}

// allLeft reports an attempt that never left.
func (w *witness) allLeft() error {
	for id, s := range w.attempts {
		if !s.left {
			return fmt.Errorf("attempt %d has not left; its last event is %s", id, s.last.Type)
		}
	}
	return nil
}
