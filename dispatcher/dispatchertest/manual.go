package dispatchertest

import (
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// testAnswered: a manual try is written as unknown before it is sent, and then
// is what came of it. It never makes an event done that is still owed.
func testAnswered(t *testing.T, f Fixture) {
	ev := f.Append(base, Attempt(1, 1, base)...)[0]
	_, ref := create(t, f, dispatcher.Position{})
	ok(t, f.Store.Claim(t.Context(), 0, []dispatcher.Claim{{Ref: ref, Upto: pos(ev)}}))
	lost := dispatcher.Try{
		DomainID: 1, EndpointID: ref.EndpointID, Seq: ev.Seq, EventID: ev.ID, EventType: ev.Type, AttemptID: ev.AttemptID,
		Number: 1, Manual: true, Outcome: dispatcher.OutcomeUnknown, State: dispatcher.StateExhausted, StartedAt: base,
	}
	ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{Tries: []dispatcher.Try{lost}, At: base}))
	same(t, "before the answer", f.Tries(ref), []dispatcher.Try{lost})
	answered := lost
	answered.Outcome, answered.State, answered.Status = dispatcher.OutcomeDelivered, dispatcher.StateDelivered, 200
	answered.Body, answered.Duration, answered.FirstByte = []byte("ok"), 3*time.Millisecond, 2*time.Millisecond
	for range 2 { // repeated: a commit whose answer was lost
		ok(t, f.Store.Settle(t.Context(), dispatcher.Settlement{Answered: []dispatcher.Try{answered}, At: base}))
	}
	same(t, "after the answer", f.Tries(ref), []dispatcher.Try{answered})
	b, err := f.Store.Backlog(t.Context(), ref)
	ok(t, err)
	same(t, "done", b.Done, []int64(nil))
}
