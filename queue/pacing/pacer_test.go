package pacing

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// experienced is a Pacer to whom every fifth of 500 lines brought a person after 10 s.
func experienced(t testing.TB, s Settings) *Pacer {
	t.Helper()
	p := pacer(t, s)
	for i := range 500 {
		if i%5 == 0 {
			p.LineEnded(epoch, 10*time.Second, Live)
			p.PersonDone(epoch, connected)
			p.TalkEnded(time.Duration(30+i) * time.Second)
			p.WrapUpEnded(20 * time.Second)
		} else {
			p.LineEnded(epoch, 25*time.Second, NoAnswer)
		}
	}
	return p
}

func ages(n int, age time.Duration) []time.Duration {
	lines := make([]time.Duration, n)
	for i := range lines {
		lines[i] = age
	}
	return lines
}

func busy(n int, phase Phase, since time.Duration) []Busy {
	agents := make([]Busy, n)
	for i := range agents {
		agents[i] = Busy{phase, since}
	}
	return agents
}

// TestBeginnersDialProgressively: one line for each agent who is free and not spoken for.
func TestBeginnersDialProgressively(t *testing.T) {
	t.Parallel()
	p := pacer(t, US())
	for _, tt := range []struct {
		view View
		want int
	}{
		{View{Free: 10, Room: NoLimit}, 10},
		{View{Free: 10, Waiting: 2, Lines: ages(3, 0), Room: NoLimit}, 5},
		{View{Free: 2, Waiting: 3, Room: NoLimit}, 0},
		{View{Busy: busy(10, WrapUp, 19*time.Second), Room: NoLimit}, 0},
		{View{Free: 10, Room: 4}, 4},
		{View{Free: 10}, 0},
	} {
		if d := p.Decide(epoch, tt.view); d.New != tt.want || d.Mode != Learning {
			t.Errorf("%+v: %d lines, %s; want %d, learning", tt.view, d.New, d.Mode, tt.want)
		}
	}
}

// TestStateOfTheQueueDecides: what a person would see is what the rule sees.
func TestStateOfTheQueueDecides(t *testing.T) {
	t.Parallel()
	p := experienced(t, US())
	lines := func(v View) int {
		v.Room = NoLimit
		return p.Decide(epoch, v).New
	}
	talking := busy(8, Talk, time.Second)
	if got := lines(View{Free: 2, Busy: talking}); got < 2 {
		t.Errorf("two free agents: %d lines, fewer than progressive", got)
	}
	if got := lines(View{Busy: busy(10, Talk, time.Second)}); got != 0 {
		t.Errorf("nobody is free or will be: %d lines", got)
	}
	if got := lines(View{Busy: append(talking, busy(2, WrapUp, 15*time.Second)...)}); got < 1 {
		t.Error("two agents are free in five seconds, people answer after ten: no line")
	}
	if got := lines(View{Busy: append(talking, busy(2, WrapUp, 2*time.Second)...)}); got != 0 {
		t.Errorf("two agents are free after the answers: %d lines", got)
	}
	old := lines(View{Free: 1, Busy: talking, Lines: ages(3, 20*time.Second)})
	fresh := lines(View{Free: 1, Busy: talking, Lines: ages(3, 5*time.Second)})
	if old < 1 || fresh != 0 {
		t.Errorf("lines that ring too long do not count, fresh ones do: %d beside old lines, %d beside fresh ones", old, fresh)
	}
	waits := lines(View{Free: 2, Waiting: 2, Busy: talking})
	if waits != 0 {
		t.Errorf("the two free agents are taken by those who wait: %d lines", waits)
	}
}

// TestLimitsBind: room, lines per agent, agents and the held rate.
func TestLimitsBind(t *testing.T) {
	t.Parallel()
	p := experienced(t, US())
	all := View{Free: 60, Room: NoLimit}
	if d := p.Decide(epoch, all); d.Mode != Predictive || d.New < 60 {
		t.Fatalf("%d lines for 60 free agents, %s", d.New, d.Mode)
	}
	room := all
	room.Room = 7
	if d := p.Decide(epoch, room); d.New != 7 {
		t.Errorf("room for 7, and %d lines", d.New)
	}
	s := US()
	s.MaxAgentLine, s.MinAgents = 1, 5
	if err := p.SetSettings(s); err != nil {
		t.Fatal(err)
	}
	if d := p.Decide(epoch, View{Free: 10, Lines: ages(8, 20*time.Second), Room: NoLimit}); d.New != 2 {
		t.Errorf("one line per agent, 8 of 10 used: %d lines, want 2", d.New)
	}
	if d := p.Decide(epoch, View{Free: 4, Room: NoLimit}); d.Mode != Progressive || d.New != 4 {
		t.Errorf("four agents: %d lines, %s", d.New, d.Mode)
	}
	tell(p, epoch, droppedP, 5)
	if d := p.Decide(epoch, all); d.Mode != Held || d.New != 60 {
		t.Errorf("after five drops in a hundred: %d lines, %s; want progressive 60", d.New, d.Mode)
	}
	s.Window = "week"
	if err := p.SetSettings(s); err == nil || p.Settings().Window != Days30 {
		t.Errorf("wrong settings: error %v, window now %q", err, p.Settings().Window)
	}
}

