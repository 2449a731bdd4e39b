package queue

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"
)

// TestReplicasTakeTurns: two engines share the work by chance. What one has
// decided the other takes over by Put, as it comes back from the store; at any
// time they are equal, and go on alike. Attempts of every type are connected
// and leave on the way.
func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	reached := map[string]int{}
	for seed := range uint64(12) {
		dice := rand.New(rand.NewPCG(seed, 2))
		w := newWorld(t, func(_ string, limit int) int { return dice.IntN(limit) })
		other := w.rebuilt()
		for range 200 {
			w.now = w.now.Add(time.Duration(w.n("ms", 4_000)) * time.Millisecond)
			var cmd Command = Tick{}
			if due, ok := w.e.NextDeadline(); !ok || !due.Before(w.now) {
				cmd = w.command()
			}
			for _, r := range w.step(cmd).Changed {
				b, err := json.Marshal(r)
				if err != nil {
					t.Fatal(err)
				}
				again := reflect.New(reflect.TypeOf(r).Elem())
				if err := json.Unmarshal(b, again.Interface()); err != nil {
					t.Fatal(err)
				}
				other.Put(again.Interface().(Record))
			}
			if diff := difference(seenOf(w.e, w.now), seenOf(other, w.now)); diff != "" {
				t.Fatalf("seed %d, after %#v: the replicas differ (-decided +took over):\n%s", seed, cmd, diff)
			}
			if err := other.Check(); err != nil {
				t.Fatalf("seed %d, after %#v: the other replica: %v", seed, cmd, err)
			}
			if w.n("turn", 2) == 0 {
				other.Stock(w.e.stock, w.e.stockEnd)
				w.e, other = other, w.e
			}
		}
		for row, n := range w.witness.moves {
			words := strings.Fields(row)
			reached[strings.TrimSuffix(words[0], ":")+" "+words[len(words)-1]] += n
		}
	}
	changes := 0
	for _, typ := range Built {
		for _, event := range []string{"joined", "bridged", "leaving"} {
			if reached[string(typ)+" "+event] == 0 {
				t.Errorf("nothing of type %s was %s", typ, event)
			}
		}
		changes += reached[string(typ)+" agent_changed"]
	}
	if changes == 0 {
		t.Error("nothing was handed over")
	}
}
