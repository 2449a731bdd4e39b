package queue

import "fmt"

// arrange gives the queue settings of distribution by chance. What the tests of
// the tables rely on stays: everybody may be reached.
func (w *world) arrange(q *Queue, i int) {
	if w.n("plain", 2) == 0 {
		return
	}
	q.Strategy = pick(w, "strategy", Strategies)
	q.StickySec, q.StickyIgnoreStatus = 3+w.n("sticky", 10), w.n("regardless", 2) == 0
	if !q.Type.Outbound() && q.Distribution == DistributionEngine {
		q.ResumeSec = 60 * w.n("resume", 3)
	}
	q.StrictFIFO, q.OneLiveCall = w.n("strict", 5) == 0, w.n("one", 4) == 0
	switch w.n("order", 4) {
	case 0:
		q.Order, q.AgeStepSec = LIFO, 0
	case 1:
		q.Order, q.AgeStepSec = FIFO, 1+w.n("age", 20)
	}
	q.Buckets = []Bucket{{Name: "vip", Priority: w.n("bucket", 3)}, {Name: "plain"}}
	q.Skills = []QueueSkill{
		{Name: "german", MinCapacity: 10 * w.n("min", 5)},
		{Name: "english", Buckets: []string{"vip"}},
	}
	q.MaxLevel = pick(w, "levels", []int{0, 1, maxLevel})
	if !q.Type.reserved() && q.Type != IVR && q.Distribution == DistributionEngine {
		q.Overflow = []OverflowStep{
			{AfterSec: 4 + w.n("after", 5), Action: RaisePriority, By: 2},
			{AfterSec: 10, Action: AddLevel},
			{AfterSec: 80, Action: LeaveQueue},
		}
		if q.Type == Inbound && len(w.queues) > 9 {
			q.Overflow[2] = OverflowStep{AfterSec: 60, Action: CallBack, QueueID: w.queues[9]}
		}
		if i == 1 {
			q.Overflow[1] = OverflowStep{AfterSec: 10, Action: AddQueue, QueueID: w.queues[0]}
		}
	}
}

// train gives the agent skills by chance.
func (w *world) train(a *Agent) {
	a.Position, a.Skills = w.n("position", 5), nil
	for _, name := range []string{"german", "english"} {
		if w.n("skill", 5) == 0 {
			a.Skills = append(a.Skills, AgentSkill{Name: name, Level: w.n("level", 3), Capacity: w.n("capacity", 100), Enabled: w.n("enabled", 4) > 0})
		}
	}
}

// rearrange draws a change of the settings in the middle of the day.
func (w *world) rearrange() Command {
	if w.n("whose", 3) == 0 {
		i := w.n("queue", len(w.queues))
		q := w.e.Queue(w.queues[i])
		w.arrange(q, i)
		return SaveQueue{Queue: *q}
	}
	a, _ := w.e.Agent(pick(w, "agent", w.agents))
	w.train(a)
	return SaveAgent{Agent: *a}
}

// bucket and sticky draw what a subscriber brings along.
func (w *world) bucket() string { return pick(w, "its bucket", []string{"", "vip", "plain", "vip"}) }

func (w *world) sticky() *int64 {
	if w.n("knows", 6) > 0 {
		return nil
	}
	id := pick(w, "whom", w.agents)
	if w.n("nobody", 8) == 0 {
		id = 4711
	}
	return &id
}

// number draws an address that comes again.
func (w *world) number() string { return "+1202555010" + fmt.Sprint(w.n("number", 10)) }

// nudge draws what blind chance seldom finds: a next move of an attempt that got
// somewhere. Nil when there is none.
func (w *world) nudge() Command {
	var far []*Attempt
	for _, a := range w.e.Attempts() {
		if a.State == StateBridged || a.State == StateActive || a.State == StateOffering {
			far = append(far, a)
		}
	}
	if len(far) == 0 {
		return nil
	}
	a := pick(w, "far", far)
	switch {
	case a.State == StateOffering && a.Distribution == DistributionExternal:
		event := pick(w, "ring", []SwitchEvent{SwitchOffered, SwitchOffered, SwitchMissed, SwitchBridged})
		return SwitchReport{AttemptID: a.ID, Event: event, AgentID: pick(w, "rung", w.agents)}
	case a.State == StateOffering:
		return Accept{AttemptID: a.ID, AgentID: a.Offers[0].Agent.ID}
	case a.State == StateActive:
		return SwitchReport{AttemptID: a.ID, Leg: LegMember, Event: pick(w, "on", []SwitchEvent{SwitchAnswered, SwitchBridged, SwitchEnded})}
	case w.n("hand over", 3) == 0:
		return Transfer{AttemptID: a.ID, Attended: a.Channel() == ChannelCall, ToAgentID: pick(w, "other", w.agents)}
	default:
		return SwitchReport{AttemptID: a.ID, Leg: LegMember, Event: SwitchEnded}
	}
}
