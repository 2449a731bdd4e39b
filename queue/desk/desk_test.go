package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/desk/desktest"
)

func TestMemoryConforms(t *testing.T) {
	t.Parallel()
	desktest.Run(t, func(*testing.T) func() desk.Log {
		m := desktest.NewMemory()
		return func() desk.Log { return m }
	})
}

func TestMemoryListsConform(t *testing.T) {
	t.Parallel()
	desktest.RunLists(t, func(*testing.T) desktest.Roster {
		m := desktest.NewMemory()
		return desktest.Roster{
			Open: func() desk.Log { return m }, Lists: func() desk.Lists { return m }, Add: m.AddMembers, Remove: m.RemoveMember,
			Edit: func(id int64, priority int, name string) bool {
				return m.EditMember(id, func(x *queue.Member) { x.Priority, x.Name = priority, &name })
			},
		}
	})
}

// running starts a desk over the log; the returned function stops it.
func running(log desk.Log) (*desk.Desk, func()) {
	d := desk.New(log, desk.Config{Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run(ctx) })
	return d, func() { cancel(); wg.Wait() }
}

func mustDo(t *testing.T, d *desk.Desk, cmd queue.Command) queue.Result {
	t.Helper()
	res, err := d.Do(t.Context(), cmd)
	if err != nil {
		t.Fatalf("%T: %v", cmd, err)
	}
	return res
}

func salesQueue(t *testing.T, d *desk.Desk) int64 {
	t.Helper()
	q := queue.DefaultQueue(0, "sales", queue.Inbound)
	q.MaxWaitSec = 60
	return mustDo(t, d, queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
}

func TestDeadlinesAreCarriedOutOnTime(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := desktest.NewMemory()
		d, stop := running(log)
		defer stop()
		number := "+12025550101"
		begin := time.Now()
		mustDo(t, d, queue.Join{QueueID: salesQueue(t, d), Destination: &number})
		time.Sleep(61 * time.Second)
		synctest.Wait()
		left := log.Left()
		if len(left) != 1 || left[0].ResultReason != queue.ReasonMaxWait {
			t.Fatalf("left: %+v, want one by max_wait", left)
		}
		if wait := left[0].LeavingAt.Sub(begin); wait != time.Minute {
			t.Errorf("left after %v, want 1m0s", wait)
		}
	})
}

// runningAhead is running with a clock that can be set ahead of that of the
// desk's timers, which then have not run out.
func runningAhead(log desk.Log) (d *desk.Desk, ahead *atomic.Int64, stop func()) {
	ahead = &atomic.Int64{}
	d = desk.New(log, desk.Config{
		Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }, Logger: slog.New(slog.DiscardHandler),
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.Run(ctx) })
	return d, ahead, func() { cancel(); wg.Wait() }
}

// Looks that come one after the other leave the desk no time to be idle. What is
// due is carried out before them.
func TestLooksHoldNoDeadlineUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, ahead, stop := runningAhead(desktest.NewMemory())
		defer stop()
		number, open := "+12025550101", -1
		mustDo(t, d, queue.Join{QueueID: salesQueue(t, d), Destination: &number}) // max_wait 60 s
		for _, at := range []struct {
			passed time.Duration
			open   int
		}{{59 * time.Second, 1}, {61 * time.Second, 0}} {
			ahead.Store(int64(at.passed))
			if err := d.Read(t.Context(), func(e *queue.Engine) { open = len(e.Attempts()) }); err != nil {
				t.Fatal(err)
			}
			if open != at.open {
				t.Errorf("after %v %d attempts are open, want %d", at.passed, open, at.open)
			}
		}
	})
}

// Nor do they keep from a desk what another replica has done.
func TestLooksCatchUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := desktest.NewMemory()
		d, ahead, stop := runningAhead(log)
		defer stop()
		seen := func() (queues int) {
			if err := d.Read(t.Context(), func(e *queue.Engine) { queues = len(e.Queues()) }); err != nil {
				t.Fatal(err)
			}
			return queues
		}
		seen()
		other, stopOther := running(log)
		salesQueue(t, other)
		stopOther()
		ahead.Store(int64(3 * time.Second))
		if n := seen(); n != 1 {
			t.Errorf("three seconds later %d queues are seen, want that of the other replica", n)
		}
	})
}

