package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Strategy says who of several free agents of the same level is offered an
// attempt (engine.md B.12). Ties go to who has been idle longest, then to the
// lower id.
type Strategy string

// The strategies. Today is the day of the clock in UTC, and counts conversations
// of the queue's channel, whatever their queue.
const (
	// LongestIdle: who left his last conversation, or its processing, first.
	LongestIdle Strategy = "longest-idle"
	// RoundRobin: whose last offer is longest ago.
	RoundRobin Strategy = "round-robin"
	// Random: whoever the ids of the attempt and of the agents and the number of
	// the offer happen to name; no agent more often than others.
	Random Strategy = "random"
	// FewestCalls: who has had the fewest conversations today.
	FewestCalls Strategy = "fewest-calls"
	// LeastTalkTime: who has talked least today.
	LeastTalkTime Strategy = "least-talk-time"
	// TopDown: the lowest Agent.Position.
	TopDown Strategy = "top-down"
	// SkillCapacity: the highest capacity in the skill that the queue asks for.
	SkillCapacity Strategy = "skill-capacity"
)

// Strategies lists every strategy, the default first.
var Strategies = []Strategy{LongestIdle, RoundRobin, Random, FewestCalls, LeastTalkTime, TopDown, SkillCapacity}

func (t Strategy) validate() error {
	if slices.Contains(Strategies, t) {
		return nil
	}
	return invalid("strategy", fmt.Sprintf("there is no strategy %q; use one of %v", t, Strategies))
}

// daily strategies look at what was done today, so their order changes at
// midnight.
func (t Strategy) daily() bool { return t == FewestCalls || t == LeastTalkTime }

// freeKey orders free agents: level, strategy, idle time, id.
type freeKey struct {
	level int32
	rank  int64
	since int64
	id    int64
}

func compareFree(a, b freeKey) int {
	if c := cmp.Compare(a.level, b.level); c != 0 {
		return c
	}
	if c := cmp.Compare(a.rank, b.rank); c != 0 {
		return c
	}
	if c := cmp.Compare(a.since, b.since); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

// day returns the number of the instant's day in UTC.
func day(t time.Time) int64 {
	sec := t.Unix()
	if sec < 0 {
		return -1
	}
	return sec / (24 * 3600)
}

// today returns what the agent has done on the channel on the day.
func (c *ChannelState) today(day int64) (calls int, talk time.Duration) {
	if c.Day != day {
		return 0, 0
	}
	return c.Calls, time.Duration(c.TalkMs) * time.Millisecond
}

// count adds to what the agent has done today.
func (c *ChannelState) count(day int64, calls int, talk time.Duration) {
	if c.Day != day {
		c.Day, c.Calls, c.TalkMs = day, 0, 0
	}
	c.Calls += calls
	c.TalkMs += max(0, talk.Milliseconds())
}

// countTalk counts the conversation that begins or ends for the agent when his
// slot k, -1 = none, becomes next.
func (s *step) countTalk(c *ChannelState, k int, next Slot) {
	talks := k >= 0 && c.Slots[k].State == AgentBridged
	switch begins := next.State == AgentBridged; {
	case begins && !talks:
		c.count(day(s.now), 1, 0)
	case talks && !begins:
		c.count(day(s.now), 0, next.Since.Sub(c.Slots[k].Since))
	}
}

// rank is the agent's place by the queue's strategy, lowest first.
func (q *Queue) rank(g *agentState, gr grade, today int64) int64 {
	channel := &g.st.Channels[channelIndex(q.Type.Channel())]
	switch q.Strategy {
	case RoundRobin:
		return millis(g.st.OfferedAt)
	case Random:
		return int64(scatter(uint64(g.cfg.ID)) >> 1)
	case FewestCalls:
		calls, _ := channel.today(today)
		return int64(calls)
	case LeastTalkTime:
		_, talk := channel.today(today)
		return talk.Milliseconds()
	case TopDown:
		return int64(g.cfg.Position)
	case SkillCapacity:
		return -int64(gr.capacity)
	default:
		return 0
	}
}

// scatter is a bijection that makes neighbours strangers (the finaliser of
// splitmix64).
func scatter(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// asked is an offer that looks for its agent.
type asked struct {
	attempt int64
	offerNo int
	level   int // the highest that may be offered
	not     []Exclusion
}

// choose returns the free agent of the index to whom the queue's strategy gives
// the offer, or nil. It walks over nobody but those who are excluded.
func (s *step) choose(q *queueState, free *index[freeKey], o asked) *agentState {
	if q.cfg.Strategy == Random {
		return s.draw(free, o)
	}
	var best *agentState
	free.walk(func(k freeKey) bool {
		switch {
		case int(k.level) > o.level:
			return false
		case excluded(o.not, k.id, s.now):
			return true
		}
		best = s.e.agents[k.id]
		return false
	})
	return best
}

// draw chooses by a hash. The agents of a level stand in the order of a hash of
// their ids; one of attempt and offer names the place, and who is excluded is
// passed over.
func (s *step) draw(free *index[freeKey], o asked) *agentState {
	number := scatter(scatter(uint64(o.attempt)) ^ uint64(o.offerNo))
	for from := 0; from < free.size; {
		level := free.at(from).level
		if int(level) > o.level {
			return nil
		}
		n := free.rank(freeKey{level: level + 1, rank: -1 << 63, since: -1 << 63}) - from
		start := int(number % uint64(n))
		for i := range n {
			k := free.at(from + (start+i)%n)
			if !excluded(o.not, k.id, s.now) {
				return s.e.agents[k.id]
			}
		}
		from += n
	}
	return nil
}

// turnDay moves the engine to the day of the step, on which the orders of the
// daily strategies are others. This is the one thing that looks at every agent,
// once a day.
func (e *Engine) turnDay(today int64) {
	if today == e.day {
		return
	}
	e.day = today
	for _, g := range e.agents {
		if slices.ContainsFunc(g.serves, func(v service) bool { return v.q.cfg.Strategy.daily() }) {
			e.indexAgent(g)
		}
	}
}
