package desktest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// Roster is an empty domain with the lists of its members, as the suite needs it.
type Roster struct {
	// Open opens the log anew, as a further replica would, and Lists its lists.
	Open  func() desk.Log
	Lists func() desk.Lists
	// Add puts members on the lists from outside; Edit changes priority and name
	// of one, false when that is not allowed; Remove takes one off.
	Add    func(members ...*queue.Member)
	Edit   func(id int64, priority int, name string) bool
	Remove func(id int64)
}

// RunLists is the conformance suite of desk.Lists, and of what desk.Log has to do
// with members, calendars, trunks and forbidden numbers.
func RunLists(t *testing.T, fresh func(t *testing.T) Roster) {
	for name, test := range map[string]func(*testing.T, Roster){
		"settings and open members are loaded": testListState,
		"members catch up":                     testMembersCatchUp,
		"a stale member fails the batch":       testStale,
		"who is ready":                         testReady,
		"zones":                                testZones,
		"two desks dial one list":              testTwoDiallers,
		"edited while in the hopper":           testEditedInHopper,
	} {
		t.Run(name, func(t *testing.T) { t.Parallel(); test(t, fresh(t)) })
	}
}

// listed returns a member of the queue who is ready.
func listed(id, queueID int64) *queue.Member {
	return &queue.Member{
		ID: id, QueueID: queueID, Numbers: []queue.Number{{Number: fmt.Sprintf("+1202555%04d", id)}},
		CreatedAt: start.Add(-time.Hour), ReadyAt: start.Add(-time.Hour),
	}
}

