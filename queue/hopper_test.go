package queue

import (
	"fmt"
	"testing"
	"time"
)

// onList returns a member of the queue who is ready.
func onList(id, queue int64) *Member {
	return &Member{ID: id, QueueID: queue, Edition: 1, ReadyAt: epoch, Numbers: []Number{{Number: fmt.Sprint("+1202555", 1000+id)}}}
}

// TestLoadPassesOver: members who cannot be dialled do not come into a hopper,
// and those who never can be are stopped.
func TestLoadPassesOver(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("sales", Progressive)
	busy := c.queue("survey", IVR)
	open := onList(1, busy)
	c.do(Dial{QueueID: busy, Member: open})
	moved, later, stopped := onList(2, busy), onList(3, q), onList(4, q)
	later.ReadyAt = epoch.Add(time.Second)
	stopped.StoppedAt = epoch
	again := *open
	again.QueueID = q
	dead, bad, spent := onList(5, q), onList(6, q), onList(7, q)
	dead.ExpiresAt = epoch
	bad.Numbers[0].Stopped = ReasonBadNumber
	spent.Numbers[0].Forbidden = true
	res := c.do(Load{QueueID: q, Members: []*Member{moved, later, stopped, &again, dead, bad, spent, onList(9, q), onList(8, q), onList(9, q)}})
	var hopper []int64
	for _, m := range c.e.queues[q].hopper.members {
		hopper = append(hopper, m.ID)
	}
	if fmt.Sprint(hopper) != "[8 9]" {
		t.Errorf("the hopper holds %v, want 8 and 9", hopper)
	}
	causes := map[int64]Reason{}
	for _, r := range res.Changed {
		m := r.(*Member)
		causes[m.ID] = m.StopCause
	}
	if len(causes) != 3 || causes[5] != StopExpired || causes[6] != ReasonBadNumber || causes[7] != ReasonDNC {
		t.Errorf("stopped were %v", causes)
	}
}

// TestListCommandsAreRefused: every refusal of Load, Forbid and a Dial of a
// listed member by its code.
func TestListCommandsAreRefused(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	in, leads := c.queue("in", Inbound), c.queue("leads", Offline)
	anna := c.agent("Anna", leads)
	many := make([]string, MaxForbid+1)
	for i := range many {
		many[i] = fmt.Sprint("+", i)
	}
	member := func(change func(*Member)) Dial {
		m := onList(1, leads)
		change(m)
		return Dial{QueueID: leads, AgentID: anna, Member: m}
	}
	for name, row := range map[string]struct {
		cmd  Command
		want Code
	}{
		"no queue":        {Load{QueueID: 1}, CodeUnknownQueue},
		"no list":         {Load{QueueID: in}, CodeBadState},
		"too many":        {Load{QueueID: leads, Members: make([]*Member, MaxHopper+1)}, CodeInvalid},
		"forbid nothing":  {Forbid{}, CodeInvalid},
		"forbid too many": {Forbid{Numbers: many}, CodeInvalid},
		"no number":       {Forbid{Numbers: []string{""}}, CodeInvalid},
		"no text":         {Forbid{Numbers: []string{"+1\x00"}}, CodeInvalid},
		"long note":       {Forbid{Numbers: []string{"+1"}, Note: string(make([]byte, 1001))}, CodeInvalid},
		"other list":      {member(func(m *Member) { m.QueueID = in }), CodeInvalid},
		"stopped":         {member(func(m *Member) { m.StoppedAt = epoch }), CodeNotReady},
		"not yet":         {member(func(m *Member) { m.ReadyAt = epoch.Add(time.Millisecond) }), CodeNotReady},
		"expired":         {member(func(m *Member) { m.ExpiresAt = epoch }), CodeExpired},
		"forbidden":       {member(func(m *Member) { m.Numbers[0].Forbidden = true }), CodeDNC},
		"no good number":  {member(func(m *Member) { m.Numbers[0].Stopped = ReasonBadNumber }), CodeNotReady},
		"calendar":        {SaveQueue{Queue: func() Queue { q := DefaultQueue(0, "x", IVR); q.CalendarID = 9; return q }()}, CodeUnknownCalendar},
		"trunk":           {SaveQueue{Queue: func() Queue { q := DefaultQueue(0, "x", IVR); q.Trunks = []int64{9}; return q }()}, CodeUnknownTrunk},
		"max_calls":       {SaveQueue{Queue: func() Queue { q := DefaultQueue(0, "x", IVR); q.MaxCalls = -1; return q }()}, CodeInvalid},
		"calls_per_sec":   {SaveQueue{Queue: func() Queue { q := DefaultQueue(0, "x", IVR); q.CallsPerSec = 1001; return q }()}, CodeInvalid},
	} {
		c.refuses(name, row.cmd, row.want)
	}
}

// TestNoIDsNoDialling: an engine without fresh ids dials nobody from a hopper,
// and goes on when it has some.
func TestNoIDsNoDialling(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	q := c.queue("survey", IVR)
	c.e.Stock(500, 501)
	c.do(Load{QueueID: q, Members: []*Member{onList(1, q), onList(2, q)}})
	if n := len(c.e.Attempts()); n != 1 || c.e.Stocked() != 0 {
		t.Fatalf("%d attempts with one id, %d left", n, c.e.Stocked())
	}
	c.e.Stock(600, 700)
	c.do(SwitchReport{AttemptID: 500, Leg: LegMember, Event: SwitchEnded})
	if c.e.Attempt(600) == nil {
		t.Error("nobody is dialled with the new ids")
	}
}

