package store_test

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// loginAs returns the address of a test's database for another role.
func loginAs(t *testing.T, pool *pgxpool.Pool, role string) string {
	t.Helper()
	u, err := url.Parse(pool.Config().ConnString())
	fatal(t, err)
	u.User = url.User(role)
	return u.String()
}

// The role reads every view, and nothing else: no table, no secret, no change.
func TestTheAnalystRoleReadsViewsOnly(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	r := newReplica(t, pool)
	busyDay(r)
	role := fmt.Sprintf("analyst_%d", time.Now().UnixNano())
	for range 2 { // again: brought up to date
		fatal(t, store.GrantAnalyst(t.Context(), pool, role))
	}
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), "DROP OWNED BY "+role)
		_, _ = pool.Exec(context.Background(), "DROP ROLE "+role)
	})
	conn, err := pgx.Connect(t.Context(), loginAs(t, pool, role))
	fatal(t, err)
	defer conn.Close(t.Context())
	var n int
	for view, least := range map[string]int{"queue_events": 5, "attempts": 1, "agents": 1, "queues": 1, "tries": 0} {
		if err := conn.QueryRow(t.Context(), `SELECT count(*) FROM `+view).Scan(&n); err != nil || n < least {
			t.Errorf("%s has %d rows (%v)", view, n, err)
		}
	}
	for _, sql := range readsFigures {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	rows, err := pool.Query(t.Context(), `SELECT c.oid::regclass::text FROM pg_class c JOIN pg_namespace s ON s.oid = c.relnamespace
		WHERE s.nspname = 'public' AND c.relkind IN ('r', 'p', 'v', 'S')`)
	fatal(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fatal(t, err)
	for _, table := range tables {
		if _, err := conn.Exec(t.Context(), `SELECT * FROM public.`+strings.TrimPrefix(table, "public.")+` LIMIT 1`); err == nil {
			t.Errorf("the role reads %s", table)
		}
	}
	if _, err := conn.Exec(t.Context(), `SET default_transaction_read_only = off; CREATE TABLE analyst.x ()`); err == nil {
		t.Error("the role makes tables")
	}
	for setting, want := range map[string]string{"statement_timeout": "5min", "idle_in_transaction_session_timeout": "1min"} {
		var got string
		if err := conn.QueryRow(t.Context(), `SHOW `+setting).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %q (%v), want %s", setting, got, err, want)
		}
	}
}

// An account that may not make roles is told so, and nothing is half done.
func TestWhoMayNotMakeAnAnalyst(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	owner := fmt.Sprintf("plain_%d", time.Now().UnixNano())
	if _, err := pool.Exec(t.Context(), "CREATE ROLE "+owner+" LOGIN"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = pool.Exec(context.Background(), "DROP ROLE "+owner) })
	plain, err := pgxpool.New(t.Context(), loginAs(t, pool, owner))
	fatal(t, err)
	defer plain.Close()
	if err := store.GrantAnalyst(t.Context(), plain, "analyst_x"); !errors.Is(err, store.ErrMayNotGrant) {
		t.Errorf("an account without CREATEROLE: %v", err)
	}
	for _, name := range []string{"", "Robert", "x; DROP TABLE events", strings.Repeat("x", 64)} {
		if err := store.GrantAnalyst(t.Context(), pool, name); err == nil || errors.Is(err, store.ErrMayNotGrant) {
			t.Errorf("a role called %q: %v", name, err)
		}
	}
}
