package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/queue/desk/desktest"
)

// dialling is a desk with lists in virtual time, and what it orders to dial.
type dialling struct {
	*testing.T
	log   *desktest.Memory
	lists *slowLists
	desk  *desk.Desk

	mu    sync.Mutex
	dials []string // second and number of every order
	last  int64    // attempt of the last one
	begin time.Time
}

// slowLists are the lists of a log whose answers can be held back, or fail.
type slowLists struct {
	desk.Lists
	mu   sync.Mutex
	hold chan struct{} // if set, an answer waits until it is closed
	fail error
	asks int
}

func (s *slowLists) Ready(ctx context.Context, q desk.Ready) ([]*queue.Member, int64, error) {
	members, version, err := s.Lists.Ready(ctx, q)
	s.mu.Lock()
	hold, fail := s.hold, s.fail
	s.asks++
	s.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
	if fail != nil {
		return nil, 0, fail
	}
	return members, version, err
}

// count returns how often members were asked for.
func (s *slowLists) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asks
}

func (s *slowLists) set(hold chan struct{}, fail error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hold, s.fail = hold, fail
}

func newDialling(t *testing.T) (*dialling, func()) {
	log := desktest.NewMemory()
	d := &dialling{T: t, log: log, lists: &slowLists{Lists: log}, begin: time.Now()}
	d.desk = desk.New(log, desk.Config{
		Now: time.Now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Lists: d.lists, Zones: time.LoadLocation,
		OnCommit: func(events []queue.Event, _ desk.Head) {
			d.mu.Lock()
			defer d.mu.Unlock()
			for _, ev := range events {
				if ev.Type == queue.EventJoined {
					d.dials = append(d.dials, fmt.Sprintf("%ds %s", int(time.Since(d.begin).Round(time.Second).Seconds()), *ev.Listed.Destination))
					d.last = ev.AttemptID
				}
			}
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { _ = d.desk.Run(ctx) })
	return d, func() { cancel(); wg.Wait() }
}

func (d *dialling) do(cmd queue.Command) queue.Result {
	d.Helper()
	return mustDo(d.T, d.desk, cmd)
}

func (d *dialling) queue(t queue.Type, change func(*queue.Queue)) int64 {
	d.Helper()
	q := queue.DefaultQueue(0, "list", t)
	if change != nil {
		change(&q)
	}
	return d.do(queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
}

func (d *dialling) agent(queueID int64) int64 {
	d.Helper()
	id := d.do(queue.SaveAgent{Agent: queue.Agent{Name: "Anna", Queues: []int64{queueID}}}).Changed[0].(*queue.Agent).ID
	d.do(queue.SetAgentStatus{AgentID: id, Status: queue.StatusOnline})
	return id
}

func (d *dialling) add(queueID int64, ids ...int64) {
	for _, id := range ids {
		d.log.AddMembers(&queue.Member{
			ID: id, QueueID: queueID, Numbers: []queue.Number{{Number: fmt.Sprint("+", id)}}, CreatedAt: d.begin, ReadyAt: d.begin,
		})
	}
}

// end has the last one who is dialled be busy.
func (d *dialling) end() {
	d.Helper()
	synctest.Wait()
	d.mu.Lock()
	id := d.last
	d.mu.Unlock()
	d.do(queue.SwitchReport{AttemptID: id, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "USER_BUSY"})
}

func (d *dialling) want(dials ...string) {
	d.Helper()
	synctest.Wait()
	d.mu.Lock()
	defer d.mu.Unlock()
	if got := fmt.Sprint(d.dials); got != fmt.Sprint(dials) {
		d.Errorf("dialled %s, want %s", got, dials)
	}
}

// TestHoppersAreRefilled: members are read soon after there is somebody for them,
// one who was busy comes again when his rule says, and who is added is dialled as
// soon as the desk is told.
func TestHoppersAreRefilled(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, stop := newDialling(t)
		defer stop()
		q := d.queue(queue.Progressive, nil)
		d.add(q, 1)
		time.Sleep(10 * time.Second)
		if d.lists.count() != 0 {
			t.Errorf("asked %d times for members, and nobody was online", d.lists.count())
		}
		d.agent(q)
		time.Sleep(2 * time.Second)
		d.end()
		time.Sleep(310 * time.Second)
		d.end()
		d.want("11s +1", "313s +1")
		d.add(q, 2)
		d.desk.Refill(q)
		d.want("11s +1", "313s +1", "322s +2")
		if m := d.log.Member(1); m.Attempts != 2 || m.Open != 0 {
			t.Errorf("member 1 is kept as %+v", m)
		}
	})
}

// TestStaleMember: who was edited after he came into the hopper is dialled as he
// is now, and whoever gave the command that led to it sees no error.
func TestStaleMember(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, stop := newDialling(t)
		defer stop()
		q := d.queue(queue.Progressive, nil)
		d.add(q, 1, 2, 3)
		d.agent(q)
		time.Sleep(1900 * time.Millisecond)
		d.log.EditMember(2, func(m *queue.Member) { m.Numbers[0].Number = "+22" })
		d.log.RemoveMember(3)
		d.end()
		time.Sleep(2 * time.Second)
		d.want("1s +1", "2s +22")
		d.end()
		time.Sleep(10 * time.Second)
		d.want("1s +1", "2s +22")
	})
}

