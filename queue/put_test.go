package queue

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// TestPutTakesNamesOver: names and agent_refs that have moved from one to
// another arrive in one batch, in any order.
func TestPutTakesNamesOver(t *testing.T) {
	t.Parallel()
	e := New(Domain{ID: 1})
	one, two := DefaultQueue(1, "one", Inbound), DefaultQueue(2, "two", Inbound)
	e.Put(&one, &two, &Agent{ID: 3, Name: "A", Ref: "SIP/a"}, &Agent{ID: 4, Name: "B", Ref: "SIP/b"})
	one.Name, two.Name = "two", "one"
	e.Put(&one, &two, &Agent{ID: 3, Name: "A", Ref: "SIP/b"}, &Agent{ID: 4, Name: "B", Ref: "SIP/a"})
	for name, want := range map[string]int64{"one": 2, "two": 1} {
		if q := e.QueueByName(name); q == nil || q.ID != want {
			t.Errorf("queue %s is %+v, want %d", name, q, want)
		}
	}
	for ref, want := range map[string]int64{"SIP/a": 4, "SIP/b": 3} {
		if a, _ := e.AgentByRef(ref); a == nil || a.ID != want {
			t.Errorf("agent %s is %+v, want %d", ref, a, want)
		}
	}
	e.Put(&Removed{Kind: KindQueue, ID: 1}, &Removed{Kind: KindAgent, ID: 4})
	if e.QueueByName("two") != nil || e.QueueByName("one") == nil {
		t.Error("removing a queue took the name of another")
	}
	if a, _ := e.AgentByRef("SIP/b"); a == nil {
		t.Error("removing an agent took the name of another")
	}
}

// TestHandedOutIsCopied: nothing that the engine hands out or takes in lets its
// state be changed from outside.
func TestHandedOutIsCopied(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Inbound, func(q *Queue) { q.Variables = map[string]string{"campaign": "summer"} })
	other := c.queue("other", Chat)
	anna := c.agent("Anna", q, other)
	variables := map[string]string{"id": "1"}
	caller := "+12025550101"
	a := c.do(Join{QueueID: q, Destination: &caller, Variables: variables}).Attempt
	before := seenOf(c.e, c.now)
	events := string(c.log[1].AppendJSON(nil))

	variables["id"] = "2"
	a.Offers[0].Agent.Name, a.State = "changed", StateLeaving
	c.e.Queue(q).Variables["campaign"] = "changed"
	agent, state := c.e.Agent(anna)
	agent.Queues[0], state.Channels[0].Slots[0].AttemptID = 99, 99
	if diff := cmp.Diff(before, seenOf(c.e, c.now), cmpopts.EquateEmpty()); diff != "" {
		t.Errorf("the state was changed from outside:\n%s", diff)
	}

	c.do(Decline{AttemptID: a.ID, AgentID: anna})
	c.do(SaveAgent{Agent: Agent{ID: anna, Name: "Anna Berg", Queues: []int64{q}}})
	c.do(SaveQueue{Queue: DefaultQueue(q, "renamed", Inbound)})
	c.do(Cancel{AttemptID: a.ID})
	if got := string(c.log[1].AppendJSON(nil)); got != events {
		t.Errorf("an event has changed afterwards:\n%s\n%s", events, got)
	}
}

// TestSameCommandsSameEvents: two engines give the same bytes, whatever the
// order of their maps.
func TestSameCommandsSameEvents(t *testing.T) {
	t.Parallel()
	run := func() string {
		c := newCentre(t)
		var queues, agents []int64
		for i := range 12 {
			queues = append(queues, c.queue(fmt.Sprint("q", i), []Type{Inbound, Chat, Task}[i%3], func(q *Queue) {
				q.NoAgentsSec, q.Variables = 30, map[string]string{"a": "1", "b": "2", "c": "3"}
			}))
		}
		for i := range 12 {
			agents = append(agents, c.agent(fmt.Sprint("Agent", i), queues...))
		}
		for i := range 60 {
			c.join(queues[i%12], fmt.Sprint("+1202555", 1000+i))
		}
		for i, id := range agents {
			c.do(SetAgentStatus{AgentID: id, Status: []Status{StatusPause, StatusOffline}[i%2]})
		}
		c.at(20)
		for _, id := range queues[:6] {
			q := c.e.Queue(id)
			q.Priority++
			c.do(SaveQueue{Queue: *q})
		}
		c.at(90_000)
		var out []byte
		for i := range c.log {
			out = append(c.log[i].AppendJSON(out), '\n')
		}
		return string(out)
	}
	first := run()
	for range 4 {
		if diff := cmp.Diff(first, run()); diff != "" {
			t.Fatal(diff)
		}
	}
}

// TestTimesFromOutside: instants that are nowhere near are as good as none; what
// comes of them can be stored and read.
func TestTimesFromOutside(t *testing.T) {
	t.Parallel()
	caller := "+12025550101"
	for name, when := range map[string]time.Time{
		"zero":        {},
		"epoch":       time.Unix(0, 0),
		"year 0":      time.Date(0, 1, 1, 0, 0, 0, 0, time.FixedZone("", 14*3600)),
		"far future":  time.Date(9999, 12, 31, 23, 59, 59, 0, time.FixedZone("", -14*3600)),
		"sub-second":  epoch.Add(-1500*time.Millisecond - 700*time.Microsecond),
		"1970":        time.Unix(1, 0),
		"other zones": epoch.Add(-time.Hour).In(time.FixedZone("", 5*3600+1800)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCentre(t)
			q := c.queue("sales", Inbound)
			c.agent("Anna", q)
			res := c.do(Join{QueueID: q, Destination: &caller, DialAt: when, MemberAnsweredAt: when})
			a := res.Attempt
			if a.DialAt.After(a.JoinedAt) || a.MemberAnsweredAt.Before(a.DialAt) {
				t.Errorf("dialled %v, answered %v, joined %v", a.DialAt, a.MemberAnsweredAt, a.JoinedAt)
			}
			c.do(SwitchReport{AttemptID: a.ID, Event: SwitchBridged, At: when})
			c.do(SwitchReport{AttemptID: a.ID, Event: SwitchEnded, Leg: LegMember, At: when})
			w, valid := newWitness(), schemas(t)
			for _, ev := range c.log {
				validate(t, valid[ev.Type], ev.AppendJSON(nil))
				if err := w.see(ev); err != nil {
					t.Error(err)
				}
			}
			if _, err := json.Marshal(res.Attempt); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestNoAgentsCountsFromTheLast: the queue is empty since its last agent left
// the state online, whatever he did afterwards and whoever else was not there.
func TestNoAgentsCountsFromTheLast(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Task, func(q *Queue) { q.NoAgentsSec, q.WrapUpSec = 60, 0 })
	anna, boris := c.agent("Anna", q), c.agent("Boris", q)
	c.at(10)
	c.do(SetAgentStatus{AgentID: boris, Status: StatusPause})
	c.at(20)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusPause})
	c.at(40)
	c.do(SetAgentStatus{AgentID: anna, Status: StatusOffline})
	c.do(SaveAgent{Agent: Agent{Name: "Carl", Queues: []int64{q}}})
	id := c.do(Join{QueueID: q}).Attempt.ID
	if due, _ := c.e.NextDeadline(); !due.Equal(at(100)) {
		t.Errorf("due at %v, want sixty seconds after the join", due)
	}
	c.at(100)
	c.wantStory(id, "joined", "leaving abandoned no_agents")
}
