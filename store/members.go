package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// BusyError says that a member cannot be changed or deleted, because he is in
// an open attempt.
type BusyError struct{ MemberID, AttemptID int64 }

// Error says so.
func (e *BusyError) Error() string {
	return fmt.Sprintf("member %d is in attempt %d", e.MemberID, e.AttemptID)
}

const selectMember = `SELECT ` + selectedMember + ` FROM members AS m WHERE m.domain_id = $1 AND m.id = $2`

// Member returns one member, whatever his queue, with his numbers that are on
// the do-not-call list marked; or ErrNotFound.
func (s *Store) Member(ctx context.Context, domainID, id int64) (*queue.Member, error) {
	rows, _ := s.pool.Query(ctx, selectMember, domainID, id)
	m, err := pgx.CollectExactlyOneRow(rows, scanMember)
	if err != nil {
		return nil, fmt.Errorf("read member %d: %w", id, notFound(err))
	}
	if err := markForbidden(ctx, s.pool.Query, domainID, []*queue.Member{m}); err != nil {
		return nil, fmt.Errorf("read member %d: %w", id, err)
	}
	return m, nil
}

// An edit from outside writes what attempts found out as well: it may give a
// member another chance.
const updateMember = `
UPDATE members SET name = $3, numbers = $4, priority = $5, bucket = $6, variables = $7, time_zone = $8,
       expires_at = $9, sticky_agent_id = $10, attempts = $11, ready_at = $12, retry_rule = $13, retry_tries = $14,
       avoid_trunk = $15, next_number = $16, exclusions = $17, stopped_at = $18, stop_cause = $19, edition = edition + 1
WHERE domain_id = $1 AND id = $2
RETURNING edition`

// ChangeMember lets change edit a member who is in no open attempt, and returns
// him with his new edition. change may also complete what the audit log shows.
// The error is ErrNotFound, a *BusyError, or what change erred with; then
// nothing has happened.
func (s *Store) ChangeMember(ctx context.Context, domainID, id int64, by By, change func(*queue.Member, *By) error) (*queue.Member, error) {
	var m *queue.Member
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, selectMember+` FOR NO KEY UPDATE`, domainID, id)
		var err error
		if m, err = pgx.CollectExactlyOneRow(rows, scanMember); err != nil {
			return notFound(err)
		}
		if m.Open != 0 {
			return &BusyError{MemberID: id, AttemptID: m.Open}
		}
		if err := change(m, &by); err != nil {
			return err
		}
		batch := &pgx.Batch{}
		if err := queueEdit(batch, domainID, m); err != nil {
			return err
		}
		if err := tx.SendBatch(ctx, batch).Close(); err != nil {
			return err
		}
		return audit(ctx, tx, domainID, by.did("update", "member", strconv.FormatInt(id, 10)))
	})
	if err != nil {
		return nil, fmt.Errorf("change member %d: %w", id, err)
	}
	return m, nil
}

// queueEdit writes a member as somebody outside wants him, as a new edition,
// which it tells him.
func queueEdit(batch *pgx.Batch, domainID int64, m *queue.Member) error {
	numbers, err := json.Marshal(m.Numbers)
	if err != nil {
		return fmt.Errorf("encode the numbers of member %d: %w", m.ID, err)
	}
	exclusions, err := exclusionsColumn(m.Exclusions)
	if err != nil {
		return fmt.Errorf("encode the exclusions of member %d: %w", m.ID, err)
	}
	batch.Queue(updateMember, domainID, m.ID, m.Name, numbers, m.Priority, m.Bucket, variablesColumn(m.Variables),
		m.TimeZone, null(m.ExpiresAt), m.StickyAgentID, m.Attempts, m.ReadyAt, m.RetryRule, m.RetryTries, m.AvoidTrunk,
		m.NextNumber, exclusions, null(m.StoppedAt), string(m.StopCause),
	).QueryRow(func(row pgx.Row) error { return row.Scan(&m.Edition) })
	return nil
}

const (
	deleteMember = `DELETE FROM members WHERE domain_id = $1 AND id = $2 AND open_attempt = 0`
	memberOpen   = `SELECT open_attempt FROM members WHERE domain_id = $1 AND id = $2`
)

// DeleteMember removes a member who is in no open attempt. The error is
// ErrNotFound or a *BusyError.
func (s *Store) DeleteMember(ctx context.Context, domainID, id int64, by By) error {
	return s.DeleteMemberIf(ctx, domainID, id, by, nil)
}

// DeleteMemberIf is DeleteMember unless check, if there is one, errs about the
// member as he is stored; then the error is that of check.
func (s *Store) DeleteMemberIf(ctx context.Context, domainID, id int64, by By, check func(*queue.Member) error) error {
	err := s.inTx(ctx, func(tx pgx.Tx) error {
		if err := checkMember(ctx, tx, domainID, id, check); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, deleteMember, domainID, id)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 {
			busy := BusyError{MemberID: id}
			if err := tx.QueryRow(ctx, memberOpen, domainID, id).Scan(&busy.AttemptID); err != nil {
				return notFound(err)
			}
			return &busy
		}
		return audit(ctx, tx, domainID, by.did("delete", "member", strconv.FormatInt(id, 10)))
	})
	if err != nil {
		return fmt.Errorf("delete member %d: %w", id, err)
	}
	return nil
}

// checkMember holds a member's row for the transaction while check looks at it.
func checkMember(ctx context.Context, tx pgx.Tx, domainID, id int64, check func(*queue.Member) error) error {
	if check == nil {
		return nil
	}
	rows, _ := tx.Query(ctx, selectMember+` FOR UPDATE`, domainID, id)
	m, err := pgx.CollectExactlyOneRow(rows, scanMember)
	if err != nil {
		return notFound(err)
	}
	return check(m)
}

const dropOrphans = `
DELETE FROM members WHERE ctid = ANY (ARRAY(
    SELECT m.ctid FROM queues AS q JOIN members AS m ON m.domain_id = q.domain_id AND m.queue_id = q.id
    WHERE q.removed AND m.open_attempt = 0 LIMIT $1))`

// DropOrphans deletes up to limit members of queues that were removed, and
// returns how many those were.
func (s *Store) DropOrphans(ctx context.Context, limit int) (int, error) {
	tag, err := s.pool.Exec(ctx, dropOrphans, limit)
	if err != nil {
		return 0, fmt.Errorf("drop the members of removed queues: %w", err)
	}
	return int(tag.RowsAffected()), nil
}
