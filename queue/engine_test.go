package queue

import (
	"encoding/json"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// epoch is the second 0 of the tests.
var epoch = time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC)

func at(sec float64) time.Time {
	return epoch.Add(time.Duration(sec * float64(time.Second)))
}

// centre is an engine under test with the log of its events. Time runs through
// the deadlines on the way to each command.
type centre struct {
	t   *testing.T
	e   *Engine
	now time.Time
	ids int64
	log []Event
}

func newCentre(t *testing.T) *centre {
	t.Helper()
	c := &centre{t: t, e: New(Domain{ID: 1, Namespace: UUID{1, 2, 3}}), now: epoch, ids: 100}
	c.e.UseZones(time.LoadLocation)
	c.e.Stock(10_000, 20_000)
	return c
}

// at lets time run to sec.
func (c *centre) at(sec float64) {
	c.t.Helper()
	c.runTo(at(sec))
}

func (c *centre) runTo(to time.Time) {
	c.t.Helper()
	for {
		due, ok := c.e.NextDeadline()
		if !ok || due.After(to) {
			break
		}
		if due.After(c.now) {
			c.now = due
		}
		c.try(Tick{})
	}
	if to.After(c.now) {
		c.now = to
	}
}

// try steps the command and checks the engine's invariants.
func (c *centre) try(cmd Command) (Result, error) {
	c.t.Helper()
	ids := make([]int64, c.e.Needs(cmd))
	for i := range ids {
		c.ids++
		ids[i] = c.ids
	}
	res, err := c.e.Step(c.now, WithIDs(cmd, ids...))
	if checkErr := c.e.Check(); checkErr != nil {
		c.t.Fatalf("after %#v: %v", cmd, checkErr)
	}
	c.log = append(c.log, res.Events...)
	return res, err
}

// durations are an event's second, and the durations that its body shows.
type durations struct{ sec, duration, bill, voice any }

// wantDurations asserts those of the attempt's events.
func (c *centre) wantDurations(id int64, want []durations) {
	c.t.Helper()
	var got []durations
	for _, ev := range c.events(id) {
		if ev.Listed != nil {
			data := body(c.t, ev)["data"].(map[string]any)
			got = append(got, durations{ev.At.Sub(epoch).Seconds(), data["call_duration"], data["call_bill_sec"], data["call_voice_sec"]})
		}
	}
	if !slices.Equal(got, want) {
		c.t.Errorf("second, duration, bill, voice are\n%v, want\n%v", got, want)
	}
}

// refuses asserts that the command is refused with the code, and told only where
// somebody is refused at the door.
func (c *centre) refuses(name string, cmd Command, want Code) {
	c.t.Helper()
	before := len(c.log)
	_, err := c.try(cmd)
	told := len(c.log) - before
	if told == 1 && slices.Contains(doorCodes, want) && c.log[before].Type == EventJoinRejected {
		told = 0
	}
	if !errors.Is(err, &Error{Code: want}) || told != 0 {
		c.t.Errorf("%s: %v, want %s; %d events", name, err, want, told)
	}
}

// do steps a command that must not be refused.
func (c *centre) do(cmd Command) Result {
	c.t.Helper()
	res, err := c.try(cmd)
	if err != nil {
		c.t.Fatalf("%#v: %v", cmd, err)
	}
	return res
}

// queue creates a queue of the type, changed by the functions.
func (c *centre) queue(name string, t Type, change ...func(*Queue)) int64 {
	c.t.Helper()
	q := DefaultQueue(0, name, t)
	for _, f := range change {
		f(&q)
	}
	c.do(SaveQueue{Queue: q})
	return c.e.QueueByName(name).ID
}

// agent creates an agent of the queues and logs him in.
func (c *centre) agent(name string, queues ...int64) int64 {
	c.t.Helper()
	user, ext := int64(len(name)), "10"+name[:1]
	res := c.do(SaveAgent{Agent: Agent{Name: name, UserID: &user, Extension: &ext, Queues: queues}})
	id := res.Changed[0].(*Agent).ID
	c.do(SetAgentStatus{AgentID: id, Status: StatusOnline})
	return id
}

// join brings a caller in and returns the attempt's id.
func (c *centre) join(queue int64, destination string) int64 {
	c.t.Helper()
	return c.do(Join{QueueID: queue, Destination: &destination}).Attempt.ID
}

// events returns the attempt's events, orders to the switch among them.
func (c *centre) events(attempt int64) []Event {
	var out []Event
	for _, ev := range c.log {
		if ev.AttemptID == attempt {
			out = append(out, ev)
		}
	}
	return out
}

// story returns the attempt's queue events in a few words each.
func (c *centre) story(attempt int64) []string {
	var out []string
	for _, ev := range c.events(attempt) {
		if ev.Listed == nil {
			continue
		}
		line := string(ev.Type[len("attempt."):])
		if ev.Listed.AgentName != nil {
			line += " " + *ev.Listed.AgentName
		}
		if r := ev.Ext.MissedReason; r != "" {
			line += " " + string(r)
		}
		if r := ev.Ext.ResultReason; r != "" {
			line += " " + string(ev.Listed.Result) + " " + string(r)
		}
		if ev.Listed.Cause != nil {
			line += " " + string(*ev.Listed.Cause)
		}
		out = append(out, line)
	}
	return out
}

func (c *centre) wantStory(attempt int64, want ...string) {
	c.t.Helper()
	if diff := cmp.Diff(want, c.story(attempt)); diff != "" {
		c.t.Errorf("story of attempt %d (-want +got):\n%s", attempt, diff)
	}
}

func body(t *testing.T, ev Event) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(ev.AppendJSON(nil), &m); err != nil {
		t.Fatalf("%s is not JSON: %v\n%s", ev.Type, err, ev.AppendJSON(nil))
	}
	return m
}
