package store_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/store/storetest"
)

var update = flag.Bool("update", false, "write the pages for analysts anew")

const schemaPage = "../docs/analyst-schema.md"

const aboutSchema = `# The schema analyst

What people and tools may read, as the database describes it to them: every view of the schema ` + "`analyst`" + `, with its columns, their types
and, of figures, their formulas. This page is made from the comments in the database; a test holds the two together.
[analysts.md](analysts.md) says how to connect and what to ask.

A time is a ` + "`timestamp with time zone`" + `, a duration milliseconds unless its name says otherwise, a share a number between 0 and 1. A figure that would divide by nothing is null.

`

// TestSchemaPage holds docs/analyst-schema.md to the database.
func TestSchemaPage(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	var page strings.Builder
	page.WriteString(aboutSchema)
	for _, view := range texts(t, pool, `SELECT c.relname::text FROM pg_class AS c WHERE c.relnamespace = 'analyst'::regnamespace
		ORDER BY position(c.relname::text IN 'queue_intervals agent_intervals attempts queue_events agent_states open_attempts rejections queues agents list_progress tries')`) {
		about := texts(t, pool, `SELECT obj_description(('analyst.' || $1::text)::regclass, 'pg_class')`, view)[0]
		fmt.Fprintf(&page, "## %s\n\n%s.\n\n| column | type | what it is |\n|---|---|---|\n", view, strings.ToUpper(about[:1])+about[1:])
		for _, line := range texts(t, pool, `SELECT format('| `+"`%s`"+` | %s | %s |', a.attname, format_type(a.atttypid, a.atttypmod), coalesce(col_description(a.attrelid, a.attnum), ''))
			FROM pg_attribute AS a WHERE a.attrelid = ('analyst.' || $1::text)::regclass AND a.attnum > 0 ORDER BY a.attnum`, view) {
			page.WriteString(line + "\n")
		}
		page.WriteString("\n")
	}
	page.WriteString("## Functions\n\n| function | what it gives |\n|---|---|\n")
	for _, line := range texts(t, pool, `SELECT format('| `+"`%s(%s)`"+` | %s |', p.proname, pg_get_function_arguments(p.oid), obj_description(p.oid, 'pg_proc'))
		FROM pg_proc AS p WHERE p.pronamespace = 'analyst'::regnamespace ORDER BY p.proname`) {
		if table := strings.Index(line, ", OUT "); table >= 0 {
			end := strings.Index(line, ")` |")
			line = line[:table] + line[end:]
		}
		page.WriteString(castTo.ReplaceAllString(line, "") + "\n")
	}
	sameText(t, schemaPage, page.String())
}

// castTo is how Postgres writes the types of defaults, which nobody needs twice.
var castTo = regexp.MustCompile(`::(text|interval|bigint)`)

// texts reads one column of texts.
func texts(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) []string {
	t.Helper()
	rows, err := pool.Query(t.Context(), sql, args...)
	fatal(t, err)
	all, err := pgx.CollectRows(rows, pgx.RowTo[string])
	fatal(t, err)
	return all
}

// sameText compares a page with what it should be, or, with -update, writes it.
func sameText(t *testing.T, path, want string) {
	t.Helper()
	if *update {
		fatal(t, os.WriteFile(path, []byte(want), 0o644))
		return
	}
	have, err := os.ReadFile(path)
	fatal(t, err)
	if string(have) == want {
		return
	}
	is, wanted := strings.Split(string(have), "\n"), strings.Split(want, "\n")
	for i := range min(len(is), len(wanted)) {
		if is[i] != wanted[i] {
			t.Fatalf("%s, line %d, is out of date; go test ./store -run Page -update writes it anew\n is   %s\n want %s", path, i+1, is[i], wanted[i])
		}
	}
	t.Fatalf("%s has %d lines, want %d; go test ./store -run Page -update writes it anew", path, len(is), len(wanted))
}
