package pacing

import (
	"math"
	"time"
)

// A Phase is what keeps an agent busy.
type Phase int

// The phases.
const (
	Talk   Phase = iota // being connected, or talking
	WrapUp              // processing or wrap-up
)

// Busy is an agent who will be free again, and how long he has been in his phase.
type Busy struct {
	Phase Phase
	For   time.Duration
}

// A View is the queue at one instant. Agents who are on pause, serve another
// queue first or are kept from offers by a miss are in none of its fields.
type View struct {
	Free    int             // agents who could take a call now
	Busy    []Busy          // in no particular order
	Waiting int             // people who answered and have no agent yet; not those being offered, whose agent is Busy
	Lines   []time.Duration // ages of the lines in flight
	// Room is how many calls the limits (trunk lines, calls per second, max_calls)
	// let start now; NoLimit if there are none.
	Room int
}

// NoLimit is a View's Room without limits.
const NoLimit = math.MaxInt

// A Mode is by which rule a decision was made.
type Mode string

// The modes. All but Predictive open one line for each agent who is free and
// not yet spoken for.
const (
	Learning    Mode = "learning"    // too few people have answered yet
	Progressive Mode = "progressive" // too few agents
	Held        Mode = "held"        // the rate of dropped calls reached the maximum
	Predictive  Mode = "predictive"
)

// A Decision is how many lines to open, and why.
type Decision struct {
	New   int     `json:"new"`
	Mode  Mode    `json:"mode"`
	Over  float64 `json:"over"`  // lines in flight, the new ones included, per agent who is free or soon will be
	Hit   float64 `json:"hit"`   // share of recent lines that brought a person
	Soon  float64 `json:"soon"`  // agents expected to become free while a line dialled now may be answered
	Risk  float64 `json:"risk"`  // worst chance that one more answer would find no agent, the new lines included
	Bound float64 `json:"bound"` // the bound that Risk had to stay under
	Held  bool    `json:"held"`  // the rate lets nothing but progressive dialling
}

const (
	moments = 16   // at which the chance of a missing agent is looked at
	ramp    = 0.02 // people dialled for at once, per agent: no floods after a lull
)

// Decide says how many lines to open at the instant at. It changes nothing:
// asking twice gives the same answer. The engine asks every second, and may ask
// whenever an agent becomes free or a line ends.
func (p *Pacer) Decide(at time.Time, v View) Decision {
	p.refresh()
	agents, flying := v.Free+len(v.Busy), len(v.Lines)
	d := Decision{Mode: p.mode(agents), Held: p.held(at), Bound: p.state.Budget.bound(p.settings)}
	if d.Held {
		d.Mode = Held
	}
	if all := p.curves.ended[0]; all > 0 {
		d.Hit = p.curves.live[0] / all
	}
	d.New = max(0, v.Free-v.Waiting-flying)
	room := min(v.Room, p.settings.MaxAgentLine*agents-flying)
	if d.Mode == Predictive && room > 0 {
		// Progressive dialling runs no risk, so it is the least that is opened.
		d.New = max(d.New, p.safe(v, &d, room))
	}
	d.New = max(0, min(d.New, room))
	d.Over = float64(flying+d.New) / max(1, float64(v.Free)+d.Soon-float64(v.Waiting))
	return d
}

func (p *Pacer) mode(agents int) Mode {
	switch {
	case p.state.Budget.Answers < int64(p.settings.MinAttempts) || p.curves.live[0] < 1:
		return Learning
	case agents < p.settings.MinAgents:
		return Progressive
	default:
		return Predictive
	}
}

// safe is how many lines may be opened until the risk reaches the bound.
func (p *Pacer) safe(v View, d *Decision, room int) int {
	n := p.look(v, d)
	most := math.Ceil(ramp * float64(v.Free+len(v.Busy)) / d.Hit)
	room = int(min(float64(room), most))
	spare := p.state.Budget.spare(p.settings)
	for opened := 0; ; opened++ {
		d.Risk = 0
		short := 0.0
		for i := range n {
			m := &p.moment[i]
			d.Risk = max(d.Risk, m.left.atMost(0))
			short = max(short, 2*m.answers-m.agents)
		}
		if d.Risk > d.Bound || short > spare || opened == room {
			return opened
		}
		for i := range n {
			p.moment[i].dial()
		}
	}
}

// look spreads moments over the time in which a line dialled now may be
// answered, and computes for each how many agents will be left then: those free
// now and by the time a person's patience (the threshold) is over, less the
// people waiting and answering until then. It returns how many moments there are.
func (p *Pacer) look(v View, d *Decision) int {
	c := &p.curves
	trend := p.state.Lines.trend(c, v.Lines)
	from, to := c.answerTimes()
	n := min(moments, max(1, int(to-from)))
	step := (to - from) / float64(n)
	for i := range n {
		s := from + (float64(i)+0.5)*step
		p.moment[i].look(v, s+p.settings.ThresholdSec, s, c, trend)
		d.Soon = p.moment[i].agents - float64(v.Free-v.Waiting)
	}
	return n
}
