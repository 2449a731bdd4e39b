package api

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// bench is a place to run tasks in: a database, and a clock that a test moves.
type bench struct {
	t     *testing.T
	store *store.Store
	mu    sync.Mutex
	ahead time.Duration
	wake  func() // the runner that was started last
}

func newBench(t *testing.T) *bench {
	return &bench{t: t, store: store.New(storetest.New(t)), wake: func() {}}
}

func (b *bench) now() time.Time {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Add(b.ahead)
}

func (b *bench) forward(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.ahead += d
}

// start runs a runner with the one kind "count"; the function returned stops it
// and waits.
func (b *bench) start(kind taskKind) (stop func()) {
	cfg := Config{Store: b.store, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Now: b.now}
	r := newTaskRunner(cfg, map[string]taskKind{"count": kind})
	b.wake = r.wake
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- r.run(ctx) }()
	return sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			b.t.Error(err)
		}
	})
}

func (b *bench) create() store.Task {
	b.t.Helper()
	t, err := b.store.CreateTask(b.t.Context(), store.Task{ID: store.NewTaskID(), DomainID: 1, Kind: "count"}, store.By{At: b.now()})
	if err != nil {
		b.t.Fatal(err)
	}
	return t
}

// await waits until the task is as ok wants it.
func (b *bench) await(id string, what string, ok func(store.Task) bool) store.Task {
	b.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		t, err := b.store.Task(b.t.Context(), 1, id)
		if err != nil {
			b.t.Fatal(err)
		}
		if ok(t) {
			return t
		}
		if time.Now().After(deadline) {
			b.t.Fatalf("waited in vain for a task that is %s: %+v", what, t)
		}
		b.wake()
		<-time.After(10 * time.Millisecond)
	}
}

func inState(s store.TaskState) func(store.Task) bool {
	return func(t store.Task) bool { return t.State == s }
}

// counting counts to 100 from where its predecessor was, and waits at 50 for
// what gate gives.
func counting(gate func(ctx context.Context) error) taskKind {
	return func(ctx context.Context, j *job) error {
		for j.task.Progress.Done < 100 {
			if j.task.Progress.Done == 50 {
				if err := gate(ctx); err != nil {
					return err
				}
			}
			j.task.Progress.Done++
			j.task.Progress.Position, _ = json.Marshal(j.task.Progress.Done)
			if err := j.save(ctx); err != nil {
				return err
			}
		}
		j.result = map[string]int64{"counted": j.task.Progress.Done}
		return nil
	}
}

func never(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }

func open(context.Context) error { return nil }

func TestTaskIsDone(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	defer b.start(counting(open))()
	got := b.await(b.create().ID, "done", inState(store.TaskDone))
	if got.Progress.Done != 100 || string(got.Result) != `{"counted": 100}` || got.StartedAt.IsZero() || got.FinishedAt.IsZero() {
		t.Errorf("a task that is done: %+v, result %s", got, got.Result)
	}
}

// A server that stops gives its task back, and the next one goes on at once
// where it was.
func TestTaskSurvivesARestart(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	stop := b.start(counting(never))
	task := b.create()
	b.await(task.ID, "half done", func(t store.Task) bool { return t.Progress.Done == 50 })
	stop()
	defer b.start(counting(open))()
	got := b.await(task.ID, "done", inState(store.TaskDone))
	if got.Claim != 2 || got.Progress.Done != 100 {
		t.Errorf("after a restart: %+v", got)
	}
}

// A server that died without a word loses its task after a while, and cannot
// write for it any more.
func TestTaskOfADeadServerIsTakenOver(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	task := b.create()
	dead, err := b.store.ClaimTask(t.Context(), []string{"count"}, "dead", b.now())
	if err != nil || dead.ID != task.ID {
		t.Fatal(dead, err)
	}
	dead.Progress = store.TaskProgress{Done: 50, Position: []byte("50")}
	if err := b.store.SaveTask(t.Context(), dead); err != nil {
		t.Fatal(err)
	}
	if _, err := b.store.ClaimTask(t.Context(), []string{"count"}, "other", b.now()); !errors.Is(err, store.ErrNotFound) {
		t.Fatalf("a task that is worked on was claimed: %v", err)
	}
	b.forward(store.TaskHold + time.Second)
	defer b.start(counting(open))()
	if got := b.await(task.ID, "done", inState(store.TaskDone)); got.Progress.Done != 100 {
		t.Errorf("taken over: %+v", got)
	}
	dead.State = store.TaskFailed
	if err := b.store.SaveTask(t.Context(), dead); !errors.Is(err, store.ErrTaskOver) {
		t.Errorf("the dead saved: %v", err)
	}
	if err := b.store.FinishTask(t.Context(), dead, b.now()); !errors.Is(err, store.ErrTaskOver) {
		t.Errorf("the dead finished: %v", err)
	}
	if _, err := b.store.HoldTask(t.Context(), dead, b.now()); !errors.Is(err, store.ErrTaskOver) {
		t.Errorf("the dead holds: %v", err)
	}
}

func TestRunningTaskIsCancelled(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	defer b.start(counting(never))()
	task := b.create()
	b.await(task.ID, "half done", func(t store.Task) bool { return t.Progress.Done == 50 })
	if told, err := b.store.CancelTask(t.Context(), 1, task.ID, store.By{At: b.now()}); err != nil || !told.Cancelling {
		t.Fatal(told, err)
	}
	if got := b.await(task.ID, "cancelled", inState(store.TaskCancelled)); got.Progress.Done != 50 {
		t.Errorf("cancelled: %+v", got)
	}
}

func TestTaskThatCannotBeDoneFails(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	defer b.start(counting(func(context.Context) error { return failed("line %d is not a number", 7) }))()
	if got := b.await(b.create().ID, "failed", inState(store.TaskFailed)); got.Error != "line 7 is not a number" {
		t.Errorf("failed with %q", got.Error)
	}
}

// What goes wrong is tried again, not for ever, and a panic is no more than
// that.
func TestTaskIsTriedAgain(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	var mu sync.Mutex
	calls := 0
	defer b.start(counting(func(context.Context) error {
		mu.Lock()
		defer mu.Unlock()
		if calls++; calls == 1 {
			panic("for once")
		}
		return errors.New("the database is away")
	}))()
	task := b.create()
	failures := 0
	got := b.await(task.ID, "given up", func(t store.Task) bool {
		if t.Failures > failures { // it rests now
			failures = t.Failures
			b.forward(taskAgain + time.Second)
		}
		return t.State == store.TaskFailed
	})
	mu.Lock()
	defer mu.Unlock()
	if calls != taskFailures || got.Error == "" || got.Progress.Done != 50 {
		t.Errorf("given up after %d calls: %+v", calls, got)
	}
}
