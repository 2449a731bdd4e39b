package store_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// numbered makes an incoming member with the number and name, who as an update
// gives both and his priority.
func numbered(number, name string) store.Incoming {
	return store.Incoming{
		Member: &queue.Member{Name: &name, Numbers: []queue.Number{{Number: number}}, CreatedAt: at(0), ReadyAt: at(0)},
		Renew:  func(old *queue.Member) { old.Name = &name; old.Priority++ },
	}
}

func intake(how store.OnDuplicate, members ...store.Incoming) store.Intake {
	return store.Intake{QueueID: 7, OnDuplicate: how, Members: members}
}

func mustAdd(t *testing.T, pool *pgxpool.Pool, in store.Intake) []store.Settled {
	t.Helper()
	settled, err := store.New(pool).AddMembers(t.Context(), 1, in, store.By{At: at(0)})
	if err != nil {
		t.Fatal(err)
	}
	return settled
}

func TestAddedMembersAreThere(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	want := fullMember(0)
	want.Open, want.LastAttempt = 0, 0
	added := mustAdd(t, pool, intake(store.DuplicateKeep, store.Incoming{Member: want.Clone()}))[0]
	got, err := store.New(pool).Member(t.Context(), 1, added.Member.ID)
	if err != nil || added.Fate != store.FateAdded {
		t.Fatalf("%s, %v", added.Fate, err)
	}
	want.ID, want.QueueID, want.Edition = added.Member.ID, 7, 1
	if d := cmp.Diff(want, got, cmpopts.EquateEmpty()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
	if _, err := store.New(pool).Member(t.Context(), 2, want.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another domain reads him: %v", err)
	}
}

// What becomes of a second member with the same number is the importer's choice.
func TestDuplicates(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	first := mustAdd(t, pool, intake(store.DuplicateKeep, numbered("+491", "Ann"), numbered("+492", "Bob"), numbered("+491", "Ann's twin")))
	ann, bob := first[0].Member, first[1].Member
	other := intake(store.DuplicateSkip, numbered("+491", "in another queue"))
	other.QueueID = 8
	if s := mustAdd(t, pool, other)[0]; s.Fate != store.FateAdded {
		t.Errorf("the same number in another queue: %s", s.Fate)
	}
	for how, want := range map[store.OnDuplicate][]store.Fate{
		store.DuplicateKeep:   {store.FateAdded, store.FateAdded, store.FateAdded},
		store.DuplicateSkip:   {store.FateSkipped, store.FateAdded, store.FateSkipped},
		store.DuplicateUpdate: {store.FateUpdated, store.FateAdded, store.FateUpdated},
	} {
		fresh := "+49" + string(how)
		var got []store.Fate
		settled := mustAdd(t, pool, intake(how, numbered("+491", "Anna "+string(how)), numbered(fresh, "Cleo"), numbered(fresh, "Cleo again")))
		for _, s := range settled {
			got = append(got, s.Fate)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", how, got, want)
		}
		if how != store.DuplicateKeep && settled[1].Member.ID != settled[2].Member.ID {
			t.Errorf("%s: two members within one batch", how)
		}
	}
	s := store.New(pool)
	if m, err := s.Member(t.Context(), 1, ann.ID); err != nil || *m.Name != "Anna update" || m.Edition != 2 || m.Priority != 1 {
		t.Errorf("the first with the number: %+v, %v", m, err)
	}
	if m, err := s.Member(t.Context(), 1, bob.ID); err != nil || *m.Name != "Bob" || m.Edition != 1 {
		t.Errorf("nobody said anything about Bob: %+v, %v", m, err)
	}
	if found, err := s.Members(t.Context(), 1, store.MemberFilter{QueueID: 7, Number: "+49update", At: at(0), Limit: 9}); err != nil || len(found) != 1 || *found[0].Name != "Cleo again" {
		t.Errorf("updated within the batch: %v, %v", found, err)
	}
}

// Somebody who is in an attempt is not edited: neither by hand nor by an import.
func TestBusyMembersStay(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busy := fullMember(50)
	r.insert([]*queue.Member{busy})
	s := store.New(pool)
	wrong := func(what string, err error) {
		t.Helper()
		var e *store.BusyError
		if !errors.As(err, &e) || e.MemberID != 50 || e.AttemptID != 99 {
			t.Errorf("%s: %v", what, err)
		}
	}
	_, err := s.ChangeMember(t.Context(), 1, 50, store.By{At: at(0)}, func(*queue.Member, *store.By) error {
		t.Error("changed a member who is in an attempt")
		return nil
	})
	wrong("change", err)
	wrong("delete", s.DeleteMember(t.Context(), 1, 50, store.By{At: at(0)}))
	if got := mustAdd(t, pool, intake(store.DuplicateUpdate, numbered(busy.Numbers[0].Number, "X")))[0]; got.Fate != store.FateBusy || got.Member.ID != 50 {
		t.Errorf("import: %+v", got)
	}
	if m, err := s.Member(t.Context(), 1, 50); err != nil || m.Edition != 1 || *m.Name != *busy.Name {
		t.Errorf("he is %+v, %v", m, err)
	}
}

// An edit from outside makes whatever the engine knew stale; one that is refused
// does not.
func TestEditsRaiseTheEdition(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	m := fullMember(50)
	m.Open, m.LastAttempt = 0, 0
	r.insert([]*queue.Member{m})
	m.Edition, m.Changed = 1, r.head.Version
	s := store.New(pool)
	boom := errors.New("boom")
	if _, err := s.ChangeMember(t.Context(), 1, 50, store.By{At: at(0)}, func(*queue.Member, *store.By) error { return boom }); !errors.Is(err, boom) {
		t.Errorf("a change that is refused: %v", err)
	}
	dialled := m.Clone()
	dialled.Attempts = 3
	if err := r.write(dialled); err != nil {
		t.Fatalf("after a change that was refused: %v", err)
	}
	got, err := s.ChangeMember(t.Context(), 1, 50, store.By{At: at(1)}, func(m *queue.Member, by *store.By) error {
		by.Before, by.After = map[string]int{"priority": m.Priority}, map[string]int{"priority": 8}
		m.Priority, m.Name, m.Variables, m.ExpiresAt, m.StickyAgentID = 8, nil, nil, at(5), nil
		return nil
	})
	if err != nil || got.Edition != 2 || got.Priority != 8 || got.Attempts != 3 {
		t.Fatalf("changed: %+v, %v", got, err)
	}
	if stored, err := s.Member(t.Context(), 1, 50); err != nil || cmp.Diff(got, stored, cmpopts.EquateEmpty()) != "" {
		t.Errorf("stored: %v %s", err, cmp.Diff(got, stored, cmpopts.EquateEmpty()))
	}
	dialled.Changed = r.head.Version
	if err := r.write(dialled); !errors.Is(err, desk.ErrStale) {
		t.Errorf("a record of the edition before: %v", err)
	}
	entries, _, err := s.Audit(t.Context(), 1, store.AuditFilter{Kind: "member", ObjectID: "50", Limit: 10})
	if err != nil || len(entries) != 1 || entries[0].Action != "member.update" || string(entries[0].After) != `{"priority": 8}` {
		t.Errorf("audit: %+v, %v", entries, err)
	}
	if err := s.DeleteMember(t.Context(), 1, 50, store.By{At: at(2)}); err != nil {
		t.Error(err)
	}
	if err := s.DeleteMember(t.Context(), 1, 50, store.By{At: at(2)}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleted twice: %v", err)
	}
}

// A piece of an import is stored with its progress, or not at all.
func TestPieceAndProgressAreOne(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	task, err := s.CreateTask(t.Context(), store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "members.import"}, store.By{At: at(0)})
	if err != nil {
		t.Fatal(err)
	}
	if task, err = s.ClaimTask(t.Context(), []string{"members.import"}, "me", at(1)); err != nil {
		t.Fatal(err)
	}
	in := intake(store.DuplicateKeep, numbered("+491", "Ann"))
	in.Piece = func(settled []store.Settled) (store.Task, error) {
		task.Progress = store.TaskProgress{Done: int64(len(settled)), Position: []byte(`{"offset": 7}`)}
		return task, nil
	}
	mustAdd(t, pool, in)
	if got, err := s.Task(t.Context(), 1, task.ID); err != nil || got.Progress.Done != 1 || string(got.Progress.Position) != `{"offset": 7}` {
		t.Errorf("progress %+v, %v", got.Progress, err)
	}
	task.Claim-- // somebody else has taken it over
	if _, err := s.AddMembers(t.Context(), 1, in, store.By{}); !errors.Is(err, store.ErrTaskOver) {
		t.Errorf("a piece of a task that is not ours: %v", err)
	}
	found, err := s.Members(t.Context(), 1, store.MemberFilter{QueueID: 7, Limit: 10})
	if err != nil || len(found) != 1 {
		t.Errorf("%d members, %v; want the one of the first piece", len(found), err)
	}
}