func TestRefusedCommandDoesNotFailItsBatch(t *testing.T) {
	t.Parallel()
	d, stop := running(desktest.NewMemory())
	defer stop()
	q, number := salesQueue(t, d), "+12025550101"
	answers, err := d.DoAll(t.Context(), []queue.Command{
		queue.Join{QueueID: q, Destination: &number}, queue.Join{QueueID: q}, queue.Join{QueueID: q + 1, Destination: &number},
		queue.Join{QueueID: q, Destination: &number},
	})
	if err != nil {
		t.Fatal(err)
	}
	var codes []queue.Code
	for _, a := range answers {
		var refusal *queue.Error
		if errors.As(a.Err, &refusal) {
			codes = append(codes, refusal.Code)
		} else if a.Result.Attempt == nil {
			t.Error("a join was answered without its attempt")
		}
	}
	if len(codes) != 2 || codes[0] != queue.CodeInvalid || codes[1] != queue.CodeUnknownQueue {
		t.Errorf("refusals %v, want invalid and unknown_queue", codes)
	}
}

// A refused join is told on the log, although nothing has changed: its caller is
// refused all the same, and nobody notes a change.
func TestRefusedJoinIsTold(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	d, stop := running(log)
	defer stop()
	q := queue.DefaultQueue(0, "sales", queue.Inbound)
	q.Enabled = false
	id, number, noted := mustDo(t, d, queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID, "+12025550101", false
	for range 2 {
		answers, err := d.DoNoted(t.Context(), []queue.Command{queue.Join{QueueID: id, Destination: &number}}, &desk.Clerk{
			Note: func([]desk.Answer) (desk.Note, bool) { noted = true; return desk.Note{}, true },
		})
		if err != nil || !errors.Is(answers[0].Err, &queue.Error{Code: queue.CodeQueueDisabled}) {
			t.Fatalf("%+v, %v", answers, err)
		}
	}
	events := log.Events()
	if len(events) != 2 || noted {
		t.Fatalf("%d events, a note: %v", len(events), noted)
	}
	for i, ev := range events {
		if ev.Type != queue.EventJoinRejected || ev.Seq != int64(i+1) || ev.RecordedAt.IsZero() || ev.ID == events[1-i].ID {
			t.Errorf("event %d: %+v", i, ev)
		}
	}
}

// TestLostCommit: a commit that fails is not acknowledged, and the engine is
// loaded again, so that memory never runs ahead of the log.
func TestLostCommit(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	d, stop := running(log)
	defer stop()
	q, number := salesQueue(t, d), "+12025550101"
	mustDo(t, d, queue.Join{QueueID: q, Destination: &number})
	before := len(log.Events())

	var once sync.Once
	log.SetFail(func(commit bool) error {
		var err error
		if commit {
			once.Do(func() { err = errors.New("the plug was pulled") })
		}
		return err
	})
	if _, err := d.Do(t.Context(), queue.Join{QueueID: q, Destination: &number}); !errors.Is(err, desk.ErrUnavailable) {
		t.Fatalf("got %v, want ErrUnavailable", err)
	}
	if n := len(log.Events()); n != before {
		t.Fatalf("%d events after a lost commit, want %d", n, before)
	}
	mustDo(t, d, queue.Join{QueueID: q, Destination: &number})
	err := d.Read(t.Context(), func(e *queue.Engine) {
		if n := len(e.Attempts()); n != 2 {
			t.Errorf("%d attempts are open, want 2", n)
		}
		if err := e.Check(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestStoppedDeskRefuses(t *testing.T) {
	t.Parallel()
	d, stop := running(desktest.NewMemory())
	salesQueue(t, d)
	stop()
	if _, err := d.Do(t.Context(), queue.Tick{}); !errors.Is(err, desk.ErrStopped) {
		t.Errorf("got %v, want ErrStopped", err)
	}
}

// TestCommandsGather: what waits while a transaction is under way goes into one
// next transaction.
func TestCommandsGather(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	d, stop := running(log)
	defer stop()
	q, number := salesQueue(t, d), "+12025550101"
	entered, release := make(chan struct{}), make(chan struct{})
	var transactions int
	log.SetFail(func(commit bool) error {
		if !commit {
			if transactions++; transactions == 1 {
				close(entered)
				<-release
			}
		}
		return nil
	})
	var callers sync.WaitGroup
	join := func() {
		if _, err := d.Do(t.Context(), queue.Join{QueueID: q, Destination: &number}); err != nil {
			t.Error(err)
		}
	}
	callers.Go(join)
	<-entered
	for range 50 {
		callers.Go(join)
	}
	for d.Pending() < 50 {
		runtime.Gosched()
	}
	close(release)
	callers.Wait()
	log.SetFail(nil)
	if transactions != 2 {
		t.Errorf("51 joins took %d transactions, want 2", transactions)
	}
}

// A note is stored with the commands that it is about, when they have changed
// something, and with no others.
func TestNotes(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	d, stop := running(log)
	defer stop()
	q, number := salesQueue(t, d), "+12025550101"
	saw := 0
	clerk := func(action string) *desk.Clerk {
		return &desk.Clerk{
			Look: func(e *queue.Engine) { saw = len(e.Attempts()) },
			Note: func(a []desk.Answer) (desk.Note, bool) {
				return desk.Note{Action: action, Before: fmt.Append(nil, saw)}, action != "unwanted"
			},
		}
	}
	for action, cmd := range map[string]queue.Command{
		"refused": queue.Join{QueueID: q}, "nothing": queue.Tick{}, "unwanted": queue.SetAgentStatus{AgentRef: "x", Status: queue.StatusOnline},
	} {
		if _, err := d.DoNoted(t.Context(), []queue.Command{cmd}, clerk(action)); err != nil {
			t.Fatal(err)
		}
	}
	for _, action := range []string{"first", "second"} {
		if _, err := d.DoNoted(t.Context(), []queue.Command{queue.Join{QueueID: q, Destination: &number}}, clerk(action)); err != nil {
			t.Fatal(err)
		}
	}
	log.SetFail(func(commit bool) error {
		if commit {
			return errors.New("no")
		}
		return nil
	})
	if _, err := d.DoNoted(t.Context(), []queue.Command{queue.Join{QueueID: q, Destination: &number}}, clerk("lost")); err == nil {
		t.Error("a lost commit was answered")
	}
	var got []string
	for _, n := range log.Notes() {
		got = append(got, n.Action+string(n.Before))
		if n.At.IsZero() {
			t.Error("a note without its instant")
		}
	}
	if want := "[first0 second1]"; fmt.Sprint(got) != want {
		t.Errorf("notes %v, want %s", got, want)
	}
}

// TestAReadThatWasGivenUp: who has stopped waiting is not written to any more.
func TestAReadThatWasGivenUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := desk.New(desktest.NewMemory(), desk.Config{Now: time.Now, Logger: slog.New(slog.DiscardHandler)})
		impatient, leave := context.WithCancel(t.Context())
		leave()
		looked := false
		if err := d.Read(impatient, func(*queue.Engine) { looked = true }); !errors.Is(err, context.Canceled) {
			t.Errorf("a reader who has left is told %v", err)
		}
		ctx, stop := context.WithCancel(t.Context())
		var run sync.WaitGroup
		run.Go(func() { _ = d.Run(ctx) })
		if err := d.Read(t.Context(), func(*queue.Engine) {}); err != nil {
			t.Error(err)
		}
		stop()
		run.Wait()
		if looked {
			t.Error("the desk looked for somebody who had left")
		}
	})
}
