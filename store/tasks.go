package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TaskState is where a task stands.
type TaskState string

// The states of a task. Done, failed and cancelled are final.
const (
	TaskQueued    TaskState = "queued"
	TaskRunning   TaskState = "running"
	TaskDone      TaskState = "done"
	TaskFailed    TaskState = "failed"
	TaskCancelled TaskState = "cancelled"
)

// TaskStates lists every state, for checks and documentation.
var TaskStates = []TaskState{TaskQueued, TaskRunning, TaskDone, TaskFailed, TaskCancelled}

// Task is work that goes on after its request was answered, and after a restart.
type Task struct {
	ID       string // task_ and a UUIDv7
	DomainID int64
	Kind     string // such as endpoint.recover
	State    TaskState
	// Cancelling says that somebody wants it to end, which its runner has not
	// noticed yet.
	Cancelling bool
	Progress   TaskProgress
	// Parameters is what it is to do, Result what came of it; JSON. Result is
	// nil until it has finished.
	Parameters []byte
	Result     []byte
	// Error says in words why it failed; empty otherwise.
	Error string
	// Failures counts how often in a row it was given up without progress.
	Failures int
	// CreatedBy is the id of the API key that asked for it.
	CreatedBy string
	CreatedAt time.Time
	// StartedAt and FinishedAt are zero until then.
	StartedAt  time.Time
	FinishedAt time.Time
	// Claim numbers those who took it on: the writes of an earlier one are
	// refused.
	Claim int64
}

// TaskProgress is how far a task is.
type TaskProgress struct {
	Done int64
	// Total is nil while nobody knows.
	Total *int64
	// Note says in words what it is about to do; may be empty.
	Note string
	// Position is where the work goes on, in the terms of its kind: JSON; nil at
	// the beginning.
	Position []byte
}

// ErrTaskOver says that a task is not, or no longer, in the hands of who writes
// for it.
var ErrTaskOver = errors.New("the task has finished, or somebody else works on it")

// NewTaskID returns a fresh id: task_ and a UUIDv7, so that ids sort by their
// time of creation.
func NewTaskID() string { return "task_" + uuid.Must(uuid.NewV7()).String() }

// taskUUID parses a task's public id; anything else names no task.
func taskUUID(id string) (uuid.UUID, error) {
	text, ok := strings.CutPrefix(id, "task_")
	u, err := uuid.Parse(text)
	if !ok || err != nil || "task_"+u.String() != id {
		return uuid.UUID{}, ErrNotFound
	}
	return u, nil
}

const insertTask = `
INSERT INTO tasks (domain_id, id, kind, state, total, parameters, created_by, created_at)
VALUES ($1, $2, $3, 'queued', $4, $5, $6, $7)`

// CreateTask queues a task: its ID, DomainID, Kind, Parameters and, if known,
// Progress.Total are taken. by says who wants it.
func (s *Store) CreateTask(ctx context.Context, t Task, by By) (Task, error) {
	id, err := taskUUID(t.ID)
	if err != nil {
		return Task{}, fmt.Errorf("create task: %q is no id of a task", t.ID)
	}
	if len(t.Parameters) == 0 {
		t.Parameters = []byte("{}")
	}
	t.State, t.CreatedBy, t.CreatedAt = TaskQueued, by.KeyID, by.At.UTC().Truncate(time.Microsecond)
	by.After = json.RawMessage(t.Parameters)
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, insertTask, t.DomainID, id, t.Kind, t.Progress.Total, t.Parameters, t.CreatedBy, t.CreatedAt); err != nil {
			return err
		}
		return audit(ctx, tx, t.DomainID, by.did("create", "task", t.ID))
	})
	if err != nil {
		return Task{}, fmt.Errorf("create task: %w", err)
	}
	return t, nil
}

const taskColumns = `domain_id, id, kind, state, cancelling, done, total, note, position, parameters, result,
error, failures, created_by, created_at, started_at, finished_at, claim`

const selectTask = `SELECT ` + taskColumns + ` FROM tasks WHERE domain_id = $1 AND id = $2`

