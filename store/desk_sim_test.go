package store_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// furnish saves the queues and agents of the simulated centre and returns them
// with their ids.
func (r *replica) furnish(at time.Time) (queues []queue.Queue, agents []queue.Agent) {
	for _, q := range sim.Queues() {
		r.must(at, queue.SaveQueue{Queue: q})
	}
	for _, q := range r.engine.Queues() {
		queues = append(queues, *q)
	}
	for _, a := range sim.Agents(queues) {
		r.must(at, queue.SaveAgent{Agent: a})
	}
	for _, a := range r.engine.Agents() {
		agents = append(agents, *a)
	}
	return queues, agents
}

// TestSimulatedCentre runs a contact centre in virtual time over two replicas
// that take turns, so that everything the engine does passes the CHECKs, is
// taken over by the other and is read back as it was.
func TestSimulatedCentre(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	replicas := []*replica{newReplica(t, pool), newReplica(t, pool)}
	r := replicas[0]
	queues, agents := r.furnish(t0)
	centre := sim.New(7, sim.Config{Queues: queues, Agents: agents, Length: time.Minute, Speed: 8})

	all := runCentre(t, centre, replicas)
	same(t, mustCatchUp(replicas[0]), mustCatchUp(replicas[1]))
	same(t, replicas[0].engine, newReplica(t, pool).engine)

	stored, err := store.New(pool).EventsAfter(t.Context(), 1, dispatcher.Position{}, len(all)+1)
	if err != nil || len(stored) != len(all) {
		t.Fatalf("read %d of %d events, %v", len(stored), len(all), err)
	}
	left := 0
	for i := range all {
		if fresh, back := all[i].AppendJSON(nil), stored[i].AppendJSON(nil); !bytes.Equal(fresh, back) {
			t.Fatalf("event %d changed:\n fresh %s\n back  %s", i+1, fresh, back)
		}
		if all[i].Type == queue.EventLeaving {
			left++
		}
	}
	if left < 20 {
		t.Errorf("only %d attempts have left", left)
	}
	// The history is what the leaving events say, and nothing is open.
	const agree = `
SELECT count(*) FILTER (WHERE a.cc_result = e.cc_result
    AND (a.call_bill_sec, a.call_duration, a.call_voice_sec) IS NOT DISTINCT FROM (e.call_bill_sec, e.call_duration, e.call_voice_sec)
    AND a.agent_name IS NOT DISTINCT FROM e.agent_name AND a.last_sequence = e.sequence AND a.leaving_at = e.at),
  count(*), (SELECT count(*) FROM open_attempts)
FROM attempts AS a LEFT JOIN events AS e ON e.attempt_id = a.id AND e.type = 'attempt.leaving'`
	var agreed, rows, open int
	if err := pool.QueryRow(t.Context(), agree).Scan(&agreed, &rows, &open); err != nil {
		t.Fatal(err)
	}
	if agreed != left || rows != left || open != 0 {
		t.Errorf("%d of %d finished attempts agree with their %d leaving events; %d are open", agreed, rows, left, open)
	}
}

// runCentre plays the centre to its end and returns every event.
func runCentre(t *testing.T, centre *sim.Centre, replicas []*replica) []queue.Event {
	t.Helper()
	var all []queue.Event
	now := t0
	centre.Open(now)
	for turn := 0; !centre.Done(now); turn++ {
		r := replicas[turn%len(replicas)]
		due, ok := centre.NextDue()
		if deadline, running := mustCatchUp(r).NextDeadline(); running && (!ok || deadline.Before(due)) {
			due, ok = deadline, true
		}
		if !ok || turn > 20_000 {
			t.Fatalf("turn %d: nothing more happens, yet somebody is inside", turn)
		}
		// Half a second's commands are one batch.
		if due.After(now) {
			now = due.Truncate(500 * time.Millisecond).Add(500 * time.Millisecond)
		}
		r.lenient = true
		had := len(r.events)
		r.must(now, append([]queue.Command{queue.Tick{}}, centre.Due(now)...)...)
		all = append(all, r.events[had:]...)
		centre.Observe(r.events[had:])
	}
	return all
}
