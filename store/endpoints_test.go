package store_test

import (
	"bytes"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func fatal(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestEndpointsAreKept(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), newDelivery(t, storetest.New(t))
	var all []dispatcher.Endpoint
	for _, url := range []string{"https://a.example/", "https://b.example/", "https://c.example/"} {
		ep := dispatchertest.Endpoint(url)
		ep.Headers = http.Header{"Authorization": {"Bearer x"}}
		fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: ep.CreatedAt}))
		all = append(all, ep)
	}
	got, err := d.Endpoint(ctx, 1, all[1].ID)
	fatal(t, err)
	if diff := cmp.Diff(all[1], got); diff != "" {
		t.Errorf("read back: %s", diff)
	}
	page, err := d.Endpoints(ctx, 1, "", 2)
	fatal(t, err)
	rest, err := d.Endpoints(ctx, 1, page[len(page)-1].ID, 2)
	fatal(t, err)
	if diff := cmp.Diff(all, append(page, rest...)); diff != "" {
		t.Errorf("pages: %s", diff)
	}
	for _, id := range []string{"ep_0", all[0].ID[3:], "ep_" + all[0].ID[3:10], "EP_" + all[0].ID[3:], dispatcher.NewEndpointID(), ""} {
		if _, err := d.Endpoint(ctx, 1, id); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("endpoint %q: %v, want ErrNotFound", id, err)
		}
	}
	if _, err := d.Endpoint(ctx, 2, all[0].ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another domain reads it: %v", err)
	}
	fatal(t, d.DeleteEndpoint(ctx, dispatcher.Ref{DomainID: 1, EndpointID: all[0].ID}, store.By{At: time.Now()}))
	if err := d.DeleteEndpoint(ctx, dispatcher.Ref{DomainID: 1, EndpointID: all[0].ID}, store.By{At: time.Now()}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("deleting it again: %v", err)
	}
}

func TestSecretsAreSealed(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	ring := func(texts ...string) *store.Delivery {
		text := texts[0]
		for _, more := range texts[1:] {
			text += "," + more
		}
		r, err := store.ParseKeyRing(text)
		fatal(t, err)
		return store.NewDelivery(store.New(pool), r)
	}
	older, newer := store.NewKeyRingText("old"), store.NewKeyRingText("new")
	ep := dispatchertest.Endpoint("https://a.example/")
	ep.Secrets = append(ep.Secrets, dispatcher.Secret{Key: dispatcher.NewKey(dispatcher.SignatureEd25519)})
	ep.Headers = http.Header{"Authorization": {"Bearer x"}}
	fatal(t, ring(older).CreateEndpoint(ctx, ep, store.From{}, store.By{At: ep.CreatedAt}))

	got, err := ring(newer, older).Endpoint(ctx, 1, ep.ID) // the older key still opens
	fatal(t, err)
	if diff := cmp.Diff(ep.Secrets, got.Secrets); diff != "" {
		t.Errorf("secrets, newest first: %s", diff)
	}
	lost := ring(newer)
	if _, err := lost.Endpoint(ctx, 1, ep.ID); err == nil {
		t.Error("a ring without the key opens the secret")
	}
	active, err := lost.Active(ctx) // one endpoint that cannot be served does not stop the others
	fatal(t, err)
	if len(active) != 1 || active[0].Endpoint.Secrets != nil {
		t.Errorf("active without the key: %+v", active)
	}
	listed, err := lost.Endpoints(ctx, 1, "", 10) // nor does it hide them, or itself
	fatal(t, err)
	if len(listed) != 1 || listed[0].URL != ep.URL || listed[0].Secrets != nil || listed[0].Headers != nil {
		t.Errorf("listed without the key: %+v", listed)
	}
	stored := appendEvents(t, pool, ep.CreatedAt, dispatchertest.Event(1, 1, queue.EventJoined, ep.CreatedAt))
	told, err := lost.DeliveriesOfEvents(ctx, 1, stored)
	fatal(t, err)
	if len(told[0]) != 1 || told[0][0].State != dispatcher.StatePending {
		t.Errorf("deliveries without the key: %+v", told)
	}
	var sealed []byte
	fatal(t, pool.QueryRow(ctx, `SELECT string_agg(s.sealed, '') || string_agg(e.headers, '')
		FROM endpoint_secrets s, endpoints e`).Scan(&sealed))
	for _, plain := range []string{ep.Secrets[0].Key, ep.Secrets[1].Key, "Bearer", "Authorization"} {
		if bytes.Contains(sealed, []byte(plain)) || bytes.Contains(sealed, []byte(plain[len(plain)/2:])) {
			t.Errorf("%q can be read in the database", plain)
		}
	}
	// A sealed value that was moved to another endpoint does not open there.
	other := dispatchertest.Endpoint("https://b.example/")
	fatal(t, ring(older).CreateEndpoint(ctx, other, store.From{}, store.By{At: other.CreatedAt}))
	_, err = pool.Exec(ctx, `UPDATE endpoint_secrets SET sealed = (SELECT sealed FROM endpoint_secrets WHERE endpoint_id = $1 LIMIT 1)
		WHERE endpoint_id = $2`, ep.ID[3:], other.ID[3:])
	fatal(t, err)
	if _, err := ring(older).Endpoint(ctx, 1, other.ID); err == nil {
		t.Error("a secret that was moved opens")
	}
}

