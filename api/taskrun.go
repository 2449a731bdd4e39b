package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/store"
)

// taskKind is a kind of work that goes on after its request was answered.
// It does the work from j.task.Progress.Position on, in pieces of about a second,
// each followed by j.save, and ends early when ctx does. A taskFailure is final;
// after any other error the work is taken on again, after a taskPause as if
// nothing had happened.
type taskKind func(ctx context.Context, j *job) error

// job is a task in the hands of a runner.
type job struct {
	runner *taskRunner
	task   store.Task
	// result is what came of it, for JSON.
	result any
}

// save stores the progress that j.task has, and fails when the task is not ours
// any more.
func (j *job) save(ctx context.Context) error { return j.runner.store.SaveTask(ctx, j.task) }

// taskFailure ends a task: its text is shown to who asked for it.
type taskFailure struct{ text string }

func (f *taskFailure) Error() string { return f.text }

// failed is the error of a task that cannot be done, whenever it is tried.
func failed(format string, args ...any) error { return &taskFailure{fmt.Sprintf(format, args...)} }

// taskPause gives a task back that waits for something, until it may be worth
// while to look again.
type taskPause struct{ length time.Duration }

func (p *taskPause) Error() string { return "the task waits for " + p.length.String() }

// Why a task's context ends, beside the end of the program.
var (
	errTaskCancelled = errors.New("the task was cancelled")
	errTaskLost      = errors.New("another process works on the task")
)

const (
	// taskWorkers bounds the tasks at once in one process.
	taskWorkers = 2
	// taskPoll is how often a process looks for tasks that others have queued or
	// left behind, taskBeat how often it says that it still works.
	taskPoll = time.Second
	taskBeat = 2 * time.Second
	// taskAgain is the pause after a failure; after so many in a row without
	// progress the task is given up.
	taskAgain    = 5 * time.Second
	taskFailures = 10
)

// taskRunner works on the tasks of all domains, beside those of other processes.
type taskRunner struct {
	store  *store.Store
	logger *slog.Logger
	now    func() time.Time
	kinds  map[string]taskKind
	names  []string
	holder string
	woken  chan struct{}
}

func newTaskRunner(cfg Config, kinds map[string]taskKind) *taskRunner {
	host, _ := os.Hostname() // only for people who look
	return &taskRunner{
		store: cfg.Store, logger: cfg.Logger, now: cfg.Now, kinds: kinds, names: slices.Sorted(maps.Keys(kinds)),
		holder: fmt.Sprintf("%s/%d", host, os.Getpid()), woken: make(chan struct{}, taskWorkers),
	}
}

// wake has a task that was just queued taken on at once.
func (r *taskRunner) wake() {
	select {
	case r.woken <- struct{}{}:
	default:
	}
}

func (r *taskRunner) run(ctx context.Context) error {
	var workers sync.WaitGroup
	for range taskWorkers {
		workers.Go(func() { r.work(ctx) })
	}
	workers.Wait()
	return nil
}

// work takes on one task after the other until ctx ends.
func (r *taskRunner) work(ctx context.Context) {
	for ctx.Err() == nil {
		t, err := r.store.ClaimTask(ctx, r.names, r.holder, r.now())
		if err == nil {
			r.carryOut(ctx, t)
			continue
		}
		if !errors.Is(err, store.ErrNotFound) && ctx.Err() == nil {
			r.logger.Warn("look for tasks", "error", err)
		}
		timer := time.NewTimer(taskPoll)
		select {
		case <-ctx.Done():
		case <-r.woken:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// carryOut works on one task and settles what came of it.
func (r *taskRunner) carryOut(ctx context.Context, t store.Task) {
	log := r.logger.With("task", t.ID, "kind", t.Kind, "domain", t.DomainID)
	level := slog.LevelInfo
	if t.Claim > 1 { // a task that waits is taken on again and again
		level = slog.LevelDebug
	}
	log.Log(ctx, level, "task taken on", "claim", t.Claim, "done", t.Progress.Done)
	j := &job{runner: r, task: t}
	err := r.guarded(ctx, j)
	// What it came to is written down even when the program ends.
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if err = r.settle(late, j, err); err != nil {
		log.Warn("task is left to the next one", "error", err)
		return
	}
	if j.task.State == store.TaskRunning {
		level = slog.LevelDebug
	} else {
		level = slog.LevelInfo
	}
	log.Log(ctx, level, "task is out of hand", "state", j.task.State, "done", j.task.Progress.Done)
}

// guarded runs the work under a context that ends with the claim.
func (r *taskRunner) guarded(ctx context.Context, j *job) (err error) {
	own, end := context.WithCancelCause(ctx)
	defer end(nil)
	var beat sync.WaitGroup
	claimed := j.task // the work writes into j.task
	beat.Go(func() { r.hold(own, claimed, end) })
	defer beat.Wait()
	defer end(nil)
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("the work panicked: %v", v)
		}
	}()
	if j.task.Cancelling {
		return errTaskCancelled
	}
	err = r.kinds[j.task.Kind](own, j)
	if cause := context.Cause(own); err != nil && cause != nil {
		return cause
	}
	return err
}

// hold says again and again that the task is worked on, and ends its context
// when it must not be any more.
func (r *taskRunner) hold(ctx context.Context, t store.Task, end context.CancelCauseFunc) {
	ticker := time.NewTicker(taskBeat)
	defer ticker.Stop()
	held := r.now()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		cancelling, err := r.store.HoldTask(ctx, t, r.now())
		switch {
		case err == nil && cancelling:
			end(errTaskCancelled)
		case err == nil:
			held = r.now()
		case errors.Is(err, store.ErrTaskOver), r.now().Sub(held) > store.TaskHold:
			end(errTaskLost)
		}
	}
}

// settle writes down the end of a task, or gives it back.
func (r *taskRunner) settle(ctx context.Context, j *job, err error) error {
	var failure *taskFailure
	var pause *taskPause
	t := &j.task
	switch {
	case err == nil:
		t.State = store.TaskDone
	case errors.Is(err, errTaskCancelled):
		t.State = store.TaskCancelled
	case errors.Is(err, errTaskLost), errors.Is(err, store.ErrTaskOver):
		return err
	case errors.As(err, &pause):
		return r.store.ReleaseTask(ctx, *t, r.now().Add(pause.length), false)
	case errors.As(err, &failure):
		t.State, t.Error = store.TaskFailed, failure.text
	case errors.Is(err, context.Canceled):
		return r.store.ReleaseTask(ctx, *t, r.now(), false)
	case t.Failures+1 >= taskFailures:
		t.State, t.Error = store.TaskFailed, "It was given up after failing many times; the server's log says why."
		r.logger.Error("give up a task", "task", t.ID, "error", err)
	default:
		r.logger.Warn("task failed, trying again", "task", t.ID, "error", err)
		return r.store.ReleaseTask(ctx, *t, r.now().Add(taskAgain), true)
	}
	if j.result != nil {
		if t.Result, err = json.Marshal(j.result); err != nil {
			return fmt.Errorf("render the result of a task: %w", err)
		}
	}
	return r.store.FinishTask(ctx, *t, r.now())
}
