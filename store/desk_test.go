package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// busyDay drives a replica through joins, offers, misses, conversations,
// processing and leaving.
func busyDay(r *replica) {
	r.t.Helper()
	r.must(at(0), centre()...)
	r.must(at(0), staff(r.engine)...)
	r.online(1)
	sales, chats := r.engine.QueueByName("sales").ID, r.engine.QueueByName("chats").ID
	r.must(at(2), queue.Join{QueueID: sales, Destination: ptr("+4912345"), MemberName: ptr(""), DialAt: at(-18), Variables: map[string]string{"k": "", "ünï": "✓"}},
		queue.Join{QueueID: sales, Destination: ptr("anonymous"), MemberID: ptr(int64(7))},
		queue.Join{QueueID: sales, Destination: ptr("third"), Test: true},
		queue.Join{QueueID: chats, Destination: ptr("chat@x")})
	attempts := r.engine.Attempts()
	offer := func(i int) int64 {
		a := r.engine.Attempt(attempts[i].ID)
		if len(a.Offers) == 0 {
			r.t.Fatalf("attempt %d has no offer", i)
		}
		return a.Offers[0].Agent.ID
	}
	r.must(at(4), queue.Decline{AttemptID: attempts[0].ID, AgentID: offer(0)})
	r.must(at(6), queue.Accept{AttemptID: attempts[1].ID, AgentID: offer(1), Bridged: true})
	r.must(at(7), queue.Accept{AttemptID: attempts[3].ID, AgentID: offer(3)})
	r.must(at(60), queue.Tick{}, queue.Close{AttemptID: attempts[1].ID})
	r.must(at(61), queue.Report{AttemptID: attempts[1].ID, Variables: map[string]string{"form": "filled"}})
	r.must(at(62), queue.SwitchReport{AttemptID: attempts[2].ID, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: queue.CauseNormalClearing})
}

func TestLoadEqualsTheLiveEngine(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	again := newReplica(t, pool)
	if again.head != r.head {
		t.Errorf("head %+v, want %+v", again.head, r.head)
	}
	same(t, r.engine, again.engine)
	if len(r.engine.Attempts()) == 0 || len(r.engine.Attempts()) == 4 {
		t.Errorf("%d open attempts: the day should leave some", len(r.engine.Attempts()))
	}
}

func TestReadBackEventsRenderTheSameBytes(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	s := store.New(pool)
	var got []queue.Event
	for pos := (dispatcher.Position{}); ; {
		page, err := s.EventsAfter(t.Context(), 1, pos, 3)
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
		pos = dispatcher.Position{RecordedAt: page[len(page)-1].RecordedAt, Seq: page[len(page)-1].Seq}
	}
	if len(got) != len(r.events) || len(got) < 15 {
		t.Fatalf("read %d of %d events", len(got), len(r.events))
	}
	types := map[queue.EventType]int{}
	for i := range got {
		fresh, back := r.events[i].AppendJSON(nil), got[i].AppendJSON(nil)
		if !bytes.Equal(fresh, back) {
			t.Errorf("event %d changed:\n fresh %s\n back  %s", i+1, fresh, back)
		}
		if d := cmp.Diff(r.events[i], got[i], cmpopts.EquateEmpty()); d != "" {
			t.Errorf("event %d (-fresh +back):\n%s", i+1, d)
		}
		types[got[i].Type]++
	}
	for _, want := range []queue.EventType{
		queue.EventJoined, queue.EventOffering, queue.EventMissed, queue.EventBridged,
		queue.EventProcessing, queue.EventLeaving, queue.EventAgentState, queue.EventSwitchRing,
	} {
		if types[want] == 0 {
			t.Errorf("the day has no %s: %v", want, types)
		}
	}
}

