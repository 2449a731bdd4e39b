package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// chunkSize is how much of an upload is one row.
	chunkSize = 1 << 20
	// uploadKept is how long an upload waits for its task to be made.
	uploadKept = 24 * time.Hour
)

// ErrUploadTooLarge says that an upload is longer than it may be.
var ErrUploadTooLarge = errors.New("the upload is too large")

const insertChunk = `
INSERT INTO task_chunks (domain_id, task_id, no, data, created_at) VALUES ($1, $2, $3, $4, $5)`

// Upload stores what r gives, up to limit bytes, for a task that is made
// afterwards, of which DomainID and ID are taken, and returns how much it was.
// It holds one megabyte of it in memory. After an error nothing of it is kept;
// the error is ErrUploadTooLarge for more than limit.
func (s *Store) Upload(ctx context.Context, t Task, r io.Reader, limit int64, at time.Time) (int64, error) {
	id, err := taskUUID(t.ID)
	if err != nil {
		return 0, fmt.Errorf("store an upload: %q is no id of a task", t.ID)
	}
	total, err := s.writeChunks(ctx, at, chunkKey{t.DomainID, id}, io.LimitReader(r, limit+1))
	if err == nil && total > limit {
		err = ErrUploadTooLarge
	}
	if err != nil {
		// ctx may be what has ended it; what stays all the same goes with SweepTasks.
		tidy, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackWait)
		defer cancel()
		_, dropErr := s.pool.Exec(tidy, dropChunks, t.DomainID, id)
		return 0, fmt.Errorf("store an upload: %w", errors.Join(err, dropErr))
	}
	return total, nil
}

// chunkKey names an upload.
type chunkKey struct {
	domainID int64
	taskID   uuid.UUID
}

// writeChunks holds no transaction while it waits for r.
func (s *Store) writeChunks(ctx context.Context, at time.Time, key chunkKey, r io.Reader) (total int64, err error) {
	buf := make([]byte, chunkSize)
	for no := 0; ; no++ {
		n, err := io.ReadFull(r, buf)
		end := errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF)
		if err != nil && !end {
			return total, err
		}
		if n > 0 {
			if _, err := s.pool.Exec(ctx, insertChunk, key.domainID, key.taskID, no, buf[:n], at); err != nil {
				return total, err
			}
		}
		if total += int64(n); end {
			return total, nil
		}
	}
}

const selectChunk = `SELECT data FROM task_chunks WHERE domain_id = $1 AND task_id = $2 AND no = $3`

// UploadReader reads the upload of a task; it is an io.Reader.
type UploadReader struct {
	ctx   context.Context
	store *Store
	task  Task
	no    int
	rest  []byte
	skip  int64
}

// OpenUpload returns a reader of a task's upload from an offset on: where the
// task goes on after a restart. It holds one megabyte at a time in memory, no
// connection between two reads, and errs when ctx has ended.
func (s *Store) OpenUpload(ctx context.Context, t Task, offset int64) *UploadReader {
	return &UploadReader{ctx: ctx, store: s, task: t, no: int(offset / chunkSize), skip: offset % chunkSize}
}

// Read reads on; io.EOF is the end of the upload.
func (r *UploadReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		id, err := taskUUID(r.task.ID)
		if err != nil {
			return 0, err
		}
		var data []byte
		err = r.store.pool.QueryRow(r.ctx, selectChunk, r.task.DomainID, id, r.no).Scan(&data)
		if errors.Is(err, pgx.ErrNoRows) {
			return 0, io.EOF
		}
		if err != nil {
			return 0, fmt.Errorf("read an upload: %w", err)
		}
		r.no++
		r.rest = data[min(r.skip, int64(len(data))):]
		r.skip = 0
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

const sweepChunks = `
DELETE FROM task_chunks c
WHERE created_at < $1 AND NOT EXISTS (SELECT FROM tasks t WHERE t.domain_id = c.domain_id AND t.id = c.task_id)`

const sweepTasks = `DELETE FROM tasks WHERE finished_at < $1`

// SweepTasks deletes what nobody asks for any more: tasks that finished before
// an instant, and uploads a day old whose task was never made.
func (s *Store) SweepTasks(ctx context.Context, finishedBefore, now time.Time) error {
	if _, err := s.pool.Exec(ctx, sweepChunks, now.Add(-uploadKept)); err != nil {
		return fmt.Errorf("sweep uploads: %w", err)
	}
	if _, err := s.pool.Exec(ctx, sweepTasks, finishedBefore); err != nil {
		return fmt.Errorf("sweep tasks: %w", err)
	}
	return nil
}
