package sim

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

var opening = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

// world is a centre and an engine in virtual time.
type world struct {
	t       *testing.T
	centre  *Centre
	engine  *queue.Engine
	now     time.Time
	lastID  int64
	events  []queue.Event
	refused map[queue.Code]int
	members []queue.Member // those on a list that the engine dials
}

func newWorld(t *testing.T, seed uint64, length time.Duration, speed float64) *world {
	t.Helper()
	w := &world{t: t, engine: queue.New(queue.Domain{ID: 1, Namespace: queue.UUID{1}}), now: opening, refused: map[queue.Code]int{}}
	cfg := Config{Queues: Queues(), Length: length, Speed: speed}
	for i := range cfg.Queues {
		cfg.Queues[i].ID = w.id()
		w.step(queue.SaveQueue{Queue: cfg.Queues[i]})
	}
	cfg.Agents = Agents(cfg.Queues)
	for i := range cfg.Agents {
		cfg.Agents[i].ID = w.id()
		w.step(queue.SaveAgent{Agent: cfg.Agents[i]})
	}
	cfg.Members = Members(cfg.Queues, length, speed)
	for i := range cfg.Members {
		m := &cfg.Members[i]
		m.ID, m.Edition = w.id(), 1
		w.members = append(w.members, *m)
	}
	w.engine.Stock(1<<30, 1<<31)
	w.centre = New(seed, cfg)
	return w
}

// refill gives the engine what is left of the lists, as a store would.
func (w *world) refill() {
	w.t.Helper()
	for _, want := range w.engine.Wants(w.now) {
		var ready []*queue.Member
		for i := range w.members {
			if m := &w.members[i]; m.QueueID == want.QueueID && m.Open == 0 && m.StoppedAt.IsZero() && !m.ReadyAt.After(w.now) && len(ready) < want.Limit {
				ready = append(ready, m)
			}
		}
		w.step(queue.Load{QueueID: want.QueueID, Members: ready})
	}
}

// close has the outbound queues dial nobody new.
func (w *world) close() {
	w.t.Helper()
	for _, q := range w.engine.Queues() {
		if q.Type.Outbound() && q.Enabled {
			q.Enabled = false
			w.step(queue.SaveQueue{Queue: *q})
		}
	}
}

func (w *world) id() int64 { w.lastID++; return w.lastID }

func (w *world) step(cmd queue.Command) {
	w.t.Helper()
	if n := w.engine.Needs(cmd); n > 0 {
		ids := make([]int64, n)
		for i := range ids {
			ids[i] = w.id()
		}
		cmd = queue.WithIDs(cmd, ids...)
	}
	res, err := w.engine.Step(w.now, cmd)
	if err != nil {
		refusal, ok := err.(*queue.Error)
		if !ok {
			w.t.Fatalf("step %T: %v is no refusal", cmd, err)
		}
		w.refused[refusal.Code]++
		return
	}
	w.events = append(w.events, res.Events...)
	for _, r := range res.Changed {
		if m, ok := r.(*queue.Member); ok {
			i := slices.IndexFunc(w.members, func(x queue.Member) bool { return x.ID == m.ID })
			w.members[i] = *m
		}
	}
	if w.centre != nil {
		w.centre.Observe(res.Events)
	}
}

// run moves the clock from one due thing to the next until everybody has left.
func (w *world) run(limit time.Duration) {
	w.t.Helper()
	w.centre.Open(w.now)
	for end := opening.Add(limit); !w.centre.Done(w.now); {
		if !w.now.Before(w.centre.closing) {
			w.close()
		} else {
			w.refill()
		}
		due, ok := w.centre.NextDue()
		deadline, running := w.engine.NextDeadline()
		if running && (!ok || deadline.Before(due)) {
			due, ok = deadline, true
		}
		if !ok || due.After(end) {
			w.t.Fatalf("nothing more happens before %v, yet somebody is inside: %+v", end, w.engine.Attempts()[0])
		}
		if due.After(w.now) {
			w.now = due
		}
		for _, cmd := range w.centre.Due(w.now) {
			w.step(cmd)
		}
		if running && !deadline.After(w.now) {
			w.step(queue.Tick{})
		}
	}
}