// TestDecisionSaysWhy: the diagnostics of a decision that can be worked out by hand.
func TestDecisionSaysWhy(t *testing.T) {
	t.Parallel()
	p := experienced(t, US())
	d := p.Decide(epoch, View{
		Free: 1, Busy: append(busy(2, WrapUp, 15*time.Second), busy(7, Talk, 0)...), Lines: ages(4, 20*time.Second), Room: NoLimit,
	})
	if d.Hit != 0.2 {
		t.Errorf("every fifth line brought a person, hit is %v", d.Hit)
	}
	if d.Soon < 1.9 || d.Soon > 2 {
		t.Errorf("two agents are as good as free, soon is %v", d.Soon)
	}
	if want := float64(4+d.New) / (1 + d.Soon); d.Over != want {
		t.Errorf("over is %v, want %v", d.Over, want)
	}
	if d.Bound <= 0 || d.Bound > boldest || d.Risk <= 0 {
		t.Errorf("risk %v, bound %v", d.Risk, d.Bound)
	}
}

// TestDropsLowerTheBound and answers raise it again.
func TestDropsLowerTheBound(t *testing.T) {
	t.Parallel()
	p := experienced(t, US())
	bound := func() float64 { return p.Decide(epoch, View{Free: 10, Room: NoLimit}).Bound }
	before := bound()
	tell(p, epoch, droppedP, 1)
	after := bound()
	tell(p, epoch, connected, 100)
	later := bound()
	if !(after < before && later > after) {
		t.Errorf("bound %v, after a drop %v, after 100 connected %v", before, after, later)
	}
}

// TestStateGoesThroughJSON: a Pacer built again from its stored state goes on
// exactly as the one that lived, and a decision changes nothing.
func TestStateGoesThroughJSON(t *testing.T) {
	t.Parallel()
	c := newCentre(7, 10, 0.5, always(0.3)).paced(t, US()).run()
	stored, err := json.Marshal(c.pacer.State())
	if err != nil {
		t.Fatal(err)
	}
	if len(stored) > 8<<10 {
		t.Errorf("a state takes %d bytes", len(stored))
	}
	var st State
	if err := json.Unmarshal(stored, &st); err != nil {
		t.Fatal(err)
	}
	twin, err := New(US(), st)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 300 {
		for _, p := range []*Pacer{c.pacer, twin} {
			p.LineEnded(c.at(), time.Duration(i%25)*time.Second, Ending(i%4))
			p.PersonDone(c.at(), Person{Agents: 10, Bridged: i%50 != 0, Late: i%50 == 0})
			p.TalkEnded(time.Duration(i) * time.Second)
		}
		v := View{Free: i % 5, Busy: busy(7, WrapUp, 9*time.Second), Lines: ages(i%9, 4*time.Second), Room: NoLimit}
		a, b := c.pacer.Decide(c.at(), v), twin.Decide(c.at(), v)
		if a != b || a != c.pacer.Decide(c.at(), v) {
			t.Fatalf("step %d: %+v, rebuilt %+v", i, a, b)
		}
	}
	if !reflect.DeepEqual(c.pacer.State(), twin.State()) {
		t.Error("the states differ in the end")
	}
}

// TestStateIsACopy: what was handed out does not change afterwards.
func TestStateIsACopy(t *testing.T) {
	t.Parallel()
	p := experienced(t, US())
	before := p.State()
	want, _ := json.Marshal(before)
	tell(p, epoch, droppedP, 10)
	p.LineEnded(epoch, time.Second, Failed)
	p.TalkEnded(time.Second)
	if got, _ := json.Marshal(before); string(got) != string(want) {
		t.Error("a state handed out has changed")
	}
}

// BenchmarkDecide is one decision for a team at work: most talk, some wrap up,
// few are free, and lines of every age are in flight.
func BenchmarkDecide(b *testing.B) {
	for _, agents := range []int{10, 100, 1000} {
		b.Run(fmt.Sprintf("agents=%d", agents), func(b *testing.B) {
			p := experienced(b, US())
			v := View{Free: agents / 20, Room: NoLimit}
			for i := range agents - v.Free {
				if i%7 == 0 {
					v.Busy = append(v.Busy, Busy{WrapUp, time.Duration(i%20) * time.Second})
				} else {
					v.Busy = append(v.Busy, Busy{Talk, time.Duration(i*37%300) * time.Second})
				}
			}
			for i := range agents * 2 / 3 {
				v.Lines = append(v.Lines, time.Duration(i%25)*time.Second)
			}
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(epoch, v)
			}
		})
	}
}
