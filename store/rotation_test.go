package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestRotateSecret(t *testing.T) {
	t.Parallel()
	ctx, pool := t.Context(), storetest.New(t)
	d := newDelivery(t, pool)
	ep := dispatchertest.Endpoint("https://a.example/")
	fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: t0}))
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	read := func() dispatcher.Endpoint {
		t.Helper()
		got, err := d.Endpoint(ctx, 1, ep.ID)
		fatal(t, err)
		return got
	}
	rotate := func(key string, grace time.Duration, at time.Time) {
		t.Helper()
		before := read().UpdatedAt
		fatal(t, d.RotateSecret(ctx, ref, store.Rotation{Key: key, Grace: grace}, store.By{At: at}))
		if !read().UpdatedAt.After(before) {
			t.Error("a worker would not notice the rotation")
		}
	}
	second, third, last := dispatcher.NewKey(dispatcher.SignatureEd25519), dispatcher.NewSecret(), dispatcher.NewSecret()
	hour := t0.Add(time.Hour)
	rotate(second, time.Hour, t0)
	rotate(third, 2*time.Hour, t0.Add(time.Minute)) // the first does not live longer for it
	if diff := cmp.Diff([]dispatcher.Secret{
		{Key: third}, {Key: second, Until: t0.Add(2*time.Hour + time.Minute)}, {Key: ep.Secrets[0].Key, Until: hour},
	}, read().Secrets); diff != "" {
		t.Errorf("during the grace: %s", diff)
	}
	if n, err := d.DropSecrets(ctx, hour.Add(-1)); n != 0 || err != nil {
		t.Errorf("dropped %d before the end (%v)", n, err)
	}
	if n, err := d.DropSecrets(ctx, hour); n != 1 || err != nil {
		t.Errorf("dropped %d at the end (%v)", n, err)
	}
	rotate(last, 0, hour)
	if diff := cmp.Diff([]dispatcher.Secret{{Key: last}}, read().Secrets); diff != "" {
		t.Errorf("without a grace: %s", diff)
	}
	events, err := d.Events(ctx, 1, dispatcher.Position{}, 100)
	fatal(t, err)
	told := 0
	for _, ev := range events {
		if ev.Type == queue.EventEndpointSecretRotated && ev.Subject.ID == ep.ID {
			told++
		}
	}
	if told != 3 {
		t.Errorf("the log tells of %d rotations, want 3", told)
	}
	if err := d.RotateSecret(ctx, dispatcher.Ref{DomainID: 2, EndpointID: ep.ID}, store.Rotation{Key: last}, store.By{At: hour}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another domain rotates: %v", err)
	}
}

func TestRotationsAreBounded(t *testing.T) {
	t.Parallel()
	ctx, d := t.Context(), newDelivery(t, storetest.New(t))
	ep := dispatchertest.Endpoint("https://a.example/")
	fatal(t, d.CreateEndpoint(ctx, ep, store.From{}, store.By{At: t0}))
	ref := dispatcher.Ref{DomainID: 1, EndpointID: ep.ID}
	rotation := func(grace time.Duration) store.Rotation {
		return store.Rotation{Key: dispatcher.NewSecret(), Grace: grace}
	}
	for range 4 {
		fatal(t, d.RotateSecret(ctx, ref, rotation(time.Hour), store.By{At: t0}))
	}
	if err := d.RotateSecret(ctx, ref, rotation(time.Hour), store.By{At: t0}); !errors.Is(err, store.ErrManySecrets) {
		t.Errorf("a sixth secret: %v", err)
	}
	fatal(t, d.RotateSecret(ctx, ref, rotation(time.Hour), store.By{At: t0.Add(time.Hour)})) // the old ones are over
	fatal(t, d.RotateSecret(ctx, ref, rotation(0), store.By{At: t0}))
	if got, err := d.Endpoint(ctx, 1, ep.ID); err != nil || len(got.Secrets) != 1 {
		t.Errorf("after a rotation without grace: %d secrets (%v)", len(got.Secrets), err)
	}
}
