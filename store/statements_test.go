package store_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestStatementsAreCounted(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	before := s.Statements()
	for range 5 {
		if _, err := s.Head(t.Context(), 1); err != nil {
			t.Fatal(err)
		}
	}
	if n := s.Statements() - before; n != 5 {
		t.Errorf("%d statements were counted, want 5", n)
	}
}

// A reader who keeps a snapshot shows; we ourselves do not.
func TestOldestSnapshot(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	if n, age, err := s.OldestSnapshot(t.Context()); err != nil || n != 0 || age != 0 {
		t.Errorf("nobody reads: %d transactions, %v (%v)", n, age, err)
	}
	tx, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	fatal(t, err)
	defer tx.Rollback(t.Context())
	var one int
	fatal(t, tx.QueryRow(t.Context(), `SELECT 1`).Scan(&one))
	for range 3 {
		if _, err := s.CreateDomain(t.Context(), "d"+string(rune('a'+one)), store.By{At: at(5)}); err != nil {
			t.Fatal(err)
		}
		one++
	}
	if n, age, err := s.OldestSnapshot(t.Context()); err != nil || n < 3 || age <= 0 {
		t.Errorf("a reader holds a snapshot over three commits: %d transactions, %v (%v)", n, age, err)
	}
}