// TestWants: a hopper is asked for when somebody could be dialled, soon when it is
// half empty, every few seconds when it is not, and at once when told to.
func TestWants(t *testing.T) {
	t.Parallel()
	c := newCentre(t)
	sales := c.queue("sales", Progressive)
	c.queue("off", IVR, func(q *Queue) { q.Enabled = false })
	c.queue("leads", Offline)
	c.queue("in", Inbound)
	want := func(what string, at time.Time, limit int, asked ...int64) {
		t.Helper()
		got := c.e.Wants(at, asked...)
		if limit == 0 && len(got) == 0 || len(got) == 1 && got[0] == (Want{sales, limit}) {
			return
		}
		t.Errorf("%s: %+v is wanted, not %d", what, got, limit)
	}
	want("nobody online", epoch, 0, sales)
	c.agent("Anna", sales)
	want("never filled", epoch, 22)
	var members []*Member
	for i := range 22 {
		members = append(members, onList(int64(i+1), sales))
	}
	c.do(Load{QueueID: sales, Members: members[:5]})
	want("just filled", epoch.Add(999*time.Millisecond), 0)
	want("just filled, but asked for", epoch, 22, sales)
	want("not half full", epoch.Add(time.Second), 22)
	c.do(Load{QueueID: sales, Members: members})
	want("full", epoch.Add(4999*time.Millisecond), 0)
	want("full, but old", epoch.Add(5*time.Second), 22)
	want("the clock was set back", epoch.Add(-time.Hour), 22)
	slow := c.queue("slow", IVR, func(q *Queue) { q.CallsPerSec, q.MaxCalls = 1, 0 })
	if got := c.e.Wants(epoch); len(got) != 1 || got[0] != (Want{slow, 30}) {
		t.Errorf("a queue that may dial one a second wants %+v", got)
	}
	// Those whom nobody who is free may get do not crowd out the rest.
	boris := c.do(SaveAgent{Agent: Agent{Name: "Boris", Queues: []int64{sales}}}).Changed[0].(*Agent).ID
	for _, m := range members {
		m.Exclusions = []Exclusion{{AgentID: boris, Until: epoch.Add(time.Hour)}}
	}
	c.do(Load{QueueID: sales, Members: members[1:]})
	c.do(SetAgentStatus{AgentID: boris, Status: StatusOnline})
	if got := c.e.Wants(epoch, sales); len(got) != 2 || got[0] != (Want{sales, 24 + 2*21}) {
		t.Errorf("with 21 passed over %+v is wanted", got)
	}
}

// TestCallsPerSecond: no more calls than the limit begin within any second,
// whichever second that is.
func TestCallsPerSecond(t *testing.T) {
	t.Parallel()
	var r recent
	var begun []time.Time
	for ms := 0; ms < 5000; ms += 70 {
		now := epoch.Add(time.Duration(ms) * time.Millisecond)
		if until := r.free(now, 3); until.IsZero() {
			r.add(now)
			begun = append(begun, now)
		} else if !until.After(now) || until.Sub(now) > time.Second {
			t.Errorf("at %v the next call may begin at %v", now, until)
		}
	}
	for i := 3; i < len(begun); i++ {
		if d := begun[i].Sub(begun[i-3]); d < time.Second {
			t.Errorf("four calls within %v", d)
		}
	}
	if len(begun) < 13 || len(r.at) > 3 {
		t.Errorf("%d calls in five seconds, %d remembered", len(begun), len(r.at))
	}
	r.add(epoch) // a report that comes late changes nothing
	if r.free(epoch.Add(10*time.Second), 1).IsZero() == false || r.free(epoch, 0) != (time.Time{}) {
		t.Error("an old call holds up a new one, or no limit does")
	}
}

// BenchmarkHopper dials from a full hopper, of whose members most wait for a line:
// a call ends, the next one begins.
func BenchmarkHopper(b *testing.B) {
	e := New(Domain{ID: 1})
	e.Stock(1_000_000, 1<<40)
	q := DefaultQueue(1, "survey", IVR)
	q.MaxCalls, q.WaitBetweenRetriesSec = 10, 1
	step := func(cmd Command) Result {
		res, err := e.Step(epoch, cmd)
		if err != nil {
			b.Fatal(err)
		}
		return res
	}
	step(SaveQueue{Queue: q})
	next, id := e.stock, int64(0)
	fill := func() {
		members := make([]*Member, 1000)
		for i := range members {
			id++
			members[i] = onList(id, 1)
		}
		step(Load{QueueID: 1, Members: members})
	}
	fill()
	for b.Loop() {
		step(SwitchReport{AttemptID: next, Leg: LegMember, Event: SwitchEnded, Cause: "USER_BUSY"})
		next++
		if len(e.queues[1].hopper.members) < 20 {
			b.StopTimer()
			fill()
			b.StartTimer()
		}
	}
}
