package store_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestKeys(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	key, secret, err := s.CreateKey(t.Context(), 1, store.RoleOperator, "switch", store.By{At: at})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(secret, "ohk_") || len(secret) != 44 || !strings.HasPrefix(secret, key.Prefix) || len(key.Prefix) != 8 {
		t.Errorf("secret %q, prefix %q", secret, key.Prefix)
	}
	found, err := s.LookupKey(t.Context(), store.HashKey(secret))
	if err != nil || found != key {
		t.Errorf("looked up %+v, %v, want %+v", found, err, key)
	}
	if _, err := s.LookupKey(t.Context(), store.HashKey(secret+"x")); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another secret: %v", err)
	}
	var leaked int
	if err := pool.QueryRow(t.Context(), `SELECT count(*) FROM api_keys k WHERE k::text LIKE '%' || $1 || '%'`, secret[8:]).Scan(&leaked); err != nil || leaked != 0 {
		t.Errorf("the secret is in the table: %d, %v", leaked, err)
	}

	if err := s.RevokeKey(t.Context(), 2, key.ID, store.By{At: at}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("another domain revoked the key: %v", err)
	}
	if err := s.RevokeKey(t.Context(), 1, key.ID, store.By{At: at.Add(time.Hour)}); err != nil {
		t.Fatal(err)
	}
	if err := s.RevokeKey(t.Context(), 1, key.ID, store.By{At: at.Add(time.Hour)}); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("revoked twice: %v", err)
	}
	if _, err := s.LookupKey(t.Context(), store.HashKey(secret)); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a revoked key is found: %v", err)
	}
	keys, err := s.Keys(t.Context(), 1)
	if err != nil || len(keys) != 1 || !keys[0].RevokedAt.Equal(at.Add(time.Hour)) {
		t.Errorf("keys: %+v, %v", keys, err)
	}
}

func TestCreateKeyRefuses(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	for name, create := range map[string]func() error{
		"role": func() error {
			_, _, err := s.CreateKey(t.Context(), 1, "king", "x", store.By{At: time.Now()})
			return err
		},
		"name": func() error {
			_, _, err := s.CreateKey(t.Context(), 1, store.RoleAdmin, "", store.By{At: time.Now()})
			return err
		},
		"domain": func() error {
			_, _, err := s.CreateKey(t.Context(), 77, store.RoleAdmin, "x", store.By{At: time.Now()})
			return err
		},
	} {
		if create() == nil {
			t.Errorf("a key with a bad %s was made", name)
		}
	}
}

func TestRoleIncludes(t *testing.T) {
	t.Parallel()
	for i, r := range store.Roles {
		for j, other := range store.Roles {
			if r.Includes(other) != (i <= j) {
				t.Errorf("%s includes %s: %v", r, other, r.Includes(other))
			}
		}
	}
	if store.Role("").Includes("") || store.Role("king").Includes(store.RoleAnalyst) || store.RoleAdmin.Includes("king") != true {
		t.Error("an unknown role may do nothing, and an admin everything")
	}
}
