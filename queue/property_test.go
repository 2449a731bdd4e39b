package queue

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"pgregory.net/rapid"
)

// world is an engine under random commands, and the records that a store would
// hold.
type world struct {
	rt      *rapid.T
	e       *Engine
	now     time.Time
	ids     int64
	stored  map[string]Record
	witness *witness
	queues  []int64
	agents  []int64
	known   []int64 // attempts, also some that have left
	reached map[EventType]map[string]int
}

func newWorld(rt *rapid.T, reached map[EventType]map[string]int) *world {
	w := &world{
		rt: rt, e: New(Domain{ID: 1, Namespace: UUID{9}}), now: epoch, ids: 10,
		stored: map[string]Record{}, witness: newWitness(), reached: reached,
	}
	for i, t := range []Type{Inbound, Inbound, Chat, Task, Inbound} {
		q := DefaultQueue(0, fmt.Sprint("q", i), t)
		q.UseProcessing = i != 1
		q.WrapUpSec, q.MaxNoAnswer, q.MaxOffers, q.MaxWaiting = 5*(i%2), 3*(i%2), 2, 5
		q.MaxWaitSec, q.NoAgentsSec, q.ClientIdleSec, q.DialogIdleSec, q.AgentIdleSec = 90, 60*(i%2), 40, 30, 45
		q.KeepOnMaxWait = i == 1
		if i == 4 {
			q.Distribution = DistributionExternal
		}
		w.step(SaveQueue{Queue: q})
		w.queues = append(w.queues, w.e.QueueByName(q.Name).ID)
	}
	for i := range 3 {
		a := Agent{Name: fmt.Sprint("agent", i), Ref: fmt.Sprint("SIP/", i), Capacity: map[Channel]int{ChannelChat: 1 + i}}
		a.Queues = append(a.Queues, w.queues[i%2:4]...)
		w.agents = append(w.agents, w.step(SaveAgent{Agent: a}).Changed[0].(*Agent).ID)
		w.step(SetAgentStatus{AgentID: w.agents[i], Status: StatusOnline})
	}
	return w
}

func recordName(r Record) string {
	switch r := r.(type) {
	case *Queue:
		return fmt.Sprint("queue", r.ID)
	case *Agent:
		return fmt.Sprint("agent", r.ID)
	case *AgentState:
		return fmt.Sprint("state", r.AgentID)
	case *Attempt:
		return fmt.Sprint("attempt", r.ID)
	case *Removed:
		return fmt.Sprint(r.Kind, r.ID)
	default:
		panic("unknown record")
	}
}

// step carries out cmd, checks every invariant and stores what changed.
func (w *world) step(cmd Command) Result {
	w.rt.Helper()
	var ids []int64
	for range w.e.Needs(cmd) {
		w.ids++
		ids = append(ids, w.ids)
	}
	before := w.view(w.e)
	res, err := w.e.Step(w.now, WithIDs(cmd, ids...))
	if err != nil {
		if diff := cmp.Diff(before, w.view(w.e), cmpopts.EquateEmpty()); diff != "" {
			w.rt.Fatalf("%#v was refused (%v) and changed the state:\n%s", cmd, err, diff)
		}
		return res
	}
	if err := w.e.Check(); err != nil {
		w.rt.Fatalf("after %#v: %v", cmd, err)
	}
	for _, ev := range res.Events {
		if err := w.witness.see(ev); err != nil {
			w.rt.Fatalf("after %#v: %v", cmd, err)
		}
		if !json.Valid(ev.AppendJSON(nil)) {
			w.rt.Fatalf("not JSON: %s", ev.AppendJSON(nil))
		}
		w.count(ev)
	}
	for _, r := range res.Changed {
		w.store(r)
	}
	if res.Attempt != nil && len(ids) > 0 {
		w.known = append(w.known, res.Attempt.ID)
	}
	return res
}

func (w *world) count(ev Event) {
	if w.reached[ev.Type] == nil {
		w.reached[ev.Type] = map[string]int{}
	}
	key := ""
	if ev.Ext != nil {
		key = string(ev.Ext.MissedReason) + string(ev.Ext.ResultReason)
	}
	w.reached[ev.Type][key]++
}