func TestEventsByIDAttemptAndPosition(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	s := store.New(pool)
	one, err := s.EventByID(t.Context(), 1, r.events[5].ID)
	if err != nil || one.Seq != 6 {
		t.Errorf("EventByID = seq %d, %v", one.Seq, err)
	}
	if _, err := s.EventByID(t.Context(), 1, queue.UUID{1}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("EventByID of none = %v", err)
	}
	if _, err := s.EventByID(t.Context(), 2, r.events[5].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("EventByID in another domain = %v", err)
	}
	var want []int64
	var id int64
	for _, ev := range r.events {
		if ev.Type == queue.EventLeaving && id == 0 {
			id = ev.AttemptID
		}
	}
	for _, ev := range r.events {
		if ev.AttemptID == id {
			want = append(want, ev.Seq)
		}
	}
	of, err := s.EventsOfAttempt(t.Context(), 1, id)
	if err != nil {
		t.Fatal(err)
	}
	var seqs []int64
	for _, ev := range of {
		seqs = append(seqs, ev.Seq)
	}
	if d := cmp.Diff(want, seqs); d != "" {
		t.Errorf("EventsOfAttempt (-want +got):\n%s", d)
	}
	picked, err := s.EventsAt(t.Context(), 1, []dispatcher.Position{
		{RecordedAt: r.events[4].RecordedAt, Seq: 5}, {RecordedAt: r.events[1].RecordedAt, Seq: 2}, {RecordedAt: t0, Seq: 4711},
	})
	if err != nil || len(picked) != 2 || picked[0].Seq != 2 || picked[1].Seq != 5 {
		t.Errorf("EventsAt = %d events, %v", len(picked), err)
	}
}

func TestReplicasCatchUp(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	slow, fast := newReplica(t, pool), newReplica(t, pool)
	slow.must(at(0), centre()...)
	fast.must(at(0), staff(slow.engine)...)
	fast.online(1)
	slow.must(at(2), queue.Join{QueueID: slow.engine.QueueByName("sales").ID, Destination: ptr("one")})
	same(t, slow.engine, mustCatchUp(fast))

	// The other one does a whole life, a deletion and a rename meanwhile.
	id := fast.engine.Attempts()[0].ID
	fast.must(at(3), queue.Cancel{AttemptID: id})
	chats := *fast.engine.QueueByName("chats")
	fast.must(at(4), queue.Join{QueueID: fast.engine.QueueByName("sales").ID, Destination: ptr("two")})
	fast.must(at(5), queue.Cancel{AttemptID: fast.engine.Attempts()[0].ID})
	for _, a := range fast.engine.Agents() {
		if a.Name == "Bob" {
			fast.must(at(6), queue.RemoveAgent{ID: a.ID})
		}
	}
	fast.must(at(7), queue.RemoveQueue{ID: chats.ID})
	chats.ID = 0
	fast.must(at(8), queue.SaveQueue{Queue: chats}) // the same name, another id
	same(t, fast.engine, mustCatchUp(slow))
	if slow.head != fast.head {
		t.Errorf("heads differ: %+v and %+v", slow.head, fast.head)
	}
	same(t, fast.engine, newReplica(t, pool).engine)
}

// TestReplicasTakeTurns: many writers on one domain leave a log without gaps.
func TestReplicasTakeTurns(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	first := newReplica(t, pool)
	first.must(at(0), centre()...)
	var wg sync.WaitGroup
	for range 4 {
		r := newReplica(t, pool)
		wg.Go(func() {
			for i := range 20 {
				join := queue.Join{QueueID: r.engine.QueueByName("sales").ID, Destination: ptr("x")}
				if err := r.do(at(1), join); err != nil {
					t.Errorf("join %d: %v", i, err)
					return
				}
			}
		})
	}
	wg.Wait()
	events, err := store.New(pool).EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	for i, ev := range events {
		if ev.Seq != int64(i+1) {
			t.Fatalf("event %d has seq %d", i+1, ev.Seq)
		}
	}
	if n := len(mustCatchUp(first).Attempts()); n != 80 {
		t.Errorf("%d attempts wait, want 80", n)
	}
}

