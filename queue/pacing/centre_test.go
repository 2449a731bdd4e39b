package pacing

import (
	"container/heap"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// A centre is an outbound call centre, event by event, that knows nothing of
// how a Pacer thinks. Its setting: a person answers after 5 to 15 s; of the
// other lines 30 % are machines (18.5 s), 15 % fail after 3 s and the rest ring
// out at 25 s. Talk is log-normal with mean 120 s and variation 0.8, wrap-up
// 20 s. Who finds no agent within 2 s is dropped.
type centre struct {
	chance *rand.Rand
	live   func(hour float64) float64 // share of live answers among lines dialled then
	pacer  *Pacer                     // nil: progressive, one line for each free agent, at once
	wrapUp float64                    // seconds
	from   float64                    // what happens earlier is not measured, in seconds
	until  float64

	now     float64
	agenda  agenda
	agents  []worker
	free    []int
	lines   []*flight // oldest first; those that ended are cleared away by flying
	dialled int
	waiting []person

	busy    float64 // agent seconds of talk and wrap-up between from and until
	dropped []bool  // what became of every person, from the beginning
	counted int     // the first of dropped that is measured
	hold    int     // decisions made while held
}

type flight struct {
	at    float64
	how   Ending
	ended bool
}

type worker struct {
	phase Phase
	since float64
	talk  float64
	busy  bool
}

type person struct {
	no int
	at float64
}

type kind int

const (
	second kind = iota
	lineEnds
	talkEnds
	wrapUpEnds
	patienceEnds
)

type entry struct {
	at   float64
	kind kind
	no   int
	line *flight
}

type agenda []entry

func (a agenda) Len() int           { return len(a) }
func (a agenda) Less(i, j int) bool { return a[i].at < a[j].at }
func (a agenda) Swap(i, j int)      { a[i], a[j] = a[j], a[i] }
func (a *agenda) Push(x any)        { *a = append(*a, x.(entry)) }
func (a *agenda) Pop() any {
	last := (*a)[len(*a)-1]
	*a = (*a)[:len(*a)-1]
	return last
}

var epoch = time.Date(2026, 11, 2, 8, 0, 0, 0, time.UTC)

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }

func (c *centre) at() time.Time { return epoch.Add(seconds(c.now)) }

// newCentre measures hours after one hour of warming up.
func newCentre(seed uint64, agents int, hours float64, live func(float64) float64) *centre {
	c := &centre{
		chance: rand.New(rand.NewPCG(seed, uint64(agents))), live: live,
		wrapUp: 20, agents: make([]worker, agents), from: 3600, until: 3600 * (1 + hours),
	}
	for i := range agents {
		c.free = append(c.free, i)
	}
	return c
}

func always(p float64) func(float64) float64 { return func(float64) float64 { return p } }

// paced gives the centre a Pacer.
func (c *centre) paced(t testing.TB, s Settings) *centre {
	t.Helper()
	p, err := New(s, NewState())
	if err != nil {
		t.Fatal(err)
	}
	c.pacer = p
	return c
}

func (c *centre) in(s float64, e entry) {
	e.at = c.now + s
	heap.Push(&c.agenda, e)
}

func (c *centre) run() *centre {
	c.in(0, entry{kind: second})
	for {
		e := heap.Pop(&c.agenda).(entry)
		if e.at > c.until {
			return c
		}
		c.now = e.at
		c.happen(e)
		if c.pacer == nil {
			c.dial(len(c.free) - len(c.waiting) - c.flying())
		}
	}
}

func (c *centre) happen(e entry) {
	switch e.kind {
	case second:
		c.in(1, entry{kind: second})
		if c.pacer != nil {
			d := c.pacer.Decide(c.at(), c.view())
			if d.Held {
				c.hold++
			}
			c.dial(d.New)
		}
	case lineEnds:
		e.line.ended = true
		if c.pacer != nil {
			c.pacer.LineEnded(c.at(), seconds(c.now-e.line.at), e.line.how)
		}
		if e.line.how == Live {
			c.waiting = append(c.waiting, person{e.no, c.now})
			c.in(2, entry{kind: patienceEnds, no: e.no})
			c.connect()
		}
	case talkEnds:
		w := &c.agents[e.no]
		w.phase, w.since = WrapUp, c.now
		if c.pacer != nil {
			c.pacer.TalkEnded(seconds(w.talk))
		}
		c.in(c.wrapUp, entry{kind: wrapUpEnds, no: e.no})
	case wrapUpEnds:
		c.agents[e.no].busy = false
		if c.pacer != nil {
			c.pacer.WrapUpEnded(seconds(c.now - c.agents[e.no].since))
		}
		c.free = append(c.free, e.no)
		c.connect()
	case patienceEnds:
		c.dropIfWaiting(e.no)
	}
}

