package queue

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// world is an engine under random commands, and the records that a store would
// hold.
type world struct {
	rt      failer
	draw    func(name string, limit int) int // a number below limit
	e       *Engine
	now     time.Time
	ids     int64
	steps   int
	stored  map[Key]Record
	witness *witness
	queues  []int64
	lists   []int64 // the outbound queues that members are given to
	agents  []int64
	known   []int64 // attempts, also some that have left
	roster  *roster // nil = nobody is listed
	// lastChanged are the records of the last step.
	lastChanged []Record
}

// failer is the part of a test that a world needs.
type failer interface {
	Helper()
	Fatal(...any)
	Fatalf(string, ...any)
}

func newWorld(rt failer, draw func(string, int) int) *world {
	w := &world{
		rt: rt, draw: draw, e: New(Domain{ID: 1, Namespace: UUID{9}}), now: epoch, ids: 10,
		stored: map[Key]Record{}, witness: newWitness(),
	}
	w.e.UseZones(time.LoadLocation)
	w.e.Stock(1_000_000, 2_000_000)
	for i, t := range []Type{Inbound, Inbound, Chat, Task, Inbound, Offline, Preview, Progressive, Progressive, Predictive, IVR} {
		q := DefaultQueue(0, fmt.Sprint("q", i), t)
		q.UseProcessing = w.n("processing", 3) > 0
		q.WrapUpSec, q.MaxNoAnswer, q.MaxOffers, q.MaxWaiting = 5*(i%2), 3*(i%2), 2, 5
		q.MaxWaitSec, q.NoAgentsSec, q.ClientIdleSec, q.DialogIdleSec, q.AgentIdleSec = 90, 60*(i%2), 40, 30, 45
		q.KeepOnMaxWait = i == 1
		q.RejoinSec = 10 * (i % 2)
		q.AMD, q.AllowNotSure = i%2 == 0, i == 10
		q.OriginateTimeoutSec, q.BridgeTimeoutSec, q.AMDTotalAnalysisMs = 60, 15, 60_000
		if i == 8 {
			q.ProgressiveCount, q.ReofferSec = 3, 20
		} else if i == 7 {
			q.ProgressiveCount = 2
		}
		if i == 4 {
			q.Distribution = DistributionExternal
		}
		w.arrange(&q, i)
		w.step(SaveQueue{Queue: q})
		w.queues = append(w.queues, w.e.QueueByName(q.Name).ID)
	}
	w.lists = w.queues[5:]
	for i, queues := range [][]int64{
		w.queues[0:4], w.queues[1:4], w.queues[0:4], w.queues[5:10], w.queues[5:10], append(slices.Clone(w.queues[7:10]), w.queues[0]),
	} {
		a := Agent{Name: fmt.Sprint("agent", i), Ref: fmt.Sprint("SIP/", i), Capacity: map[Channel]int{ChannelChat: 1 + i%3}, Queues: queues}
		w.train(&a)
		w.agents = append(w.agents, w.step(SaveAgent{Agent: a}).Changed[0].(*Agent).ID)
		w.step(SetAgentStatus{AgentID: w.agents[i], Status: StatusOnline})
	}
	return w
}

// step carries out cmd, checks every invariant and stores what changed.
func (w *world) step(cmd Command) Result {
	w.rt.Helper()
	var ids []int64
	for range w.e.Needs(cmd) {
		w.ids++
		ids = append(ids, w.ids)
	}
	var before []any
	if w.steps++; w.steps%4 == 0 { // the dearest of all checks
		before = seenOf(w.e, w.now)
	}
	res, err := w.e.Step(w.now, WithIDs(cmd, ids...))
	if w.roster != nil && w.roster.stale(res) { // as the desk does
		w.e = w.fromStore()
		res, err = w.e.Step(w.now, WithIDs(cmd, ids...))
	}
	if err != nil && before == nil {
		return res
	}
	if err != nil {
		if diff := difference(before, seenOf(w.e, w.now)); diff != "" {
			w.rt.Fatalf("%#v was refused (%v) and changed the state:\n%s", cmd, err, diff)
		}
		return res
	}
	if err := w.e.Check(); err != nil {
		w.rt.Fatalf("after %#v: %v", cmd, err)
	}
	for _, ev := range res.Events {
		if err := w.witness.see(ev); err != nil {
			w.rt.Fatalf("after %#v: %v\n%s", cmd, err, ev.AppendJSON(nil))
		}
		if !json.Valid(ev.AppendJSON(nil)) {
			w.rt.Fatalf("not JSON: %s", ev.AppendJSON(nil))
		}
	}
	w.lastChanged = res.Changed
	for _, r := range res.Changed {
		if a, ok := r.(*Attempt); ok {
			if err := w.witness.moved(a); err != nil {
				w.rt.Fatalf("after %#v: %v", cmd, err)
			}
		}
		w.store(r)
	}
	if res.Attempt != nil && len(ids) > 0 {
		w.known = append(w.known, res.Attempt.ID)
	}
	return res
}

func (w *world) store(r Record) {
	if w.roster != nil {
		w.roster.store(w, r)
	}
	if a, ok := r.(*Attempt); ok && a.State == StateLeaving {
		delete(w.stored, KeyOf(r))
		return
	}
	b, err := json.Marshal(r)
	if err != nil {
		w.rt.Fatal(err)
	}
	c := reflect.New(reflect.TypeOf(r).Elem())
	if err := json.Unmarshal(b, c.Interface()); err != nil {
		w.rt.Fatal(err)
	}
	w.stored[KeyOf(r)] = c.Interface().(Record)
}

// difference tells two values apart; nil and empty are the same.
func difference(x, y any) string {
	if reflect.DeepEqual(x, y) { // a tenth of the price
		return ""
	}
	return cmp.Diff(x, y, cmpopts.EquateEmpty())
}

// rebuilt returns an engine made by Put alone from what is stored.
func (w *world) rebuilt() *Engine {
	e := w.fromStore()
	if err := e.Check(); err != nil {
		w.rt.Fatalf("rebuilt: %v", err)
	}
	if diff := difference(seenOf(w.e, w.now), seenOf(e, w.now)); diff != "" {
		w.rt.Fatalf("rebuilt differs (-live +rebuilt):\n%s", diff)
	}
	return e
}

// fromStore returns an engine made of what is stored.
func (w *world) fromStore() *Engine {
	e := New(w.e.domain)
	var all []Record
	for _, r := range w.stored {
		all = append(all, r)
	}
	e.UseZones(time.LoadLocation)
	e.Put(all...)
	e.Stock(w.e.stock, w.e.stockEnd)
	return e
}

// n draws a number below limit.
func (w *world) n(name string, limit int) int { return w.draw(name, limit) }

func pick[T any](w *world, name string, from []T) T { return from[w.n(name, len(from))] }

// runOut lets time pass until every attempt has left. Tasks nobody takes are
// withdrawn.
func (w *world) runOut() {
	for _, id := range w.agents {
		w.step(SetAgentStatus{AgentID: id, Status: StatusOffline})
	}
	for range 10_000 {
		due, ok := w.e.NextDeadline()
		if !ok {
			break
		}
		if due.After(w.now) {
			w.now = due
		}
		w.step(Tick{})
	}
	for _, a := range w.e.Attempts() {
		w.step(Cancel{AttemptID: a.ID})
	}
	if err := w.witness.allLeft(); err != nil {
		w.rt.Fatal(err)
	}
}
