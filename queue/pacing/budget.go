package pacing

import "math"

// The Budget turns what happened to answered people into how much risk the next
// line may take. Every answer pays in the target's share of one drop, every drop
// takes one out; the further below zero, the smaller the risk. Its numbers were
// chosen by simulation (docs/pacing.md says with which result).
type Budget struct {
	Balance float64 `json:"balance"`         // from -30 to 0
	Answers int64   `json:"answers"`         // people who answered, ever
	Drops   []int64 `json:"drops,omitempty"` // which of them were dropped, of the last Settings.GuardAnswers
	Agents  int     `json:"agents"`          // logged in at the last answer
}

const (
	opening    = -4.0 // the balance to begin with: careful until something is known
	deepest    = -30  // more is not owed, so that a bad day can be paid off
	boldest    = 0.15 // the bound at balance 0
	steepness  = 0.6  // the bound falls by e^-0.6 with each drop owed
	aboveQuota = 1.2  // and by e^-1.2 with each drop past the window's quota
	braking    = 3.0  // paying in slows down from two thirds of the quota on
	shock      = 0.5  // share of the drops left in the window that a sudden doubling of the answer rate may cost
	keep       = 0.8  // share of what the maximum allows that is planned with
	perShort   = 0.5  // drops that one shortage costs, times the root of the agents
)

// quota is how many drops the window of answers is planned to hold: most of what
// the maximum allows, less what a shortage costs before anything dialled now can
// help. A big team loses several people at once, because all that is in flight
// when an estimate proves wrong is still to be answered.
func (b *Budget) quota(s Settings) float64 {
	allowed := s.maximum() * float64(s.GuardAnswers)
	return max(allowed/4, keep*allowed-perShort*math.Sqrt(float64(b.Agents)))
}

func (b *Budget) answered(s Settings, agents int, dropped bool) {
	b.Agents = agents
	b.Answers++
	pay := s.target()
	if s.GuardAnswers > 0 {
		pay *= min(1, max(0, braking*(1-float64(len(b.Drops))/b.quota(s))))
	}
	b.Balance = min(b.Balance+pay, 0)
	if dropped {
		b.take(1)
	}
	if s.GuardAnswers == 0 {
		b.Drops = nil
		return
	}
	if dropped {
		b.Drops = append(b.Drops, b.Answers)
	}
	cut := 0
	for cut < len(b.Drops) && b.Drops[cut] <= b.Answers-int64(s.GuardAnswers) {
		cut++
	}
	b.Drops = append(b.Drops[:0], b.Drops[cut:]...)
}

// take takes out one drop, or the part of one that a machine stands for.
func (b *Budget) take(drops float64) { b.Balance = max(b.Balance-drops, deepest) }

// bound is the chance of a missing agent that the next line may run.
func (b *Budget) bound(s Settings) float64 {
	x := steepness * b.Balance
	if s.GuardAnswers > 0 {
		x -= aboveQuota * max(0, float64(len(b.Drops))-b.quota(s))
	}
	return boldest * math.Exp(x)
}

// exhausted says whether the window of answers has room for one drop more at most.
func (b *Budget) exhausted(s Settings) bool {
	return s.GuardAnswers > 0 && float64(len(b.Drops)) >= s.maximum()*float64(s.GuardAnswers)-1
}

// spare is how many people a sudden doubling of the answer rate may cost before
// the lines in flight are through.
func (b *Budget) spare(s Settings) float64 {
	if s.GuardAnswers == 0 {
		return math.Inf(1)
	}
	return shock * max(0, s.maximum()*float64(s.GuardAnswers)-float64(len(b.Drops)))
}