// Task returns one task, or ErrNotFound.
func (s *Store) Task(ctx context.Context, domainID int64, id string) (Task, error) {
	uid, err := taskUUID(id)
	if err != nil {
		return Task{}, err
	}
	rows, _ := s.pool.Query(ctx, selectTask, domainID, uid)
	t, err := pgx.CollectExactlyOneRow(rows, scanTask)
	if err != nil {
		return Task{}, fmt.Errorf("read task: %w", notFound(err))
	}
	return t, nil
}

// TaskFilter narrows a list of tasks. Zero fields do not narrow.
type TaskFilter struct {
	State     TaskState
	Kind      string
	CreatedBy string
	// Before is the id where the page before ended; empty begins with the
	// youngest.
	Before string
	Limit  int
}

const selectTasks = `
SELECT ` + taskColumns + ` FROM tasks
WHERE domain_id = $1 AND ($2::uuid IS NULL OR id < $2)
  AND ($3 = '' OR state = $3)
  AND ($4 = '' OR kind = $4)
  AND ($5 = '' OR created_by = $5)
ORDER BY id DESC LIMIT $6`

// Tasks lists the tasks of a domain, the youngest first. ErrNotFound says that
// Before is no id.
func (s *Store) Tasks(ctx context.Context, domainID int64, f TaskFilter) ([]Task, error) {
	var before *uuid.UUID
	if f.Before != "" {
		id, err := taskUUID(f.Before)
		if err != nil {
			return nil, err
		}
		before = &id
	}
	rows, _ := s.pool.Query(ctx, selectTasks, domainID, before, string(f.State), f.Kind, f.CreatedBy, f.Limit)
	tasks, err := pgx.CollectRows(rows, scanTask)
	if err != nil {
		return nil, fmt.Errorf("list tasks: %w", err)
	}
	return tasks, nil
}

// One that nobody works on ends at once; a runner is told and ends it.
const cancelTask = `
UPDATE tasks SET cancelling = true,
       state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
       finished_at = CASE WHEN state = 'queued' THEN $3 ELSE finished_at END
WHERE domain_id = $1 AND id = $2 AND finished_at IS NULL
RETURNING ` + taskColumns

// CancelTask ends a task, or has its runner end it. What it has done stays
// done. A task that has finished stays as it is. ErrNotFound when there is
// none.
func (s *Store) CancelTask(ctx context.Context, domainID int64, id string, by By) (Task, error) {
	uid, err := taskUUID(id)
	if err != nil {
		return Task{}, err
	}
	var t Task
	err = s.inTx(ctx, func(tx pgx.Tx) error {
		rows, _ := tx.Query(ctx, cancelTask, domainID, uid, by.At)
		var err error
		t, err = pgx.CollectExactlyOneRow(rows, scanTask)
		if errors.Is(err, pgx.ErrNoRows) {
			rows, _ = tx.Query(ctx, selectTask, domainID, uid)
			t, err = pgx.CollectExactlyOneRow(rows, scanTask)
			return notFound(err)
		}
		if err != nil {
			return err
		}
		if err := audit(ctx, tx, domainID, by.did("cancel", "task", id)); err != nil || t.State != TaskCancelled {
			return err
		}
		return taskEnded(ctx, tx, &t)
	})
	if err != nil {
		return Task{}, fmt.Errorf("cancel task: %w", err)
	}
	return t, nil
}

func scanTask(row pgx.CollectableRow) (Task, error) {
	var t Task
	var id uuid.UUID
	var started, finished *time.Time
	err := row.Scan(&t.DomainID, &id, &t.Kind, &t.State, &t.Cancelling, &t.Progress.Done, &t.Progress.Total, &t.Progress.Note,
		&t.Progress.Position, &t.Parameters, &t.Result, &t.Error, &t.Failures, &t.CreatedBy, &t.CreatedAt, &started, &finished, &t.Claim)
	t.ID = "task_" + id.String()
	t.CreatedAt, t.StartedAt, t.FinishedAt = t.CreatedAt.UTC(), instant(started), instant(finished)
	return t, err
}