func TestWhereANewEndpointStarts(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	// begin returns how many of the attempts' events the endpoint is not owed:
	// each endpoint's creation is on the log, too.
	begin := func(from store.From) (n int) {
		ep := dispatchertest.Endpoint("https://a.example/")
		fatal(t, d.CreateEndpoint(ctx, ep, from, store.By{At: ep.CreatedAt}))
		b, err := d.Backlog(ctx, dispatcher.Ref{DomainID: 1, EndpointID: ep.ID})
		fatal(t, err)
		if b.Settled != b.Claimed {
			t.Errorf("%+v: settled %v, claimed %v", from, b.Settled, b.Claimed)
		}
		for _, ev := range wholeLog(t, pool, 1) {
			if ev.Sequence > 0 && ev.Seq <= b.Settled.Seq {
				n++
			}
		}
		return n
	}
	if n := begin(store.From{}); n != 0 {
		t.Errorf("the head of an empty log is behind %d events", n)
	}
	stored := appendEvents(t, pool, t0, dispatchertest.Attempt(1, 3, t0)...)
	appendEvents(t, pool, t0.Add(time.Minute), dispatchertest.Attempt(2, 2, t0)...)
	for name, tc := range map[string]struct {
		from store.From
		want int
	}{
		"the head":              {store.From{}, 5},
		"the beginning":         {store.From{AfterSeq: ptr(int64(0))}, 0},
		"a number":              {store.From{AfterSeq: &stored[1].Seq}, 2},
		"a number to come":      {store.From{AfterSeq: ptr(int64(99))}, 5},
		"an instant":            {store.From{Instant: t0.Add(time.Second)}, 3},
		"the instant of events": {store.From{Instant: t0.Add(time.Minute)}, 3},
		"before everything":     {store.From{Instant: t0.Add(-time.Hour)}, 0},
		"after everything":      {store.From{Instant: t0.Add(time.Hour)}, 5},
	} {
		if n := begin(tc.from); n != tc.want {
			t.Errorf("%s: starts behind %d events, want %d", name, n, tc.want)
		}
	}
}

