package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"
	"github.com/pressly/goose/v3"

	"github.com/offhook/offhook/migrations"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// Who was made an analyst before there were figures reads them after the
// migration, also when an administrator gave the rights by hand.
func TestARoleMadeBeforeReadsTheFigures(t *testing.T) {
	t.Parallel()
	pool, err := store.Open(t.Context(), store.Config{URL: storetest.Empty(t)})
	fatal(t, err)
	defer pool.Close()
	db := stdlib.OpenDBFromPool(pool)
	defer db.Close()
	provider, err := goose.NewProvider(goose.DialectPostgres, db, migrations.FS)
	fatal(t, err)
	_, err = provider.UpTo(t.Context(), 16)
	fatal(t, err)
	role := fmt.Sprintf("before_%d", time.Now().UnixNano())
	for _, sql := range []string{
		"CREATE ROLE " + role + " LOGIN", "GRANT USAGE ON SCHEMA analyst TO " + role, "GRANT SELECT ON ALL TABLES IN SCHEMA analyst TO " + role,
	} {
		_, err := pool.Exec(t.Context(), sql)
		fatal(t, err)
	}
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), "DROP OWNED BY "+role)
		_, _ = pool.Exec(context.Background(), "DROP ROLE "+role)
	})
	fatal(t, store.Migrate(t.Context(), pool))
	conn, err := pgx.Connect(t.Context(), loginAs(t, pool, role))
	fatal(t, err)
	defer conn.Close(t.Context())
	for _, sql := range readsFigures {
		if _, err := conn.Exec(t.Context(), sql); err != nil {
			t.Errorf("%s: %v", sql, err)
		}
	}
	for range 2 { // back and forth again
		_, err = provider.DownTo(t.Context(), 16)
		fatal(t, err)
		fatal(t, store.Migrate(t.Context(), pool))
	}
}

// readsFigures is what an analyst may do beside reading tables.
var readsFigures = []string{
	`SELECT * FROM analyst.queue_intervals`,
	`SELECT * FROM analyst.agent_intervals`,
	`SELECT * FROM analyst.agent_intervals(now() - interval '1 day', now(), 'total')`,
	`SELECT * FROM analyst.queue_intervals(now() - interval '1 day', now(), '15m', 'Europe/Berlin', threshold => '30 s')`,
	`SELECT analyst.ms(interval '1 s'), analyst.ratio(1, 2)`,
	`SELECT * FROM analyst.intervals(now() - interval '1 day', now(), 'total', 'UTC')`,
}

// Every view, every column and every function has a comment.
func TestEveryFigureHasItsFormula(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	rows, err := pool.Query(t.Context(), `
SELECT c.relname || '.' || a.attname FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
WHERE c.relnamespace = 'analyst'::regnamespace AND a.attnum > 0
  AND coalesce(col_description(c.oid, a.attnum), '') = ''
UNION ALL
SELECT c.relname FROM pg_class AS c WHERE c.relnamespace = 'analyst'::regnamespace AND coalesce(obj_description(c.oid, 'pg_class'), '') = ''
UNION ALL
SELECT p.proname FROM pg_proc AS p WHERE p.pronamespace = 'analyst'::regnamespace AND coalesce(obj_description(p.oid, 'pg_proc'), '') = ''`)
	fatal(t, err)
	bare, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fatal(t, err)
	for _, name := range bare {
		t.Errorf("analyst.%s has no comment", name)
	}
}

// The days of a zone in which the clocks change have 23 and 25 hours; whoever
// asks for an interval that there is not is told which there are.
func TestIntervals(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	for _, c := range []struct {
		zone, since, until, grain string
		rows                      int
		longest                   string
	}{
		{"Europe/Berlin", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", "1h", 23, "01:00:00"},
		{"Europe/Berlin", "2025-03-29T23:00:00Z", "2025-03-30T22:00:00Z", "1d", 1, "23:00:00"},
		{"Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", "15m", 100, "00:15:00"},
		{"Europe/Berlin", "2025-10-25T22:00:00Z", "2025-10-26T23:00:00Z", "1d", 1, "1 day 01:00:00"},
		{"Europe/Berlin", "2025-10-25T22:30:00Z", "2025-10-26T23:30:00Z", "1d", 2, "1 day 00:30:00"},
		{"Asia/Kathmandu", "2025-10-25T00:00:00Z", "2025-10-25T02:00:00Z", "1h", 3, "01:00:00"}, // the hour begins at :15
		{"UTC", "2025-01-01T00:00:00Z", "2025-01-01T00:00:00Z", "total", 0, ""},
		{"UTC", "2025-01-01T00:00:00Z", "2025-03-01T00:00:00Z", "total", 1, "59 days"},
	} {
		var rows int
		var longest, whole *string
		err := pool.QueryRow(t.Context(), `SELECT count(*), max(interval_end - interval_start)::text, sum(interval_end - interval_start)::text
			FROM analyst.intervals($1::text::timestamptz, $2::text::timestamptz, $3, $4)`, c.since, c.until, c.grain, c.zone).Scan(&rows, &longest, &whole)
		fatal(t, err)
		if got := valueOf(longest); rows != c.rows || got != c.longest {
			t.Errorf("%+v: %d rows, the longest %s, together %s", c, rows, got, valueOf(whole))
		}
	}
	_, err := pool.Exec(t.Context(), `SELECT * FROM analyst.intervals(now() - interval '1 day', now(), 'week', 'UTC')`)
	if err == nil || !strings.Contains(err.Error(), `there is no interval "week"`) {
		t.Errorf("an interval that there is not: %v", err)
	}
	var future int
	fatal(t, pool.QueryRow(t.Context(), `SELECT count(*) FROM analyst.intervals(now() + interval '1 day', now() + interval '2 days', '1h', 'UTC')`).Scan(&future))
	if future != 0 {
		t.Errorf("%d intervals of tomorrow are known", future)
	}
}

func valueOf(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
