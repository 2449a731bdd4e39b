package store_test

import (
	"cmp"
	"errors"
	"slices"
	"testing"
	"time"

	diff "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// dialledDay adds members who are dialled: one who is offered, one who is
// dialled for an agent, one who was examined and is tried again, one who was
// skipped, which does not count.
func dialledDay(r *replica) {
	r.t.Helper()
	preview, progressive := queue.DefaultQueue(0, "preview", queue.Preview), queue.DefaultQueue(0, "progressive", queue.Progressive)
	progressive.AMD = true
	r.must(at(900), queue.SaveQueue{Queue: preview}, queue.SaveQueue{Queue: progressive})
	lists := []int64{r.engine.QueueByName("preview").ID, r.engine.QueueByName("progressive").ID}
	for _, name := range []string{"Cleo", "Dan"} {
		r.must(at(900), queue.SaveAgent{Agent: queue.Agent{Name: name, Ref: name, Queues: lists}})
		r.must(at(900), queue.SetAgentStatus{AgentRef: name, Status: queue.StatusOnline})
	}
	open := func(number string) queue.Attempt {
		for _, a := range r.engine.Attempts() {
			if *a.Destination == number {
				return *a
			}
		}
		r.t.Fatal("no attempt for " + number)
		return queue.Attempt{}
	}
	r.must(at(901), queue.Dial{QueueID: lists[0], Destination: "+1301", MemberID: ptr(int64(1))}, queue.Dial{QueueID: lists[1], Destination: "+1302"})
	skipped, machine := open("+1301"), open("+1302")
	r.must(at(902), queue.Skip{AttemptID: skipped.ID, AgentID: skipped.Agent.ID},
		queue.SwitchReport{AttemptID: machine.ID, Event: queue.SwitchAMD, AMDResult: "MACHINE", Reason: "MAXWORDS-4-3"})
	r.must(at(903), queue.Dial{QueueID: lists[0], Destination: "+1303"}, queue.Dial{QueueID: lists[1], Destination: "+1304", AttemptSeq: 2})
}

// An open attempt is read as the engine holds it; a finished one says what its
// leaving event said.
func TestAttemptOpenAndFinished(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	dialledDay(r)
	s := store.New(pool)
	for _, want := range r.engine.Attempts() {
		got, err := s.Attempt(t.Context(), 1, want.ID)
		if err != nil {
			t.Fatal(err)
		}
		if d := diff.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("open attempt %d (-engine +store):\n%s", want.ID, d)
		}
	}
	finished := 0
	for i := range r.events {
		ev := &r.events[i]
		if ev.Type != queue.EventLeaving {
			continue
		}
		finished++
		a, err := s.Attempt(t.Context(), 1, ev.AttemptID)
		if err != nil {
			t.Fatal(err)
		}
		l, x := ev.Listed, ev.Ext
		if a.State != queue.StateLeaving || a.Queue != *ev.Queue || a.Sequence != ev.Sequence || a.Result != l.Result ||
			a.ResultReason != x.ResultReason || a.AttemptSeq != l.AttemptSeq || a.UseProcessing != l.UseProcessing || a.CodeSource != x.SIPCodeSource {
			t.Errorf("attempt %d: %+v\nleft as %+v %+v", a.ID, a, l, x)
		}
		if d := diff.Diff(l.Destination, a.Destination) + diff.Diff(l.MemberChannelID, a.MemberChannelID) + diff.Diff(l.MemberID, a.MemberID) + diff.Diff(ev.Variables, a.Variables, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("attempt %d (-event +history): %s", a.ID, d)
		}
		for _, p := range [][2]time.Time{
			{x.JoinedAt, a.JoinedAt}, {x.DialAt, a.DialAt}, {x.MemberAnsweredAt, a.MemberAnsweredAt}, {x.BridgedAt, a.BridgedAt},
			{x.EndedAt, a.EndedAt}, {x.LeavingAt, a.LeavingAt}, {x.RetryAt, a.RetryAt},
		} {
			if p[0] != p[1] {
				t.Errorf("attempt %d: %v in the event, %v in the history", a.ID, p[0], p[1])
			}
		}
		if (l.AgentID == nil) != (a.Agent == nil) || a.Agent != nil && (a.Agent.ID != *l.AgentID || a.Agent.Name != *l.AgentName) {
			t.Errorf("attempt %d: agent %v in the event, %+v in the history", a.ID, l.AgentID, a.Agent)
		}
		if l.Cause != nil && (a.Cause != *l.Cause || a.SIPCode != *l.SIPCode) {
			t.Errorf("attempt %d: %s/%d in the event, %s/%d in the history", a.ID, *l.Cause, *l.SIPCode, a.Cause, a.SIPCode)
		}
	}
	if finished < 2 {
		t.Fatalf("%d attempts left: the day should finish some", finished)
	}
	for _, missing := range []func() error{
		func() error { _, err := s.Attempt(t.Context(), 1, 1<<50); return err },
		func() error { _, err := s.Attempt(t.Context(), 2, r.engine.Attempts()[0].ID); return err },
	} {
		if err := missing(); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("no such attempt: %v", err)
		}
	}
}

func placeOf(a *queue.Attempt) store.AttemptPlace {
	return store.AttemptPlace{JoinedAt: a.JoinedAt, ID: a.ID}
}

