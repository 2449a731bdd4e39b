package main

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

const eventsEach = 8

// TestOrderUnderFire delivers many attempts of eight events each over three
// replicas, one of which is killed twice, to receivers that answer 500 to every
// fifth request. No event comes before one of its attempt that was not accepted
// yet, unless it says that it overtakes it.
func TestOrderUnderFire(t *testing.T) {
	t.Parallel()
	rnd := crashRandom(t)
	site := newCrashSite(t, rnd, false)
	key := adminKey(t, site.replicas[0].env)
	server := startServer(t, append(site.replicas[0].env, "OFFHOOK_LISTEN=127.0.0.1:0"), "--role", "api")
	rest := newRESTClient("http://"+server.address, key)
	// One endpoint a queue, so that each replica delivers a third.
	var subscribers []*subscriber
	var queues []queue.QueueRef
	for i := range 3 {
		q := queue.QueueRef{ID: openQueue(t, rest, fmt.Sprint("queue ", i)), Name: fmt.Sprint("queue ", i), Type: queue.Inbound}
		s := subscribe(t, rest, 0.20, map[string]any{"queues": []int64{q.ID}, "order_wait": 10})
		s.wants = func(ev *queue.Event) bool { return ev.Queue != nil && ev.Queue.ID == q.ID }
		queues, subscribers = append(queues, q), append(subscribers, s)
	}
	server.stop()
	in := newInspector(t, site.url)
	fillLog(t, in.st, rnd, queues)

	began := time.Now()
	site.up()
	arrived := func() (n int) {
		for _, s := range subscribers {
			n += s.snapshot().Accepted
		}
		return n
	}
	total := *orderSize * eventsEach
	victim := rnd.IntN(3)
	for _, share := range []int{10, 40} {
		eventually(t, fmt.Sprintf("%d %% have arrived", share), 3*time.Minute, func() bool { return arrived() >= total*share/100 })
		site.kill(victim)
		site.rest(0, time.Second)
		site.up()
	}
	found := findings{lost: in.settle(subscribers, 5*time.Minute)}
	site.standing()
	requests := 0
	for _, s := range subscribers {
		f, _ := in.judge(s)
		found.unrecorded += f.unrecorded
		found.misordered += f.misordered
		requests += s.snapshot().Requests
	}
	took := time.Since(began)
	t.Logf("%d requests in %v", requests, took.Round(time.Second))
	verdicts = append(verdicts, fmt.Sprintf("order attempts=%d events=%d requests=%d kills=2 %v", *orderSize, total, requests, found))
}

// fillLog puts attempts on the log, their events mixed as those of many callers
// are, and each attempt's in order.
func fillLog(t *testing.T, st *store.Store, rnd *rand.Rand, queues []queue.QueueRef) {
	t.Helper()
	const together = 100
	id := int64(1_000_000)
	for left := *orderSize; left > 0; left -= together {
		var open [][]queue.Event
		for range min(left, together) {
			id++
			evs := dispatchertest.Attempt(id, eventsEach, time.Now().UTC().Truncate(time.Millisecond))
			for i := range evs {
				evs[i].Queue = &queues[id%int64(len(queues))]
			}
			open = append(open, evs)
		}
		var mixed []queue.Event
		for len(open) > 0 {
			i := rnd.IntN(len(open))
			mixed = append(mixed, open[i][0])
			if open[i] = open[i][1:]; len(open[i]) == 0 {
				open = append(open[:i], open[i+1:]...)
			}
		}
		appendToLog(t, st, mixed)
	}
}

// appendToLog commits events as a desk does.
func appendToLog(t *testing.T, st *store.Store, events []queue.Event) {
	t.Helper()
	have, err := st.Head(t.Context(), firstDomain)
	if err != nil {
		t.Fatal(err)
	}
	at := time.Now().UTC().Truncate(time.Millisecond)
	err = st.DeskLog(firstDomain).Update(t.Context(), have, func(snap desk.Snapshot) (desk.Batch, error) {
		head := snap.Head
		for i := range events {
			head.Seq++
			events[i].Seq, events[i].RecordedAt = head.Seq, at
		}
		head.RecordedAt = at
		head.Version++
		return desk.Batch{Head: head, Events: events}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