func TestChangingAnEndpoint(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), newDelivery(t, storetest.New(t))
	ep := dispatchertest.Endpoint("https://a.example/")
	fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: ep.CreatedAt}))
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	read := func() dispatcher.Endpoint {
		got, err := d.Endpoint(ctx, 1, ep.ID)
		fatal(t, err)
		return got
	}
	pause := func() {
		fatal(t, d.Settle(ctx, dispatcher.Settlement{At: t0, Healths: []dispatcher.HealthOf{{Ref: ref, Version: read().UpdatedAt,
			Health: dispatcher.Health{PausedUntil: t0.Add(time.Hour), PausedReason: dispatcher.OutcomeBlocked, Openings: 2,
				FailingSince: t0, Told: 1, LastSuccess: t0}}}}))
	}
	pause()
	first := read()
	second := first
	second.Description, second.Events = "CRM", []queue.EventType{queue.EventLeaving}
	fatal(t, d.UpdateEndpoint(ctx, second, store.By{At: first.UpdatedAt})) // a clock that stands still
	got := read()
	if got.Description != "CRM" || !got.UpdatedAt.After(first.UpdatedAt) || got.PausedUntil.IsZero() {
		t.Errorf("after a change: %+v", got)
	}
	if err := d.UpdateEndpoint(ctx, first, store.By{At: t0}); !errors.Is(err, store.ErrEndpointChanged) {
		t.Errorf("saving an old version: %v", err)
	}
	moved := got
	moved.URL = "https://b.example/"
	fatal(t, d.UpdateEndpoint(ctx, moved, store.By{At: t0}))
	if got = read(); got.Health != (dispatcher.Health{LastSuccess: t0}) || got.URL != moved.URL || len(got.Secrets) != 1 {
		t.Errorf("another URL ends the pause: %+v", got)
	}

	pause()
	fatal(t, d.SetEndpointEnabled(ctx, ref, false, store.By{At: t0}))
	if got = read(); !got.Disabled || got.DisabledReason != dispatcher.DisabledManual {
		t.Errorf("disabled by hand: %+v", got)
	}
	fatal(t, d.SetEndpointEnabled(ctx, ref, true, store.By{At: t0}))
	if got = read(); got.Disabled || got.DisabledReason != "" || got.Health != (dispatcher.Health{LastSuccess: t0}) {
		t.Errorf("enabled again: %+v", got)
	}
	gone := dispatcher.Ref{DomainID: 1, EndpointID: dispatcher.NewEndpointID()}
	ep.ID = gone.EndpointID
	if err := d.UpdateEndpoint(ctx, ep, store.By{At: t0}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("changing none: %v", err)
	}
	if err := d.SetEndpointEnabled(ctx, gone, true, store.By{At: t0}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("enabling none: %v", err)
	}
}

// told is a log of two attempts, and an endpoint for which every state occurs.
func told(t *testing.T, pool *pgxpool.Pool, d *store.Delivery) ([]queue.Event, dispatcher.Ref) {
	t.Helper()
	evs := appendEvents(t, pool, t0, dispatchertest.Attempt(1, 6, t0)...)
	ep := dispatchertest.Endpoint("https://a.example/")
	createAt(t, d, ep, dispatcher.Position{})
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	at := func(i int) dispatcher.Position {
		return dispatcher.Position{RecordedAt: evs[i].RecordedAt, Seq: evs[i].Seq}
	}
	try := func(i, number int, o dispatcher.Outcome, s dispatcher.State) dispatcher.Try {
		return dispatcher.Try{DomainID: 1, EndpointID: ep.ID, Seq: evs[i].Seq, EventID: evs[i].ID, EventType: evs[i].Type,
			AttemptID: 1, Number: number, Outcome: o, State: s, StartedAt: t0.Add(time.Duration(i*10+number) * time.Second)}
	}
	test := try(0, 1, dispatcher.OutcomeDelivered, dispatcher.StateDelivered)
	test.Seq, test.EventType, test.StartedAt = 0, dispatcher.EventTest, t0.Add(time.Hour)
	fatal(t, d.Settle(t.Context(), dispatcher.Settlement{At: t0,
		Tries: []dispatcher.Try{
			try(0, 1, dispatcher.OutcomeReset, dispatcher.StateRetrying),
			try(0, 2, dispatcher.OutcomeDelivered, dispatcher.StateDelivered),
			try(1, 1, dispatcher.OutcomeRejected, dispatcher.StateExhausted),
			try(2, 1, dispatcher.OutcomeTimeout, dispatcher.StateRetrying), test,
		},
		Park: []dispatcher.Parked{
			{Ref: ref, Position: at(2), Lane: "attempt/1", Tries: 1, NextAt: t0.Add(time.Minute)},
			{Ref: ref, Position: at(3), Lane: "attempt/1"},
		},
		Cursors: []dispatcher.Cursor{{Ref: ref, Settled: at(4)}}, // event 5 was filtered out
	}))
	return evs, ref
}

