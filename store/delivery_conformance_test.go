package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// newDelivery returns the delivery side of a database under a fresh key ring.
func newDelivery(t testing.TB, pool *pgxpool.Pool) *store.Delivery {
	t.Helper()
	ring, err := store.ParseKeyRing(store.NewKeyRingText("test"))
	if err != nil {
		t.Fatal(err)
	}
	return store.NewDelivery(store.New(pool), ring)
}

// appendEvents puts events on the log of domain 1 as a desk would, and returns
// them as they are there.
func appendEvents(t testing.TB, pool *pgxpool.Pool, at time.Time, events ...queue.Event) []queue.Event {
	t.Helper()
	s := store.New(pool)
	have, err := s.Head(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	events = append([]queue.Event(nil), events...)
	err = s.DeskLog(1).Update(t.Context(), have, func(snap desk.Snapshot) (desk.Batch, error) {
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
	return events
}

func TestDeliveryConforms(t *testing.T) {
	t.Parallel()
	dispatchertest.Run(t, func(t *testing.T) dispatchertest.Fixture {
		pool := storetest.New(t)
		d := newDelivery(t, pool)
		return dispatchertest.Fixture{
			Store: d,
			Append: func(at time.Time, events ...queue.Event) []queue.Event {
				return appendEvents(t, pool, at, events...)
			},
			Create: func(ep dispatcher.Endpoint, after dispatcher.Position) { createAt(t, d, ep, after) },
			Delete: func(ref dispatcher.Ref) {
				if err := d.DeleteEndpoint(t.Context(), ref, store.By{At: time.Now()}); err != nil {
					t.Fatal(err)
				}
			},
			Recover: func(ref dispatcher.Ref, at time.Time, events ...queue.Event) { putUp(t, pool, ref, at, events) },
			Tries: func(ref dispatcher.Ref) []dispatcher.Try {
				tries, err := d.Tries(t.Context(), ref, store.TryFilter{Limit: 100_000})
				if err != nil {
					t.Fatal(err)
				}
				return tries
			},
		}
	})
}

// putUp puts events into parked as a recovery does, without its task.
func putUp(t testing.TB, pool *pgxpool.Pool, ref dispatcher.Ref, at time.Time, events []queue.Event) {
	t.Helper()
	for i := range events {
		ev := &events[i]
		_, err := pool.Exec(t.Context(), `
WITH told AS (UPDATE endpoint_cursors SET recoveries = recoveries + 1 WHERE domain_id = 1 AND endpoint_id = $1)
INSERT INTO parked (domain_id, endpoint_id, seq, recorded_at, lane, tries, next_at, held_since, sequence, recovered_at)
VALUES (1, $1, $2, $3, $4, 0, $5, $5, $6, $5)`,
			strings.TrimPrefix(ref.EndpointID, "ep_"), ev.Seq, ev.RecordedAt, dispatcher.LaneOf(dispatcher.OrderPerAttempt, ev), at, ev.Sequence)
		fatal(t, err)
	}
}

// createAt creates an endpoint whose cursor stands at a position.
func createAt(t testing.TB, d *store.Delivery, ep dispatcher.Endpoint, after dispatcher.Position) {
	t.Helper()
	if err := d.CreateEndpoint(t.Context(), ep, store.From{AfterSeq: &after.Seq}, store.By{At: ep.CreatedAt}); err != nil {
		t.Fatal(err)
	}
}
