package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestRewrapLetsAnOldKeyGo: interrupted and repeated, after it the old key is
// needed no more, and nothing that anybody sees has changed.
func TestRewrapLetsAnOldKeyGo(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	older, newer := store.NewKeyRingText("old"), store.NewKeyRingText("new")
	with := func(ring string) *store.Delivery {
		r, err := store.ParseKeyRing(ring)
		fatal(t, err)
		return store.NewDelivery(store.New(pool), r)
	}
	before := with(older)
	var want []dispatcher.Endpoint
	for i := range 250 { // more than a page
		ep := dispatchertest.Endpoint(fmt.Sprintf("https://%d.example/", i))
		if i%5 == 0 {
			ep.Headers = http.Header{"Authorization": {fmt.Sprint("Bearer ", i)}}
			ep.Secrets = append(ep.Secrets, dispatcher.Secret{Key: dispatcher.NewKey(dispatcher.SignatureEd25519)})
		}
		fatal(t, before.CreateEndpoint(ctx, ep, store.From{}, store.By{At: ep.CreatedAt}))
		want = append(want, ep)
	}
	both := with(newer + "," + older)
	// Interrupted after its first page.
	limited, cancel := context.WithCancel(ctx)
	part, err := both.Rewrap(limited, func(seen, total int64) {
		if seen != 200 || total != 350 {
			t.Errorf("after a page: %d of %d", seen, total)
		}
		cancel()
	})
	if !errors.Is(err, context.Canceled) || part.Done != 200 {
		t.Fatalf("interrupted: %+v, %v", part, err)
	}
	var steps [][2]int64
	rest, err := both.Rewrap(ctx, func(seen, total int64) { steps = append(steps, [2]int64{seen, total}) })
	fatal(t, err)
	if rest.Done != 150 || len(rest.Lost) != 0 {
		t.Errorf("the rest: %+v", rest)
	}
	if diff := cmp.Diff([][2]int64{{100, 150}, {150, 150}}, steps); diff != "" {
		t.Errorf("progress: %s", diff)
	}
	if again, err := both.Rewrap(ctx, func(int64, int64) {}); err != nil || again.Done != 0 {
		t.Errorf("a third time: %+v, %v", again, err)
	}
	got, err := with(newer).Endpoints(ctx, 1, "", 1000)
	fatal(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("without the old key: %s", diff)
	}
	if _, err := with(older).Endpoint(ctx, 1, want[0].ID); err == nil {
		t.Error("the old key still opens something")
	}
}

func TestRewrapLeavesWhatItCannotOpen(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	with := func(ring string) *store.Delivery {
		r, err := store.ParseKeyRing(ring)
		fatal(t, err)
		return store.NewDelivery(store.New(pool), r)
	}
	lost, old, newest := store.NewKeyRingText("lost"), store.NewKeyRingText("old"), store.NewKeyRingText("new")
	a, b := dispatchertest.Endpoint("https://a.example/"), dispatchertest.Endpoint("https://b.example/")
	a.Headers = http.Header{"X-A": {"1"}}
	fatal(t, with(lost).CreateEndpoint(ctx, a, store.From{}, store.By{At: t0}))
	fatal(t, with(old).CreateEndpoint(ctx, b, store.From{}, store.By{At: t0}))
	done, err := with(newest+","+old).Rewrap(ctx, func(int64, int64) {})
	fatal(t, err)
	if diff := cmp.Diff(store.Rewrapped{Done: 1, Lost: map[string]int64{"lost": 2}}, done); diff != "" {
		t.Errorf("rewrapped: %s", diff)
	}
	if got, err := with(lost).Endpoint(ctx, 1, a.ID); err != nil || got.Headers.Get("X-A") != "1" {
		t.Errorf("what could not be opened has changed: %v", err)
	}
	if _, err := with(newest).Endpoint(ctx, 1, b.ID); err != nil {
		t.Errorf("what could: %v", err)
	}
}
