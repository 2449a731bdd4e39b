package store_test

import (
	"context"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

const queriesPage = "../docs/analysts.md"

var (
	worked = regexp.MustCompile("(?s)```sql\n(.*?)```\n(\n```text\n.*?```\n)?")
	// macros are what Grafana puts in.
	macros = strings.NewReplacer("$__timeFrom()", "'2024-03-04 08:00Z'", "$__timeTo()", "'2024-03-04 09:00Z'")
)

// TestQueriesPage runs every query of docs/analysts.md as an analyst would, on
// ten minutes of the demo's centre, and holds the results to those of the page.
func TestQueriesPage(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	playDemo(t, pool)
	role := fmt.Sprintf("reporting_%d", time.Now().UnixNano())
	fatal(t, store.GrantAnalyst(t.Context(), pool, role))
	t.Cleanup(func() {
		_, _ = pool.Exec(context.Background(), "DROP OWNED BY "+role)
		_, _ = pool.Exec(context.Background(), "DROP ROLE "+role)
	})
	conn, err := pgx.Connect(t.Context(), loginAs(t, pool, role))
	fatal(t, err)
	defer conn.Close(t.Context())
	_, err = conn.Exec(t.Context(), "SET TimeZone = 'Europe/Berlin'")
	fatal(t, err)
	page, err := os.ReadFile(queriesPage)
	fatal(t, err)
	queries := 0
	want := worked.ReplaceAllStringFunc(string(page), func(block string) string {
		parts := worked.FindStringSubmatch(block)
		queries++
		table, rows, err := answerOf(t.Context(), conn, macros.Replace(parts[1]))
		if err != nil {
			t.Errorf("%v in\n%s", err, parts[1])
			return block
		}
		if parts[2] == "" { // about now, which is never the same
			if strings.Contains(parts[1], "$__") && rows == 0 {
				t.Errorf("no rows from\n%s", parts[1])
			}
			return block
		}
		if rows == 0 {
			t.Errorf("no rows from\n%s", parts[1])
		}
		return "```sql\n" + parts[1] + "```\n\n```text\n" + table + "```\n"
	})
	if queries < 10 {
		t.Errorf("the page has %d queries", queries)
	}
	sameText(t, queriesPage, want)
}

// answerOf runs a query and draws its rows as psql would.
func answerOf(ctx context.Context, conn *pgx.Conn, sql string) (table string, rows int, err error) {
	results, err := conn.PgConn().Exec(ctx, sql).ReadAll()
	if err != nil {
		return "", 0, err
	}
	r := results[len(results)-1]
	var lines [][]string
	var head []string
	for _, f := range r.FieldDescriptions {
		head = append(head, f.Name)
	}
	lines = append(lines, head)
	widths := make([]int, len(head))
	for _, row := range r.Rows {
		var cells []string
		for _, v := range row {
			cells = append(cells, string(v))
		}
		lines = append(lines, cells)
	}
	for _, cells := range lines {
		for i, c := range cells {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for n, cells := range lines {
		var line strings.Builder
		for i, c := range cells {
			fmt.Fprintf(&line, " %-*s |", widths[i], c)
		}
		b.WriteString(strings.TrimRight(strings.TrimSuffix(line.String(), "|"), " ") + "\n")
		if n == 0 {
			for i, w := range widths {
				b.WriteString(strings.Repeat("-", w+2) + map[bool]string{true: "+", false: "\n"}[i < len(widths)-1])
			}
		}
	}
	return b.String(), len(r.Rows), nil
}
