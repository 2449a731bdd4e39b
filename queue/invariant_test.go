package queue

import (
	"encoding/json"
	"fmt"
	"slices"
)

// witness follows the events of a log and reports the first that breaks an
// invariant of engine.md B.11 or an identity of the durations.
type witness struct {
	attempts map[int64]*seen
	moves    map[string]int // rows of the table moves that were gone
	reached  map[string]int // events with their reasons
}

// seen is what the events of one attempt have said so far.
type seen struct {
	last    Event
	state   State
	open    map[int64]bool // open offers by number
	offers  int64
	bridged bool
	// accepted is the offer that was answered or bridged; 0 = none.
	accepted int64
	worked   bool  // processing was fired
	agent    int64 // to whom the conversation was handed over; 0 = it was not
	left     bool
}

func newWitness() *witness {
	return &witness{attempts: map[int64]*seen{}, moves: map[string]int{}, reached: map[string]int{}}
}

func (w *witness) see(ev Event) error {
	if ev.Listed == nil {
		if ev.Sequence != 0 || len(ev.Data) == 0 || ev.Subject == nil {
			return fmt.Errorf("%s: %+v", ev.Type, ev)
		}
		if ev.Type == EventAgentChanged {
			return w.changed(ev)
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
	w.reached[string(ev.Type[len("attempt."):])+" "+string(ev.Ext.MissedReason)+string(ev.Ext.ResultReason)]++
	if err := w.move(s, ev.Queue.Type, ev.Ext.State, string(ev.Type[len("attempt."):])); err != nil {
		return fmt.Errorf("attempt %d: %w", ev.AttemptID, err)
	}
	return nil
}

// changed notes that another agent has the conversation, which must be one.
func (w *witness) changed(ev Event) error {
	s := w.attempts[ev.AttemptID]
	if s == nil || !s.bridged || s.left || ev.At.Before(s.last.At) {
		return fmt.Errorf("attempt %d: the agent changed outside of a conversation", ev.AttemptID)
	}
	var d AgentChangedData
	if err := json.Unmarshal(ev.Data, &d); err != nil || d.AgentID == d.PreviousAgentID {
		return fmt.Errorf("attempt %d: %s: %w", ev.AttemptID, ev.Data, err)
	}
	s.agent = d.AgentID
	return w.move(s, ev.Queue.Type, s.state, "agent_changed")
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
	no, typ := int64(ev.Ext.OfferNo), ev.Queue.Type
	if s.last.Type == EventAnswered && ev.Type != EventActive {
		return fmt.Errorf("active follows answered")
	}
	switch ev.Type {
	case EventOffering:
		if s.bridged || s.accepted != 0 {
			return fmt.Errorf("offered after a bridge or an accept")
		}
		if typ == IVR {
			if s.offers++; s.offers > 1 {
				return fmt.Errorf("offered twice")
			}
			return nil
		}
		if s.offers++; no != s.offers || ev.Listed.AgentID == nil || ev.Listed.AgentChannelID == nil {
			return fmt.Errorf("offer_no %d, want %d, or offered to nobody", no, s.offers)
		}
		s.open[no] = true
	case EventAnswered:
		if !typ.agentFirst() || !s.open[no] {
			return fmt.Errorf("answers offer %d, which is not open, or in a queue of type %s", no, typ)
		}
		delete(s.open, no)
		s.accepted = no
	case EventActive:
		if s.last.Type != EventAnswered || *ev.Listed.Duration != 0 || ev.Listed.BillSec != nil {
			return fmt.Errorf("comes without answered in front of it, or with durations")
		}
	case EventMissed, EventBridged:
		return s.closes(ev)
	case EventProcessing:
		if s.worked || s.accepted == 0 || !ev.Listed.UseProcessing || ev.Ext.ProcessingDeadline.IsZero() {
			return fmt.Errorf("processing twice, without an accept, or although it is off")
		}
		s.worked = true
		fallthrough
	case EventLeaving:
		if s.agent != 0 && (ev.Listed.AgentID == nil || *ev.Listed.AgentID != s.agent) {
			return fmt.Errorf("is not the agent's who has the conversation, %d", s.agent)
		}
		if ev.Type == EventProcessing {
			return nil
		}
		s.left = true
		results := []CCResult{ResultSuccess, ResultCancel, ResultAbandoned}
		if len(s.open) > 0 || !slices.Contains(results, ev.Listed.Result) || ev.Ext.ResultReason == "" {
			return fmt.Errorf("left with open offers %v, result %q, reason %q", s.open, ev.Listed.Result, ev.Ext.ResultReason)
		}
		if !ev.Ext.RetryAt.IsZero() && (!typ.Outbound() || ev.Ext.RetryAt.Before(ev.At)) {
			return fmt.Errorf("is tried again at %v", ev.Ext.RetryAt)
		}
	}
	return nil
}

// closes checks the end of an offer.
func (s *seen) closes(ev Event) error {
	no, typ := int64(ev.Ext.OfferNo), ev.Queue.Type
	switch {
	case s.bridged:
		return fmt.Errorf("comes after the bridge")
	case ev.Type == EventMissed && (!s.open[no] || ev.Ext.MissedReason == "" || typ == IVR):
		return fmt.Errorf("misses offer %d, which is not open, or for no reason", no)
	case ev.Type == EventMissed:
		delete(s.open, no)
		return nil
	case typ == IVR && s.offers != 1:
		return fmt.Errorf("bridged without an offering")
	case typ == IVR:
	case typ.agentFirst() && (s.accepted == 0 || no != s.accepted):
		return fmt.Errorf("bridges offer %d, which was not answered", no)
	case typ.agentFirst():
	case !s.open[no] || len(s.open) > 1:
		return fmt.Errorf("bridges offer %d, which is not open, or beside others: %v", no, s.open)
	default:
		delete(s.open, no)
		s.accepted = no
	}
	s.bridged = true
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
	if !le(l.VoiceSec, l.BillSec) || !le(l.BillSec, l.Duration) || (l.Duration == nil) != ev.Ext.DialAt.IsZero() {
		return fmt.Errorf("durations are out of order")
	}
	if l.MemberChannelID == nil || l.Destination == nil {
		return fmt.Errorf("a call without member_channel_id or destination")
	}
	return agentShown(ev)
}

// agentShown checks the agent fields, and the detection, of a call (B.5).
func agentShown(ev Event) error {
	l, typ := ev.Listed, ev.Queue.Type
	switch {
	case (l.AgentID == nil) != (l.AgentName == nil) || l.AgentID == nil && (l.UserID != nil || l.AgentExtension != nil):
		return fmt.Errorf("half an agent")
	case typ == IVR && (l.AgentID != nil || l.AgentChannelID != nil || l.VoiceSec != nil || l.UseProcessing):
		return fmt.Errorf("an ivr attempt has fields of an agent")
	case typ.reserved() && l.AgentID == nil:
		return fmt.Errorf("the reserved agent is not named")
	case l.AMD != nil && typ != IVR && typ != Progressive && typ != Predictive:
		return fmt.Errorf("amd_result in a queue of type %s", typ)
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
