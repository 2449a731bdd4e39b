package queue

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// jumble is an engine full of agents and attempts that were put there by
// chance, without anybody having been matched.
type jumble struct {
	dice   *rand.Rand
	e      *Engine
	queues []*Queue
	agents []int64
	ids    int64
}

// skillNames are few, so that they meet.
var skillNames = []string{"german", "english", "billing"}

func newJumble(seed uint64) *jumble {
	j := &jumble{dice: rand.New(rand.NewPCG(seed, 7)), e: New(Domain{ID: 1}), ids: 1000}
	j.e.day = day(epoch)
	for i := range 5 {
		j.queues = append(j.queues, j.queue(int64(i+1)))
		j.e.Put(j.queues[i])
	}
	for i := range 12 {
		j.agents = append(j.agents, int64(100+i))
		j.agent(j.agents[i])
	}
	for range 40 {
		j.attempt(0)
	}
	return j
}

func (j *jumble) n(limit int) int { return j.dice.IntN(limit) }

// queue makes the settings of a queue. Three of five are for calls, two of them
// of the same priority.
func (j *jumble) queue(id int64) *Queue {
	q := DefaultQueue(id, fmt.Sprint("q", id), []Type{Inbound, Inbound, Predictive, Chat, Task}[id-1])
	q.Strategy, q.Priority, q.MaxLevel = Strategies[j.n(len(Strategies))], j.n(2), []int{0, 1, 3, maxLevel}[j.n(4)]
	q.OneLiveCall, q.StrictFIFO, q.StickyIgnoreStatus = j.n(3) == 0, j.n(4) == 0, j.n(2) == 0
	switch j.n(3) {
	case 0:
		q.Order = LIFO
	case 1:
		q.AgeStepSec = 1 + j.n(30)
	}
	for i := range j.n(4) {
		q.Buckets = append(q.Buckets, Bucket{Name: fmt.Sprint("b", i), Priority: j.n(3)})
	}
	for range j.n(4) {
		k := QueueSkill{Name: skillNames[j.n(3)], MinCapacity: 20 * j.n(3)}
		if j.n(2) == 0 {
			k.MaxCapacity = k.MinCapacity + 50
		}
		if len(q.Buckets) > 0 && j.n(2) == 0 {
			k.Buckets = []string{q.Buckets[j.n(len(q.Buckets))].Name}
		}
		q.Skills = append(q.Skills, k)
	}
	return &q
}

// agent puts the agent, mostly free.
func (j *jumble) agent(id int64) {
	a := &Agent{ID: id, Name: fmt.Sprint("Agent ", id), Position: j.n(4), Capacity: map[Channel]int{ChannelChat: 1 + j.n(2)}}
	for _, q := range j.queues {
		if j.n(3) == 0 {
			a.Queues = append(a.Queues, q.ID)
		}
	}
	for i := range j.n(4) {
		if i < len(skillNames) {
			a.Skills = append(a.Skills, AgentSkill{Name: skillNames[i], Level: j.n(4), Capacity: j.n(100), Enabled: j.n(4) > 0})
		}
	}
	st := &AgentState{
		AgentID: id, Status: StatusOnline, Since: epoch,
		FreeSince: epoch.Add(time.Duration(j.n(5)) * time.Second), OfferedAt: epoch.Add(time.Duration(j.n(5)) * time.Second),
	}
	if j.n(6) == 0 {
		st.Status = StatusOffline
	}
	for i := range st.Channels {
		c := &st.Channels[i]
		c.Day, c.Calls, c.TalkMs = day(epoch)-int64(j.n(2)), j.n(3), int64(j.n(3)*1000)
		if j.n(8) == 0 {
			c.Slots = []Slot{{AttemptID: 1, State: []ChannelStateName{AgentBridged, AgentProcessing}[j.n(2)], Since: epoch}}
		}
	}
	j.e.Put(a, st)
}

