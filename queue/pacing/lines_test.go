package pacing

import (
	"math"
	"testing"
	"time"
)

// lines tells p of n lines of which every nth brought a person after 10 s.
func tellLines(p *Pacer, n, every int) {
	for i := range n {
		if i%every == 0 {
			p.LineEnded(epoch, 10*time.Second, Live)
		} else {
			p.LineEnded(epoch, 25*time.Second, NoAnswer)
		}
	}
}

// TestTrendSeesADoubling soon, and a steady rate is no trend, however many
// lines are in flight.
func TestTrendSeesADoubling(t *testing.T) {
	t.Parallel()
	p := pacer(t, US())
	tellLines(p, 2000, 5)
	trend := func(flying []time.Duration) float64 {
		p.refresh()
		return p.state.Lines.trend(&p.curves, flying)
	}
	for _, flying := range []int{0, 10, 100} {
		// Half of the lines are past the age at which people answer.
		air := append(ages(flying/2, 5*time.Second), ages(flying/2, 15*time.Second)...)
		if got := trend(air); got < 1 || got > 1.25 {
			t.Errorf("nothing has changed, %d lines in flight: trend %.2f", flying, got)
		}
	}
	before := trend(nil)
	tellLines(p, 60, 2)
	if got := trend(nil); got < 1.3*before {
		t.Errorf("thirty people of sixty lines: trend %.2f after %.2f", got, before)
	}
}

// TestAnswerKnowsTheAge: everybody answers in the second after the tenth.
func TestAnswerKnowsTheAge(t *testing.T) {
	t.Parallel()
	p := pacer(t, US())
	tellLines(p, 1000, 5)
	p.refresh()
	for _, tt := range []struct{ age, s, want float64 }{
		{0, 10, 0}, {0, 11, 0.2}, {9, 1, 0}, {9, 2, 0.2}, {9, 60, 0.2}, {11, 60, 0}, {60, 60, 0},
	} {
		if got := p.curves.answer(tt.age, tt.s, 1); math.Abs(got-tt.want) > 1e-9 {
			t.Errorf("a line %v s old within %v s: %v, want %v", tt.age, tt.s, got, tt.want)
		}
	}
	if got := p.curves.answer(9, 5, 100); got > 0.98 {
		t.Errorf("a trend makes a chance of %v", got)
	}
}

// TestFreeGoesThroughWrapUp: talks end after 0 to 100 s alike, wrap-up is 5 s.
func TestFreeGoesThroughWrapUp(t *testing.T) {
	t.Parallel()
	p := pacer(t, US())
	for i := range 400 {
		p.TalkEnded(time.Duration(i) * time.Second / 4)
		p.WrapUpEnded(5 * time.Second)
	}
	p.refresh()
	for _, tt := range []struct {
		busy Busy
		x    float64
		want float64
	}{
		{Busy{WrapUp, 0}, 4, 0},
		{Busy{WrapUp, 0}, 6.5, 1},
		{Busy{WrapUp, 4 * time.Second}, 2.5, 1},
		{Busy{Talk, 0}, 4, 0},
		{Busy{Talk, 0}, 20, 0.15},
		{Busy{Talk, 50 * time.Second}, 20, 0.30},
	} {
		if got := p.curves.free(tt.busy, tt.x); math.Abs(got-tt.want) > 0.03 {
			t.Errorf("%+v is free within %v s: %.3f, want %.3f", tt.busy, tt.x, got, tt.want)
		}
	}
}
