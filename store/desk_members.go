package store

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// memberRows are the rows of a batch that are about lists. What the engine found
// out about a member is written over the row that it was made of, or not at
// all.
type memberRows struct {
	fresh [][]any // rows of those whom the engine made
	found struct {
		id, edition, was, open, last, attempts, tries, avoid []int64
		numbers, rule, next, cause                           []string
		exclusions                                           []*string
		ready                                                []time.Time
		stopped                                              []*time.Time
	}
	forbidden struct {
		number, note []string
		created      []time.Time
	}
}

func (w *writer) gatherMember(m *queue.Member) error {
	if m.Edition == 0 {
		row, err := memberRow(&w.domain, m, &firstEdition, &w.head.Version)
		w.members.fresh = append(w.members.fresh, row)
		return err
	}
	row, err := memberRow(&w.domain, m, &m.Edition, &w.head.Version)
	if err != nil {
		return err
	}
	numbers, _ := row[4].([]byte)
	exclusions, _ := row[19].([]byte)
	f := &w.members.found
	f.id, f.edition, f.was = append(f.id, m.ID), append(f.edition, m.Edition), append(f.was, m.Changed)
	f.open, f.last = append(f.open, m.Open), append(f.last, m.LastAttempt)
	f.attempts, f.tries = append(f.attempts, int64(m.Attempts)), append(f.tries, int64(m.RetryTries))
	f.avoid = append(f.avoid, m.AvoidTrunk)
	f.numbers, f.rule = append(f.numbers, string(numbers)), append(f.rule, m.RetryRule)
	f.next, f.cause = append(f.next, m.NextNumber), append(f.cause, string(m.StopCause))
	f.exclusions = append(f.exclusions, textOf(exclusions))
	f.ready, f.stopped = append(f.ready, m.ReadyAt), append(f.stopped, null(m.StoppedAt))
	return nil
}

// firstEdition is that of a new row.
var firstEdition int64 = 1

// textOf is the text of a column that may be NULL.
func textOf(b []byte) *string {
	if b == nil {
		return nil
	}
	s := string(b)
	return &s
}

// A row that somebody edited meanwhile has another edition; one that another
// replica wrote has another version in changed, and one that it has in an
// attempt names that.
const putMembers = `
UPDATE members AS m
SET numbers = r.numbers::jsonb, attempts = r.attempts, ready_at = r.ready_at, retry_rule = r.retry_rule,
    retry_tries = r.retry_tries, avoid_trunk = r.avoid_trunk, next_number = r.next_number,
    exclusions = r.exclusions::jsonb, open_attempt = r.open, last_attempt = r.last, stopped_at = r.stopped_at,
    stop_cause = r.stop_cause, changed = $2
FROM unnest($3::bigint[], $4::bigint[], $5::bigint[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bigint[],
            $11::text[], $12::text[], $13::text[], $14::text[], $15::text[], $16::timestamptz[], $17::timestamptz[])
     AS r (id, edition, was, open, last, attempts, retry_tries, avoid_trunk,
           numbers, retry_rule, next_number, stop_cause, exclusions, ready_at, stopped_at)
WHERE m.domain_id = $1 AND m.id = r.id AND m.edition = r.edition
  AND (m.open_attempt = 0 AND m.changed = r.was OR m.open_attempt <> 0 AND m.open_attempt = r.last)`

// writeMembers writes what a batch knows about members. It waits for the
// answer, because a row that is not the one that the engine knew fails the
// batch with desk.ErrStale.
func (w *writer) writeMembers(ctx context.Context, conn *pgx.Conn) error {
	if len(w.members.fresh) > 0 {
		if err := copyRows(ctx, conn, "members", memberColumns, w.members.fresh); err != nil {
			return err
		}
	}
	f := &w.members.found
	if len(f.id) == 0 {
		return nil
	}
	tag, err := conn.Exec(ctx, putMembers, w.domain, w.head.Version, f.id, f.edition, f.was, f.open, f.last, f.attempts,
		f.tries, f.avoid, f.numbers, f.rule, f.next, f.cause, f.exclusions, f.ready, f.stopped)
	if err != nil {
		return fmt.Errorf("write members: %w", err)
	}
	if stale := len(f.id) - int(tag.RowsAffected()); stale != 0 {
		return fmt.Errorf("write members: %d of %d: %w", stale, len(f.id), desk.ErrStale)
	}
	return nil
}

// Who forbids a number again without saying why leaves the note as it is.
const putForbidden = `
INSERT INTO dnc (domain_id, number, note, created_at, changed)
SELECT $1, r.number, r.note, r.created_at, $2
FROM unnest($3::text[], $4::text[], $5::timestamptz[]) AS r (number, note, created_at)
ON CONFLICT (domain_id, number) DO UPDATE
SET note = coalesce(nullif(EXCLUDED.note, ''), dnc.note), changed = EXCLUDED.changed`

// queueForbidden adds the numbers that must not be dialled any more.
func (w *writer) queueForbidden(batch *pgx.Batch) {
	if f := &w.members.forbidden; len(f.number) > 0 {
		batch.Queue(putForbidden, w.domain, w.head.Version, f.number, f.note, f.created)
	}
}

func (w *writer) gatherForbidden(r *queue.Forbidden) {
	f := &w.members.forbidden
	f.number, f.note, f.created = append(f.number, r.Number), append(f.note, r.Note), append(f.created, r.CreatedAt)
}

// Members in an open attempt are state; the rest of a list stays where it is.
const (
	readMembers = `SELECT ` + selectedMember + ` FROM members AS m WHERE m.domain_id = $1 AND m.open_attempt <> 0 ORDER BY m.id`

	changedMembers = `
SELECT ` + selectedMember + ` FROM members AS m
WHERE m.domain_id = $1 AND m.changed > $2 AND m.changed <= $3 AND m.changed > 0 ORDER BY m.id`
	changedForbidden = `SELECT number, note, created_at FROM dnc WHERE domain_id = $1 AND changed > $2 AND changed <= $3 ORDER BY number`
)

// queueMembers appends the members that sql selects to out.
func queueMembers(batch *pgx.Batch, out *[]queue.Record, sql string, args ...any) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		found, err := pgx.CollectRows(rows, scanMember)
		for _, m := range found {
			*out = append(*out, m)
		}
		return err
	})
}

// queueNewlyForbidden appends the numbers that sql selects to out.
func queueNewlyForbidden(batch *pgx.Batch, out *[]queue.Record, sql string, args ...any) {
	batch.Queue(sql, args...).Query(func(rows pgx.Rows) error {
		for rows.Next() {
			var f queue.Forbidden
			if err := rows.Scan(&f.Number, &f.Note, &f.CreatedAt); err != nil {
				return err
			}
			f.CreatedAt = f.CreatedAt.UTC()
			*out = append(*out, &f)
		}
		return rows.Err()
	})
}
