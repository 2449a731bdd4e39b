package desktest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// Run is the conformance suite of desk.Log. fresh returns a function that opens
// the same empty domain anew, as a further replica would.
func Run(t *testing.T, fresh func(t *testing.T) (open func() desk.Log)) {
	t.Run("what was written is loaded", func(t *testing.T) { t.Parallel(); testLoad(t, fresh(t)) })
	t.Run("a replica catches up", func(t *testing.T) { t.Parallel(); testCatchUp(t, fresh(t)) })
	t.Run("a failed step writes nothing", func(t *testing.T) { t.Parallel(); testRollback(t, fresh(t)) })
	t.Run("a lost claim writes nothing", func(t *testing.T) { t.Parallel(); testLostClaim(t, fresh(t)) })
	t.Run("ids are fresh", func(t *testing.T) { t.Parallel(); testIDs(t, fresh(t)) })
	t.Run("places are kept", func(t *testing.T) { t.Parallel(); testPlaces(t, fresh(t)) })
	t.Run("large batches", func(t *testing.T) { t.Parallel(); testLarge(t, fresh(t)) })
	t.Run("two desks on one domain", func(t *testing.T) { t.Parallel(); testTwoDesks(t, fresh(t)) })
}

var start = time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC)

// writer drives an engine straight over a log, one command a transaction.
type writer struct {
	t      *testing.T
	log    desk.Log
	engine *queue.Engine
	head   desk.Head
	now    time.Time
}

func newWriter(t *testing.T, log desk.Log) *writer {
	t.Helper()
	s, err := log.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &writer{t: t, log: log, engine: queue.New(s.Domain), head: s.Head, now: start}
	w.engine.Put(s.Records...)
	return w
}