func TestUpdateThatFailsWritesNothing(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	r.must(at(0), centre()...)
	before := r.head

	boom := errors.New("boom")
	err := r.log.Update(t.Context(), r.head, func(desk.Snapshot) (desk.Batch, error) { return desk.Batch{}, boom })
	if !errors.Is(err, boom) {
		t.Errorf("Update = %v, want the step's error", err)
	}
	for name, bad := range map[string]func(*desk.Batch){
		"seq jumps":          func(b *desk.Batch) { b.Head.Seq += 2 },
		"time falls":         func(b *desk.Batch) { b.Head.RecordedAt = at(-100) },
		"version stays":      func(b *desk.Batch) { b.Head.Version-- },
		"removes an attempt": func(b *desk.Batch) { b.Changed[0] = &queue.Removed{Kind: queue.KindAttempt, ID: 1} },
	} {
		err := r.log.Update(t.Context(), r.head, func(snap desk.Snapshot) (desk.Batch, error) {
			q := queue.DefaultQueue(99, "never", queue.Task)
			b := desk.Batch{Head: snap.Head, Changed: []queue.Record{&q}}
			b.Head.Version++
			bad(&b)
			return b, nil
		})
		if err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if err := r.log.Update(t.Context(), desk.Head{Version: 1000}, nil); err == nil {
		t.Error("a log that went backwards was taken")
	}
	if err := store.New(pool).DeskLog(77).Update(t.Context(), desk.Head{}, nil); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("Update of no domain = %v", err)
	}
	again := newReplica(t, pool)
	if again.head != before {
		t.Errorf("head moved to %+v", again.head)
	}
	r.must(at(1), queue.Join{QueueID: r.engine.QueueByName("sales").ID, Destination: ptr("after")})
	if n := pool.Stat().AcquiredConns(); n != 0 {
		t.Errorf("%d connections are not given back", n)
	}
}

// TestLargeBatch takes the way of COPY, for events and for finished attempts.
func TestLargeBatch(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	r.must(at(0), centre()...)
	sales := r.engine.QueueByName("sales").ID
	var cmds []queue.Command
	for i := range 300 {
		cmds = append(cmds, queue.Join{QueueID: sales, Destination: ptr(fmt.Sprint("caller ", i))})
	}
	r.must(at(1), cmds...)
	cmds = nil
	for _, a := range r.engine.Attempts()[:200] {
		cmds = append(cmds, queue.Cancel{AttemptID: a.ID})
	}
	r.must(at(2), cmds...)
	same(t, r.engine, newReplica(t, pool).engine)
	events, err := store.New(pool).EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil || len(events) != len(r.events) {
		t.Fatalf("read %d of %d events, %v", len(events), len(r.events), err)
	}
	for i := range events {
		if fresh, back := r.events[i].AppendJSON(nil), events[i].AppendJSON(nil); !bytes.Equal(fresh, back) {
			t.Fatalf("event %d changed:\n fresh %s\n back  %s", i+1, fresh, back)
		}
	}
	var finished int
	const count = `SELECT count(*) FROM attempts WHERE domain_id = 1 AND cc_result = 'cancel' AND result_reason = 'cancelled'
		AND leaving_at = $1 AND wait_sec = 1`
	if err := pool.QueryRow(t.Context(), count, at(2)).Scan(&finished); err != nil || finished != 200 {
		t.Errorf("%d finished attempts, %v; want 200", finished, err)
	}
}

func TestIDsAreFreshAndConsecutive(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	log := store.New(pool).DeskLog(1)
	var mu sync.Mutex
	taken := map[int64]bool{}
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 25 {
				n := 1 + (g+i)%7
				first, err := log.IDs(context.Background(), n)
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				for id := first; id < first+int64(n); id++ {
					if id < 1 || taken[id] {
						t.Errorf("id %d was taken before", id)
					}
					taken[id] = true
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	if _, err := log.IDs(t.Context(), 0); err == nil {
		t.Error("no ids were given out")
	}
}