func (c *centre) dropIfWaiting(no int) {
	i := slices.IndexFunc(c.waiting, func(p person) bool { return p.no == no })
	if i >= 0 {
		c.waiting = slices.Delete(c.waiting, i, i+1)
		c.person(Person{Agents: len(c.agents), Late: true})
	}
}

func (c *centre) connect() {
	for len(c.waiting) > 0 && len(c.free) > 0 {
		no := c.free[0]
		c.waiting, c.free = c.waiting[1:], c.free[1:]
		spread := math.Log(1 + 0.8*0.8)
		talk := math.Exp(math.Log(120) - spread/2 + math.Sqrt(spread)*c.chance.NormFloat64())
		c.agents[no] = worker{phase: Talk, since: c.now, talk: talk, busy: true}
		c.in(talk, entry{kind: talkEnds, no: no})
		c.busy += max(0, min(c.now+talk+c.wrapUp, c.until)-max(c.now, c.from))
		c.person(Person{Agents: len(c.agents), Bridged: true})
	}
}

func (c *centre) person(who Person) {
	if c.pacer != nil {
		c.pacer.PersonDone(c.at(), who)
	}
	if c.now < c.from {
		c.counted = len(c.dropped) + 1
	}
	c.dropped = append(c.dropped, who.Late)
}

func (c *centre) dial(n int) {
	for range n {
		l := &flight{at: c.now}
		var took float64
		switch u := c.chance.Float64(); {
		case c.chance.Float64() < c.live(c.now/3600):
			l.how, took = Live, 5+10*u
		case u < 0.30:
			l.how, took = Machine, 18.5
		case u < 0.45:
			l.how, took = Failed, 3
		default:
			l.how, took = NoAnswer, 25
		}
		c.dialled++
		c.lines = append(c.lines, l)
		c.in(took, entry{kind: lineEnds, no: c.dialled, line: l})
	}
}

func (c *centre) flying() int {
	c.lines = slices.DeleteFunc(c.lines, func(l *flight) bool { return l.ended })
	return len(c.lines)
}

func (c *centre) view() View {
	v := View{Free: len(c.free), Waiting: len(c.waiting), Room: NoLimit, Lines: make([]time.Duration, 0, c.flying())}
	for _, l := range c.lines {
		v.Lines = append(v.Lines, seconds(c.now-l.at))
	}
	for _, w := range c.agents {
		if w.busy {
			v.Busy = append(v.Busy, Busy{w.phase, seconds(c.now - w.since)})
		}
	}
	return v
}

func (c *centre) occupancy() float64 {
	return c.busy / (float64(len(c.agents)) * (c.until - c.from))
}

func (c *centre) drops() (n int) {
	for _, d := range c.dropped[c.counted:] {
		if d {
			n++
		}
	}
	return n
}

func (c *centre) rate() float64 {
	return float64(c.drops()) / float64(max(1, len(c.dropped)-c.counted))
}

// worst is the highest share of dropped people in any so many in a row, from
// the first call on.
func (c *centre) worst(window int) float64 {
	n, most := 0, 0
	for i, d := range c.dropped {
		if d {
			n++
		}
		if i >= window && c.dropped[i-window] {
			n--
		}
		most = max(most, n)
	}
	return float64(most) / float64(window)
}

// reached is the mean over several centres.
type reached struct {
	agents                   int
	p                        float64
	occupancy, rate, highest float64 // highest: any centre's worst(500)
	progressive              float64
}

func measure(t testing.TB, agents int, hours float64, seeds uint64, live func(float64) float64) reached {
	t.Helper()
	r := reached{agents: agents, p: live(0)}
	drops, people := 0, 0
	for seed := range seeds {
		c := newCentre(seed+1, agents, hours, live).paced(t, US()).run()
		r.occupancy += c.occupancy() / float64(seeds)
		r.highest = max(r.highest, c.worst(500))
		drops += c.drops()
		people += len(c.dropped) - c.counted
		r.progressive += newCentre(seed+1, agents, hours, live).run().occupancy() / float64(seeds)
	}
	r.rate = float64(drops) / float64(max(1, people))
	return r
}
