package store_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

func finished(domain int64, task, key string) queue.Notice {
	return queue.Notice{DomainID: domain, Type: queue.EventTaskFinished, Key: key,
		Subject: queue.Subject{Kind: queue.SubjectTask, ID: task},
		Data:    queue.TaskData{TaskID: task, Kind: "test", State: "done", Done: 3}}
}

func appendIn(t testing.TB, pool *pgxpool.Pool, at time.Time, notices ...queue.Notice) error {
	return pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return store.AppendNotices(t.Context(), tx, at, notices...)
	})
}

// wholeLog reads the log of a domain.
func wholeLog(t testing.TB, pool *pgxpool.Pool, domain int64) []queue.Event {
	t.Helper()
	events, err := store.New(pool).EventsAfter(t.Context(), domain, dispatcher.Position{}, 10_000)
	fatal(t, err)
	return events
}

func types(events []queue.Event) (out []string) {
	for _, ev := range events {
		out = append(out, string(ev.Type))
	}
	return out
}

func TestNoticesAreOnTheLogOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	other, err := store.New(pool).CreateDomain(t.Context(), "other", store.By{At: time.Now()})
	fatal(t, err)
	appendEvents(t, pool, at(10), dispatchertest.Attempt(1, 3, at(0))...)
	notices := []queue.Notice{finished(other.ID, "task_1", ""), finished(1, "task_2", ""), finished(1, "task_2", "again")}
	for range 2 {
		// The clock of this one is behind the log, whose time never falls.
		fatal(t, appendIn(t, pool, at(5), notices...))
	}
	mine, theirs := wholeLog(t, pool, 1), wholeLog(t, pool, other.ID)
	if len(mine) != 5 || len(theirs) != 1 {
		t.Fatalf("%d and %d events, want 5 and 1", len(mine), len(theirs))
	}
	last := mine[4]
	if last.Seq != 5 || !last.RecordedAt.Equal(at(10)) || !last.At.Equal(at(5)) || last.Subject.ID != "task_2" || last.ID == mine[3].ID {
		t.Errorf("the last notice: %+v", last)
	}
	want := `{"task_id":"task_2","kind":"test","state":"done","done":3,"total":null,"error":null}`
	if string(last.Data) != want {
		t.Errorf("data is %s", last.Data)
	}
	// What is taken back was never there.
	undone := errors.New("undone")
	err = pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		return errors.Join(store.AppendNotices(t.Context(), tx, at(20), finished(1, "task_3", "")), undone)
	})
	if !errors.Is(err, undone) || len(wholeLog(t, pool, 1)) != 5 {
		t.Errorf("after a rollback: %v, %d events", err, len(wholeLog(t, pool, 1)))
	}
	if err := appendIn(t, pool, at(20), finished(99, "task_4", "")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a domain that is not there: %v", err)
	}
}

// Desks and notices write to one log at once: its numbers stay without gaps, its
// time does not fall, and a desk steps on.
func TestNoticesBesideADesk(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	hints := make(chan struct{}, 100)
	ctx, cancel := context.WithCancel(t.Context())
	var listening sync.WaitGroup
	listening.Go(func() {
		_ = store.New(pool).Listen(ctx, store.Hints{Log: func() { hints <- struct{}{} }, Endpoints: func() {}})
	})
	defer listening.Wait()
	defer cancel()
	<-hints // connected
	var writers sync.WaitGroup
	for w := range 4 {
		writers.Go(func() {
			for i := range 10 {
				if err := appendIn(t, pool, at(100), finished(1, fmt.Sprint("task_", w), fmt.Sprint(i))); err != nil {
					t.Error(err)
				}
			}
		})
	}
	sales := r.engine.QueueByName("sales").ID
	for i := range 20 {
		r.must(at(100), queue.Join{QueueID: sales, Destination: ptr(fmt.Sprint("+49", i))})
	}
	writers.Wait()
	<-hints // somebody was told
	log := wholeLog(t, pool, 1)
	for i := range log {
		if log[i].Seq != int64(i)+1 || i > 0 && log[i].RecordedAt.Before(log[i-1].RecordedAt) {
			t.Fatalf("event %d has the number %d and was recorded at %v after %v", i+1, log[i].Seq, log[i].RecordedAt, log[i-1].RecordedAt)
		}
	}
	if n := len(slices.DeleteFunc(log, func(ev queue.Event) bool { return ev.Type != queue.EventTaskFinished })); n != 40 {
		t.Errorf("%d notices on the log, want 40", n)
	}
	same(t, r.engine, newReplica(t, pool).engine)
}

func TestChangesOfEndpointsAreTold(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	d := newDelivery(t, pool)
	ep := dispatchertest.Endpoint("https://crm.example:8443/hook?token=hush")
	ep.Description = "CRM"
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	fatal(t, d.CreateEndpoint(t.Context(), ep, store.From{}, store.By{At: at(0)}))
	saved, err := d.Endpoint(t.Context(), 1, ep.ID)
	fatal(t, err)
	saved.Description = "the CRM"
	fatal(t, d.UpdateEndpoint(t.Context(), saved, store.By{At: at(1)}))
	if err := d.UpdateEndpoint(t.Context(), saved, store.By{At: at(2)}); !errors.Is(err, store.ErrEndpointChanged) {
		t.Errorf("an old version is saved: %v", err)
	}
	fatal(t, d.SetEndpointEnabled(t.Context(), ref, true, store.By{At: at(3)})) // it is: nothing to tell
	fatal(t, d.SetEndpointEnabled(t.Context(), ref, false, store.By{At: at(4)}))
	fatal(t, d.SetEndpointEnabled(t.Context(), ref, true, store.By{At: at(5)}))
	fatal(t, d.DeleteEndpoint(t.Context(), ref, store.By{At: at(6)}))
	log := wholeLog(t, pool, 1)
	if d := cmp.Diff([]string{"endpoint.created", "endpoint.updated", "endpoint.disabled", "endpoint.enabled", "endpoint.deleted"}, types(log)); d != "" {
		t.Fatalf("what is told (-want +got):\n%s", d)
	}
	for i, want := range []string{
		`"description":"CRM","host":"crm.example:8443","reason":null,`, `"description":"the CRM",`, `"reason":"manual",`, `"reason":null,`, `"description":"the CRM",`,
	} {
		if !strings.Contains(string(log[i].Data), want) || strings.Contains(string(log[i].Data), "hush") || log[i].Subject.ID != ep.ID {
			t.Errorf("event %d says %s, want %s", i+1, log[i].Data, want)
		}
		if m, err := saved.Matcher(); err != nil || m.Wants(&log[i]) {
			t.Errorf("the endpoint gets %s about itself", log[i].Type)
		}
	}
}
