package dispatchertest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// lead begins a term and returns its number; end ends it.
func lead(t *testing.T, f Fixture, waiting func()) (began chan int64, end func()) {
	began = make(chan int64, 1)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		ended <- f.Store.Lead(ctx, waiting, func(ctx context.Context, term int64) {
			began <- term
			<-ctx.Done()
		})
	}()
	return began, func() {
		cancel()
		if err := <-ended; err != nil && !errors.Is(err, context.Canceled) {
			t.Errorf("lead: %v", err)
		}
	}
}

func testLead(t *testing.T, f Fixture) {
	first, endFirst := lead(t, f, func() { t.Error("the first had to wait") })
	one := <-first
	told := make(chan struct{}, 2)
	second, endSecond := lead(t, f, func() { told <- struct{}{} })
	defer endSecond()
	<-told
	_, endThird := lead(t, f, func() {})
	endThird() // who gives up leaves no trace
	select {
	case <-second:
		t.Fatal("two lead at once")
	default:
	}
	endFirst()
	if two := <-second; two <= one || one < 1 {
		t.Errorf("term %d follows term %d", two, one)
	}
	if len(told) > 0 {
		t.Error("told twice to wait")
	}
}

func testLateWrites(t *testing.T, f Fixture) {
	evs := f.Append(base, Attempt(1, 4, base)...)
	_, ref := create(t, f, dispatcher.Position{})
	began, end := lead(t, f, func() {})
	old := <-began
	end()
	began, end = lead(t, f, func() {})
	defer end()
	term := <-began
	settlement := dispatcher.Settlement{Term: old, At: base, Cursors: []dispatcher.Cursor{{Ref: ref, Settled: pos(evs[1])}},
		Park: []dispatcher.Parked{{Ref: ref, Position: pos(evs[0]), Lane: "attempt/1", Tries: 1, NextAt: base}}}
	for i := range 40 { // as many as go another way than a few
		settlement.Tries = append(settlement.Tries, dispatcher.Try{DomainID: 1, EndpointID: ref.EndpointID, Seq: 1, Number: i + 1,
			EventType: "attempt.joined", Outcome: dispatcher.OutcomeDelivered, State: dispatcher.StateDelivered, StartedAt: base})
	}
	few := settlement
	few.Tries = settlement.Tries[:1]
	for what, err := range map[string]error{
		"claim":        f.Store.Claim(t.Context(), old, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[3])}}),
		"settle a few": f.Store.Settle(t.Context(), few),
		"settle many":  f.Store.Settle(t.Context(), settlement),
	} {
		if !errors.Is(err, dispatcher.ErrSuperseded) {
			t.Errorf("%s: %v, want ErrSuperseded", what, err)
		}
	}
	if b := backlog(t, f, ref); b.Claimed.Seq != 0 || b.Settled.Seq != 0 || len(b.Parked) != 0 || len(f.Tries(ref)) != 0 {
		t.Errorf("the old term left something: %+v", b)
	}
	ok(t, f.Store.Claim(t.Context(), term, []dispatcher.Claim{{Ref: ref, Upto: pos(evs[3])}}))
	settlement.Term = term
	ok(t, f.Store.Settle(t.Context(), settlement))
	settlement.Term = 0 // of no term: a test event
	settlement.Tries[0].StartedAt = base.Add(time.Second)
	ok(t, f.Store.Settle(t.Context(), settlement))
	same(t, "tries", len(f.Tries(ref)), 41)
}
