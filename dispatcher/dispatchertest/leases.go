package dispatchertest

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// ttl outlives every test of the suite.
const ttl = time.Hour

// enlisted is a replica without a dispatcher.
type enlisted struct {
	t      *testing.T
	store  dispatcher.Store
	number int64
	ctx    context.Context // as serve got it
	resign func()
}

func enlist(t *testing.T, f Fixture) *enlisted {
	t.Helper()
	r := &enlisted{t: t, store: f.Store}
	began, ended := make(chan struct{}), make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		ended <- f.Store.Enlist(ctx, "test", ttl, func(ctx context.Context, replica int64) {
			r.number, r.ctx = replica, ctx
			close(began)
			<-ctx.Done()
		})
	}()
	select {
	case <-began:
	case err := <-ended:
		cancel()
		t.Fatalf("enlist: %v", err)
	}
	r.resign = func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("resign: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(r.resign)
	return r
}

func (r *enlisted) hold(release ...dispatcher.Lease) dispatcher.Holding {
	r.t.Helper()
	h, err := r.store.Hold(r.t.Context(), dispatcher.Beat{Replica: r.number, TTL: ttl, Release: release})
	ok(r.t, err)
	return h
}

// holdUntil beats until n leases are held: a store may be slow to take others
// for dead.
func (r *enlisted) holdUntil(n int) dispatcher.Holding {
	r.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		h := r.hold()
		if len(h.Leases) == n {
			return h
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-deadline:
			r.t.Fatalf("holds %d leases, want %d", len(h.Leases), n)
		}
	}
}

func testShares(t *testing.T, f Fixture) {
	var all []dispatcher.Ref
	for range 5 {
		_, ref := create(t, f, dispatcher.Position{})
		all = append(all, ref)
	}
	off := Endpoint("https://off.example/")
	off.Disabled, off.DisabledReason = true, dispatcher.DisabledManual
	f.Create(off, dispatcher.Position{})
	slices.SortFunc(all, byID)

	one := enlist(t, f)
	h := one.hold()
	same(t, "share of one", h.Share, 5)
	for i, l := range h.Leases {
		same(t, "lease", l, dispatcher.Lease{Ref: all[i], Epoch: 1})
	}
	same(t, "asked again", one.hold(), h)
	two := enlist(t, f)
	if two.number <= one.number || one.number < 1 {
		t.Errorf("number %d follows %d", two.number, one.number)
	}
	same(t, "the second, while the first holds all", two.hold(), dispatcher.Holding{Share: 2})
	first := one.hold(h.Leases[3:]...)
	same(t, "the first, having handed back", first, dispatcher.Holding{Leases: h.Leases[:3], Share: 3})
	got := two.hold(h.Leases[0]) // not its own: passed over
	same(t, "the second then", got, dispatcher.Holding{Share: 2,
		Leases: []dispatcher.Lease{{Ref: all[3], Epoch: 2}, {Ref: all[4], Epoch: 2}}})
	same(t, "what is handed back of an older epoch", len(two.hold(h.Leases[3:]...).Leases), 2)

	f.Delete(all[0])
	same(t, "after a deletion", one.hold(), dispatcher.Holding{Leases: h.Leases[1:3], Share: 2})
}

func testDeadReplica(t *testing.T, f Fixture) {
	_, ref := create(t, f, dispatcher.Position{})
	one, two := enlist(t, f), enlist(t, f)
	same(t, "held", one.hold().Leases, []dispatcher.Lease{{Ref: ref, Epoch: 1}})
	same(t, "the other", len(two.hold().Leases), 0)
	_, err := f.Store.Hold(t.Context(), dispatcher.Beat{Replica: one.number, TTL: -time.Second}) // the last sign of life
	ok(t, err)
	same(t, "taken over", two.holdUntil(1).Leases, []dispatcher.Lease{{Ref: ref, Epoch: 2}})
	_, err = f.Store.Hold(t.Context(), dispatcher.Beat{Replica: one.number, TTL: ttl})
	for what, err := range map[string]error{
		"hold":   err,
		"claim":  f.Store.Claim(t.Context(), one.number, []dispatcher.Claim{{Ref: ref, Epoch: 1, Parked: []int64{1}}}),
		"settle": f.Store.Settle(t.Context(), dispatcher.Settlement{Replica: one.number, Leases: []dispatcher.Lease{{Ref: ref, Epoch: 1}}, At: base}),
	} {
		if !errors.Is(err, dispatcher.ErrSuperseded) {
			t.Errorf("%s: %v, want ErrSuperseded", what, err)
		}
	}
}

