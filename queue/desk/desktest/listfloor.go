package desktest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// floor runs desks over the roster and hands every order to dial to whoever
// listens.
type floor struct {
	t     *testing.T
	now   func() time.Time // the desks' clock
	desks []*desk.Desk
	dials chan queue.Event
}

// ready returns a member of the queue who has been ready for an hour.
func (f *floor) ready(id, queueID int64) *queue.Member {
	m := listed(id, queueID)
	m.ReadyAt = f.now().Add(-time.Hour)
	return m
}

func runFloor(t *testing.T, r Roster, desks int) *floor {
	f := &floor{t: t, now: time.Now, dials: make(chan queue.Event, 10_000)}
	ctx, stop := context.WithCancel(context.Background())
	var running sync.WaitGroup
	t.Cleanup(func() { stop(); running.Wait() })
	for range desks {
		d := desk.New(r.Open(), desk.Config{
			Now: f.now, Logger: slog.New(slog.NewTextHandler(io.Discard, nil)), Lists: r.Lists(), Zones: time.LoadLocation,
			OnCommit: func(events []queue.Event, _ desk.Head) {
				for _, ev := range events {
					if ev.Type == queue.EventSwitchDial {
						f.dials <- ev
					}
				}
			},
		})
		f.desks = append(f.desks, d)
		running.Go(func() { _ = d.Run(ctx) })
	}
	return f
}

func (f *floor) do(i int, cmd queue.Command) queue.Result {
	f.t.Helper()
	res, err := f.desks[i].Do(f.t.Context(), cmd)
	if err != nil {
		f.t.Fatalf("%T: %v", cmd, err)
	}
	return res
}

// dialled waits for the next order to dial.
func (f *floor) dialled() queue.Order {
	f.t.Helper()
	var order queue.Order
	select {
	case ev := <-f.dials:
		if err := json.Unmarshal(ev.Data, &order); err != nil {
			f.t.Fatal(err)
		}
	case <-time.After(30 * time.Second):
		f.t.Fatal("nobody is dialled any more")
	}
	return order
}

// end reports that the member who is dialled is busy.
func (f *floor) end(i int, order queue.Order) {
	f.t.Helper()
	f.do(i, queue.SwitchReport{AttemptID: order.AttemptID, Leg: queue.LegMember, Event: queue.SwitchEnded, Cause: "USER_BUSY"})
}

// testTwoDiallers lets two desks, each with a hopper of its own, dial one list:
// every member once.
func testTwoDiallers(t *testing.T, r Roster) {
	const members = 100
	f := runFloor(t, r, 2)
	q := queue.DefaultQueue(0, "survey", queue.IVR)
	q.MaxCalls = 8
	queueID := f.do(0, queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
	var all []*queue.Member
	for i := range members {
		all = append(all, f.ready(int64(i+1), queueID))
	}
	r.Add(all...)
	for _, d := range f.desks {
		d.Refill(queueID)
	}
	seen := map[string]bool{}
	for i := range members {
		order := f.dialled()
		if seen[*order.Destination] {
			t.Fatalf("%s is dialled twice", *order.Destination)
		}
		seen[*order.Destination] = true
		f.end(i%2, order)
	}
	found, _, err := r.Lists().Ready(t.Context(), desk.Ready{QueueID: queueID, Zones: []string{""}, At: f.now().Add(time.Hour), Limit: members + 1})
	if err != nil || len(found) != members {
		t.Fatalf("%d members are ready an hour later, want %d: %v", len(found), members, err)
	}
	for _, m := range found {
		if m.Attempts != 1 || m.Numbers[0].Attempts != 1 || m.RetryRule != "busy" || m.LastAttempt == 0 {
			t.Errorf("member %d: %+v", m.ID, m)
		}
	}
	for i, d := range f.desks {
		if err := d.Read(t.Context(), func(e *queue.Engine) {
			if err := e.Check(); err != nil {
				t.Errorf("desk %d: %v", i, err)
			}
		}); err != nil {
			t.Fatal(err)
		}
	}
}

// testEditedInHopper edits a member whom a desk is about to dial: what was
// edited counts, and nobody who gave a command notices.
func testEditedInHopper(t *testing.T, r Roster) {
	f := runFloor(t, r, 1)
	q := queue.DefaultQueue(0, "sales", queue.Progressive)
	queueID := f.do(0, queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
	agent := f.do(0, queue.SaveAgent{Agent: queue.Agent{Name: "Anna", Queues: []int64{queueID}}}).Changed[0].(*queue.Agent).ID
	r.Add(f.ready(1, queueID), f.ready(2, queueID), f.ready(3, queueID))
	f.do(0, queue.SetAgentStatus{AgentID: agent, Status: queue.StatusOnline})
	first := f.dialled()
	if !r.Edit(2, 0, "Ann") {
		t.Fatal("a member in the hopper cannot be edited")
	}
	f.end(0, first)
	second := f.dialled()
	if second.Destination == nil || *second.Destination != listed(2, queueID).Numbers[0].Number {
		t.Errorf("dialled is %+v", second)
	}
	name := ""
	if err := f.desks[0].Read(t.Context(), func(e *queue.Engine) {
		if a := e.Attempt(second.AttemptID); a != nil && a.MemberName != nil {
			name = *a.MemberName
		}
	}); err != nil {
		t.Fatal(err)
	}
	if name != "Ann" {
		t.Errorf("he is called %q, although he was edited to Ann", name)
	}
	r.Remove(3)
	f.end(0, second)
	r.Add(f.ready(4, queueID))
	f.desks[0].Refill(queueID)
	if third := f.dialled(); *third.Destination != fmt.Sprintf("+1202555%04d", 4) {
		t.Errorf("%s is dialled, who was taken off the list", *third.Destination)
	}
}