func (w *world) store(r Record) {
	if a, ok := r.(*Attempt); ok && a.State == StateLeaving {
		delete(w.stored, recordName(r))
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
	w.stored[recordName(r)] = c.Interface().(Record)
}

// view is everything that can be seen of an engine.
func (w *world) view(e *Engine) []any {
	var v []any
	for _, q := range e.Queues() {
		v = append(v, q)
	}
	for _, a := range e.Agents() {
		_, st := e.Agent(a.ID)
		v = append(v, a, st)
	}
	for _, a := range e.Attempts() {
		v = append(v, a)
	}
	due, ok := e.NextDeadline()
	return append(v, due, ok)
}

// rebuilt returns an engine made by Put alone from what is stored.
func (w *world) rebuilt() *Engine {
	e := New(w.e.domain)
	var all []Record
	for _, r := range w.stored {
		all = append(all, r)
	}
	e.Put(all...)
	if err := e.Check(); err != nil {
		w.rt.Fatalf("rebuilt: %v", err)
	}
	if diff := cmp.Diff(w.view(w.e), w.view(e), cmpopts.EquateEmpty()); diff != "" {
		w.rt.Fatalf("rebuilt differs (-live +rebuilt):\n%s", diff)
	}
	return e
}

// n draws a number below limit. rapid likes small numbers; mixing the draw makes
// all of them equally likely, so that rare commands are reached.
func (w *world) n(name string, limit int) int {
	x := rapid.Uint64().Draw(w.rt, name)
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return int((x ^ x>>31) % uint64(limit))
}

func pick[T any](w *world, name string, from []T) T { return from[w.n(name, len(from))] }

// command draws a command that has a fair chance to be carried out.
func (w *world) command() Command {
	attempt, agent, offer := int64(1), pick(w, "agent", w.agents), 0
	if len(w.known) > 0 {
		attempt = pick(w, "attempt", w.known[max(0, len(w.known)-6):])
	}
	if a := w.e.Attempt(attempt); a != nil && w.n("fitting", 5) > 0 {
		if len(a.Offers) > 0 {
			o := pick(w, "offer", a.Offers)
			agent, offer = o.Agent.ID, o.No
		} else if a.Agent != nil {
			agent = a.Agent.ID
		}
	}
	number := "+1202555010" + fmt.Sprint(w.n("number", 10))
	leg := pick(w, "leg", []Leg{LegMember, LegAgent, LegAgent})
	report := SwitchReport{AttemptID: attempt, Leg: leg, AgentID: agent, OfferNo: offer}
	if w.n("late", 4) == 0 {
		report.At = w.now.Add(-time.Duration(w.n("earlier", 12_000)-3000) * time.Millisecond)
	}
	switch w.n("kind", 16) {
	case 0, 1:
		return Join{
			QueueID: pick(w, "queue", w.queues), Destination: &number,
			MemberUnanswered: w.n("unanswered", 2) == 0,
			Priority:         w.n("priority", 3),
		}
	case 2, 3:
		return Accept{AttemptID: attempt, AgentID: agent, OfferNo: offer, Bridged: w.n("both", 2) == 0}
	case 4:
		return Decline{AttemptID: attempt, AgentID: agent}
	case 5:
		return Report{
			AttemptID: attempt, AgentID: agent, KeepOpen: w.n("keep", 5) == 0,
			Result: pick(w, "result", []CCResult{"", ResultSuccess, ResultCancel, ResultAbandoned}),
		}
	case 6:
		return pick(w, "small", []Command{
			Renew{AttemptID: attempt}, Close{AttemptID: attempt, AgentID: agent}, Cancel{AttemptID: attempt}, Tick{},
		})
	case 7:
		return SetAgentStatus{AgentID: agent, Status: pick(w, "status", []Status{StatusOnline, StatusOnline, StatusOnline, StatusPause, StatusOffline})}
	case 8:
		report.Event, report.QueueID = SwitchJoined, w.queues[4]
		report.Destination, report.MemberChannelID = &number, "chan-"+number
		return report
	case 9, 10:
		report.Event = pick(w, "external", []SwitchEvent{SwitchOffered, SwitchOffered, SwitchMissed, SwitchBridged, SwitchLeft})
		if w.n("stranger", 10) == 0 {
			report.AgentID, report.AgentRef, report.OfferNo = 0, "SIP/"+number, 0
		}
		report.Reason = pick(w, "reason", []string{"", "declined", "busy", "cancelled"})
		report.ResultReason = pick(w, "left", []Reason{"", ReasonMaxWait, ReasonKeyExit, ReasonWithdrawn, ReasonNoAgents})
		return report
	case 11, 12:
		report.Event = pick(w, "event", []SwitchEvent{
			SwitchRinging, SwitchAnswered, SwitchBridged, SwitchBridged, SwitchBridgeFailed, SwitchEnded, SwitchMessage,
		})
		report.Cause = pick(w, "cause", []Cause{"", "USER_BUSY", "CALL_REJECTED", "SUBSCRIBER_ABSENT", "NO_ANSWER", "WRONG_CALL_STATE"})
		report.Reason = pick(w, "transfer", []string{"", "", "", "transfer_blind"})
		return report
	case 13:
		return Reconcile{Lost: w.n("lost", 2) == 0}
	default:
		report.Event, report.Leg = SwitchMessage, pick(w, "writer", []Leg{LegMember, LegAgent})
		return report
	}
}

// TestRandomCommands drives random commands through the engine and holds every
// invariant of engine.md B.11; the state rebuilt by Put equals the live one,
// and both go on alike.
func TestRandomCommands(t *testing.T) {
	t.Parallel()
	reached := map[EventType]map[string]int{}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt, reached)
		var twin *Engine
		for i := range rapid.IntRange(60, 160).Draw(rt, "steps") {
			w.now = w.now.Add(time.Duration(w.n("ms", 12_000)) * time.Millisecond)
			if due, ok := w.e.NextDeadline(); ok && due.Before(w.now) {
				w.now = due
				w.step(Tick{})
			}
			if i%10 == 9 {
				twin = w.rebuilt()
			}
			cmd := w.command()
			firstID := w.ids
			res := w.step(cmd)
			if twin != nil {
				var ids []int64
				for range twin.Needs(cmd) {
					firstID++
					ids = append(ids, firstID)
				}
				again, _ := twin.Step(w.now, WithIDs(cmd, ids...))
				if diff := cmp.Diff(res, again, cmpopts.EquateEmpty()); diff != "" {
					rt.Fatalf("the rebuilt engine answers %#v otherwise:\n%s", cmd, diff)
				}
				twin = nil
			}
		}
		w.runOut()
	})
	if testing.Short() { // a fifth of the commands: too few to reach everything
		return
	}
	for _, want := range []struct {
		typ EventType
		key string
	}{
		{EventMissed, "timeout"}, {EventMissed, "declined"}, {EventMissed, "failed"}, {EventMissed, "member_hangup"}, {EventMissed, "agent_gone"},
		{EventMissed, "bridge_failed"}, {EventMissed, "cancelled"}, {EventBridged, ""}, {EventProcessing, ""},
		{EventLeaving, "served"}, {EventLeaving, "reported_success"}, {EventLeaving, "reported_cancel"},
		{EventLeaving, "reported_abandoned"}, {EventLeaving, "processing_timeout"},
		{EventLeaving, "member_hangup_waiting"}, {EventLeaving, "member_hangup_offering"}, {EventLeaving, "max_wait"},
		{EventLeaving, "no_agents"}, {EventLeaving, "cancelled"}, {EventLeaving, "withdrawn"},
		{EventLeaving, "max_offers"}, {EventLeaving, "recovered"},
		{EventLeaving, "dialog_idle"},
	} {
		if reached[want.typ][want.key] == 0 {
			t.Errorf("the random commands never reached %s %s", want.typ, want.key)
		}
	}
}

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