// TestStaleDialByHand: a member whom a command brought, and who has changed since
// he was read, is refused; the rest of the batch is carried out.
func TestStaleDialByHand(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, stop := newDialling(t)
		defer stop()
		q := d.queue(queue.Offline, nil)
		anna := d.agent(q)
		d.add(q, 1)
		old := d.log.Member(1)
		d.log.EditMember(1, func(m *queue.Member) { m.Priority = 1 })
		answers, err := d.desk.DoAll(t.Context(), []queue.Command{
			queue.Dial{QueueID: q, AgentID: anna, Member: old},
			queue.SaveTrunk{Trunk: queue.Trunk{Name: "one", Enabled: true}},
		})
		if err != nil {
			t.Fatal(err)
		}
		if !errors.Is(answers[0].Err, &queue.Error{Code: queue.CodeLostRace}) || answers[1].Err != nil {
			t.Errorf("answers %v and %v, want lost_race and none", answers[0].Err, answers[1].Err)
		}
		d.do(queue.Dial{QueueID: q, AgentID: anna, Member: d.log.Member(1)})
		d.want("0s +1")
	})
}

// TestReadBeforeWritten: a member who was dialled by hand while the lists were
// being read is not dialled again as he was then.
func TestReadBeforeWritten(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, stop := newDialling(t)
		defer stop()
		q := d.queue(queue.IVR, func(q *queue.Queue) { q.MaxCalls = 1 })
		time.Sleep(time.Second)
		hold := make(chan struct{})
		d.lists.set(hold, nil)
		d.add(q, 1)
		d.desk.Refill(q)
		synctest.Wait() // member 1 is read, and the answer held back
		d.do(queue.Dial{QueueID: q, Member: d.log.Member(1)})
		d.end()
		d.lists.set(nil, nil)
		close(hold)
		time.Sleep(20 * time.Second)
		d.want("1s +1")
	})
}

// TestListsFail: lists that cannot be read for a while hold up nobody.
func TestListsFail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d, stop := newDialling(t)
		defer stop()
		d.lists.set(nil, errors.New("the plug was pulled"))
		q := d.queue(queue.IVR, nil)
		d.add(q, 1)
		time.Sleep(10 * time.Second)
		d.do(queue.SaveTrunk{Trunk: queue.Trunk{Name: "one", Enabled: true}})
		if d.lists.count() > 12 {
			t.Errorf("asked %d times in ten seconds for what cannot be read", d.lists.count())
		}
		d.lists.set(nil, nil)
		time.Sleep(2 * time.Second)
		d.want("11s +1")
	})
}

// TestClosedZonesAreNotRead: members are read for the zones in which it is time
// to call, and not at all where it is nowhere.
func TestClosedZonesAreNotRead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // 2000-01-01 00:00 UTC, a Saturday
		d, stop := newDialling(t)
		defer stop()
		office := d.do(queue.SaveCalendar{Calendar: queue.Calendar{
			Name: "office", Weekly: []queue.WeeklyHours{{Days: []queue.Day{"saturday"}, Hours: queue.Hours{From: 9 * 60, To: 10 * 60}}},
		}}).Changed[0].(*queue.Calendar).ID
		q := d.queue(queue.IVR, func(q *queue.Queue) { q.CalendarID = office })
		d.add(q, 1, 2)
		d.log.EditMember(2, func(m *queue.Member) { m.TimeZone = "Asia/Tokyo" }) // nine hours ahead
		time.Sleep(time.Minute)
		d.end()
		asks := d.lists.count()
		time.Sleep(90 * time.Minute)
		asks2 := d.lists.count()
		time.Sleep(4 * time.Hour)
		if d.lists.count() != asks2 || asks2 == asks {
			t.Errorf("asked %d, %d, %d times", asks, asks2, d.lists.count())
		}
		time.Sleep(4 * time.Hour)
		d.mu.Lock()
		defer d.mu.Unlock()
		first, last := d.dials[0], 0
		if _, err := fmt.Sscan(strings.Replace(d.dials[len(d.dials)-1], "s", " ", 1), &last); err != nil || first != "1s +2" || last < 9*3600 {
			t.Errorf("dialled %v", d.dials)
		}
	})
}

// TestCommandsHoldNoRefillUp: as long as commands come one after the other the
// desk fills hoppers between them.
func TestCommandsHoldNoRefillUp(t *testing.T) {
	t.Parallel()
	log := desktest.NewMemory()
	lists := &slowLists{Lists: log}
	const most = 20_000
	ctx, cancel := context.WithCancel(context.Background())
	var d *desk.Desk
	var q int64
	var running sync.WaitGroup
	var busy atomic.Bool
	commits, over := 0, make(chan struct{})
	d = desk.New(log, desk.Config{
		Now: time.Now, Logger: slog.New(slog.DiscardHandler), Lists: lists,
		OnCommit: func([]queue.Event, desk.Head) {
			if !busy.Load() {
				return
			}
			if commits++; commits == most || lists.count() > 0 {
				busy.Store(false)
				close(over)
				return
			}
			d.Refill(q)
			running.Go(func() { _, _ = d.Do(ctx, queue.Tick{}) })
			for d.Pending() == 0 { // the next batch is there before this one is answered
				runtime.Gosched()
			}
		},
	})
	running.Go(func() { _ = d.Run(ctx) })
	q = mustDo(t, d, queue.SaveQueue{Queue: queue.DefaultQueue(0, "list", queue.IVR)}).Changed[0].(*queue.Queue).ID
	log.AddMembers(&queue.Member{ID: 1, QueueID: q, Numbers: []queue.Number{{Number: "+1"}}, ReadyAt: time.Now().Add(-time.Minute)})
	busy.Store(true)
	mustDo(t, d, queue.Tick{})
	<-over
	if commits == most {
		t.Errorf("nobody was asked for in %d batches", commits)
	}
	cancel()
	running.Wait()
}
