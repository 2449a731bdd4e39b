package store_test

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// TestMigrateByManyAtOnce: replicas that start together on an empty database
// all find it migrated, and doing it again changes nothing.
func TestMigrateByManyAtOnce(t *testing.T) {
	t.Parallel()
	address := storetest.Empty(t)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			pool, err := store.Open(context.Background(), store.Config{URL: address, MaxConns: 4})
			if err != nil {
				t.Error(err)
				return
			}
			defer pool.Close()
			if err := store.Migrate(context.Background(), pool); err != nil {
				t.Error(err)
			}
			if _, err := store.New(pool).Head(context.Background(), 1); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestEachInstallationHasItsOwnNamespace(t *testing.T) {
	t.Parallel()
	seen := map[queue.UUID]bool{}
	for range 2 {
		address := storetest.Empty(t)
		pool, err := store.Open(t.Context(), store.Config{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(pool.Close)
		if err := store.Migrate(t.Context(), pool); err != nil {
			t.Fatal(err)
		}
		snap, err := store.New(pool).DeskLog(1).Load(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if snap.Domain.ID != 1 || snap.Domain.Namespace == (queue.UUID{}) || seen[snap.Domain.Namespace] {
			t.Errorf("domain %+v, seen before: %v", snap.Domain, seen)
		}
		seen[snap.Domain.Namespace] = true
	}
}

func TestOpenNeverShowsThePassword(t *testing.T) {
	t.Parallel()
	for _, address := range []string{
		"postgres://user:hunter2@127.0.0.1:1/none?connect_timeout=2",
		"postgres://user:hunter2@127.0.0.1:none/none",
		"host=/nowhere user=user password=hunter2 dbname=none",
	} {
		pool, err := store.Open(t.Context(), store.Config{URL: address})
		if err == nil {
			pool.Close()
			t.Fatalf("%s was opened", address)
		}
		if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("the password is in %q", err)
		}
	}
}
