package store_test

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestUploadSurvivesAndGoesWithItsTask(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	ctx := t.Context()
	text := bytes.Repeat([]byte("0123456789abcdef"), 200_000) // 3.2 MB: four rows
	id := store.NewTaskID()
	n, err := s.Upload(ctx, store.Task{DomainID: 1, ID: id}, bytes.NewReader(text), 4<<20, t0)
	if err != nil || n != int64(len(text)) {
		t.Fatalf("Upload = %d, %v", n, err)
	}
	task, err := s.CreateTask(ctx, store.Task{ID: id, DomainID: 1, Kind: "test"}, store.By{At: t0})
	fatal(t, err)
	for _, offset := range []int64{0, 1, 1 << 20, 1<<20 + 5, int64(len(text)) - 1, int64(len(text))} {
		got, err := io.ReadAll(s.OpenUpload(ctx, task, offset))
		if err != nil || !bytes.Equal(got, text[offset:]) {
			t.Errorf("from %d: %d bytes, %v; want %d", offset, len(got), err, int64(len(text))-offset)
		}
	}
	claimed, err := s.ClaimTask(ctx, []string{"test"}, "x", t0)
	fatal(t, err)
	claimed.State = store.TaskDone
	fatal(t, s.FinishTask(ctx, claimed, t0.Add(time.Hour)))
	if got, err := io.ReadAll(s.OpenUpload(ctx, task, 0)); err != nil || len(got) != 0 {
		t.Errorf("the upload of a task that is done: %d bytes, %v", len(got), err)
	}
}

func TestUploadLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	pool := storetest.New(t)
	s := store.New(pool)
	ctx := t.Context()
	if _, err := s.Upload(ctx, store.Task{DomainID: 1, ID: store.NewTaskID()}, bytes.NewReader(make([]byte, 3<<20)), 2<<20, t0); !errors.Is(err, store.ErrUploadTooLarge) {
		t.Errorf("3 MB where 2 are allowed: %v", err)
	}
	broken := io.MultiReader(bytes.NewReader(make([]byte, 3<<20)), iotest.ErrReader(errors.New("gone")))
	if _, err := s.Upload(ctx, store.Task{DomainID: 1, ID: store.NewTaskID()}, broken, 9<<20, t0); err == nil {
		t.Error("an upload that broke off was taken")
	}
	chunks := func() (n int) {
		t.Helper()
		fatal(t, pool.QueryRow(ctx, `SELECT count(*) FROM task_chunks`).Scan(&n))
		return n
	}
	if n := chunks(); n != 0 {
		t.Errorf("%d rows are left of uploads that failed", n)
	}
	// One whose task was never made waits a day.
	_, err := s.Upload(ctx, store.Task{DomainID: 1, ID: store.NewTaskID()}, bytes.NewReader([]byte("x")), 9, t0)
	fatal(t, err)
	fatal(t, s.SweepTasks(ctx, t0, t0.Add(time.Hour)))
	if n := chunks(); n != 1 {
		t.Errorf("an hour later %d rows, want 1", n)
	}
	fatal(t, s.SweepTasks(ctx, t0, t0.Add(25*time.Hour)))
	if n := chunks(); n != 0 {
		t.Errorf("a day later %d rows, want none", n)
	}
}

// The oldest first, each to one only, and none to who does not know its kind.
func TestClaimsOfTasks(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	ctx := t.Context()
	var ids []string
	for i := range 3 {
		task, err := s.CreateTask(ctx, store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "test"}, store.By{At: t0.Add(time.Duration(i) * time.Second)})
		fatal(t, err)
		ids = append(ids, task.ID)
	}
	now := t0.Add(time.Minute)
	if _, err := s.ClaimTask(ctx, []string{"other"}, "x", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("claimed a task of another kind: %v", err)
	}
	for _, want := range ids {
		got, err := s.ClaimTask(ctx, []string{"test"}, "x", now)
		fatal(t, err)
		if got.ID != want || got.State != store.TaskRunning || !got.StartedAt.Equal(now) || got.Claim != 1 {
			t.Errorf("claimed %+v, want %s", got, want)
		}
	}
	if _, err := s.ClaimTask(ctx, []string{"test"}, "x", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a fourth of three: %v", err)
	}
	// One that was given back is free at its time, and counts its failures.
	last, err := s.Task(ctx, 1, ids[2])
	fatal(t, err)
	fatal(t, s.ReleaseTask(ctx, last, now.Add(time.Second), true))
	if _, err := s.ClaimTask(ctx, []string{"test"}, "x", now); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("claimed before its time: %v", err)
	}
	again, err := s.ClaimTask(ctx, []string{"test"}, "x", now.Add(time.Second))
	if err != nil || again.ID != ids[2] || again.Claim != 2 || again.Failures != 1 || !again.StartedAt.Equal(now) {
		t.Errorf("claimed again: %+v, %v", again, err)
	}
}

func TestSweptTasks(t *testing.T) {
	t.Parallel()
	s := store.New(storetest.New(t))
	ctx := t.Context()
	old, err := s.CreateTask(ctx, store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "test"}, store.By{At: t0})
	fatal(t, err)
	_, err = s.CancelTask(ctx, 1, old.ID, store.By{At: t0})
	fatal(t, err)
	waiting, err := s.CreateTask(ctx, store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "test"}, store.By{At: t0})
	fatal(t, err)
	fatal(t, s.SweepTasks(ctx, t0.Add(time.Hour), t0))
	if _, err := s.Task(ctx, 1, old.ID); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an old task is still there: %v", err)
	}
	if _, err := s.Task(ctx, 1, waiting.ID); err != nil {
		t.Errorf("a task that waits is gone: %v", err)
	}
}
