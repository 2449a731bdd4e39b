package sim

import (
	"math"
	"time"
)

// Call is one caller as he comes: what a queue cannot know of him.
type Call struct {
	Arrival time.Duration // since the floor's clock began
	Talk    time.Duration // how long the agent will talk with him
	// Patience is how long he waits for an agent before he hangs up; negative =
	// for ever.
	Patience time.Duration
	Priority int // higher first
}

// Callers yields calls in the order of their arrival; false when nobody comes
// any more.
type Callers func() (Call, bool)

// Shape is the family of a distribution of durations.
type Shape string

// The shapes. Constant always gives the mean; Exponential is the one of the
// Erlang formulas; LogNormal fits real talks best and has the variation CV.
const (
	Constant    Shape = "constant"
	Exponential Shape = "exponential"
	LogNormal   Shape = "lognormal"
)

// Dist is a distribution of durations.
type Dist struct {
	Shape Shape
	Mean  time.Duration
	// CV is the coefficient of variation, standard deviation by mean. It counts
	// for LogNormal only.
	CV float64
}

// draw answers one question about one subject. A duration is a whole number of
// milliseconds, as the engine's clock is.
func (d Dist) draw(dice dice, question string, subject int64) time.Duration {
	x := 1.0
	switch d.Shape {
	case Exponential:
		x = -math.Log(1 - dice.share(question, subject, 0))
	case LogNormal:
		variance := math.Log1p(d.CV * d.CV)
		x = math.Exp(math.Sqrt(variance)*dice.normal(question, subject) - variance/2)
	}
	return time.Duration(x * float64(d.Mean)).Round(time.Millisecond)
}

// normal returns a number of the standard normal distribution, by the method
// of Box and Muller.
func (d dice) normal(question string, subject int64) float64 {
	r := math.Sqrt(-2 * math.Log(1-d.share(question, subject, 1)))
	return r * math.Cos(2*math.Pi*d.share(question, subject, 2))
}

// Traffic is callers by chance: a Poisson stream whose callers know nothing of
// each other.
type Traffic struct {
	// Seed decides everything. What the n-th caller brings depends on the seed
	// and on n only, so two floors of one seed serve the same callers.
	Seed    uint64
	PerHour float64
	Talk    Dist
	// Patience with mean 0 lasts for ever.
	Patience Dist
	// Length is for how long callers come.
	Length time.Duration
}

// Callers returns the stream from its beginning.
func (t Traffic) Callers() Callers {
	d := dice{t.Seed}
	var n int64
	var at float64 // hours; summed exactly enough, so that rounding does not add up
	return func() (Call, bool) {
		if t.PerHour <= 0 {
			return Call{}, false
		}
		n++
		at += -math.Log(1-d.share("gap", n, 0)) / t.PerHour
		if at*float64(time.Hour) >= float64(t.Length) {
			return Call{}, false
		}
		c := Call{
			Arrival:  time.Duration(at * float64(time.Hour)).Round(time.Millisecond),
			Talk:     t.Talk.draw(d, "talk", n),
			Patience: -1,
		}
		if t.Patience.Mean > 0 {
			c.Patience = t.Patience.draw(d, "patience", n)
		}
		return c, true
	}
}

// RunSeed returns the seed of one of several independent runs, 0, 1, 2 …
func RunSeed(seed uint64, run int) uint64 { return dice{seed}.roll("run", int64(run), 0) }

// List returns the calls as Callers; they must be in the order of arrival.
func List(calls []Call) Callers {
	return func() (Call, bool) {
		if len(calls) == 0 {
			return Call{}, false
		}
		c := calls[0]
		calls = calls[1:]
		return c, true
	}
}

// Impatient gives every call a patience by chance: the n-th of a seed always
// the same.
func Impatient(calls []Call, seed uint64, patience Dist) {
	for i := range calls {
		calls[i].Patience = patience.draw(dice{seed}, "patience", int64(i+1))
	}
}
