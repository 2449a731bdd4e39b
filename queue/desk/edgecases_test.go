package desk_test

import (
	"context"
	"io"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/desk/desktest"
)

// TestEdgeCase21RestartClosesNothing (engine.md B.10): attempts go on with their
// stored states and deadlines. What was due while the desk was down is carried out
// when it is back, what is due later then.
func TestEdgeCase21RestartClosesNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := desktest.NewMemory()
		d, stop := running(log)
		q, number := salesQueue(t, d), "+12025550101" // max_wait 60 s
		agent := mustDo(t, d, queue.SaveAgent{Agent: queue.Agent{Name: "Anna", Queues: []int64{q}}}).Changed[0].(*queue.Agent).ID
		mustDo(t, d, queue.SetAgentStatus{AgentID: agent, Status: queue.StatusOnline})
		talking := mustDo(t, d, queue.Join{QueueID: q, Destination: &number}).Attempt.ID
		mustDo(t, d, queue.Accept{AttemptID: talking, AgentID: agent, Bridged: true})
		mustDo(t, d, queue.Join{QueueID: q, Destination: &number}) // waits for at most 60 s
		begin := time.Now()
		time.Sleep(20 * time.Second)
		mustDo(t, d, queue.Close{AttemptID: talking}) // processing until 50 s
		stop()
		time.Sleep(10 * time.Second)
		d, stop = running(log)
		if got := mustDo(t, d, queue.Renew{AttemptID: talking}).Attempt; got.State != queue.StateProcessing {
			t.Errorf("after the restart it is %s", got.State)
		}
		stop()
		time.Sleep(35 * time.Second) // 65 s: the waiting has ended meanwhile
		if n := len(log.Left()); n != 0 {
			t.Errorf("%d have left while nobody was there", n)
		}
		_, stop = running(log)
		defer stop()
		synctest.Wait()
		left := log.Left()
		if len(left) != 1 || left[0].ResultReason != queue.ReasonMaxWait || left[0].LeavingAt.Sub(begin) != 65*time.Second {
			t.Fatalf("left after the second restart: %+v", left)
		}
		time.Sleep(16 * time.Second) // 81 s: the renewed processing ends at 80
		synctest.Wait()
		if left = log.Left(); len(left) != 2 || left[1].ResultReason != queue.ReasonProcessingTimeout || left[1].LeavingAt.Sub(begin) != 80*time.Second {
			t.Errorf("the processing ended %+v", left[len(left)-1])
		}
	})
}

// TestEdgeCase22ClockGoesBack (engine.md B.10): no event happens, and none is
// recorded, before the one in front of it.
func TestEdgeCase22ClockGoesBack(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	var mu sync.Mutex
	now := time.Date(2026, 8, 22, 10, 0, 0, 0, time.UTC)
	clock := func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		now = now.Add(-time.Second) // it runs backwards
		return now
	}
	d := desk.New(log, desk.Config{Now: clock, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run(ctx) })
	defer wg.Wait()
	defer cancel()
	q, number := salesQueue(t, d), "+12025550101"
	for range 5 {
		id := mustDo(t, d, queue.Join{QueueID: q, Destination: &number}).Attempt.ID
		mustDo(t, d, queue.Cancel{AttemptID: id})
	}
	var last queue.Event
	for _, ev := range log.Events() {
		if ev.At.Before(last.At) || ev.RecordedAt.Before(last.RecordedAt) {
			t.Errorf("%s at %v comes after %s at %v", ev.Type, ev.At, last.Type, last.At)
		}
		last = ev
	}
	if len(log.Events()) < 10 {
		t.Errorf("%d events", len(log.Events()))
	}
}
