package queue

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkSkills is a whole call as in BenchmarkCall, in a centre that uses
// everything: three queues with five buckets, skills with levels, ageing and a
// strategy of the day; a thousand agents of two skills each, half of whom talk.
func BenchmarkSkills(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		h := &hall{b: b, e: New(Domain{ID: 1, Namespace: UUID{1}}), now: epoch, id: 10_000}
		for i := range 3 {
			q := DefaultQueue(int64(i+1), fmt.Sprint("q", i), Inbound)
			q.MaxWaitSec, q.Strategy, q.AgeStepSec = 30*24*3600, Strategies[3+i], 30
			for j := range 5 {
				q.Buckets = append(q.Buckets, Bucket{Name: fmt.Sprint("b", j), Priority: j})
				q.Skills = append(q.Skills, QueueSkill{Name: fmt.Sprint("s", j), MinCapacity: 10, Buckets: []string{fmt.Sprint("b", j)}})
			}
			h.do(SaveQueue{Queue: q})
		}
		for i := range 1_000 {
			h.do(SaveAgent{Agent: Agent{ID: int64(i + 1), Name: fmt.Sprint("Agent", i), Skills: []AgentSkill{
				{Name: fmt.Sprint("s", i%5), Level: i % 3, Capacity: 10 + i%90, Enabled: true},
				{Name: fmt.Sprint("s", (i+1)%5), Level: 1, Capacity: 50, Enabled: true},
			}}})
		}
		steps := 0
		join := func() {
			h.id++
			steps++
			h.do(Join{
				AttemptID: h.id, QueueID: 1 + h.id%3, Destination: &someone, Bucket: fmt.Sprint("b", h.id%5), Priority: int(h.id % 4),
			})
		}
		for range n {
			join()
		}
		for i := range min(n, 1_000) / 2 {
			h.do(SetAgentStatus{AgentID: int64(i + 2), Status: StatusOnline})
			join()
		}
		_, st := h.offered()
		b.ReportAllocs()
		steps = 0
		for b.Loop() {
			steps += 4
			join()
			id := st.Channels[0].Slots[0].AttemptID
			h.do(Accept{AttemptID: id, AgentID: 1})
			h.do(SwitchReport{AttemptID: id, Event: SwitchBridged})
			h.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
			h.do(Report{AttemptID: id, Result: ResultSuccess})
			_, st = h.e.Agent(1)
			for len(st.Channels[0].Slots) == 0 { // nobody waits whom he may have
				h.now = h.now.Add(time.Second)
				join()
				_, st = h.e.Agent(1)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(steps), "ns/step")
	})
}
