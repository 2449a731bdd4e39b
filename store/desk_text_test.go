package store_test

import (
	"bytes"
	"fmt"
	"math"
	"testing"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestOddTextsAndNumbers: whatever the engine lets in is stored and rendered
// again as it was, whichever way it goes into the log.
func TestOddTextsAndNumbers(t *testing.T) {
	t.Parallel()
	for name, bulk := range map[string]int{"inserted": 1, "copied": 40} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pool := storetest.New(t)
			r := newReplica(t, pool)
			r.must(at(0), centre()...)
			sales := r.engine.QueueByName("sales").ID
			odd := "caf\u00e9 \t\n ok \\u0041 \\\\ \u2028 \U0001F4DE"
			var cmds []queue.Command
			for i := range bulk {
				cmds = append(cmds,
					queue.SetAgentStatus{AgentRef: fmt.Sprint("SIP/", i), AgentName: odd, Status: queue.StatusOnline, Reason: odd},
					queue.Join{
						QueueID: sales, Destination: ptr("\\u0000"), AttemptSeq: math.MaxInt64, Priority: math.MinInt64,
						MemberID: ptr(int64(math.MaxInt64)), Variables: map[string]string{"\\": "\\\\u0000"},
					})
			}
			r.must(at(1), cmds...)
			back, err := store.New(pool).EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
			if err != nil || len(back) < 2*bulk || len(back) != len(r.events) {
				t.Fatalf("read %d events, %v", len(back), err)
			}
			for i := range back {
				fresh, read := r.events[i].AppendJSON(nil), back[i].AppendJSON(nil)
				if !bytes.Equal(fresh, read) {
					t.Fatalf("event %d changed:\n fresh %s\n back  %s", i+1, fresh, read)
				}
			}

			same(t, r.engine, newReplica(t, pool).engine)
		})
	}
}
