package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// sampleBatch is what n commands write in the mean: an attempt that is joined,
// offered, bridged and left in four commands.
func sampleBatch(head desk.Head, n int, now time.Time) desk.Batch {
	b := desk.Batch{Head: head}
	b.Head.Version++
	b.Head.RecordedAt = now
	agent := queue.AgentRef{ID: 5, Name: "Ann Example", UserID: ptr(int64(6)), Extension: ptr("101")}
	types := []queue.EventType{queue.EventJoined, queue.EventOffering, queue.EventBridged, queue.EventLeaving}
	for range n {
		b.Head.Seq++
		id, k := (b.Head.Seq-1)/4+1, (b.Head.Seq-1)%4
		q := &queue.QueueRef{ID: 3, Name: "sales", Type: queue.Inbound}
		variables := map[string]string{"campaign": "spring", "language": "de", "tariff": "premium"}
		ev := queue.Event{
			Seq: b.Head.Seq, RecordedAt: now, ID: queue.UUID{15: byte(k)}, Type: types[k], DomainID: 1, At: now,
			Sequence: int(k) + 1, Queue: q, AttemptID: id, Variables: variables,
			Listed: &queue.Listed{
				Channel: queue.ChannelCall, AttemptID: id, Destination: ptr("+4930123456"), UseProcessing: true,
				MemberChannelID: ptr("7f1c2a34-5b6d-5e8f-9a0b-1c2d3e4f5a6b"), AgentName: &agent.Name, AgentID: &agent.ID,
				UserID: agent.UserID, AgentExtension: agent.Extension, MemberName: ptr("Erika Mustermann"), AttemptSeq: 1,
				BillSec: ptr(int64(20)), Duration: ptr(int64(22)),
			},
			Ext: &queue.Ext{State: queue.StateOffering, JoinedAt: now, DialAt: now, MemberAnsweredAt: now, OfferingAt: now, OfferNo: 1, WaitSec: 3},
		}
		for i := range 8 {
			ev.ID[i] = byte(uint64(b.Head.Seq) * 0x9E3779B97F4A7C15 >> (8 * i))
		}
		a := &queue.Attempt{
			ID: id, Queue: *q, Distribution: queue.DistributionEngine, State: queue.StateOffering, Sequence: int(k) + 1, LastAt: now,
			Destination: ev.Listed.Destination, UseProcessing: true, MemberName: ev.Listed.MemberName,
			MemberChannelID: ev.Listed.MemberChannelID, AttemptSeq: 1, Variables: variables, JoinedAt: now, DialAt: now,
			MemberAnsweredAt: now, OfferingAt: now, OfferNo: 1, WaitUntil: now.Add(time.Hour),
			Offers: []queue.Offer{{No: 1, Agent: agent, Channel: "0d9d7ff6-3f0c-5c5c-8a6b-54c1a2b3d4e5", At: now, Deadline: now}},
		}
		if k == 3 {
			ev.Listed.Result, a.State, a.Result, a.LeavingAt = queue.ResultSuccess, queue.StateLeaving, queue.ResultSuccess, now
		}
		b.Events = append(b.Events, ev)
		if last := len(b.Changed) - 1; last >= 0 && b.Changed[last].(*queue.Attempt).ID == id {
			b.Changed[last] = a
		} else {
			b.Changed = append(b.Changed, a)
		}
	}
	return b
}

// BenchmarkUpdate writes batches of so many events; divide by the events a
// second for the time of one batch.
func BenchmarkUpdate(b *testing.B) {
	for _, n := range []int{1, 4, 16, 64, 256, 1000} {
		b.Run(fmt.Sprintf("events=%d", n), func(b *testing.B) {
			pool := storetest.New(b)
			s := store.New(pool)
			if err := s.EnsurePartitions(b.Context(), t0, 30); err != nil {
				b.Fatal(err)
			}
			log := s.DeskLog(1)
			head, now := desk.Head{}, t0
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				now = now.Add(time.Millisecond)
				err := log.Update(b.Context(), head, func(snap desk.Snapshot) (desk.Batch, error) {
					batch := sampleBatch(snap.Head, n, now)
					head = batch.Head
					return batch, nil
				})
				if err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkEventsAfter reads a log of 50,000 events in pages of 1,000, and its
// end, as the dispatcher does.
func BenchmarkEventsAfter(b *testing.B) {
	pool := storetest.New(b)
	s := store.New(pool)
	if err := s.EnsurePartitions(b.Context(), t0, 30); err != nil {
		b.Fatal(err)
	}
	log := s.DeskLog(1)
	head, now := desk.Head{}, t0
	for range 50 {
		now = now.Add(time.Millisecond)
		err := log.Update(b.Context(), head, func(snap desk.Snapshot) (desk.Batch, error) {
			batch := sampleBatch(snap.Head, 1000, now)
			head = batch.Head
			return batch, nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.Run("pages", func(b *testing.B) {
		b.ReportAllocs()
		read, pos := 0, dispatcher.Position{}
		for b.Loop() {
			page, err := s.EventsAfter(b.Context(), 1, pos, 1000)
			if err != nil {
				b.Fatal(err)
			}
			if len(page) == 0 {
				pos = dispatcher.Position{}
				continue
			}
			read += len(page)
			pos = dispatcher.Position{RecordedAt: page[len(page)-1].RecordedAt, Seq: page[len(page)-1].Seq}
		}
		b.ReportMetric(float64(read)/b.Elapsed().Seconds(), "events/s")
	})
	b.Run("end", func(b *testing.B) {
		end := dispatcher.Position{RecordedAt: head.RecordedAt, Seq: head.Seq}
		for b.Loop() {
			if page, err := s.EventsAfter(b.Context(), 1, end, 1000); err != nil || len(page) != 0 {
				b.Fatal(len(page), err)
			}
		}
	})
}
