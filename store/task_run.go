package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// TaskHold is how long a runner that does not say that it goes on is believed
// to work on its task. Runners say so several times within it.
const TaskHold = 15 * time.Second

const claimTask = `
UPDATE tasks SET state = 'running', started_at = coalesce(started_at, $1), holder = $2, claim = claim + 1, claimed_until = $3
WHERE (domain_id, id) = (
    SELECT domain_id, id FROM tasks
    WHERE finished_at IS NULL AND kind = ANY ($4) AND (claimed_until IS NULL OR claimed_until <= $1)
    ORDER BY coalesce(claimed_until, created_at) LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING ` + taskColumns

// ClaimTask takes on the task of the kinds that has waited longest for somebody
// to work on it, until at + TaskHold. The error is ErrNotFound when there is none.
func (s *Store) ClaimTask(ctx context.Context, kinds []string, holder string, at time.Time) (Task, error) {
	rows, _ := s.pool.Query(ctx, claimTask, at, holder, at.Add(TaskHold), kinds)
	t, err := pgx.CollectExactlyOneRow(rows, scanTask)
	if err != nil {
		return Task{}, fmt.Errorf("claim a task: %w", notFound(err))
	}
	return t, nil
}

const holdTask = `
UPDATE tasks SET claimed_until = $4
WHERE domain_id = $1 AND id = $2 AND claim = $3 AND finished_at IS NULL
RETURNING cancelling`

// HoldTask keeps a claimed task until at + TaskHold and tells whether it is to
// be cancelled. The error is ErrTaskOver when the claim is over.
func (s *Store) HoldTask(ctx context.Context, t Task, at time.Time) (cancelling bool, err error) {
	uid, err := taskUUID(t.ID)
	if err != nil {
		return false, err
	}
	err = s.pool.QueryRow(ctx, holdTask, t.DomainID, uid, t.Claim, at.Add(TaskHold)).Scan(&cancelling)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, ErrTaskOver
	}
	if err != nil {
		return false, fmt.Errorf("hold task: %w", err)
	}
	return cancelling, nil
}

const saveTask = `
UPDATE tasks SET done = $4, total = $5, note = $6, position = $7, failures = 0
WHERE domain_id = $1 AND id = $2 AND claim = $3 AND finished_at IS NULL`

// SaveTask stores how far a claimed task is. The error is ErrTaskOver when the
// claim is over: whoever works on it must stop then.
func (s *Store) SaveTask(ctx context.Context, t Task) error {
	return s.inTx(ctx, func(tx pgx.Tx) error { return saveProgress(ctx, tx, t) })
}

// saveProgress is SaveTask within a transaction: a piece of work and the note
// that it is done are one, so that no piece is done twice.
func saveProgress(ctx context.Context, tx pgx.Tx, t Task) error {
	uid, err := taskUUID(t.ID)
	if err != nil {
		return err
	}
	p := t.Progress
	tag, err := tx.Exec(ctx, saveTask, t.DomainID, uid, t.Claim, p.Done, p.Total, cleanText(p.Note), p.Position)
	if err != nil {
		return fmt.Errorf("save the progress of a task: %w", err)
	}
	if tag.RowsAffected() == 0 {
		return ErrTaskOver
	}
	return nil
}

const releaseTask = `
UPDATE tasks SET claimed_until = $4, failures = failures + $5
WHERE domain_id = $1 AND id = $2 AND claim = $3 AND finished_at IS NULL`

// ReleaseTask gives a claimed task back: somebody takes it on from its position
// at the instant next. failed says that this is because something went wrong.
func (s *Store) ReleaseTask(ctx context.Context, t Task, next time.Time, failed bool) error {
	uid, err := taskUUID(t.ID)
	if err != nil {
		return err
	}
	failures := 0
	if failed {
		failures = 1
	}
	if _, err := s.pool.Exec(ctx, releaseTask, t.DomainID, uid, t.Claim, next, failures); err != nil {
		return fmt.Errorf("release task: %w", err)
	}
	return nil
}

const finishTask = `
UPDATE tasks SET state = $4, done = $5, total = $6, note = $7, position = NULL, result = $8, error = $9, finished_at = $10
WHERE domain_id = $1 AND id = $2 AND claim = $3 AND finished_at IS NULL
RETURNING ` + taskColumns

// FinishTask ends a claimed task at an instant in t.State, which is final, with
// t.Progress, t.Result and t.Error. The error is ErrTaskOver when the claim is
// over.
func (s *Store) FinishTask(ctx context.Context, t Task, at time.Time) error {
	uid, err := taskUUID(t.ID)
	if err != nil {
		return err
	}
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		p := t.Progress
		rows, _ := tx.Query(ctx, finishTask, t.DomainID, uid, t.Claim, string(t.State), p.Done, p.Total, cleanText(p.Note),
			t.Result, cleanText(t.Error), at)
		ended, err := pgx.CollectExactlyOneRow(rows, scanTask)
		if errors.Is(err, pgx.ErrNoRows) {
			return ErrTaskOver
		}
		if err != nil {
			return err
		}
		return taskEnded(ctx, tx, &ended)
	})
	if err != nil {
		return fmt.Errorf("finish task: %w", err)
	}
	return nil
}

const dropChunks = `DELETE FROM task_chunks WHERE domain_id = $1 AND task_id = $2`

// taskEnded is what goes with the end of a task, whoever brought it about.
func taskEnded(ctx context.Context, tx pgx.Tx, t *Task) error {
	uid, err := taskUUID(t.ID)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, dropChunks, t.DomainID, uid); err != nil {
		return fmt.Errorf("drop the upload of a task: %w", err)
	}
	data := queue.TaskData{TaskID: t.ID, Kind: t.Kind, State: string(t.State), Done: t.Progress.Done, Total: t.Progress.Total}
	if t.Error != "" {
		data.Error = &t.Error
	}
	return appendNotices(ctx, tx, t.FinishedAt, queue.Notice{
		DomainID: t.DomainID, Type: queue.EventTaskFinished, Subject: queue.Subject{Kind: queue.SubjectTask, ID: t.ID}, Data: data,
	})
}