// dialler makes a writer with an ivr queue and its first members.
func dialler(t *testing.T, r Roster, members int) (*writer, int64) {
	t.Helper()
	w := newWriter(t, r.Open())
	q := queue.DefaultQueue(0, "survey", queue.IVR)
	id := w.do(queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
	for i := range members {
		r.Add(listed(int64(i+1), id))
	}
	return w, id
}

// read returns who is ready in the queue.
func (w *writer) read(r Roster, queueID int64, zones ...string) ([]*queue.Member, int64) {
	w.t.Helper()
	members, version, err := r.Lists().Ready(w.t.Context(), desk.Ready{QueueID: queueID, Zones: append(zones, ""), At: w.now, Limit: 100})
	if err != nil {
		w.t.Fatal(err)
	}
	return members, version
}

func testListState(t *testing.T, r Roster) {
	w, queueID := dialler(t, r, 3)
	w.do(
		queue.SaveCalendar{Calendar: queue.Calendar{Name: "office", TimeZone: "UTC", Weekly: []queue.WeeklyHours{
			{Days: []queue.Day{"saturday"}, Hours: queue.Hours{From: 540, To: 1440}},
		}, Exceptions: []queue.CalendarException{{Date: "2026-12-25", Yearly: true, Name: "Christmas"}}}},
		queue.SaveTrunk{Trunk: queue.Trunk{Name: "one", Enabled: true, Lines: 2, Patterns: []string{"+1"}}},
		queue.SaveTrunk{Trunk: queue.Trunk{Name: "gone", Enabled: true}},
		queue.Forbid{Numbers: []string{"+12025550003"}, Note: "asked for it"},
	)
	w.do(queue.RemoveTrunk{ID: w.engine.Trunks()[1].ID})
	members, _ := w.read(r, queueID)
	w.engine.Stock(1_000_000, 1_000_100)
	w.do(queue.Load{QueueID: queueID, Members: members})
	if n := len(w.engine.Members()); n != 2 {
		t.Fatalf("%d members are dialled, want 2: two lines, and one of three is forbidden", n)
	}
	again := newWriter(t, r.Open())
	same(t, again.engine, w.engine)
	sameLists(t, again.engine, w.engine)
	w.do(queue.SwitchReport{AttemptID: w.engine.Attempts()[0].ID, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "USER_BUSY"})
	sameLists(t, newWriter(t, r.Open()).engine, w.engine)
}

// sameLists compares what the engines know of lists; the version at which a
// member was written is the store's.
func sameLists(t *testing.T, got, want *queue.Engine) {
	t.Helper()
	look := func(e *queue.Engine) []any { return []any{e.Members(), e.Calendars(), e.Trunks()} }
	ignore := cmpopts.IgnoreFields(queue.Member{}, "Changed")
	if diff := cmp.Diff(look(want), look(got), cmpopts.EquateEmpty(), ignore); diff != "" {
		t.Fatalf("the engines differ (-stepped +loaded):\n%s", diff)
	}
}

func testMembersCatchUp(t *testing.T, r Roster) {
	a, queueID := dialler(t, r, 2)
	b := newWriter(t, r.Open())
	a.engine.Stock(1_000_000, 1_000_100)
	b.engine.Stock(2_000_000, 2_000_100)
	members, _ := a.read(r, queueID)
	a.do(queue.Load{QueueID: queueID, Members: members})
	b.do(queue.SaveTrunk{Trunk: queue.Trunk{Name: "one", Enabled: true}}) // b catches up
	sameLists(t, b.engine, newWriter(t, r.Open()).engine)
	if n := len(b.engine.Members()); n != 2 {
		t.Fatalf("%d members are in attempts elsewhere, want 2", n)
	}
	b.do(queue.SwitchReport{AttemptID: a.engine.Attempts()[0].ID, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "USER_BUSY"})
	a.do(queue.SwitchReport{AttemptID: a.engine.Attempts()[1].ID, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "UNALLOCATED_NUMBER"})
	if n := len(a.engine.Members()); n != 0 {
		t.Errorf("%d members are still in attempts", n)
	}
	// A number that is forbidden reaches the hopper of the other replica.
	q := *a.engine.Queue(queueID)
	q.Enabled = false
	a.do(queue.SaveQueue{Queue: q})
	r.Add(listed(7, queueID))
	members, _ = b.read(r, queueID)
	b.do(queue.Load{QueueID: queueID, Members: members})
	a.do(queue.Forbid{Numbers: []string{"+12025550007"}})
	q.Enabled = true
	b.do(queue.SaveQueue{Queue: q})
	if n := len(b.engine.Attempts()); n != 0 {
		t.Errorf("%d attempts for a number that was forbidden elsewhere", n)
	}
}

func testStale(t *testing.T, r Roster) {
	w, queueID := dialler(t, r, 4)
	members, _ := w.read(r, queueID)
	if len(members) != 4 {
		t.Fatalf("%d members are ready, want 4", len(members))
	}
	dial := func(m *queue.Member) error {
		e := newWriter(t, r.Open())
		ids, err := e.log.IDs(t.Context(), 1)
		if err != nil {
			t.Fatal(err)
		}
		return e.log.Update(t.Context(), e.head, func(s desk.Snapshot) (desk.Batch, error) {
			e.engine.Put(s.Records...)
			res, err := e.engine.Step(e.now, queue.Dial{AttemptID: ids, QueueID: queueID, Member: m})
			if err != nil {
				return desk.Batch{}, err
			}
			head := s.Head
			head.Version++
			head.RecordedAt = e.now
			for i := range res.Events {
				head.Seq++
				res.Events[i].Seq, res.Events[i].RecordedAt = head.Seq, e.now
			}
			return desk.Batch{Head: head, Events: res.Events, Changed: res.Changed}, nil
		})
	}
	if !r.Edit(members[0].ID, 3, "Ann") {
		t.Fatal("a member in no attempt cannot be edited")
	}
	r.Remove(members[1].ID)
	if err := dial(members[2]); err != nil {
		t.Fatalf("dial who was not changed: %v", err)
	}
	if r.Edit(members[2].ID, 4, "Ann") {
		t.Error("a member in an open attempt was edited")
	}
	if err := dial(members[3]); err != nil {
		t.Fatal(err)
	}
	w.do(queue.Cancel{AttemptID: newWriter(t, r.Open()).engine.Attempts()[1].ID})
	before := newWriter(t, r.Open()).head
	for name, m := range map[string]*queue.Member{"edited": members[0], "removed": members[1], "dialled in between": members[3]} {
		if err := dial(m); !errors.Is(err, desk.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
	}
	if after := newWriter(t, r.Open()); after.head != before || len(after.engine.Attempts()) != 1 {
		t.Errorf("stale members have written something: head %+v, was %+v", after.head, before)
	}
	again, _ := w.read(r, queueID)
	if len(again) != 1 || again[0].Priority != 3 || *again[0].Name != "Ann" {
		t.Fatalf("ready are %+v, want the one who was edited", again)
	}
	if err := dial(again[0]); err != nil {
		t.Errorf("dial who was read again: %v", err)
	}
}

func testReady(t *testing.T, r Roster) {
	w, queueID := dialler(t, r, 0)
	var want []int64
	add := func(id int64, change func(*queue.Member)) {
		m := listed(id, queueID)
		change(m)
		r.Add(m)
	}
	add(1, func(m *queue.Member) { m.ReadyAt = start })
	add(2, func(m *queue.Member) { m.ReadyAt = start.Add(time.Millisecond) })
	add(3, func(m *queue.Member) { m.Priority = 5 })
	add(4, func(m *queue.Member) { m.Priority, m.TimeZone = 5, "Europe/Berlin" })
	add(5, func(m *queue.Member) { m.Priority, m.TimeZone = 9, "Asia/Tokyo" })
	add(6, func(m *queue.Member) { m.StoppedAt, m.StopCause = start, queue.ReasonServed })
	add(7, func(m *queue.Member) { m.ExpiresAt = start.Add(-time.Minute) })
	add(8, func(m *queue.Member) { m.Priority, m.ReadyAt = 5, start.Add(-2*time.Hour) })
	add(9, func(m *queue.Member) { m.Priority = -2 })
	add(10, func(m *queue.Member) { m.QueueID++ })
	w.do(queue.Forbid{Numbers: []string{"+12025550009"}})
	members, version := w.read(r, queueID, "Europe/Berlin")
	for _, m := range members {
		want = append(want, m.ID)
		if m.Edition == 0 {
			t.Errorf("member %d was read without his edition", m.ID)
		}
		if m.Numbers[0].Forbidden != (m.ID == 9) {
			t.Errorf("member %d: forbidden %v", m.ID, m.Numbers[0].Forbidden)
		}
	}
	if diff := cmp.Diff([]int64{8, 3, 4, 7, 1, 9}, want); diff != "" {
		t.Errorf("ready (-want +got):\n%s", diff)
	}
	if version != w.head.Version {
		t.Errorf("read at version %d, the log is at %d", version, w.head.Version)
	}
	few, _, err := r.Lists().Ready(t.Context(), desk.Ready{QueueID: queueID, Zones: []string{""}, At: w.now, Limit: 2})
	if err != nil || len(few) != 2 || few[0].ID != 8 || few[1].ID != 3 {
		t.Errorf("the best two are %+v, %v", few, err)
	}
	nobody, _, err := r.Lists().Ready(t.Context(), desk.Ready{QueueID: queueID, At: w.now, Limit: 2})
	if err != nil || len(nobody) != 0 {
		t.Errorf("in no zone: %+v, %v", nobody, err)
	}
}

func testZones(t *testing.T, r Roster) {
	_, queueID := dialler(t, r, 1)
	for i, zone := range []string{"Europe/Berlin", "Asia/Tokyo", "Europe/Berlin", "America/New_York"} {
		m := listed(int64(10+i), queueID)
		m.TimeZone, m.ReadyAt = zone, start.Add(time.Hour)
		if zone == "America/New_York" {
			m.StoppedAt, m.StopCause = start, queue.ReasonServed
		}
		r.Add(m)
	}
	zones, err := r.Lists().Zones(t.Context(), queueID)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "Asia/Tokyo", "Europe/Berlin"}, zones, cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
		t.Errorf("zones (-want +got):\n%s", diff)
	}
	if none, err := r.Lists().Zones(t.Context(), queueID+1); err != nil || len(none) != 0 {
		t.Errorf("a queue without members has the zones %v, %v", none, err)
	}
}
