package store_test

import (
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// The answers of REST describe each figure in the words of the database.
func TestFiguresAreDescribedOnce(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	for view, row := range map[string]reflect.Type{
		"queue_intervals": reflect.TypeFor[store.QueueFigures](), "agent_intervals": reflect.TypeFor[store.AgentFigures](),
	} {
		rows, err := pool.Query(t.Context(), `SELECT attname::text, col_description(attrelid, attnum) FROM pg_attribute
			WHERE attrelid = ('analyst.' || $1::text)::regclass AND attnum > 0`, view)
		fatal(t, err)
		comments := map[string]string{}
		var name, comment string
		_, err = pgx.ForEachRow(rows, []any{&name, &comment}, func() error {
			comments[name] = comment
			return nil
		})
		fatal(t, err)
		for i := range row.NumField() {
			f := row.Field(i)
			name := f.Tag.Get("json")
			if name == "-" {
				continue
			}
			if f.Tag.Get("doc") != comments[name] {
				t.Errorf("%s.%s: the column says %q, the field %q", view, name, comments[name], f.Tag.Get("doc"))
			}
			delete(comments, name)
		}
		for name := range comments {
			if !strings.HasSuffix(name, "_id") && !strings.HasSuffix(name, "_name") && name != "queue_type" && name != "grain" && name != "time_zone" {
				t.Errorf("%s.%s is not in the answers of REST", view, name)
			}
		}
	}
}
