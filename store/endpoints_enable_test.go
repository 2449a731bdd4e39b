package store_test

import (
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// An endpoint that is disabled shows what it is owed as suspended. Enabled where
// it stopped, everything is as it was; enabled from now, what it missed is
// passed over.
func TestEnablingFromWhereItStoppedOrFromNow(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	evs, ref := told(t, pool, d)
	by := store.By{At: t0.Add(time.Hour)}
	states := func() (out []string) {
		all, err := d.DeliveriesOfEvents(ctx, 1, evs)
		fatal(t, err)
		for _, of := range all {
			state := "none"
			for _, dl := range of {
				if dl.EndpointID == ref.EndpointID {
					state = string(dl.State)
				}
			}
			out = append(out, state)
		}
		return out
	}
	before := states()
	if err := d.EnableEndpointFromNow(ctx, ref, by); !errors.Is(err, store.ErrEndpointEnabled) {
		t.Errorf("one that is enabled: %v", err)
	}
	fatal(t, d.SetEndpointEnabled(ctx, ref, false, by))
	off := states()
	fatal(t, d.SetEndpointEnabled(ctx, ref, true, by))
	if diff := cmp.Diff(before, states()); diff != "" {
		t.Errorf("enabled where it stopped (-before +after):\n%s", diff)
	}
	fatal(t, d.SetEndpointEnabled(ctx, ref, false, by))
	fatal(t, d.EnableEndpointFromNow(ctx, ref, by))
	// A worker that was still ending parks what it had read.
	last := evs[len(evs)-1]
	fatal(t, d.Settle(ctx, dispatcher.Settlement{At: by.At, Park: []dispatcher.Parked{
		{Ref: ref, Position: dispatcher.Position{RecordedAt: last.RecordedAt, Seq: last.Seq}, Lane: "attempt/1", HeldSince: by.At}}}))
	after := states()
	for i, state := range before {
		wantOff, wantNow := state, state
		switch state {
		case "held", "pending":
			wantOff, wantNow = "suspended", "none"
		case "retrying":
			wantOff, wantNow = "suspended", "skipped"
		}
		if off[i] != wantOff || after[i] != wantNow {
			t.Errorf("event %d was %s, is %s while disabled and %s from now on; want %s and %s", i+1, state, off[i], after[i], wantOff, wantNow)
		}
	}
	b, err := d.Backlog(ctx, ref)
	fatal(t, err)
	head, err := store.New(pool).Head(ctx, 1)
	fatal(t, err)
	// Behind its own enabling, which it does not get.
	if b.Settled.Seq != head.Seq-1 || b.Claimed != b.Settled || len(b.Parked) != 0 {
		t.Errorf("from now: %+v, the log ends at %d", b, head.Seq)
	}
	if !slices.Contains(before, "retrying") || !slices.Contains(before, "held") || !slices.Contains(before, "pending") {
		t.Errorf("the test has only %v", before)
	}
	gone := dispatcher.Ref{DomainID: 1, EndpointID: dispatcher.NewEndpointID()}
	if err := d.EnableEndpointFromNow(ctx, gone, by); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("none: %v", err)
	}
}