// attempt puts an attempt, mostly waiting; id 0 = a new one.
func (j *jumble) attempt(id int64) {
	if id == 0 {
		j.ids++
		id = j.ids
	}
	q := j.queues[j.n(len(j.queues))]
	a := &Attempt{
		ID: id, Queue: q.Ref(), Distribution: q.Distribution, State: StateWaiting, Sequence: 1, Priority: j.n(3),
		JoinedAt: epoch.Add(-time.Duration(j.n(60_000)) * time.Millisecond), OfferNo: j.n(3), Levels: j.n(3) * j.n(2),
	}
	if j.n(5) == 0 {
		a.State = []State{StateOffering, StateBridged, StateLeaving}[j.n(3)]
	}
	if j.n(5) == 0 {
		a.OrderAt = a.JoinedAt.Add(-time.Minute)
	}
	if len(q.Buckets) > 0 && j.n(3) > 0 {
		a.Bucket = q.Buckets[j.n(len(q.Buckets))].Name
	}
	for range j.n(3) {
		a.exclude(j.agents[j.n(len(j.agents))], epoch.Add(time.Duration(j.n(3)-1)*time.Second))
	}
	if j.n(4) == 0 {
		a.addQueue(int64(1 + j.n(5)))
	}
	if j.n(6) == 0 {
		id := j.agents[j.n(len(j.agents))]
		a.StickyAgentID, a.StickyUntil = &id, epoch.Add(time.Second)
	}
	j.e.Put(a)
}

// stir changes one thing.
func (j *jumble) stir() {
	switch j.n(10) {
	case 0:
		i := j.n(len(j.queues))
		j.queues[i] = j.queue(j.queues[i].ID)
		j.e.Put(j.queues[i])
	case 1, 2, 3:
		j.agent(j.agents[j.n(len(j.agents))])
	case 4, 5:
		j.attempt(0)
	default:
		j.attempt(1001 + int64(j.n(int(j.ids-1000))))
	}
}

// firstAgent is whom the attempt should be offered, by looking at everybody.
func (j *jumble) firstAgent(s *step, a *attempt) *agentState {
	queues := append([]int64{a.Queue.ID}, a.AddedQueues...)
	if !a.StickyUntil.IsZero() {
		queues = queues[:1]
	}
	for _, id := range queues {
		q := j.e.queues[id]
		var level []*agentState // those of the lowest level that has somebody
		for step := 0; step <= min(maxLevel, q.cfg.MaxLevel+a.Levels); step++ {
			level = level[:0]
			for _, id := range j.agents {
				g := j.e.agents[id]
				only := *a
				only.Attempt.Queue.ID, only.AddedQueues = q.cfg.ID, nil
				if gr := q.cfg.grade(&g.cfg, a.Bucket); int(gr.level) == step && j.e.fits(&only, g) {
					level = append(level, g)
				}
			}
			if g := best(s, q, a, level); g != nil {
				return g
			}
		}
	}
	return nil
}

// best is whom the strategy gives the attempt, of agents of one level.
func best(s *step, q *queueState, a *attempt, level []*agentState) *agentState {
	slices.SortFunc(level, func(x, y *agentState) int {
		return compareFree(s.e.freeKey(x, q, q.cfg.grade(&x.cfg, a.Bucket)), s.e.freeKey(y, q, q.cfg.grade(&y.cfg, a.Bucket)))
	})
	start := 0
	if q.cfg.Strategy == Random && len(level) > 0 && a.StickyUntil.IsZero() {
		start = int(scatter(scatter(uint64(a.ID))^uint64(a.OfferNo+1)) % uint64(len(level)))
	}
	for i := range level {
		if g := level[(start+i)%len(level)]; !a.excludes(g.cfg.ID, s.now) {
			return g
		}
	}
	return nil
}

