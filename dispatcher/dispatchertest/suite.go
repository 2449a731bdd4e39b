package dispatchertest

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// Fixture is a store under test and the ways to put things into it that the
// dispatcher itself has not.
type Fixture struct {
	Store dispatcher.Store
	// Append puts events of domain 1 on the log and returns them as they are
	// there.
	Append func(at time.Time, events ...queue.Event) []queue.Event
	Create func(ep dispatcher.Endpoint, after dispatcher.Position)
	Delete func(ref dispatcher.Ref)
	// Recover puts events into parked for an endpoint, as a recovery does.
	Recover func(ref dispatcher.Ref, at time.Time, events ...queue.Event)
	// Tries returns all tries of an endpoint, in any order.
	Tries func(ref dispatcher.Ref) []dispatcher.Try
}

// base is when the suite's events are recorded.
var base = time.Date(2026, 8, 22, 10, 15, 30, 123456000, time.UTC)

// Run tests a store. Open gives an empty one for each test.
func Run(t *testing.T, open func(t *testing.T) Fixture) {
	for name, test := range map[string]func(*testing.T, Fixture){
		"the log is read in order, by pages":          testEvents,
		"earlier events are found by attempt":         testEarlier,
		"an endpoint comes back as it was created":    testActive,
		"a claim raises marks and never lowers them":  testClaim,
		"a settlement is written whole, and repeated": testSettle,
		"a large settlement is too":                   testLarge,
		"parked events come and go":                   testParked,
		"done events are those with a final try":      testDone,
		"a manual try is answered later":              testAnswered,
		"recovered events are found":                  testRecovered,
		"health and a disabling are kept":             testHealth,
		"a claimed mark comes down again":             testUnclaim,
		"what an endpoint was claimed for is kept":    testClaimedFor,
		"what failed is counted by attempt":           testFailed,
		"notices are on the log once":                 testNotices,
		"an endpoint that is gone takes nothing":      testGone,
		"replicas share the endpoints":                testShares,
		"a dead replica is struck off":                testDeadReplica,
		"who ends leaves nothing behind":              testResign,
		"who leaves makes room":                       testLeaving,
		"what is late from an older epoch is refused": testLateWrites,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, what string, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
		t.Fatalf("%s: -want +got\n%s", what, diff)
	}
}

func pos(ev queue.Event) dispatcher.Position {
	return dispatcher.Position{RecordedAt: ev.RecordedAt, Seq: ev.Seq}
}

func create(t *testing.T, f Fixture, after dispatcher.Position) (dispatcher.Endpoint, dispatcher.Ref) {
	t.Helper()
	ep := Endpoint("https://crm.example/hook")
	f.Create(ep, after)
	return ep, dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
}

func backlog(t *testing.T, f Fixture, ref dispatcher.Ref) dispatcher.Backlog {
	t.Helper()
	b, err := f.Store.Backlog(t.Context(), ref)
	ok(t, err)
	slices.Sort(b.Done)
	return b
}

func testEvents(t *testing.T, f Fixture) {
	first := f.Append(base, Attempt(1, 3, base)...)
	second := f.Append(base.Add(time.Millisecond), Attempt(2, 4, base)...)
	all := append(first, second...)
	var read []queue.Event
	var at dispatcher.Position
	for {
		page, err := f.Store.Events(t.Context(), 1, at, 2)
		ok(t, err)
		if len(page) == 0 {
			break
		}
		read = append(read, page...)
		at = pos(page[len(page)-1])
	}
	if len(read) != len(all) {
		t.Fatalf("%d events read, want %d", len(read), len(all))
	}
	for i := range read {
		same(t, "event", string(read[i].AppendJSON(nil)), string(all[i].AppendJSON(nil)))
		same(t, "position", pos(read[i]), pos(all[i]))
	}
	// The place in front of an event, with the event's own instant.
	page, err := f.Store.Events(t.Context(), 1, dispatcher.Position{RecordedAt: all[3].RecordedAt, Seq: 3}, 1)
	ok(t, err)
	same(t, "next", page[0].Seq, int64(4))
	got, err := f.Store.EventsAt(t.Context(), 1, []dispatcher.Position{pos(all[5]), pos(all[1]), {RecordedAt: base, Seq: 99}})
	ok(t, err)
	seqs := []int64{got[0].Seq, got[1].Seq}
	slices.Sort(seqs)
	same(t, "events at positions", seqs, []int64{2, 6})
}

func testEarlier(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 3, base)...)
	f.Append(base, Attempt(2, 2, base)...)
	got, err := f.Store.Earlier(t.Context(), 1, []int64{1, 99}, base)
	ok(t, err)
	same(t, "earlier", got, map[int64][]dispatcher.Earlier{1: {
		{Position: pos(evs[0]), Sequence: 1, Type: queue.EventJoined},
		{Position: pos(evs[1]), Sequence: 2, Type: queue.EventOffering},
		{Position: pos(evs[2]), Sequence: 3, Type: queue.EventLeaving}}})
}

