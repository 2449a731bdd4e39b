package api_test

import (
	"slices"
	"time"
)

// stay is a time in which an agent did one thing; doing is empty while he is
// offline.
type stay struct {
	in    span
	doing string
}

// stays tells what the agent did from his first event to the end.
func (c *chronicle) stays(agent int64, end time.Time) []stay {
	var all []stay
	status, channels := "offline", map[string]string{}
	events := c.states[agent]
	for i, ev := range events {
		status = ev.Data.Status
		if ev.Data.Channel != nil {
			channels[*ev.Data.Channel] = *ev.Data.State
		}
		until := end
		if i+1 < len(events) {
			until = events[i+1].Timestamp
		}
		all = append(all, stay{span{ev.Timestamp, until}, does(status, channels)})
	}
	return all
}

// does says which of the times of an agent runs. A conversation goes before
// everything else, and the wish for a pause before what a pause makes vain.
func does(status string, channels map[string]string) string {
	any := func(state string) bool {
		for _, s := range channels {
			if s == state {
				return true
			}
		}
		return false
	}
	if status == "offline" {
		return ""
	}
	for _, busy := range [][2]string{{"bridged", "talking_ms"}, {"offering", "ringing_ms"}, {"processing", "wrapping_ms"}, {"reserved", "reserved_ms"}} {
		if any(busy[0]) {
			return busy[1]
		}
	}
	switch {
	case status == "pause":
		return "pause_ms"
	case status == "break_out":
		return "break_out_ms"
	case any("wrap_up"):
		return "wrapping_ms"
	case any("missed"):
		return "missed_ms"
	}
	return "idle_ms"
}

// agentRow computes every figure of one agent and interval.
func (c *chronicle) agentRow(agent int64, stays []stay, in span) map[string]any {
	s := sums{}
	for _, x := range stays {
		from, to := later(x.in.from, in.from), sooner(x.in.to, in.to)
		if x.doing != "" && to.After(from) {
			s.time(x.doing, to.Sub(from))
			s.time("login_ms", to.Sub(from))
		}
	}
	for _, a := range c.passages {
		for no, o := range a.offers {
			if o.agent == nil || *o.agent != agent || !in.has(o.at) {
				continue
			}
			s["offers"]++
			if m, missed := a.missed[no]; missed {
				s["misses"]++
				s.time("ring_missed_ms", m.at.Sub(o.at))
			}
		}
		if a.agent == nil || *a.agent != agent || !in.has(a.joined) {
			continue
		}
		s.count("handled", a.handled())
		s.time("talk_ms", a.talk())
		s.time("wrap_up_ms", a.wrapUp())
		if a.handled() {
			s.time("ring_handled_ms", a.bridged.Sub(*a.lastOffer))
		}
	}
	present := s["login_ms"] - s["pause_ms"] - s["break_out_ms"]
	busy := s["talking_ms"] + s["wrapping_ms"]
	row := map[string]any{
		"interval_start": in.from, "interval_end": in.to,
		"occupancy": over(busy+s["ringing_ms"], present), "occupancy_without_ring": over(busy, present),
		"utilisation": over(busy, s["login_ms"]), "availability": over(s["idle_ms"], present),
		"miss_rate": over(s["misses"], s["offers"]), "aht_ms": over(s["talk_ms"]+s["wrap_up_ms"], s["handled"]),
		"handled_per_hour": over(s["handled"]*time.Hour.Milliseconds(), present),
	}
	s.columns(row, agentSums...)
	return row
}

var agentTimes = []string{"idle_ms", "ringing_ms", "talking_ms", "wrapping_ms", "reserved_ms", "missed_ms", "pause_ms", "break_out_ms"}

var agentSums = slices.Concat(agentTimes, []string{
	"login_ms", "offers", "misses", "ring_missed_ms", "handled", "ring_handled_ms", "talk_ms", "wrap_up_ms",
})