// firstAttempt is what the agent should be offered, by looking at everything.
// Who is first is found at some later instant: it must not matter.
func (j *jumble) firstAttempt(s *step, g *agentState, ch Channel) *attempt {
	when := epoch.Add(time.Duration(j.n(100_000)) * time.Millisecond)
	var first *attempt
	var from *queueState
	for _, queueID := range sortedIDs(j.e.queues) {
		q := j.e.queues[queueID]
		var own *attempt // the first of this queue
		for _, id := range sortedIDs(j.e.attempts) {
			a := j.e.attempts[id]
			guest := queueID != a.Queue.ID
			only := *a
			only.Attempt.Queue.ID, only.AddedQueues = queueID, nil
			switch {
			case a.Channel() != ch || !j.e.stands(a) || a.excludes(g.cfg.ID, s.now) || !j.e.fits(&only, g):
			case guest && (!a.StickyUntil.IsZero() || !slices.Contains(a.AddedQueues, queueID)):
			case own == nil || sooner(q, a, own, when):
				own = a
			}
		}
		switch {
		case own == nil:
		case first == nil, q.cfg.Priority > from.cfg.Priority,
			q.cfg.Priority == from.cfg.Priority && own.before(&first.Attempt):
			first, from = own, q
		}
	}
	return first
}

// sooner reports whether a comes before b in the queue, in the words of
// engine.md B.12.
func sooner(q *queueState, a, b *attempt, when time.Time) bool {
	bucket := func(a *attempt) int {
		i := slices.IndexFunc(q.cfg.Buckets, func(b Bucket) bool { return b.Name == a.Bucket })
		if i < 0 {
			return 0
		}
		return q.cfg.Buckets[i].Priority
	}
	if bucket(a) != bucket(b) {
		return bucket(a) > bucket(b)
	}
	standing := func(a *attempt) time.Duration {
		if q.cfg.AgeStepSec == 0 {
			return time.Duration(a.Priority)
		}
		return time.Duration(a.Priority*q.cfg.AgeStepSec)*time.Second + when.Sub(a.placeAt())
	}
	if standing(a) != standing(b) {
		return standing(a) > standing(b)
	}
	if !a.placeAt().Equal(b.placeAt()) && q.cfg.AgeStepSec == 0 {
		return a.placeAt().Before(b.placeAt()) == (q.cfg.Order == FIFO)
	}
	return a.ID < b.ID
}

// TestChoiceIsTheBest compares what the indexes say with a search through
// everything, over random settings, skills, buckets and states.
func TestChoiceIsTheBest(t *testing.T) {
	t.Parallel()
	chosen := map[Strategy]int{}
	taken := map[string]int{}
	for seed := range uint64(60) {
		j := newJumble(seed)
		for range 25 {
			j.stir()
			s := &step{e: j.e, now: epoch, at: epoch}
			for _, a := range j.e.attempts { // a step does so for those it touches
				if a.State == StateWaiting {
					s.holdSticky(a)
				}
				j.e.indexAttempt(a)
			}
			for _, id := range sortedIDs(j.e.attempts) {
				a := j.e.attempts[id]
				if !j.e.stands(a) {
					continue
				}
				got, want := s.bestAgent(a), j.firstAgent(s, a)
				if got != want {
					t.Fatalf("seed %d: attempt %d of queue %d: agent %v, want %v", seed, id, a.Queue.ID, nameOf(got), nameOf(want))
				}
				if got != nil {
					chosen[j.e.queues[a.Queue.ID].cfg.Strategy]++
				}
			}
			for _, id := range j.agents {
				for _, ch := range Channels {
					g := j.e.agents[id]
					got, want := s.bestAttempt(g, ch), j.firstAttempt(s, g, ch)
					if got != want {
						t.Fatalf("seed %d: agent %d on %s: attempt %v, want %v", seed, id, ch, idOf(got), idOf(want))
					}
					if got != nil {
						q := &j.e.queues[got.Queue.ID].cfg
						taken[fmt.Sprint(q.Order, " ageing ", q.AgeStepSec > 0, " strict ", q.StrictFIFO, " sticky ", !got.StickyUntil.IsZero())]++
					}
				}
			}
		}
	}
	if len(chosen) != len(Strategies) || len(taken) < 12 {
		t.Errorf("not everything was chosen by: %v, %v", chosen, taken)
	}
}

func nameOf(g *agentState) any {
	if g == nil {
		return nil
	}
	return g.cfg.Name
}

func idOf(a *attempt) any {
	if a == nil {
		return nil
	}
	return a.ID
}
