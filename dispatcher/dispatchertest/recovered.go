package dispatchertest

import (
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// testRecovered: what a recovery puts up is found until it is tried or claimed,
// and announced by a number that rises.
func testRecovered(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 5, base)...)
	_, ref := create(t, f, pos(evs[3]))
	pieces := func() int64 {
		t.Helper()
		subs, err := f.Store.Active(t.Context())
		ok(t, err)
		return subs[0].Recoveries
	}
	found := func() (seqs []int64) {
		t.Helper()
		up, err := f.Store.Recovered(t.Context(), ref)
		ok(t, err)
		for _, p := range up {
			seqs = append(seqs, p.Seq)
			if !p.RecoveredAt.Equal(base) || p.Lane != "attempt/1" {
				t.Errorf("put up: %+v", p)
			}
		}
		return seqs
	}
	before := pieces()
	same(t, "without a recovery", found(), []int64(nil))
	f.Recover(ref, base, evs[0], evs[1], evs[3])
	if now := pieces(); now <= before {
		t.Errorf("%d pieces of recoveries after %d", now, before)
	}
	same(t, "put up", found(), []int64{evs[0].Seq, evs[1].Seq, evs[3].Seq})
	// An ordinary one that waits is none of them, and one that was passed over is
	// not parked any more.
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base, Park: []dispatcher.Parked{
		{Ref: ref, Position: pos(evs[2]), Lane: "attempt/1", NextAt: base.Add(time.Hour)},
		{Ref: ref, Position: pos(evs[4]), Lane: "attempt/1", NextAt: base.Add(time.Hour)}}}))
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Parked: []int64{evs[0].Seq}}}))
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{At: base, Park: []dispatcher.Parked{
		{Ref: ref, Position: pos(evs[1]), Lane: "attempt/1", Tries: 1, NextAt: base.Add(time.Hour), RecoveredAt: base}}}))
	same(t, "not touched yet", found(), []int64{evs[3].Seq})
	b, err := f.Store.Backlog(t.Context(), ref)
	ok(t, err)
	if len(b.Parked) != 4 {
		t.Errorf("%d are parked, want those that were recovered and the ordinary one", len(b.Parked))
	}
	for i, p := range b.Parked {
		if want := i != 3; p.RecoveredAt.IsZero() == want {
			t.Errorf("event %d was recovered at %v", p.Seq, p.RecoveredAt)
		}
	}
}
