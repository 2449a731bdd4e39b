package store_test

import (
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// The place of a number is found in a log with batches larger than what is read,
// with days of silence, and of which retention has taken the beginning.
func TestAnEndpointFromANumber(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	const first, last = 501, 9000
	// Up to 4000 one a second, the next 3000 at one instant, the others days later
	// every 7 ms, three at a time.
	const fill = `
INSERT INTO events (domain_id, recorded_at, seq, id, type, at, subject_kind, subject_id, data)
SELECT 1, CASE WHEN g <= 4000 THEN $1::timestamptz + g * interval '1 s' WHEN g <= 7000 THEN $1 + interval '2 h'
               ELSE $1 + interval '9 days' + g / 3 * interval '7 ms' END, g, gen_random_uuid(), 'endpoint.created', $1, 'endpoint', 'ep', '{}'
FROM generate_series($2::bigint, $3::bigint) AS g`
	if _, err := pool.Exec(ctx, fill, t0, first, last); err != nil {
		t.Fatal(err)
	}
	at := func(seq int64) (recorded time.Time) {
		fatal(t, pool.QueryRow(ctx, `SELECT recorded_at FROM events WHERE domain_id = 1 AND seq = $1`, seq).Scan(&recorded))
		return recorded
	}
	for _, seq := range []int64{0, 500, 501, 502, 1499, 1500, 2750, 3999, 4000, 4001, 5500, 6999, 7000, 7001, 7002, 7003, 8123, 8999, 9000, 9001, 1e15} {
		ep := dispatchertest.Endpoint("https://a.example/")
		if _, err := pool.Exec(ctx, `DELETE FROM events WHERE seq < $1`, first); err != nil { // that the last one was created
			t.Fatal(err)
		}
		fatal(t, d.CreateEndpoint(ctx, ep, store.From{AfterSeq: &seq}, store.By{At: ep.CreatedAt}))
		want := dispatcher.Position{RecordedAt: time.Unix(0, 0)}
		if seq >= first {
			want.Seq = min(seq, last)
			want.RecordedAt = at(want.Seq)
		}
		b, err := d.Backlog(ctx, dispatcher.Ref{DomainID: 1, EndpointID: ep.ID})
		fatal(t, err)
		if b.Settled.Seq != want.Seq || !b.Settled.RecordedAt.Equal(want.RecordedAt) {
			t.Errorf("from %d: begins behind %v, want %v", seq, b.Settled, want)
		}
	}
}