func TestDeliveriesOfEvents(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	evs, ref := told(t, pool, d)
	narrow := dispatchertest.Endpoint("https://b.example/")
	narrow.Queues = []int64{99}
	createAt(t, d, narrow, dispatcher.Position{})
	got, err := d.DeliveriesOfEvents(ctx, 1, evs)
	fatal(t, err)
	want := []struct {
		state dispatcher.State
		tries int
	}{
		{dispatcher.StateDelivered, 2}, {dispatcher.StateExhausted, 1}, {dispatcher.StateRetrying, 1},
		{dispatcher.StateHeld, 0}, {"", 0}, {dispatcher.StatePending, 0},
	}
	for i, w := range want {
		if w.state == "" {
			if len(got[i]) != 0 {
				t.Errorf("event %d was filtered out, but: %+v", i+1, got[i])
			}
			continue
		}
		if len(got[i]) != 1 || got[i][0].State != w.state || len(got[i][0].Tries) != w.tries || got[i][0].EndpointID != ref.EndpointID {
			t.Errorf("event %d: %+v, want %s after %d tries", i+1, got[i], w.state, w.tries)
		}
	}
	if next := got[2][0].NextAt; !next.Equal(t0.Add(time.Minute)) {
		t.Errorf("next try at %s", next)
	}
	// The tries of an endpoint outlive it.
	fatal(t, d.DeleteEndpoint(ctx, ref, store.By{At: time.Now()}))
	got, err = d.DeliveriesOfEvents(ctx, 1, evs)
	fatal(t, err)
	if len(got[0]) != 1 || got[0][0].State != dispatcher.StateDelivered || len(got[3]) != 0 {
		t.Errorf("after the deletion: %+v", got)
	}
}

func TestTriesAreListedNewestFirst(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	_, ref := told(t, pool, d)
	seqs := func(f store.TryFilter) (out []int64) {
		if f.Limit == 0 {
			f.Limit = 10
		}
		tries, err := d.Tries(ctx, ref, f)
		fatal(t, err)
		for _, tr := range tries {
			out = append(out, tr.Seq*10+int64(tr.Number))
		}
		return out
	}
	for name, tc := range map[string]struct {
		filter store.TryFilter
		want   []int64
	}{
		"all":      {store.TryFilter{}, []int64{1, 31, 21, 12, 11}},
		"outcome":  {store.TryFilter{Outcome: dispatcher.OutcomeReset}, []int64{11}},
		"type":     {store.TryFilter{Type: queue.EventJoined}, []int64{12, 11}},
		"since":    {store.TryFilter{Since: t0.Add(11 * time.Second)}, []int64{1, 31, 21}},
		"until":    {store.TryFilter{Until: t0.Add(11 * time.Second)}, []int64{12, 11}},
		"together": {store.TryFilter{Since: t0.Add(2 * time.Second), Until: t0.Add(20 * time.Second)}, []int64{21, 12}},
	} {
		if diff := cmp.Diff(tc.want, seqs(tc.filter)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
	var paged []int64
	f := store.TryFilter{Limit: 2}
	for {
		tries, err := d.Tries(ctx, ref, f)
		fatal(t, err)
		if len(tries) == 0 {
			break
		}
		for _, tr := range tries {
			paged = append(paged, tr.Seq*10+int64(tr.Number))
		}
		f.Before = store.CursorOf(tries[len(tries)-1])
	}
	if diff := cmp.Diff([]int64{1, 31, 21, 12, 11}, paged); diff != "" {
		t.Errorf("pages: %s", diff)
	}
}
