package queue

import (
	"testing"
	"time"
)

// The line of a queue is in the order in which its members are offered.
func TestLineIsInTheOrderOfOffers(t *testing.T) {
	t.Parallel()
	e, at := New(Domain{ID: 1}), time.Date(2026, 1, 1, 9, 0, 0, 0, time.UTC)
	do := func(cmd Command) Result {
		t.Helper()
		at = at.Add(time.Second)
		if n := e.Needs(cmd); n > 0 {
			ids := make([]int64, n)
			for i := range ids {
				ids[i] = at.Unix() + int64(i)
			}
			cmd = WithIDs(cmd, ids...)
		}
		r, err := e.Step(at, cmd)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	q := do(SaveQueue{Queue: DefaultQueue(0, "tasks", Task)}).Changed[0].(*Queue).ID
	for _, priority := range []int{0, 5, 0, 9} {
		do(Join{QueueID: q, Priority: priority})
	}
	line := e.Line(q)
	if len(line) != 4 || e.Online(q) != 0 || len(e.Offers()) != 0 || e.Line(1) != nil || e.Online(1) != 0 {
		t.Fatalf("%d wait, %d online, offers %v", len(line), e.Online(q), e.Offers())
	}
	do(SaveAgent{Agent: Agent{Name: "Ann", Queues: []int64{q}, Capacity: map[Channel]int{ChannelTask: 4}}})
	do(SetAgentStatus{AgentID: e.Agents()[0].ID, Status: StatusOnline})
	offers, rest := e.Offers(), e.Line(q)
	if len(offers) != 1 || offers[0].ID != line[0].ID || e.Online(q) != 1 || len(rest) != 3 {
		t.Fatalf("offered %v, %d wait, %d online; the first was %d", offers, len(rest), e.Online(q), line[0].ID)
	}
	for i, a := range rest {
		if a.ID != line[i+1].ID || a.Priority > line[i].Priority {
			t.Errorf("place %d: attempt %d, which was not next", i, a.ID)
		}
	}
}
