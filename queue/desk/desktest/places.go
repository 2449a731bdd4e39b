package desktest

import (
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// testPlaces: a caller who gave up has his place back after a restart, at
// another replica, and once only; what is over is dropped.
func testPlaces(t *testing.T, open func() desk.Log) {
	a, b := newWriter(t, open()), newWriter(t, open())
	q := queue.DefaultQueue(0, "sales", queue.Inbound)
	q.ResumeSec = 60
	id := a.do(queue.SaveQueue{Queue: q}).Changed[0].(*queue.Queue).ID
	numbers := []string{"+12025550101", "+12025550102", "O'Neill \u2603"}
	join := func(w *writer, number string) *queue.Attempt {
		t.Helper()
		return w.do(queue.Join{QueueID: id, Destination: &number}).Attempt
	}
	giveUp := func(w *writer, attempt int64) {
		t.Helper()
		w.do(queue.SwitchReport{AttemptID: attempt, Leg: queue.LegMember, Event: queue.SwitchEnded})
	}
	for _, number := range numbers {
		giveUp(a, join(a, number).ID)
	}
	later := start.Add(30 * time.Second)
	a.now, b.now = later, later
	restarted := newWriter(t, open())
	restarted.now = later
	if got := join(restarted, numbers[0]); !got.OrderAt.Equal(start) {
		t.Errorf("after a restart he stands at %v, want %v", got.OrderAt, start)
	}
	if got := join(b, numbers[2]); !got.OrderAt.Equal(start) {
		t.Errorf("at the other replica he stands at %v, want %v", got.OrderAt, start)
	}
	if got := join(a, numbers[2]); !got.OrderAt.IsZero() {
		t.Errorf("a place is given back once, not again at %v", got.OrderAt)
	}
	a.now = start.Add(200 * time.Second)
	if got := join(a, numbers[1]); !got.OrderAt.IsZero() {
		t.Errorf("his time is over, and he stands at %v", got.OrderAt)
	}
	giveUp(a, join(a, "+12025550104").ID) // drops what is over
	s, err := open().Load(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range s.Records {
		p, ok := r.(*queue.Place)
		switch {
		case !ok:
		case p.Destination == "+12025550104" && p.Until.Equal(a.now.Add(time.Minute)) && !p.Taken:
		case !p.Taken && p.Until.After(a.now):
			t.Errorf("a place that nobody left: %+v", p)
		}
	}
}
