package sim

// DialTally is what a dialler counted: whole calls and whole milliseconds. A
// call counts when it was dialled inside the measured interval and its person,
// if any, has left.
type DialTally struct {
	// Lines were dialled; Persons answered, and were Connected or Dropped.
	Lines, Persons, Connected, Dropped int64
	// WaitMS sums how long people waited for their agents, LongestMS is the
	// longest; TalkMS sums the conversations.
	WaitMS, LongestMS, TalkMS int64
	// IntervalMS is how long was measured with Agents agents, BusyMS the
	// integral over it of those who rang, talked or wrapped up.
	IntervalMS, Agents, BusyMS int64
	// Held says that at the end the rate of drops let the queue dial
	// progressively only.
	Held bool
}

// DialMeasures are the key figures in the order in which they are shown.
var DialMeasures = []Measure[DialTally]{
	{"lines", "calls", func(t *DialTally) float64 { return float64(t.Lines) }},
	{"persons", "calls", func(t *DialTally) float64 { return float64(t.Persons) }},
	{"connected", "calls", func(t *DialTally) float64 { return float64(t.Connected) }},
	{"dropped", "calls", func(t *DialTally) float64 { return float64(t.Dropped) }},
	{"hit_rate", "share", func(t *DialTally) float64 { return ratio(t.Persons, t.Lines) }},
	{"drop_rate", "share", func(t *DialTally) float64 { return ratio(t.Dropped, t.Connected+t.Dropped) }},
	{"occupancy", "share", func(t *DialTally) float64 { return ratio(t.BusyMS, t.Agents*t.IntervalMS) }},
	{"talk_per_hour_min", "min", func(t *DialTally) float64 { return 60 * ratio(t.TalkMS, t.Agents*t.IntervalMS) }},
	{"connected_per_agent_hour", "calls/h", func(t *DialTally) float64 {
		return 3_600_000 * ratio(t.Connected, t.Agents*t.IntervalMS)
	}},
	{"lines_per_agent_hour", "calls/h", func(t *DialTally) float64 { return 3_600_000 * ratio(t.Lines, t.Agents*t.IntervalMS) }},
	{"mean_wait_s", "s", func(t *DialTally) float64 { return ratio(t.WaitMS, t.Connected+t.Dropped) / 1000 }},
	{"longest_wait_s", "s", func(t *DialTally) float64 { return float64(t.LongestMS) / 1000 }},
}