// TestEveryPathIsReached runs a quarter of an hour and wants every line of the
// life cycles of inbound, chat and task to have been walked.
func TestEveryPathIsReached(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1, 15*time.Minute, 1)
	w.run(20 * time.Minute)
	if err := w.engine.Check(); err != nil {
		t.Fatal(err)
	}
	if open := len(w.engine.Attempts()); open != 0 {
		t.Errorf("%d attempts are still open after the last customer left", open)
	}

	seen := map[string]int{}
	for i := range w.events {
		ev := &w.events[i]
		if ev.Listed == nil {
			seen[string(ev.Type)]++
			continue
		}
		key := fmt.Sprintf("%s %s", ev.Queue.Type, strings.TrimPrefix(string(ev.Type), "attempt."))
		seen[key]++
		switch ev.Type {
		case queue.EventMissed:
			seen[key+" "+string(ev.Ext.MissedReason)]++
		case queue.EventLeaving:
			seen[key+" "+string(ev.Ext.ResultReason)]++
		}
	}
	want := []string{"agent.state", "switch.ring", "switch.bridge", "switch.hangup"}
	for _, typ := range []queue.Type{queue.Inbound, queue.Chat, queue.Task} {
		for _, what := range []string{
			"joined", "offering", "bridged", "missed", "processing", "leaving",
			"missed declined", "missed timeout", "missed agent_gone",
			"leaving reported_success", "leaving reported_abandoned", "leaving reported_cancel",
			"leaving processing_timeout", "leaving cancelled",
		} {
			want = append(want, string(typ)+" "+what)
		}
	}
	want = append(want,
		"inbound missed busy", "inbound missed unreachable", "inbound missed bridge_failed", "inbound missed member_hangup",
		"inbound leaving served", "inbound leaving transferred", "inbound leaving max_wait", "inbound leaving no_agents",
		"inbound leaving member_hangup_waiting", "inbound leaving member_hangup_offering",
		"chat missed member_hangup", "chat leaving member_hangup_waiting", "chat leaving member_hangup_offering",
		"chat leaving client_idle", "chat leaving agent_idle", "chat leaving dialog_idle",
		"task missed cancelled", "task leaving withdrawn", "task leaving max_offers",
	)
	for _, typ := range []queue.Type{queue.Predictive, queue.Progressive, queue.Preview, queue.Offline} {
		for _, what := range []string{
			"joined", "offering", "bridged", "missed", "processing", "leaving", "missed timeout", "missed agent_gone",
			"leaving reported_success", "leaving processing_timeout", "leaving busy", "leaving bad_number", "leaving network",
		} {
			want = append(want, string(typ)+" "+what)
		}
	}
	want = append(want,
		"switch.dial", "preview answered", "preview active", "offline answered", "offline active", "preview leaving skipped",
		"predictive leaving machine", "predictive leaving amd_notsure", "predictive leaving amd_cancel", "predictive leaving no_agents",
		"progressive leaving lost_race", "progressive leaving agent_no_answer", "progressive leaving member_hangup_offering",
		"ivr joined", "ivr offering", "ivr bridged", "ivr leaving ivr_completed", "ivr leaving short_ivr", "ivr leaving reported_success",
	)
	for _, path := range want {
		if seen[path] == 0 {
			t.Errorf("nobody went the way %q", path)
		}
	}
	if t.Failed() {
		keys := make([]string, 0, len(seen))
		for k, n := range seen {
			keys = append(keys, fmt.Sprintf("%s: %d", k, n))
		}
		slices.Sort(keys)
		t.Logf("ways that were gone:\n%s\nrefused: %v", strings.Join(keys, "\n"), w.refused)
	}
}

// TestOneSeedOneHistory: the same seed gives the same bytes, another seed does
// not.
func TestOneSeedOneHistory(t *testing.T) {
	t.Parallel()
	history := func(seed uint64) string {
		w := newWorld(t, seed, 20*time.Second, 1)
		w.run(3 * time.Minute)
		var b []byte
		for i := range w.events {
			b = append(w.events[i].AppendJSON(b), '\n')
		}
		return string(b)
	}
	first, again, other := history(7), history(7), history(8)
	if first != again {
		t.Error("two runs of one seed differ")
	}
	if first == other {
		t.Error("two seeds gave the same history")
	}
}

// TestManySeedsDrain: whatever the seed and the speed, everybody leaves soon
// after the doors close, and the engine stays sound.
func TestManySeedsDrain(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		speed := []float64{0.5, 1, 2, 4}[seed%4]
		w := newWorld(t, seed, 15*time.Second, speed)
		w.run(15*time.Second + 100*time.Second)
		if err := w.engine.Check(); err != nil {
			t.Errorf("seed %d: %v", seed, err)
		}
		if joined := count(w.events, queue.EventJoined); joined < 15 {
			t.Errorf("seed %d: only %d came", seed, joined)
		}
	}
}

func count(events []queue.Event, typ queue.EventType) int {
	n := 0
	for i := range events {
		if events[i].Type == typ {
			n++
		}
	}
	return n
}

// TestStrangersAreLeftAlone: events of other queues move nobody.
func TestStrangersAreLeftAlone(t *testing.T) {
	t.Parallel()
	c := New(1, Config{Queues: []queue.Queue{{ID: 1, Name: "ours", Type: queue.Inbound}}})
	c.Observe([]queue.Event{
		{Type: queue.EventJoined, AttemptID: 9, At: opening, Queue: &queue.QueueRef{ID: 2}},
		{Type: queue.EventSwitchRing, AttemptID: 9, At: opening, Data: []byte(`{"order":"ring","attempt_id":9}`)},
		{Type: queue.EventLeaving, AttemptID: 9, At: opening, Queue: &queue.QueueRef{ID: 2}},
		{Type: queue.EventAgentState, At: opening, Data: []byte(`{"agent_id":4,"status":"break_out"}`)},
	})
	if due, ok := c.NextDue(); ok {
		t.Errorf("something is planned for %v", due)
	}
}

func TestDiceAreFairAndFaithful(t *testing.T) {
	t.Parallel()
	d, twin := dice{42}, dice{42}
	table := []option[string]{{3, "often"}, {1, "seldom"}, {0, "never"}}
	const rolls = 10_000
	got := map[string]int{}
	sum := time.Duration(0)
	for i := range int64(rolls) {
		got[pick(d, table, "q", i, 0)]++
		sum += d.gap(time.Second, "g", i, 0)
		if x := d.between(10*time.Millisecond, 12*time.Millisecond, "b", i, 0); x < 10*time.Millisecond || x > 12*time.Millisecond {
			t.Fatalf("between 10 and 12 ms lies %v", x)
		}
		if d.roll("q", i, 1) != twin.roll("q", i, 1) {
			t.Fatal("the same question has two answers")
		}
	}
	if got["never"] > 0 || got["often"] < rolls*70/100 || got["often"] > rolls*80/100 {
		t.Errorf("weights 3, 1 and 0 gave %v", got)
	}
	if mean := sum / rolls; mean < 930*time.Millisecond || mean > 1030*time.Millisecond {
		t.Errorf("gaps of one second are %v in the mean", mean)
	}
}
