package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// A pooler in front of Postgres may force the simple protocol on us, in which
// every value comes as text.
func TestEventsAreReadTheSameInTextAndInBinary(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	at := time.Date(2026, 11, 3, 10, 0, 0, 123_000_000, time.UTC)
	var log []queue.Event
	for i := range int64(3) {
		log = append(log, dispatchertest.Attempt(i+1, 6, at)...)
	}
	notice := queue.Event{Type: queue.EventEndpointCreated, DomainID: 1, ID: queue.UUID{7}, At: at,
		Subject: &queue.Subject{Kind: "endpoint", ID: "ep_1"}, Data: []byte(`{"a": 1}`)}
	written := appendEvents(t, pool, at, append(log, notice)...)
	cfg := pool.Config()
	cfg.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeSimpleProtocol
	simple, err := pgxpool.NewWithConfig(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(simple.Close)
	for name, p := range map[string]*pgxpool.Pool{"binary": pool, "text": simple} {
		read, err := store.New(p).EventsAfter(t.Context(), 1, dispatcher.Position{}, 100)
		if err != nil {
			t.Fatal(name, err)
		}
		if d := cmp.Diff(written, read); d != "" {
			t.Errorf("%s (-written +read):\n%s", name, d)
		}
	}
}