// do steps the commands in one transaction and returns the last result.
func (w *writer) do(cmds ...queue.Command) queue.Result {
	w.t.Helper()
	ids, err := w.log.IDs(w.t.Context(), 2*len(cmds)+1)
	if err != nil {
		w.t.Fatal(err)
	}
	var last queue.Result
	var head desk.Head
	err = w.log.Update(w.t.Context(), w.head, func(s desk.Snapshot) (desk.Batch, error) {
		w.engine.Put(s.Records...)
		head = s.Head
		b := desk.Batch{}
		byKey := map[queue.Key]int{}
		for _, cmd := range cmds {
			var fresh []int64
			for range w.engine.Needs(cmd) {
				fresh = append(fresh, ids)
				ids++
			}
			res, err := w.engine.Step(w.now, queue.WithIDs(cmd, fresh...))
			if err != nil {
				return desk.Batch{}, fmt.Errorf("%T: %w", cmd, err)
			}
			last = res
			b.Events = append(b.Events, res.Events...)
			for _, r := range res.Changed {
				key := queue.KeyOf(r)
				if i, ok := byKey[key]; ok {
					b.Changed[i] = r
					continue
				}
				byKey[key] = len(b.Changed)
				b.Changed = append(b.Changed, r)
			}
		}
		head.Version++
		head.RecordedAt = w.now
		for i := range b.Events {
			head.Seq++
			b.Events[i].Seq, b.Events[i].RecordedAt = head.Seq, w.now
		}
		b.Head = head
		return b, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	w.head = head
	return last
}

// populate fills the domain with a queue, agents and attempts in many states.
func (w *writer) populate() (waiting, offered, gone int64) {
	w.t.Helper()
	q := queue.DefaultQueue(0, "sales \u2603", queue.Inbound)
	q.Variables = map[string]string{"line": "one \"quoted\""}
	queueID := w.do(queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
	user, ext := int64(5), "1001"
	agent := w.do(queue.SaveAgent{Agent: queue.Agent{Name: "Anna", UserID: &user, Extension: &ext, Queues: []int64{queueID}}}).Changed[0].(*queue.Agent).ID
	w.do(queue.SetAgentStatus{AgentID: agent, Status: queue.StatusOnline})
	number, name, member := "+12025550101", "O'Neill\n\u00e9", int64(77)
	join := queue.Join{QueueID: queueID, Destination: &number, MemberName: &name, MemberID: &member, Variables: map[string]string{"a": "1"}}
	first := w.do(join).Attempt.ID
	w.do(queue.SwitchReport{AttemptID: first, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "NORMAL_CLEARING", SIPCode: 200})
	pursue := w.do(queue.SaveQueue{Queue: queue.DefaultQueue(0, "pursue", queue.Predictive)}).Changed[0].(*queue.Queue).ID
	dialled := w.do(queue.Dial{QueueID: pursue, Destination: "+12025550199"}).Attempt.ID
	w.do(queue.SwitchReport{AttemptID: dialled, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "USER_BUSY"}) // a line that ended
	second := w.do(join).Attempt.ID
	third := w.do(join).Attempt.ID
	return third, second, first
}

func same(t *testing.T, got, want *queue.Engine) {
	t.Helper()
	if err := got.Check(); err != nil {
		t.Fatal(err)
	}
	type view struct {
		Queues   []*queue.Queue
		Agents   []*queue.Agent
		States   []*queue.AgentState
		Attempts []*queue.Attempt
		Paces    []queue.PaceReport
		Due      time.Time
	}
	look := func(e *queue.Engine) view {
		v := view{Queues: e.Queues(), Agents: e.Agents(), Attempts: e.Attempts()}
		for _, a := range v.Agents {
			_, st := e.Agent(a.ID)
			v.States = append(v.States, st)
		}
		for _, q := range v.Queues {
			if report, paced := e.Pacing(q.ID, start); paced {
				v.Paces = append(v.Paces, report)
			}
		}
		v.Due, _ = e.NextDeadline()
		return v
	}
	if diff := cmp.Diff(look(want), look(got), cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("the engines differ (-stepped +loaded):\n%s", diff)
	}
}

func testLoad(t *testing.T, open func() desk.Log) {
	w := newWriter(t, open())
	w.populate()
	again := newWriter(t, open())
	if again.head != w.head {
		t.Errorf("loaded head %+v, want %+v", again.head, w.head)
	}
	same(t, again.engine, w.engine)
}

func testCatchUp(t *testing.T, open func() desk.Log) {
	a, b := newWriter(t, open()), newWriter(t, open())
	waiting, offered, gone := a.populate()
	b.do(queue.Cancel{AttemptID: waiting}) // b catches up within this transaction
	if b.engine.Attempt(gone) != nil {
		t.Error("an attempt that left is still open elsewhere")
	}
	if b.engine.Attempt(offered) == nil {
		t.Error("an open attempt is not known elsewhere")
	}
	extra := a.do(queue.SaveQueue{Queue: queue.DefaultQueue(0, "extra", queue.Task)}).Changed[0].(*queue.Queue).ID
	if a.engine.Attempt(waiting) != nil {
		t.Error("what b cancelled is still open at a")
	}
	b.do(queue.RemoveQueue{ID: extra})
	helper := b.do(queue.SaveAgent{Agent: queue.Agent{Name: "Temp", Ref: "SIP/9"}}).Changed[0].(*queue.Agent).ID
	a.do(queue.SetAgentStatus{AgentID: helper, Status: queue.StatusPause, Reason: "lunch"})
	b.do(queue.RemoveAgent{ID: helper})
	a.do(queue.Cancel{AttemptID: offered})
	if a.engine.Queue(extra) != nil {
		t.Error("a removed queue is still known elsewhere")
	}
	if cfg, _ := a.engine.Agent(helper); cfg != nil {
		t.Error("a removed agent is still known elsewhere")
	}
	b.do(queue.SaveQueue{Queue: queue.DefaultQueue(0, "last", queue.Chat)})
	same(t, newWriter(t, open()).engine, b.engine)
}

func testRollback(t *testing.T, open func() desk.Log) {
	w := newWriter(t, open())
	w.populate()
	boom := errors.New("boom")
	err := w.log.Update(t.Context(), w.head, func(s desk.Snapshot) (desk.Batch, error) {
		return desk.Batch{Head: desk.Head{Seq: 1000, Version: 1000}}, boom
	})
	if !errors.Is(err, boom) {
		t.Fatalf("got %v, want the step's error", err)
	}
	again := newWriter(t, open())
	if again.head != w.head {
		t.Errorf("head %+v after a failed step, want %+v", again.head, w.head)
	}
	same(t, again.engine, w.engine)
}

// A claim that is not in force fails the transaction of its note, whatever else
// is in it.
func testLostClaim(t *testing.T, open func() desk.Log) {
	w := newWriter(t, open())
	w.populate()
	lost := desk.Note{Once: desk.Once{Key: [32]byte{1}, Token: [16]byte{2}}, Kind: "queue", ObjectID: "1"}
	err := w.log.Update(t.Context(), w.head, func(s desk.Snapshot) (desk.Batch, error) {
		head := s.Head
		head.Version++
		return desk.Batch{Head: head, Notes: []desk.Note{lost}}, nil
	})
	if !errors.Is(err, desk.ErrOvertaken) {
		t.Fatalf("got %v, want %v", err, desk.ErrOvertaken)
	}
	again := newWriter(t, open())
	if again.head != w.head {
		t.Errorf("head %+v after a claim that was lost, want %+v", again.head, w.head)
	}
	same(t, again.engine, w.engine)
}

func testIDs(t *testing.T, open func() desk.Log) {
	var mu sync.Mutex
	seen := map[int64]bool{}
	var group sync.WaitGroup
	for range 4 {
		log := open()
		group.Go(func() {
			for n := 1; n < 40; n += 7 {
				first, err := log.IDs(t.Context(), n)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for id := first; id < first+int64(n); id++ {
					if seen[id] || id <= 0 || id >= 1<<53 {
						t.Errorf("id %d is not fresh", id)
					}
					seen[id] = true
				}
				mu.Unlock()
			}
		})
	}
	group.Wait()
}

func testLarge(t *testing.T, open func() desk.Log) {
	w := newWriter(t, open())
	w.populate()
	queueID := w.engine.Queues()[0].ID
	number := "+12025550199"
	var cmds []queue.Command
	for range 1500 {
		cmds = append(cmds, queue.Join{QueueID: queueID, Destination: &number})
	}
	w.do(cmds...)
	w.now = w.now.Add(2 * time.Hour)
	w.do(queue.Tick{}) // most leave by max_wait
	same(t, newWriter(t, open()).engine, w.engine)
}

// testTwoDesks lets two desks work on one domain: no event is lost or
// doubled, and both end in the same state.
func testTwoDesks(t *testing.T, open func() desk.Log) {
	ctx, stop := context.WithCancel(t.Context())
	var running sync.WaitGroup
	defer running.Wait()
	defer stop()
	var events atomic.Int64
	start := func() *desk.Desk {
		d := desk.New(open(), desk.Config{
			Now:      time.Now,
			Logger:   slog.New(slog.NewTextHandler(io.Discard, nil)),
			OnCommit: func(evs []queue.Event, _ desk.Head) { events.Add(int64(len(evs))) },
		})
		running.Go(func() { _ = d.Run(ctx) })
		return d
	}
	a, b := start(), start()
	res, err := a.Do(ctx, queue.SaveQueue{Queue: queue.DefaultQueue(0, "shared", queue.Inbound)})
	if err != nil {
		t.Fatal(err)
	}
	queueID, number := res.Changed[0].(*queue.Queue).ID, "+12025550100"
	var callers sync.WaitGroup
	const each = 40
	for _, d := range []*desk.Desk{a, b} {
		callers.Go(func() {
			for range each {
				res, err := d.Do(ctx, queue.Join{QueueID: queueID, Destination: &number})
				if err == nil {
					_, err = d.Do(ctx, queue.Cancel{AttemptID: res.Attempt.ID})
				}
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	callers.Wait()
	last := newWriter(t, open())
	if want := events.Load(); last.head.Seq != want || want < 4*each {
		t.Errorf("the log ends at %d, the desks committed %d events", last.head.Seq, want)
	}
	if open := last.engine.Attempts(); len(open) != 0 {
		t.Errorf("%d attempts are still open", len(open))
	}
}