// Every filter of the list asks what it says, and pages join without a seam.
func TestAttemptsList(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	s := store.New(pool)
	list := func(f store.AttemptFilter) []*queue.Attempt {
		t.Helper()
		if f.Limit == 0 {
			f.Limit = 100
		}
		got, _, err := s.Attempts(t.Context(), 1, f)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	all := list(store.AttemptFilter{})
	if len(all) != 4 || !slices.IsSortedFunc(all, func(a, b *queue.Attempt) int { return cmp.Or(b.JoinedAt.Compare(a.JoinedAt), int(b.ID-a.ID)) }) {
		t.Fatalf("%d attempts, or not the youngest first", len(all))
	}
	left := func(a *queue.Attempt) bool { return a.State == queue.StateLeaving }
	middle := all[1].JoinedAt
	for name, c := range map[string]struct {
		filter store.AttemptFilter
		want   func(*queue.Attempt) bool
	}{
		"open":     {store.AttemptFilter{Open: true}, func(a *queue.Attempt) bool { return !left(a) }},
		"finished": {store.AttemptFilter{Finished: true}, left},
		"queue":    {store.AttemptFilter{QueueID: all[0].Queue.ID}, func(a *queue.Attempt) bool { return a.Queue.ID == all[0].Queue.ID }},
		"result":   {store.AttemptFilter{Result: queue.ResultSuccess}, func(a *queue.Attempt) bool { return a.Result == queue.ResultSuccess }},
		"since":    {store.AttemptFilter{Since: middle}, func(a *queue.Attempt) bool { return !a.JoinedAt.Before(middle) }},
		"until":    {store.AttemptFilter{Until: middle}, func(a *queue.Attempt) bool { return a.JoinedAt.Before(middle) }},
		"before": {store.AttemptFilter{Before: placeOf(all[1])}, func(a *queue.Attempt) bool {
			return a.JoinedAt.Before(middle) || a.JoinedAt.Equal(middle) && a.ID < all[1].ID
		}},
	} {
		got := list(c.filter)
		want := slices.DeleteFunc(slices.Clone(all), func(a *queue.Attempt) bool { return !c.want(a) })
		if d := diff.Diff(want, got); d != "" {
			t.Errorf("%s (-want +got):\n%s", name, d)
		}
	}
	for _, a := range all {
		if a.Agent == nil {
			continue
		}
		for _, b := range list(store.AttemptFilter{AgentID: a.Agent.ID}) {
			if b.Agent == nil || b.Agent.ID != a.Agent.ID {
				t.Errorf("the list of agent %d holds %+v", a.Agent.ID, b)
			}
		}
	}
	var pieces []*queue.Attempt
	for f := (store.AttemptFilter{Limit: 1}); ; f.Before = placeOf(pieces[len(pieces)-1]) {
		page := list(f)
		if len(page) == 0 {
			break
		}
		pieces = append(pieces, page...)
	}
	if d := diff.Diff(all, pieces); d != "" {
		t.Errorf("one by one (-whole +pieces):\n%s", d)
	}
}

// The position that a list of events ends at is where a reader goes on: nothing
// twice, nothing left out, and nothing looked at again.
func TestListEventsGoesOn(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	s := store.New(pool)
	filter := store.EventFilter{Types: []queue.EventType{queue.EventJoined}, Limit: 2}
	var seqs []int64
	for range 5 {
		page, err := s.ListEvents(t.Context(), 1, filter)
		if err != nil {
			t.Fatal(err)
		}
		for i := range page.Events {
			seqs = append(seqs, page.Events[i].Seq)
		}
		full := len(page.Events) == 2
		if full && page.Next.Seq != page.Events[1].Seq || page.More != full {
			t.Errorf("a full page ends at %d, its last event is %d; more: %v", page.Next.Seq, page.Events[1].Seq, page.More)
		}
		if !full && page.Next != (dispatcher.Position{RecordedAt: r.head.RecordedAt, Seq: r.head.Seq}) {
			t.Errorf("a page that is not full ends at %+v, the log at %+v", page.Next, r.head)
		}
		filter.After = page.Next
	}
	var want []int64
	for i := range r.events {
		if r.events[i].Type == queue.EventJoined {
			want = append(want, r.events[i].Seq)
		}
	}
	if !slices.Equal(seqs, want) {
		t.Errorf("joined events %v, want %v", seqs, want)
	}
	r.must(at(80), queue.Join{QueueID: r.engine.QueueByName("sales").ID, Destination: ptr("late")})
	page, err := s.ListEvents(t.Context(), 1, filter)
	if err != nil || len(page.Events) != 1 || *page.Events[0].Listed.Destination != "late" {
		t.Errorf("what came later: %v, %v", page, err)
	}
	if _, err := s.ListEvents(t.Context(), 99, filter); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a domain that is not there: %v", err)
	}
}

func TestKeepLateReport(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	report := queue.Report{AttemptID: 7, Result: queue.ResultSuccess}
	for range 2 { // the same report twice is one
		if err := s.KeepLateReport(t.Context(), 1, report, store.By{At: at(5)}); err != nil {
			t.Fatal(err)
		}
	}
	var n int
	var agent *int64
	err := pool.QueryRow(t.Context(), `SELECT count(*) OVER (), agent_id FROM late_reports WHERE attempt_id = 7`).Scan(&n, &agent)
	if err != nil || n != 1 || agent != nil {
		t.Errorf("%d rows, agent %v, %v", n, agent, err)
	}
	// Whoever repeats the request after a crash learns that it was kept.
	d, claim := newDelivery(t, pool), store.Claim{DomainID: 1, Key: [32]byte{1}, At: at(5), Hold: time.Second}
	first, err := d.ClaimKey(t.Context(), claim)
	if err != nil || !first.Once.Set() {
		t.Fatal(first, err)
	}
	if err := s.KeepLateReport(t.Context(), 1, report, store.By{At: at(6), Once: first.Once}); err != nil {
		t.Fatal(err)
	}
	claim.At = at(10)
	if again, err := d.ClaimKey(t.Context(), claim); err != nil || again.Kind != "attempt" || again.ObjectID != "7" {
		t.Errorf("the repetition finds %+v, %v", again, err)
	}
}
