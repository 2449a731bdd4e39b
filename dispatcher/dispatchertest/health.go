package dispatchertest

import (
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// active returns the endpoints that are not disabled, by id.
func active(t *testing.T, f Fixture) map[string]dispatcher.Endpoint {
	t.Helper()
	subs, err := f.Store.Active(t.Context())
	ok(t, err)
	out := map[string]dispatcher.Endpoint{}
	for _, s := range subs {
		out[s.Endpoint.ID] = s.Endpoint
	}
	return out
}

func testHealth(t *testing.T, f Fixture) {
	_, a := create(t, f, dispatcher.Position{})
	ep, b := create(t, f, dispatcher.Position{})
	_, c := create(t, f, dispatcher.Position{})
	health := dispatcher.Health{PausedUntil: base.Add(time.Minute), PausedReason: dispatcher.OutcomeTimeout, Openings: 3,
		LastSuccess: base.Add(-time.Hour), FailingSince: base.Add(-time.Minute), Told: 2}
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base.Add(time.Hour),
		Disable: []dispatcher.Disabling{{Ref: a, Reason: dispatcher.DisabledGone}, {Ref: c, Reason: dispatcher.DisabledFailing}},
		Healths: []dispatcher.HealthOf{{Ref: b, Version: ep.UpdatedAt, Health: health}}}))
	got := active(t, f)
	if len(got) != 1 {
		t.Fatalf("%d endpoints are active, want only %s", len(got), b.EndpointID)
	}
	same(t, "health", got[b.EndpointID].Health, health)
	same(t, "health in the backlog", backlog(t, f, b).Health, health)
	// It was found under settings that somebody has changed since.
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base,
		Healths: []dispatcher.HealthOf{{Ref: b, Version: ep.UpdatedAt.Add(-time.Second), Health: dispatcher.Health{Openings: 9}}}}))
	same(t, "health of other settings", active(t, f)[b.EndpointID].Health, health)
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base, Healths: []dispatcher.HealthOf{{Ref: b, Version: ep.UpdatedAt}}}))
	same(t, "health anew", active(t, f)[b.EndpointID].Health, dispatcher.Health{})
	same(t, "the cursor", backlog(t, f, b), dispatcher.Backlog{Settled: backlog(t, f, b).Settled, Claimed: backlog(t, f, b).Settled})
}

func testUnclaim(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 9, base)...)
	_, ref := create(t, f, pos(evs[0]))
	lower := func(settled, claimed int) {
		s := dispatcher.Settlement{At: base, Unclaim: []dispatcher.Unclaim{{Ref: ref, Claimed: pos(evs[claimed])}}}
		if settled > 0 {
			s.Cursors = []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[settled])}}
		}
		ok(t, f.Store.Settle(t.Context(), s))
	}
	marks := func(settled, claimed int) {
		t.Helper()
		same(t, "marks", backlog(t, f, ref), dispatcher.Backlog{Settled: pos(evs[settled]), Claimed: pos(evs[claimed])})
	}
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[7])}}))
	lower(0, 5)
	marks(0, 5)
	lower(0, 8) // it never raises
	marks(0, 5)
	lower(2, 3) // together with a cursor
	marks(2, 3)
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[6])}}))
	lower(4, 1) // not below settled
	marks(4, 4)
	lower(0, 0)
	marks(4, 4)
}

func testClaimedFor(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 4, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	for _, step := range []struct {
		upto int
		text string
		want string
	}{{0, "", ""}, {1, `{"events":["a"]}`, `{"events":["a"]}`}, {2, "", `{"events":["a"]}`}, {2, "b", "b"}, {3, "c", "c"}} {
		ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[step.upto]), For: step.text}}))
		b := backlog(t, f, ref)
		same(t, "claimed for", b.ClaimedFor, step.want)
		same(t, "claimed", b.Claimed, pos(evs[step.upto]))
	}
}

func testNotices(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 2, base)...)
	ep, ref := create(t, f, dispatcher.Position{})
	s := dispatcher.Settlement{At: base.Add(time.Second),
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[1])}},
		Notices: []queue.Notice{
			ep.Notice(queue.EventEndpointFailing, "1", queue.EndpointData{}), ep.Notice(queue.EventEndpointFailing, "2", queue.EndpointData{}),
		}}
	for i := range 40 { // as many as go another way than a few
		s.Tries = append(s.Tries, try(ref, evs[0], i+1, dispatcher.StateRetrying))
	}
	few := s
	few.Tries = s.Tries[:1]
	for _, again := range []dispatcher.Settlement{few, s, few} {
		ok(t, f.Store.Settle(t.Context(), again))
	}
	log, err := f.Store.Events(t.Context(), 1, dispatcher.Position{}, 100)
	ok(t, err)
	told := 0
	for _, ev := range log {
		if ev.Type == queue.EventEndpointFailing {
			if told++; ev.Subject.ID != ref.EndpointID || ev.RecordedAt.Before(s.At.Truncate(time.Millisecond)) || !ev.At.Equal(s.At.Truncate(time.Millisecond)) {
				t.Errorf("notice: %+v", ev)
			}
		}
	}
	same(t, "notices", told, 2)
	same(t, "tries", len(f.Tries(ref)), 40)
	same(t, "settled", backlog(t, f, ref).Settled, pos(evs[1]))
}

func testFailed(t *testing.T, f Fixture) {
	evs := f.Append(base, append(Attempt(1, 5, base), Attempt(2, 3, base)...)...)
	_, ref := create(t, f, dispatcher.Position{})
	_, other := create(t, f, dispatcher.Position{})
	tried := func(ref dispatcher.Ref, i, number int, o dispatcher.Outcome) dispatcher.Try {
		tr := try(ref, evs[i], number, dispatcher.StateRetrying)
		tr.Outcome = o
		return tr
	}
	test := tried(ref, 0, 9, dispatcher.OutcomeTimeout)
	test.Seq = 0
	aside := tried(ref, 4, 9, dispatcher.OutcomeTimeout)
	aside.AttemptID = 0
	byHand := tried(ref, 2, 8, dispatcher.OutcomeTimeout)
	byHand.Manual = true
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base, Tries: []dispatcher.Try{
		tried(ref, 0, 1, dispatcher.OutcomeTimeout), tried(ref, 0, 2, dispatcher.OutcomeTimeout), tried(ref, 0, 3, dispatcher.OutcomeTimeout),
		tried(ref, 1, 2, dispatcher.OutcomeRejected), tried(ref, 2, 2, dispatcher.OutcomeDelivered), tried(ref, 3, 2, dispatcher.OutcomeUnknown),
		tried(ref, 5, 2, dispatcher.OutcomeThrottled), tried(ref, 6, 2, dispatcher.OutcomeExpired), tried(ref, 7, 1, dispatcher.OutcomeTimeout),
		tried(other, 2, 2, dispatcher.OutcomeTimeout), test, aside, byHand,
	}}))
	got, err := f.Store.Failed(t.Context(), ref, base.Add(2*time.Second)) // try n was at n seconds
	ok(t, err)
	same(t, "failed", got, map[int64]int{0: 1, 1: 2, 2: 1})
}
