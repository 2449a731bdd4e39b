package pacing

import (
	"math"
	"time"
)

// Lines is what is known of lines: how long they fly, how many of them bring a
// person and when, and whether that changes just now.
type Lines struct {
	Ended Spread `json:"ended"` // flights of all lines
	Live  Spread `json:"live"`  // of those that brought a person; its generations end with those of Ended
	// Seen and Expected are recent people: how many came, and how many the
	// spreads would have had come from the same lines. Their quotient is 1 as long
	// as the future is like the past.
	Seen     float64 `json:"seen"`
	Expected float64 `json:"expected"`
}

const (
	generation = 1000 // lines
	recent     = 20   // people that Seen and Expected remember
	belief     = 10   // people's worth of belief that nothing has changed
	doubt      = 1.25 // fewer people than expected count from a fifth fewer on: chance alone does less
	caution    = 2    // the rate is taken higher by so many errors of its estimate
)

// ended counts a line; c are the curves of what was known before it.
func (l *Lines) ended(flight time.Duration, live bool, c *curves) {
	l.Expected += c.exposure(flight.Seconds())
	if l.Ended.N >= generation {
		l.Ended.roll()
		l.Live.roll()
	}
	l.Ended.add(flight)
	if live {
		l.Live.add(flight)
		l.Seen = (l.Seen + 1) * (1 - 1.0/recent)
		l.Expected *= 1 - 1.0/recent
	}
}

// curves are the spreads of a State, added up.
type curves struct {
	ended, live, talk, wrapUp curve
}

func (p *Pacer) refresh() {
	if !p.stale {
		return
	}
	s := &p.state
	p.curves = curves{s.Lines.Ended.curve(), s.Lines.Live.curve(), s.Talk.curve(), s.WrapUp.curve()}
	p.stale = false
}

// exposure is how many people a line of that age was expected to have brought:
// the sum of the risks of being answered that it has run. Unlike a share of
// ended lines it owes nothing to which kinds of lines end first after a burst.
func (c *curves) exposure(age float64) (sum float64) {
	if c.ended[0] < 1 {
		return 0
	}
	for i := 0; i < buckets && edges[i] < age && c.ended[i] > 0; i++ {
		part := min(1, (age-edges[i])/(edges[i+1]-edges[i]))
		sum += part * (c.live[i] - c.live[i+1]) / c.ended[i]
	}
	return sum
}

// trend is the factor by which people answer more often just now than the
// spreads say, on the careful side. Lines in flight have run risks, too.
func (l *Lines) trend(c *curves, flying []time.Duration) float64 {
	var flown float64
	for _, age := range flying {
		flown += c.exposure(age.Seconds())
	}
	// Expected has forgotten what is older than recent people. What the lines in
	// flight add makes the memory longer than that of Seen, so both are scaled alike.
	expected := (l.Expected + flown) * recent / (recent + flown)
	ratio := (l.Seen + belief) / (expected + belief)
	if ratio < 1 {
		ratio = min(1, ratio*doubt)
	}
	return ratio * (1 + caution/math.Sqrt(max(c.live[0], 1)))
}

// answer is the chance that a line of that age brings a person within s seconds.
func (c *curves) answer(age, s, trend float64) float64 {
	left := c.ended.at(age)
	if left <= 0 {
		return 0
	}
	return min(0.98, trend*(c.live.at(age)-c.live.at(age+s))/left)
}

// free is the chance that a busy agent is free within x seconds.
func (c *curves) free(b Busy, x float64) float64 {
	e := b.For.Seconds()
	if b.Phase == WrapUp {
		return c.wrapUp.within(e, x)
	}
	if c.wrapUp.within(0, x) < 1e-3 {
		return 0 // nobody gets through wrap-up in that time, let alone through the rest of a talk
	}
	step := max(1, x/24)
	var sum, before float64
	for u := step; u <= x; u += step {
		ended := c.talk.within(e, u)
		sum += (ended - before) * c.wrapUp.within(0, x-u+step/2)
		before = ended
	}
	return sum
}

// answerTimes are the ages between which nearly all people answer.
func (c *curves) answerTimes() (from, to float64) {
	all := c.live[0]
	for i := 0; i < buckets; i++ {
		if c.live[i] > all*0.995 {
			from = edges[i]
		}
		if c.live[i] > all*0.005 {
			to = edges[i+1]
		}
	}
	return from, to
}
