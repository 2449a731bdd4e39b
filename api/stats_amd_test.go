package api_test

import (
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

// A detection of answering machines takes its time: the two seconds within which
// an agent must be there count from its result, not from the answer.
func TestDroppedCountsFromThePerson(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	t0 := time.Date(2024, 5, 6, 7, 0, 0, 0, time.UTC)
	p := newPast(s, 3, t0)
	q := queue.DefaultQueue(0, "list", queue.Predictive)
	q.AMD, q.UseProcessing = true, false
	q.ID = p.do(t0, queue.SaveQueue{Queue: q})[0].Result.Changed[0].(*queue.Queue).ID
	agent := p.do(t0, queue.SaveAgent{Agent: queue.Agent{Name: "Ann", Queues: []int64{q.ID}}})[0].Result.Changed[0].(*queue.Agent).ID
	p.do(t0, queue.SetAgentStatus{AgentID: agent, Status: queue.StatusOnline})
	p.list([]queue.Member{
		{QueueID: q.ID, Numbers: []queue.Number{{Number: "+12025550101"}}}, {QueueID: q.ID, Numbers: []queue.Number{{Number: "+12025550102"}}},
	})
	at := t0
	call := func(answerToResult, resultToAccept time.Duration) {
		t.Helper()
		var id int64
		for wait := 0; id == 0; wait++ {
			p.desk.Refill(q.ID)
			at = at.Add(time.Second)
			p.do(at)
			for _, row := range s.rows(`SELECT attempt_id FROM analyst.open_attempts WHERE domain_id = 3`) {
				id = row["attempt_id"].(int64)
			}
			if wait > 5000 {
				t.Fatal("nobody is dialled")
			}
		}
		step := func(d time.Duration, cmd queue.Command) {
			t.Helper()
			at = at.Add(d)
			if a := p.do(at, cmd)[0]; a.Err != nil {
				t.Fatal(a.Err)
			}
		}
		step(time.Second, queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAnswered})
		step(answerToResult, queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchAMD, AMDResult: queue.AMDHuman})
		step(resultToAccept, queue.Accept{AttemptID: id, AgentID: agent, Bridged: true})
		step(time.Minute, queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchEnded})
	}
	call(3*time.Second, 1500*time.Millisecond)
	call(2*time.Second, 2500*time.Millisecond)
	row := s.rows(`SELECT * FROM analyst.queue_intervals($1, $2, 'total', domain => 3)`, t0, at.Add(time.Hour))[0]
	for name, want := range map[string]any{
		"dialled": int64(2), "contacts": int64(2), "live_answered": int64(2), "amd_delay_ms": 2500.0,
		"dropped": int64(1), "dropped_rate": 0.5, "dropped_unbridged": int64(0), "dropped_unbridged_rate": 0.0,
	} {
		if row[name] != want {
			t.Errorf("%s is %v, want %v", name, row[name], want)
		}
	}
}