func testActive(t *testing.T, f Fixture) {
	f.Append(base, Attempt(1, 3, base)...)
	ep := Endpoint("https://crm.example/hook?token=t")
	ep.Events, ep.Queues = []queue.EventType{queue.EventJoined, queue.EventLeaving}, []int64{7, 9}
	ep.QueueTypes = []queue.Type{queue.Inbound, queue.Predictive}
	ep.Headers = map[string][]string{"Authorization": {"Bearer x"}, "X-Two": {"a", "b"}}
	ep.Secrets = append(ep.Secrets, dispatcher.Secret{Key: dispatcher.NewKey(dispatcher.SignatureEd25519), Until: base.Add(time.Hour)})
	ep.Filter, ep.Format = `queue.name == "sales"`, queue.FormatFlat
	ep.Description, ep.Profile, ep.Ordering = "CRM", dispatcher.ProfileCustom, dispatcher.OrderNone
	ep.Schedule = []time.Duration{time.Second, 90 * time.Minute}
	ep.MaxInFlight, ep.Timeout, ep.OrderWait, ep.Rate = 3, 1500*time.Millisecond, 42*time.Second, 2.5
	after := dispatcher.Position{RecordedAt: base, Seq: 2}
	f.Create(ep, after)
	off := Endpoint("https://off.example/")
	off.Disabled, off.DisabledReason = true, dispatcher.DisabledManual
	f.Create(off, after)
	got, err := f.Store.Active(t.Context())
	ok(t, err)
	same(t, "active", got, []dispatcher.Subscription{{Endpoint: ep, Settled: after, Claimed: after}})
}

func testClaim(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 5, base)...)
	_, a := create(t, f, pos(evs[0]))
	_, b := create(t, f, pos(evs[0]))
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: b, Upto: pos(evs[2])}, {Ref: a, Upto: pos(evs[3])}}))
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: a, Upto: pos(evs[1])}, {Ref: b}}))
	same(t, "a", backlog(t, f, a), dispatcher.Backlog{Settled: pos(evs[0]), Claimed: pos(evs[3])})
	same(t, "b", backlog(t, f, b), dispatcher.Backlog{Settled: pos(evs[0]), Claimed: pos(evs[2])})
	// Settled takes claimed with it, and is not lowered either.
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{Cursors: []dispatcher.Cursor{{Ref: a, Settled: pos(evs[4])}}, At: base}))
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{Cursors: []dispatcher.Cursor{{Ref: a, Settled: pos(evs[1])}}, At: base}))
	same(t, "a settled", backlog(t, f, a), dispatcher.Backlog{Settled: pos(evs[4]), Claimed: pos(evs[4])})
}

// try returns a try with every part set.
func try(ref dispatcher.Ref, ev queue.Event, number int, state dispatcher.State) dispatcher.Try {
	tr := dispatcher.Try{
		DomainID: ref.DomainID, EndpointID: ref.EndpointID, Seq: ev.Seq, EventID: ev.ID, EventType: ev.Type,
		AttemptID: ev.AttemptID, Number: number, Outcome: dispatcher.OutcomeUpstream, State: state,
		StartedAt: base.Add(time.Duration(number) * time.Second), Duration: 1500 * time.Microsecond,
		FirstByte: 700 * time.Microsecond, Status: 500, Body: []byte("no\x00\xff"), BodyTruncated: true, Error: "words",
		Header: map[string][]string{"X-A": {"1", "2: 3"}, "Date": {"now"}},
	}
	if state == dispatcher.StateRetrying {
		tr.NextAt = tr.StartedAt.Add(time.Minute)
	}
	if state == dispatcher.StateDelivered {
		tr.Outcome, tr.Status = dispatcher.OutcomeDelivered, 204
	}
	return tr
}

func testSettle(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 3, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	want := []dispatcher.Try{try(ref, evs[0], 1, dispatcher.StateRetrying), try(ref, evs[0], 2, dispatcher.StateDelivered)}
	odd := try(ref, evs[1], 3, dispatcher.StateExhausted)
	odd.Header, odd.Body, odd.Error, odd.AttemptID = nil, nil, "", 0
	want = append(want, odd)
	s := dispatcher.Settlement{Tries: want, At: base,
		Park:    []dispatcher.Parked{{Ref: ref, Position: pos(evs[1]), Lane: "attempt/1", Tries: 1, NextAt: base}},
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[1])}}}
	for range 2 { // a commit whose answer was lost is repeated
		ok(t, f.Store.Settle(t.Context(), s))
	}
	got := f.Tries(ref)
	slices.SortFunc(got, func(a, b dispatcher.Try) int { return a.Number - b.Number })
	same(t, "tries", got, want)
	b := backlog(t, f, ref)
	same(t, "parked", b.Parked, s.Park)
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base}))
}