// Imports, edits and attempts at the same members at once end without a
// deadlock, and with every row as its last writer left it.
func TestImportsAndAttemptsAtOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	var all []store.Incoming
	for i := range 60 {
		all = append(all, numbered(fmt.Sprint("+49", i), "first"))
	}
	settled := mustAdd(t, pool, intake(store.DuplicateKeep, all...))
	var group sync.WaitGroup
	for g := range 2 {
		group.Go(func() {
			some := slices.Clone(all)
			if g == 1 {
				slices.Reverse(some)
			}
			for range 5 {
				if _, err := store.New(pool).AddMembers(t.Context(), 1, intake(store.DuplicateUpdate, some...), store.By{At: at(0)}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	r := newReplica(t, pool)
	stale, written := 0, 0
	group.Go(func() {
		for i := range 20 {
			var batch []*queue.Member
			for j := range 10 {
				m, err := store.New(pool).Member(t.Context(), 1, settled[(59-i-2*j)].Member.ID)
				if err != nil {
					t.Error(err)
					return
				}
				m.Attempts++
				batch = append(batch, m)
			}
			before := r.head
			err := r.write(batch...)
			switch {
			case errors.Is(err, desk.ErrStale):
				r.head = before
				stale++
			case err != nil:
				t.Error(err)
				return
			default:
				written++
			}
		}
	})
	group.Wait()
	if stale+written != 20 || written == 0 {
		t.Errorf("%d batches were stale, %d written", stale, written)
	}
	found, err := store.New(pool).Members(t.Context(), 1, store.MemberFilter{QueueID: 7, Limit: 100})
	if err != nil || len(found) != 60 {
		t.Errorf("%d members, %v", len(found), err)
	}
}

func TestDoNotCallList(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	s := store.New(pool)
	r.must(at(0), queue.Forbid{Numbers: []string{"+493", "+491", "+492"}, Note: "asked to"})
	var listed []string
	for after := ""; ; after = listed[len(listed)-1] {
		page, err := s.AllForbidden(t.Context(), 1, after, 2)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range page {
			listed = append(listed, f.Number)
		}
		if len(page) < 2 {
			break
		}
	}
	if want := []string{"+491", "+492", "+493"}; !slices.Equal(listed, want) {
		t.Errorf("listed %v, want %v", listed, want)
	}
	want := &queue.Forbidden{Number: "+492", Note: "asked to", CreatedAt: at(0)}
	if f, err := s.Forbidden(t.Context(), 1, "+492"); err != nil || cmp.Diff(want, f) != "" {
		t.Errorf("%+v, %v", f, err)
	}
	if f, err := s.NoteForbidden(t.Context(), 1, "+492", "by letter", store.By{At: at(1)}); err != nil || f.Note != "by letter" {
		t.Errorf("%+v, %v", f, err)
	}
	if err := s.Allow(t.Context(), 1, "+492", store.By{At: at(2)}); err != nil {
		t.Error(err)
	}
	_, reading := s.Forbidden(t.Context(), 1, "+492")
	_, noting := s.NoteForbidden(t.Context(), 1, "+492", "", store.By{At: at(3)})
	for what, err := range map[string]error{
		"read": reading, "note": noting, "allow": s.Allow(t.Context(), 1, "+492", store.By{At: at(3)}), "elsewhere": s.Allow(t.Context(), 2, "+491", store.By{At: at(3)}),
	} {
		if !errors.Is(err, store.ErrNotFound) {
			t.Errorf("%s what is not on the list: %v", what, err)
		}
	}
}

// The members of a queue that was removed go, but not those in an attempt.
func TestOrphansAreDropped(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	r.must(at(0), queue.SaveQueue{Queue: queue.DefaultQueue(0, "gone", queue.Preview)}, queue.SaveQueue{Queue: queue.DefaultQueue(0, "stays", queue.Preview)})
	gone, stays := r.engine.QueueByName("gone").ID, r.engine.QueueByName("stays").ID
	for _, id := range []int64{gone, stays} {
		in := intake(store.DuplicateKeep, numbered("+491", "A"), numbered("+492", "B"))
		in.QueueID = id
		mustAdd(t, pool, in)
	}
	busy := fullMember(50)
	busy.QueueID = gone
	r.insert([]*queue.Member{busy})
	r.must(at(1), queue.RemoveQueue{ID: gone})
	s := store.New(pool)
	for _, want := range []int{1, 1, 0} {
		if n, err := s.DropOrphans(t.Context(), 1); err != nil || n != want {
			t.Errorf("dropped %d, %v; want %d", n, err, want)
		}
	}
	for id, want := range map[int64]int{gone: 1, stays: 2} {
		if left, err := s.Members(t.Context(), 1, store.MemberFilter{QueueID: id, Limit: 10}); err != nil || len(left) != want {
			t.Errorf("queue %d has %d members left, %v; want %d", id, len(left), err, want)
		}
	}
}
