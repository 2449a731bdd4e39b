package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// replica is an engine on a log, as a desk drives it, without its goroutines.
type replica struct {
	t      testing.TB
	log    desk.Log
	engine *queue.Engine
	head   desk.Head
	events []queue.Event // what it committed itself
	// lenient goes on after a command that the engine refuses.
	lenient bool
}

func newReplica(t testing.TB, pool *pgxpool.Pool) *replica {
	t.Helper()
	r := &replica{t: t, log: store.New(pool).DeskLog(1)}
	snap, err := r.log.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	r.engine, r.head = queue.New(snap.Domain), snap.Head
	r.engine.Put(snap.Records...)
	return r
}

// do steps the commands at one instant, in one batch.
func (r *replica) do(at time.Time, cmds ...queue.Command) error {
	var head desk.Head
	var events []queue.Event
	err := r.log.Update(r.t.Context(), r.head, func(snap desk.Snapshot) (desk.Batch, error) {
		r.engine.Put(snap.Records...)
		head = snap.Head
		batch := desk.Batch{}
		for _, cmd := range cmds {
			n := r.engine.Needs(cmd)
			ids := make([]int64, 0, n)
			for range n {
				id, err := r.log.IDs(r.t.Context(), 1)
				if err != nil {
					return desk.Batch{}, err
				}
				ids = append(ids, id)
			}
			res, err := r.engine.Step(at, queue.WithIDs(cmd, ids...))
			if r.lenient && errors.As(err, new(*queue.Error)) {
				continue
			}
			if err != nil {
				return desk.Batch{}, err
			}
			batch.Events = append(batch.Events, res.Events...)
			batch.Changed = merge(batch.Changed, res.Changed)
		}
		if len(batch.Events)+len(batch.Changed) > 0 {
			head.Version++
			head.RecordedAt = at
		}
		for i := range batch.Events {
			head.Seq++
			batch.Events[i].Seq, batch.Events[i].RecordedAt = head.Seq, at
		}
		batch.Head = head
		events = batch.Events
		return batch, nil
	})
	if err == nil {
		r.head = head
		r.events = append(r.events, events...)
	}
	return err
}

func (r *replica) must(at time.Time, cmds ...queue.Command) {
	r.t.Helper()
	if err := r.do(at, cmds...); err != nil {
		r.t.Fatal(err)
	}
}

// merge keeps each record once, in its last version.
func merge(all, more []queue.Record) []queue.Record {
	for _, m := range more {
		for i, have := range all {
			if queue.KeyOf(have) == queue.KeyOf(m) {
				all = append(all[:i:i], all[i+1:]...)
				break
			}
		}
		all = append(all, m)
	}
	return all
}

// same compares two engines by everything they show.
func same(t *testing.T, want, got *queue.Engine) {
	t.Helper()
	opts := []cmp.Option{cmpopts.EquateEmpty()}
	if d := cmp.Diff(want.Queues(), got.Queues(), opts...); d != "" {
		t.Errorf("queues (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want.Agents(), got.Agents(), opts...); d != "" {
		t.Errorf("agents (-want +got):\n%s", d)
	}
	if d := cmp.Diff(want.Attempts(), got.Attempts(), opts...); d != "" {
		t.Errorf("attempts (-want +got):\n%s", d)
	}
	for _, a := range want.Agents() {
		_, ws := want.Agent(a.ID)
		_, gs := got.Agent(a.ID)
		if d := cmp.Diff(ws, gs, opts...); d != "" {
			t.Errorf("state of agent %d (-want +got):\n%s", a.ID, d)
		}
	}
	if err := got.Check(); err != nil {
		t.Errorf("the engine that was put together: %v", err)
	}
}

var t0 = time.Date(2026, 8, 22, 10, 15, 30, 123_000_000, time.UTC)

func at(sec int) time.Time { return t0.Add(time.Duration(sec) * time.Second) }

func ptr[T any](v T) *T { return &v }

// centre is one inbound and one chat queue with agents Ann and Bob.
func centre() []queue.Command {
	sales := queue.DefaultQueue(0, "sales", queue.Inbound)
	sales.Variables = map[string]string{"campaign": "spring \u2028 <b>&\"ü\""}
	return []queue.Command{
		queue.SaveQueue{Queue: sales},
		queue.SaveQueue{Queue: queue.DefaultQueue(0, "chats", queue.Chat)},
	}
}

func staff(e *queue.Engine) []queue.Command {
	var ids []int64
	for _, q := range e.Queues() {
		ids = append(ids, q.ID)
	}
	return []queue.Command{
		queue.SaveAgent{Agent: queue.Agent{Name: "Ann", UserID: ptr(int64(9007199254740991)), Extension: ptr("101"), Ref: "SIP/101", Queues: ids}},
		queue.SaveAgent{Agent: queue.Agent{Name: "Bob", Queues: ids}},
	}
}

func (r *replica) online(sec int) {
	r.t.Helper()
	for _, a := range r.engine.Agents() {
		r.must(at(sec), queue.SetAgentStatus{AgentID: a.ID, Status: queue.StatusOnline})
	}
}

// mustCatchUp takes over what others wrote, writing nothing.
func mustCatchUp(r *replica) *queue.Engine {
	r.t.Helper()
	before := r.head
	err := r.log.Update(r.t.Context(), r.head, func(snap desk.Snapshot) (desk.Batch, error) {
		r.engine.Put(snap.Records...)
		r.head = snap.Head
		if snap.Head == before && len(snap.Records) > 0 {
			r.t.Errorf("%d records though nothing moved", len(snap.Records))
		}
		return desk.Batch{Head: snap.Head}, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return r.engine
}