// testLarge has as many tries as a store may write in another way.
func testLarge(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 100, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	s := dispatcher.Settlement{At: base, Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[79])}}}
	for i, ev := range evs[:80] {
		tr := try(ref, ev, i+1, dispatcher.StateRetrying)
		tr.Header["X-Odd"] = []string{"caf\xe9\x00"} // what no text column takes
		s.Tries = append(s.Tries, tr)
	}
	for range 2 {
		ok(t, f.Store.Settle(t.Context(), s))
	}
	// The second write of a settlement takes effect where the first did not.
	s.Cursors[0].Settled = pos(evs[99])
	ok(t, f.Store.Settle(t.Context(), s))
	got := f.Tries(ref)
	slices.SortFunc(got, func(a, b dispatcher.Try) int { return a.Number - b.Number })
	if len(got) != 80 {
		t.Fatalf("%d tries on record, want 80", len(got))
	}
	for i := range got {
		delete(got[i].Header, "X-Odd") // a store may clean it in its own way
		delete(s.Tries[i].Header, "X-Odd")
	}
	same(t, "tries", got, s.Tries)
	same(t, "settled", backlog(t, f, ref).Settled, pos(evs[99]))
}

func testParked(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 4, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	_, other := create(t, f, dispatcher.Position{})
	p := func(ref dispatcher.Ref, i int, tries int, next time.Time) dispatcher.Parked {
		p := dispatcher.Parked{Ref: ref, Position: pos(evs[i]), Lane: "attempt/1", Tries: tries, Lost: tries / 2, NextAt: next, Sequence: i + 1}
		if next.IsZero() {
			p.HeldSince = base.Add(time.Millisecond)
		}
		return p
	}
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base, Park: []dispatcher.Parked{
		p(ref, 2, 0, time.Time{}), p(ref, 1, 1, base.Add(time.Second)), p(other, 1, 4, base), p(ref, 3, 0, time.Time{})}}))
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Parked: []int64{2, 3, 77}}}))
	claimed := func(p dispatcher.Parked) dispatcher.Parked { p.Claimed = true; return p }
	same(t, "claimed", backlog(t, f, ref).Parked, []dispatcher.Parked{
		claimed(p(ref, 1, 1, base.Add(time.Second))), claimed(p(ref, 2, 0, time.Time{})), p(ref, 3, 0, time.Time{})})
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base,
		Park:   []dispatcher.Parked{p(ref, 2, 1, base.Add(time.Minute))},
		Unpark: []dispatcher.ParkedKey{{Ref: ref, Seq: 2}, {Ref: ref, Seq: 99}}}))
	same(t, "after", backlog(t, f, ref).Parked, []dispatcher.Parked{p(ref, 2, 1, base.Add(time.Minute)), p(ref, 3, 0, time.Time{})})
	same(t, "other", backlog(t, f, other).Parked, []dispatcher.Parked{p(other, 1, 4, base)})
}

func testDone(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 6, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	_, other := create(t, f, dispatcher.Position{})
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[4])}, {Ref: other, Upto: pos(evs[4])}}))
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base,
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[0])}},
		Tries: []dispatcher.Try{
			try(ref, evs[0], 1, dispatcher.StateDelivered), // in front of settled
			try(ref, evs[1], 1, dispatcher.StateDelivered), try(ref, evs[2], 1, dispatcher.StateRetrying),
			try(ref, evs[3], 1, dispatcher.StateExhausted), try(ref, evs[4], 1, dispatcher.StateRefused),
			try(ref, evs[5], 1, dispatcher.StateDelivered), // behind claimed
		}}))
	same(t, "done", backlog(t, f, ref).Done, []int64{2, 4, 5})
	same(t, "done of the other", backlog(t, f, other).Done, []int64{})
}

func testGone(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 3, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	_, stays := create(t, f, dispatcher.Position{})
	f.Delete(ref)
	if _, err := f.Store.Backlog(t.Context(), ref); !errors.Is(err, dispatcher.ErrGone) {
		t.Fatalf("backlog of a deleted endpoint: %v, want ErrGone", err)
	}
	park := func(ref dispatcher.Ref) dispatcher.Parked {
		return dispatcher.Parked{Ref: ref, Position: pos(evs[0]), Lane: "attempt/1", Tries: 1, NextAt: base}
	}
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[2]), Parked: []int64{1}}, {Ref: stays, Upto: pos(evs[1])}}))
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base,
		Tries:   []dispatcher.Try{try(ref, evs[0], 1, dispatcher.StateRetrying)},
		Park:    []dispatcher.Parked{park(ref), park(stays)},
		Unpark:  []dispatcher.ParkedKey{{Ref: ref, Seq: 1}},
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[2])}},
		Unclaim: []dispatcher.Unclaim{{Ref: ref}},
		Healths: []dispatcher.HealthOf{{Ref: ref, Version: base}},
		Disable: []dispatcher.Disabling{{Ref: ref, Reason: dispatcher.DisabledGone}}}))
	if n := len(f.Tries(ref)); n != 1 {
		t.Errorf("%d tries of the deleted endpoint are on record, want 1", n)
	}
	same(t, "the one that stays", backlog(t, f, stays).Parked, []dispatcher.Parked{park(stays)})
}
