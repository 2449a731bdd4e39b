package sim

import (
	"fmt"
	"math"
)

// Tally is what a floor counted: whole calls and whole milliseconds, so that
// its identities hold exactly. A call counts when its caller came inside the
// measured interval, whenever it ended.
type Tally struct {
	// Offered = Handled + Abandoned + Others.
	Offered, Handled, Abandoned, Others int64
	// Delayed callers found no agent who was offered to them at once.
	Delayed int64
	// HandledSoon waited at most the threshold for an agent, AbandonedSoon at
	// most the threshold for none.
	HandledSoon, AbandonedSoon int64
	// Sums over the calls in milliseconds: the waits of handled calls, those of
	// all, talks, wrap-ups, and rings including those in vain. LongestMS is the
	// longest of all waits.
	WaitHandledMS, WaitAllMS, TalkMS, WrapUpMS, RingMS int64
	LongestMS                                          int64
	// IntervalMS is how long was measured with Agents agents; BusyMS and
	// QueueMS are the integrals over it of the number of agents who ring, talk
	// or wrap up and of the number of callers who wait.
	IntervalMS, Agents, BusyMS, QueueMS int64
}

// Measure is one key figure of a tally: its name in JSON and CSV, its unit
// (calls, s, share, callers, erlang), and its formula. The formula gives NaN
// where it divides by nothing.
type Measure[T any] struct {
	Name, Unit string
	Of         func(*T) float64
}

// Measures are the key figures in the order in which they are shown.
var Measures = []Measure[Tally]{
	{"offered", "calls", func(t *Tally) float64 { return float64(t.Offered) }},
	{"handled", "calls", func(t *Tally) float64 { return float64(t.Handled) }},
	{"abandoned", "calls", func(t *Tally) float64 { return float64(t.Abandoned) }},
	{"others", "calls", func(t *Tally) float64 { return float64(t.Others) }},
	{"abandonment_rate", "share", func(t *Tally) float64 { return ratio(t.Abandoned, t.Offered) }},
	{"p_wait", "share", func(t *Tally) float64 { return ratio(t.Delayed, t.Offered) }},
	{"asa_s", "s", func(t *Tally) float64 { return ratio(t.WaitHandledMS, t.Handled) / 1000 }},
	{"mean_wait_s", "s", func(t *Tally) float64 { return ratio(t.WaitAllMS, t.Offered) / 1000 }},
	{"longest_wait_s", "s", func(t *Tally) float64 { return float64(t.LongestMS) / 1000 }},
	{"service_level", "share", func(t *Tally) float64 { return ratio(t.HandledSoon, t.Offered) }},
	{"service_level_2", "share", func(t *Tally) float64 { return ratio(t.HandledSoon, t.Offered-t.AbandonedSoon) }},
	{"service_level_3", "share", func(t *Tally) float64 { return ratio(t.HandledSoon, t.Handled) }},
	{"service_level_4", "share", func(t *Tally) float64 { return ratio(t.HandledSoon+t.AbandonedSoon, t.Offered) }},
	{"occupancy", "share", func(t *Tally) float64 { return ratio(t.BusyMS, t.Agents*t.IntervalMS) }},
	{"mean_queue_length", "callers", func(t *Tally) float64 { return ratio(t.WaitAllMS, t.IntervalMS) }},
	{"aht_s", "s", func(t *Tally) float64 { return ratio(t.TalkMS+t.WrapUpMS, t.Handled) / 1000 }},
	{"traffic", "erlang", func(t *Tally) float64 { return ratio(t.TalkMS+t.WrapUpMS, t.IntervalMS) }},
}

func ratio(a, b int64) float64 {
	if b == 0 {
		return math.NaN()
	}
	return float64(a) / float64(b)
}

// leave counts a call that has left.
func (t *Tally) leave(s Served, ring, wrapUp, threshold int64) {
	wait := s.Wait.Milliseconds()
	t.Offered++
	t.WaitAllMS += wait
	t.LongestMS = max(t.LongestMS, wait)
	t.RingMS += ring
	if s.Delayed {
		t.Delayed++
	}
	switch s.Outcome {
	case Handled:
		t.Handled++
		t.WaitHandledMS += wait
		t.TalkMS += s.Call.Talk.Milliseconds()
		t.WrapUpMS += wrapUp
		if wait <= threshold {
			t.HandledSoon++
		}
	case Abandoned:
		t.Abandoned++
		if wait <= threshold {
			t.AbandonedSoon++
		}
	default:
		t.Others++
	}
}

// balance holds a floor that began and ended empty to what must be equal to the
// last millisecond: every caller left in one way; the queue's length over time
// is the sum of the waits (Little's law); the agents' busy time is the sum of
// the handling.
func (t *Tally) balance() error {
	switch {
	case t.Offered != t.Handled+t.Abandoned+t.Others:
		return fmt.Errorf("balance the books: %d calls offered, %d handled, %d abandoned, %d others",
			t.Offered, t.Handled, t.Abandoned, t.Others)
	case t.QueueMS != t.WaitAllMS:
		return fmt.Errorf("balance the books: the queue was %d ms long, the callers waited %d ms", t.QueueMS, t.WaitAllMS)
	case t.BusyMS != t.RingMS+t.TalkMS+t.WrapUpMS:
		return fmt.Errorf("balance the books: agents were busy for %d ms, calls took %d + %d + %d ms of ring, talk and wrap-up",
			t.BusyMS, t.RingMS, t.TalkMS, t.WrapUpMS)
	}
	return nil
}
