package queue

import (
	"fmt"
	"slices"
	"testing"
)

// moves is the table of engine.md B.6: for each type, every state that may
// follow another and the event that says so. A step may make several of them.
// An attended transfer between agents is a move that stays where it is. The rows that begin with leaving are the Missed of what is left of a ring-all
// and the Leaving that follows a Missed in the same step.
var moves = func() map[string]bool {
	all := map[string]bool{}
	add := func(types []Type, rows ...string) {
		for _, typ := range types {
			for _, row := range rows {
				all[string(typ)+": "+row] = true
			}
		}
	}
	add([]Type{Inbound, Chat, Task}, " → waiting joined")
	add([]Type{Inbound, Chat, Task, Predictive, Progressive},
		"waiting → offering offering", "waiting → leaving leaving",
		"offering → waiting missed", "offering → bridged bridged")
	add([]Type{Inbound}, "offering → offering offering", "offering → offering missed", "leaving → leaving missed")
	add([]Type{Predictive, Progressive, IVR}, " → dialing joined", "dialing → leaving leaving")
	add([]Type{Predictive, Progressive}, "dialing → offering offering", "dialing → waiting")
	add([]Type{IVR}, "dialing → dialing offering", "dialing → bridged bridged", "bridged → leaving leaving")
	add([]Type{Offline, Preview}, " → offering joined", "offering → offering offering",
		"offering → active answered", "active → active active",
		"active → bridged bridged", "active → processing processing", "active → leaving leaving")
	add([]Type{Offline, Inbound, Preview, Progressive, Predictive, Chat, Task},
		"offering → leaving missed", "leaving → leaving leaving", "bridged → bridged agent_changed",
		"bridged → processing processing", "bridged → leaving leaving", "processing → leaving leaving")
	return all
}()

// move notes that the attempt went on to a state, by the event or, "", without.
func (w *witness) move(s *seen, typ Type, to State, event string) error {
	row := fmt.Sprintf("%s: %s → %s", typ, s.state, to)
	if event != "" {
		row += " " + event
	}
	if !moves[row] {
		return fmt.Errorf("the move %q is none of engine.md B.6", row)
	}
	w.moves[row]++
	s.state = to
	return nil
}

// moved takes the state of a record that a step has changed: it may have moved
// without an event.
func (w *witness) moved(a *Attempt) error {
	s := w.attempts[a.ID]
	if s == nil || s.state == a.State {
		return nil
	}
	return w.move(s, a.Queue.Type, a.State, "")
}

// everyMove reports the rows of the table that nobody has gone.
func everyMove(t *testing.T, gone map[string]int) {
	t.Helper()
	var missing []string
	for row := range moves {
		if gone[row] == 0 {
			missing = append(missing, row)
		}
	}
	slices.Sort(missing)
	for _, row := range missing {
		t.Errorf("nobody went the way %q", row)
	}
}
