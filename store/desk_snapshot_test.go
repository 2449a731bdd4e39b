package store_test

import (
	"regexp"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

var hits = regexp.MustCompile(`shared hit=(\d+)`)

// buffersOf returns how many pages a statement looks at.
func buffersOf(t *testing.T, pool *pgxpool.Pool, sql string, args ...any) int {
	t.Helper()
	var plan string
	fatal(t, pgx.BeginFunc(t.Context(), pool, func(tx pgx.Tx) error {
		rows, err := tx.Query(t.Context(), "EXPLAIN (ANALYZE, BUFFERS) "+sql, args...)
		if err != nil {
			return err
		}
		lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, line := range lines {
			plan += line + "\n"
		}
		return err
	}))
	m := hits.FindStringSubmatch(plan)
	if m == nil {
		t.Fatalf("a plan without buffers:\n%s", plan)
	}
	n, err := strconv.Atoi(m[1])
	fatal(t, err)
	return n
}

// While somebody holds a snapshot, no version of the domain's row can go. A desk
// finds the last one all the same without a walk over the others, and when
// another replica has moved it, too.
func TestAHeldSnapshotCostsADeskNothing(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	fatal(t, s.EnsurePartitions(t.Context(), t0, 1))
	reader, err := pool.BeginTx(t.Context(), pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
	fatal(t, err)
	defer reader.Rollback(t.Context())
	var one int
	fatal(t, reader.QueryRow(t.Context(), `SELECT 1`).Scan(&one))
	mine, other := s.DeskLog(1), s.DeskLog(1)
	head, now := desk.Head{}, t0
	write := func(log desk.Log) {
		t.Helper()
		now = now.Add(time.Millisecond)
		fatal(t, log.Update(t.Context(), head, func(snap desk.Snapshot) (desk.Batch, error) {
			if snap.Head != head {
				t.Fatalf("the head is %+v, want %+v", snap.Head, head)
			}
			batch := sampleBatch(snap.Head, 1, now)
			head = batch.Head
			return batch, nil
		}))
	}
	for i := range 2000 {
		write(mine)
		if i%500 == 0 {
			write(other) // which moves the row
			write(other)
		}
	}
	var place pgtype.TID
	fatal(t, pool.QueryRow(t.Context(), `SELECT ctid FROM domains WHERE id = 1`).Scan(&place))
	byPlace, byID := buffersOf(t, pool, store.LockByPlace, int64(1), place), buffersOf(t, pool, store.LockByID, int64(1))
	if byPlace > 10 || byID < 2*byPlace {
		t.Errorf("%d pages by its place, %d by its key", byPlace, byID)
	}
}
