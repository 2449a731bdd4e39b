package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store/storetest"
)

// fullMember has something in every field that is stored.
func fullMember(id int64) *queue.Member {
	return &queue.Member{
		ID: id, QueueID: 7, Name: ptr("O'Neill \u00e9 \\u0041"), Priority: -3, Bucket: "gold", TimeZone: "Europe/Berlin",
		Numbers: []queue.Number{
			{Number: "+4930123456", Priority: 2, Attempts: 3, LastAt: at(-60), Stopped: queue.ReasonBadNumber}, {Number: "sip:o'neill@example"},
		},
		Variables: map[string]string{"city": "K\u00f6ln \"am Rhein\"", "\\": "\\\\u0000"}, ExpiresAt: at(9000), StickyAgentID: ptr(int64(5)), CreatedAt: at(-100),
		Attempts: 2, ReadyAt: at(300), RetryRule: "busy", RetryTries: 1, AvoidTrunk: 4, NextNumber: "+4930123456",
		Exclusions: []queue.Exclusion{{AgentID: 5, Until: at(400)}}, Open: 99, LastAttempt: 99,
	}
}

// What the engine knows of a member is stored and read whole: by who loads and
// by who catches up, while he is in an attempt and afterwards.
func TestMemberRecordsTravel(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	writer, other := newReplica(t, pool), newReplica(t, pool)
	m := fullMember(50)
	writer.insert([]*queue.Member{m})
	want := m.Clone()
	want.Edition, want.Changed = 1, writer.head.Version
	check := func(what string, records []queue.Record) {
		t.Helper()
		if d := cmp.Diff([]queue.Record{want}, records, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s (-want +got):\n%s", what, d)
		}
	}
	loaded, err := other.log.Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	check("loaded", loaded.Records)
	check("caught up", other.changes())

	left := want.Clone()
	left.Open, left.StoppedAt, left.StopCause, left.Exclusions = 0, at(10), queue.ReasonServed, nil
	if err := writer.write(left); err != nil {
		t.Fatal(err)
	}
	want = left.Clone()
	want.Changed = writer.head.Version
	check("left", other.changes())
	if loaded, err = other.log.Load(t.Context()); err != nil || len(loaded.Records) != 0 {
		t.Errorf("loaded %v, %v; want nobody, he is in no attempt", loaded.Records, err)
	}
	if more := other.changes(); len(more) != 0 {
		t.Errorf("told twice: %v", more)
	}
}

// changes returns what others have written.
func (r *replica) changes() []queue.Record {
	r.t.Helper()
	var records []queue.Record
	err := r.log.Update(r.t.Context(), r.head, func(snap desk.Snapshot) (desk.Batch, error) {
		records, r.head = snap.Records, snap.Head
		return desk.Batch{Head: snap.Head}, nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return records
}

// A record that was not made of the row as it is now fails its batch whole.
func TestStaleMembers(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	free := fullMember(50)
	free.Open, free.LastAttempt = 0, 0
	r.insert([]*queue.Member{free, fullMember(51)})
	free.Edition, free.Changed = 1, r.head.Version
	dialled := func(change func(*queue.Member)) *queue.Member {
		m := free.Clone()
		m.Open, m.LastAttempt = 70, 70
		if change != nil {
			change(m)
		}
		return m
	}
	busy := fullMember(51)
	busy.Edition, busy.Changed = 1, r.head.Version
	for name, m := range map[string]*queue.Member{
		"edited since":        dialled(func(m *queue.Member) { m.Edition++ }),
		"written since":       dialled(func(m *queue.Member) { m.Changed-- }),
		"deleted":             dialled(func(m *queue.Member) { m.ID = 52 }),
		"in another attempt":  func() *queue.Member { m := busy.Clone(); m.Open, m.LastAttempt = 71, 71; return m }(),
		"left another than 0": func() *queue.Member { m := busy.Clone(); m.Open, m.LastAttempt = 0, 71; return m }(),
	} {
		before := r.head
		fresh := fullMember(60)
		if err := r.write(fresh, m); !errors.Is(err, desk.ErrStale) {
			t.Errorf("%s: %v, want ErrStale", name, err)
		}
		r.head = before
		if more := r.changes(); len(more) != 0 {
			t.Errorf("%s: something was written: %v", name, more)
		}
	}
	if err := r.write(dialled(nil)); err != nil {
		t.Errorf("as the row is: %v", err)
	}
	again := dialled(func(m *queue.Member) { m.Attempts = 9 })
	if err := r.write(again); err != nil {
		t.Errorf("in the attempt that the row names: %v", err)
	}
}

// Calendars, trunks and forbidden numbers are told to those who catch up, and
// all but the numbers to those who load.
func TestSettingsTravel(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r, other := newReplica(t, pool), newReplica(t, pool)
	r.must(at(0),
		queue.SaveCalendar{Calendar: queue.Calendar{Name: "office", TimeZone: "UTC", Weekly: []queue.WeeklyHours{
			{Days: []queue.Day{"monday"}, Hours: queue.Hours{From: 540, To: 1020}}}}},
		queue.SaveTrunk{Trunk: queue.Trunk{Name: "carrier", Enabled: true, Lines: 30, Patterns: []string{"+49"}}},
		queue.Forbid{Numbers: []string{"+491", "+492"}, Note: "asked to"},
	)
	calendar, trunk := r.engine.Calendars()[0], r.engine.Trunks()[0]
	forbidden := []queue.Record{
		&queue.Forbidden{Number: "+491", Note: "asked to", CreatedAt: at(0)}, &queue.Forbidden{Number: "+492", Note: "asked to", CreatedAt: at(0)},
	}
	settings := []queue.Record{calendar, trunk}
	if d := cmp.Diff(append(settings, forbidden...), other.changes()); d != "" {
		t.Errorf("caught up (-want +got):\n%s", d)
	}
	loaded, err := r.log.Load(t.Context())
	if d := cmp.Diff(settings, loaded.Records); d != "" || err != nil {
		t.Errorf("loaded, %v (-want +got):\n%s", err, d)
	}
	r.must(at(1), queue.RemoveCalendar{ID: calendar.ID}, queue.RemoveTrunk{ID: trunk.ID}, queue.Forbid{Numbers: []string{"+492"}})
	gone := []queue.Record{&queue.Removed{Kind: queue.KindCalendar, ID: calendar.ID}, &queue.Removed{Kind: queue.KindTrunk, ID: trunk.ID},
		&queue.Forbidden{Number: "+492", Note: "asked to", CreatedAt: at(0)}}
	if d := cmp.Diff(gone, other.changes()); d != "" {
		t.Errorf("removed (-want +got):\n%s", d)
	}
	if fresh := newReplica(t, pool); len(fresh.engine.Calendars())+len(fresh.engine.Trunks()) != 0 {
		t.Error("what was removed is loaded")
	}
}
