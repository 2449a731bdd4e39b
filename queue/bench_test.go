package queue

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

// hall is an engine with waiting attempts and agents, for benchmarks.
type hall struct {
	b   *testing.B
	e   *Engine
	now time.Time
	id  int64
}

var someone = "+12025550101"

// newHall has so many waiting attempts, and agents who are all on a pause.
func newHall(b *testing.B, waiting, agents int) *hall {
	b.Helper()
	h := &hall{b: b, e: New(Domain{ID: 1, Namespace: UUID{1}}), now: epoch, id: 10_000}
	q := DefaultQueue(1, "sales", Inbound)
	q.MaxWaitSec = 30 * 24 * 3600 // longer than any benchmark
	h.do(SaveQueue{Queue: q})
	ext := "1001"
	for i := range agents {
		h.do(SaveAgent{Agent: Agent{ID: int64(i + 1), Name: fmt.Sprint("Agent", i), Extension: &ext, Queues: []int64{1}}})
	}
	for range waiting {
		h.join()
	}
	runtime.GC() // the rubbish of this is not what is measured
	return h
}

func (h *hall) do(cmd Command) Result {
	res, err := h.e.Step(h.now, cmd)
	if err != nil {
		h.b.Fatal(err)
	}
	h.now = h.now.Add(time.Millisecond)
	return res
}

func (h *hall) join() int64 {
	h.id++
	h.do(Join{AttemptID: h.id, QueueID: 1, Destination: &someone})
	return h.id
}

// sizes are how many wait while the work goes on.
func sizes(b *testing.B, run func(*testing.B, int)) {
	for _, n := range []int{10, 1_000, 1_000_000} {
		b.Run(fmt.Sprintf("waiting=%d", n), func(b *testing.B) { run(b, n) })
	}
}

// perStep reports the cost of one command of a cycle.
func perStep(b *testing.B, commands int) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*commands), "ns/step")
	b.ReportMetric(float64(b.N*commands)/b.Elapsed().Seconds(), "steps/s")
}

// BenchmarkJoinLeave is a caller who joins behind those who wait and hangs up.
func BenchmarkJoinLeave(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		h := newHall(b, n, 1_000)
		b.ReportAllocs()
		for b.Loop() {
			h.do(SwitchReport{AttemptID: h.join(), Leg: LegMember, Event: SwitchEnded})
		}
		perStep(b, 2)
	})
}

// BenchmarkCall is a whole call of an agent with others beside him: offered,
// accepted, bridged, ended, reported; the next one in line is offered then. A
// new caller keeps the line as long as it was.
func BenchmarkCall(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		h := newHall(b, n, 1_000)
		for i := range min(n, 1_000) / 2 { // half of the agents talk
			h.do(SetAgentStatus{AgentID: int64(i + 2), Status: StatusOnline})
			h.join()
		}
		_, st := h.offered()
		b.ReportAllocs()
		for b.Loop() {
			h.join()
			id := st.Channels[0].Slots[0].AttemptID
			h.do(Accept{AttemptID: id, AgentID: 1})
			h.do(SwitchReport{AttemptID: id, Event: SwitchBridged})
			h.do(SwitchReport{AttemptID: id, Leg: LegMember, Event: SwitchEnded})
			h.do(Report{AttemptID: id, Result: ResultSuccess})
			_, st = h.e.Agent(1)
		}
		perStep(b, 5)
	})
}

// BenchmarkDial is a progressive member who is dialled for the agent who has been
// idle longest, and is busy, while n others are dialled by a predictive queue.
func BenchmarkDial(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		h := newHall(b, 0, 0)
		progressive, predictive := DefaultQueue(2, "progressive", Progressive), DefaultQueue(3, "predictive", Predictive)
		progressive.OriginateTimeoutSec, predictive.OriginateTimeoutSec = 600, 600
		h.do(SaveQueue{Queue: progressive})
		h.do(SaveQueue{Queue: predictive})
		for i := range 1_000 {
			h.do(SaveAgent{Agent: Agent{ID: int64(i + 1), Name: fmt.Sprint("Agent", i), Queues: []int64{2}}})
			h.do(SetAgentStatus{AgentID: int64(i + 1), Status: StatusOnline})
		}
		for i := range n {
			h.id++
			h.do(Dial{AttemptID: h.id, QueueID: 3, Destination: fmt.Sprint("+1202", i)})
		}
		b.ReportAllocs()
		for b.Loop() {
			h.id++
			h.do(Dial{AttemptID: h.id, QueueID: 2, Destination: someone})
			h.do(SwitchReport{AttemptID: h.id, Leg: LegMember, Event: SwitchEnded, Cause: "USER_BUSY"})
		}
		perStep(b, 2)
	})
}

// offered logs agent 1 in, so that he is offered who is first.
func (h *hall) offered() (*Agent, *AgentState) {
	h.do(SetAgentStatus{AgentID: 1, Status: StatusOnline})
	return h.e.Agent(1)
}

// BenchmarkDecline is an offer that is declined, and the pause that runs out.
func BenchmarkDecline(b *testing.B) {
	sizes(b, func(b *testing.B, n int) {
		h := newHall(b, n, 1_000)
		_, st := h.offered()
		b.ReportAllocs()
		for b.Loop() {
			h.do(Decline{AttemptID: st.Channels[0].Slots[0].AttemptID, AgentID: 1})
			h.do(SetAgentStatus{AgentID: 1, Status: StatusPause})
			h.now = h.now.Add(10 * time.Second)
			h.do(Tick{})
			h.do(SetAgentStatus{AgentID: 1, Status: StatusOnline})
			_, st = h.e.Agent(1)
			if len(st.Channels[0].Slots) == 0 {
				b.Fatal("not offered")
			}
		}
		perStep(b, 4)
	})
}

// BenchmarkAppendJSON renders the largest event.
func BenchmarkAppendJSON(b *testing.B) {
	log := exampleLog()
	var ev *Event
	for i := range log {
		if log[i].Type == EventLeaving {
			ev = &log[i]
		}
	}
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = ev.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}