func testResign(t *testing.T, f Fixture) {
	_, ref := create(t, f, dispatcher.Position{})
	one := enlist(t, f)
	same(t, "held", len(one.hold().Leases), 1)
	one.resign()
	two := enlist(t, f)
	same(t, "at once", two.hold(), dispatcher.Holding{Leases: []dispatcher.Lease{{Ref: ref, Epoch: 2}}, Share: 1})
}

// testLeaving: a replica that finishes what it is sending has no share, and what
// it hands back is another's at once.
func testLeaving(t *testing.T, f Fixture) {
	for range 4 {
		create(t, f, dispatcher.Position{})
	}
	one := enlist(t, f)
	all := one.hold().Leases
	two := enlist(t, f)
	same(t, "the second, while the first holds all", two.hold(), dispatcher.Holding{Share: 2})
	leave := func(release ...dispatcher.Lease) dispatcher.Holding {
		h, err := f.Store.Hold(t.Context(), dispatcher.Beat{Replica: one.number, TTL: ttl, Release: release, Leaving: true})
		ok(t, err)
		return h
	}
	same(t, "the first, which leaves", leave(all[:3]...), dispatcher.Holding{Leases: all[3:]})
	same(t, "again", leave(), dispatcher.Holding{Leases: all[3:]})
	h := two.hold()
	same(t, "the share of the second", h.Share, 4)
	same(t, "what the second holds", len(h.Leases), 3)
	same(t, "the first, which stays after all", one.hold().Share, 2)
}

func testLateWrites(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 4, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	_, other := create(t, f, dispatcher.Position{})
	one := enlist(t, f)
	held := one.hold().Leases
	old := held[slices.IndexFunc(held, func(l dispatcher.Lease) bool { return l.Ref == ref })]
	kept := held[slices.IndexFunc(held, func(l dispatcher.Lease) bool { return l.Ref == other })]
	two := enlist(t, f)
	one.hold(old)
	now := two.hold().Leases[0]

	settlement := dispatcher.Settlement{Replica: one.number, Leases: []dispatcher.Lease{kept, old}, At: base,
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[1])}, {Ref: other, Settled: pos(evs[1])}},
		Park:    []dispatcher.Parked{{Ref: ref, Position: pos(evs[0]), Lane: "attempt/1", Tries: 1, NextAt: base}}}
	for i := range 40 { // as many as go another way than a few
		settlement.Tries = append(settlement.Tries, dispatcher.Try{DomainID: 1, EndpointID: ref.EndpointID, Seq: 1, Number: i + 1,
			EventType: "attempt.joined", Outcome: dispatcher.OutcomeDelivered, State: dispatcher.StateDelivered, StartedAt: base})
	}
	few := settlement
	few.Tries = settlement.Tries[:1]
	for what, err := range map[string]error{
		"claim": f.Store.Claim(t.Context(), one.number, []dispatcher.Claim{
			{Ref: other, Epoch: kept.Epoch, Upto: pos(evs[3])}, {Ref: ref, Epoch: old.Epoch, Upto: pos(evs[3])}}),
		"settle a few": f.Store.Settle(t.Context(), few),
		"settle many":  f.Store.Settle(t.Context(), settlement),
	} {
		var lost *dispatcher.LostError
		if !errors.As(err, &lost) || !slices.Equal(lost.Refs, []dispatcher.Ref{ref}) {
			t.Errorf("%s: %v, want a LostError about the one endpoint", what, err)
		}
	}
	for _, ref := range []dispatcher.Ref{ref, other} {
		if b := backlog(t, f, ref); b.Claimed.Seq != 0 || b.Settled.Seq != 0 || len(b.Parked) != 0 || len(f.Tries(ref)) != 0 {
			t.Errorf("the old epoch left something: %+v", b)
		}
	}
	ok(t, f.Store.Claim(t.Context(), two.number, []dispatcher.Claim{{Ref: ref, Epoch: now.Epoch, Upto: pos(evs[3])}}))
	settlement.Replica, settlement.Leases = two.number, []dispatcher.Lease{now}
	ok(t, f.Store.Settle(t.Context(), settlement))
	settlement.Replica, settlement.Leases = 0, nil // of no replica: a test event
	settlement.Tries[0].StartedAt = base.Add(time.Second)
	ok(t, f.Store.Settle(t.Context(), settlement))
	same(t, "tries", len(f.Tries(ref)), 41)
}
