package queue

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// roster keeps the lists of a world, as a store would, and its own books of what
// happened to whom.
type roster struct {
	members   map[int64]*Member
	forbidden map[string]bool
	counted   map[int64]int // attempts that counted, by what the attempts say
	dialledAt map[string][]time.Time
	reached   map[string]int
}

// firstListed is the id of the first listed member; those below are not listed.
const firstListed = 5000

// enlist gives the world members, trunks, calendars and limits by chance.
func enlist(w *world) {
	w.roster = &roster{
		members: map[int64]*Member{}, forbidden: map[string]bool{}, counted: map[int64]int{}, dialledAt: map[string][]time.Time{}, reached: map[string]int{},
	}
	var trunks []int64
	for _, t := range []Trunk{
		{Name: "wide", Enabled: true}, {Name: "narrow", Enabled: true, Priority: 1, Lines: 2, Patterns: []string{"+12025550"}},
		{Name: "slow", Enabled: true, Priority: 2, CallsPerSec: 1, Patterns: []string{"+120255502"}},
	} {
		trunks = append(trunks, w.step(SaveTrunk{Trunk: t}).Changed[0].(*Trunk).ID)
	}
	hours := []Hours{{From: 600, To: 603}, {From: 605, To: 606}, {From: 608, To: 700}} // now it is Saturday, 10:00
	cal := w.step(SaveCalendar{Calendar: Calendar{Name: "hours", Weekly: []WeeklyHours{
		{Days: Days[:], Hours: hours[0]}, {Days: Days[:], Hours: hours[1]}, {Days: Days[:], Hours: hours[2]},
	}}}).Changed[0].(*Calendar).ID
	for _, id := range w.queues {
		q := w.e.Queue(id)
		q.CalendarID, q.CloseWaiting = int64(w.n("hours", 2))*cal, w.n("closes", 2) == 0
		if q.Distribution == DistributionExternal {
			q.CalendarID = 0
		}
		q.MaxCalls, q.CallsPerSec, q.PerNumbers = 3*w.n("calls", 3), 2*w.n("pace", 2), w.n("by number", 3) == 0
		q.WaitBetweenRetriesSec, q.RetryAbandonedSec, q.MaxAttempts = 20, 30, 2
		q.RetryRules = []RetryRule{
			{Reasons: []Reason{ReasonBusy}, AfterSec: 5, Uncounted: w.n("free", 2) == 0, Number: NumberNext, Max: 2},
			{Causes: []Cause{CauseNoAnswer}, AfterSec: 9, Number: NumberSame},
		}
		if w.n("own trunks", 3) == 0 {
			q.Trunks = trunks[:2]
		}
		w.step(SaveQueue{Queue: *q})
	}
	for i := range 60 {
		m := &Member{
			ID: firstListed + int64(i), QueueID: w.lists[i%len(w.lists)], Edition: 1, CreatedAt: w.now, Priority: w.n("priority", 3),
			ReadyAt: w.now.Add(time.Duration(w.n("ready", 60)-30) * time.Second), StickyAgentID: w.sticky(),
		}
		for range 1 + w.n("numbers", 3) {
			number := fmt.Sprint(pick(w, "prefix", []string{"+120255502", "+120255503", "+44207"}), 10+w.n("number", 15))
			if !m.has(number) {
				m.Numbers = append(m.Numbers, Number{Number: number, Priority: w.n("rank", 2)})
			}
		}
		if w.n("expires", 6) == 0 {
			m.ExpiresAt = w.now.Add(time.Duration(w.n("when", 400)) * time.Second)
		}
		w.roster.members[m.ID] = m
	}
}

// sorted returns the members in the order of their ids.
func (r *roster) sorted() []*Member {
	ids := slices.Sorted(maps.Keys(r.members))
	all := make([]*Member, len(ids))
	for i, id := range ids {
		all[i] = r.members[id]
	}
	return all
}

// seen returns a member as a reading of the list gives him.
func (r *roster) seen(m *Member) *Member {
	m = m.Clone()
	for i := range m.Numbers {
		m.Numbers[i].Forbidden = r.forbidden[m.Numbers[i].Number]
	}
	return m
}

// stale reports whether a member in the result was edited since he was read.
func (r *roster) stale(res Result) bool {
	for _, c := range res.Changed {
		if m, ok := c.(*Member); ok && m.Edition > 0 && r.members[m.ID].Edition != m.Edition {
			r.reached["stale"]++
			return true
		}
	}
	return false
}

// store keeps a record and holds it to the books.
func (r *roster) store(w *world, record Record) {
	switch x := record.(type) {
	case *Forbidden:
		r.forbidden[x.Number] = true
	case *Attempt:
		if x.State == StateLeaving && x.MemberID != nil && r.members[*x.MemberID] != nil {
			if !x.Uncounted {
				r.counted[*x.MemberID]++
			}
			r.left(w, x)
		}
	case *Member:
		if x.Edition == 0 {
			return // a callback: nobody of ours
		}
		old := r.members[x.ID]
		if old.Open != 0 && x.LastAttempt != old.Open || old.Open == 0 && x.Open == 0 && x.LastAttempt == old.LastAttempt && x.StoppedAt.IsZero() && x.RetryRule != ByNoRoute {
			w.rt.Fatalf("member %d is written over\n%+v:\n%+v", x.ID, old, x)
		}
		if old.Open == 0 && x.LastAttempt != old.LastAttempt && (!old.StoppedAt.IsZero() || old.ReadyAt.After(w.now)) {
			w.rt.Fatalf("member %d is dialled, and should not be: %+v", x.ID, old)
		}
		r.members[x.ID] = x.Clone()
	}
}

// left compares what an attempt says of the next one with what is kept.
func (r *roster) left(w *world, a *Attempt) {
	r.reached["left "+string(a.ResultReason)]++
	for _, record := range w.lastChanged {
		if m, ok := record.(*Member); ok && m.ID == *a.MemberID && m.LastAttempt == a.ID && m.Open == 0 {
			if again := m.StoppedAt.IsZero(); again == a.RetryAt.IsZero() || again && !a.RetryAt.Equal(m.ReadyAt) {
				w.rt.Fatalf("attempt %d says retry_at %v, the member: %+v", a.ID, a.RetryAt, m)
			}
		}
	}
}

// holds asserts what must be true of lists at any time.
func (r *roster) holds(w *world) {
	calls, numbers, lines := map[int64]int{}, map[string]int{}, map[int64]int{}
	for _, a := range w.e.Attempts() {
		if !a.Queue.Type.Outbound() {
			continue
		}
		if numbers[*a.Destination]++; numbers[*a.Destination] > 1 {
			w.rt.Fatalf("%s is in two calls", *a.Destination)
		}
		if r.forbidden[*a.Destination] && a.State == StateOffering && a.Queue.Type.agentFirst() {
			w.rt.Fatalf("attempt %d offers a number that is forbidden", a.ID)
		}
		if !a.EndedAt.IsZero() {
			continue
		}
		calls[a.Queue.ID]++
		if a.Trunk != nil {
			lines[a.Trunk.ID]++
		}
	}
	for id, n := range calls {
		if limit := w.e.Queue(id).MaxCalls; limit > 0 && n > limit {
			w.rt.Fatalf("queue %d has %d calls, its limit is %d", id, n, limit)
		}
	}
	for id, n := range lines {
		if limit := w.e.Trunk(id).Lines; limit > 0 && n > limit {
			w.rt.Fatalf("trunk %d has %d calls, its lines are %d", id, n, limit)
		}
	}
	for id, m := range r.members {
		sum := 0
		for _, n := range m.Numbers {
			sum += n.Attempts
		}
		if m.Open == 0 && (m.Attempts != r.counted[id] || sum != m.Attempts) {
			w.rt.Fatalf("member %d has %d attempts, %d by his numbers, %d by the log", id, m.Attempts, sum, r.counted[id])
		}
		if (m.Open != 0) != (w.e.Member(id) != nil) {
			w.rt.Fatalf("member %d is kept in attempt %d, the engine says %+v", id, m.Open, w.e.Member(id))
		}
	}
}

// watch notes the calls that begin, and holds their pace.
func (r *roster) watch(w *world, events []Event) {
	for _, ev := range events {
		if ev.Type != EventSwitchDial {
			continue
		}
		var order Order
		if err := json.Unmarshal(ev.Data, &order); err != nil {
			w.rt.Fatal(err)
		}
		if r.forbidden[*order.Destination] && !ev.Queue.Type.agentFirst() {
			w.rt.Fatalf("%s is dialled although it is forbidden", *order.Destination)
		}
		if ev.Queue.Type.agentFirst() { // dialled when the agent accepts, whatever the pace
			continue
		}
		key := fmt.Sprint("queue ", ev.Queue.ID)
		r.dialledAt[key] = append(r.dialledAt[key], ev.At)
		recent := 0
		for _, t := range r.dialledAt[key] {
			if ev.At.Sub(t) < time.Second && !t.After(ev.At) {
				recent++
			}
		}
		if limit := w.e.Queue(ev.Queue.ID).CallsPerSec; limit > 0 && recent > limit {
			w.rt.Fatalf("queue %d dials %d within a second, its limit is %d", ev.Queue.ID, recent, limit)
		}
	}
}

// listCommand draws a command about lists; nil = something was done from outside.
func (w *world) listCommand() Command {
	all := w.roster.sorted()
	switch w.n("lists", 12) {
	case 0, 1, 2:
		c := Load{QueueID: pick(w, "list", w.lists)}
		for _, m := range all {
			if m.QueueID == c.QueueID && m.Open == 0 && m.StoppedAt.IsZero() && !m.ReadyAt.After(w.now) {
				c.Members = append(c.Members, w.roster.seen(m))
			}
		}
		return c
	case 3:
		for _, a := range w.e.Attempts() {
			if a.Queue.Type.agentFirst() && a.State == StateOffering && w.n("offered", 2) == 0 {
				return Forbid{Numbers: []string{*a.Destination}}
			}
		}
		if w.n("forbid", 4) > 0 {
			return Tick{}
		}
		return Forbid{Numbers: []string{pick(w, "who", pick(w, "whose", all).Numbers).Number}}
	case 4:
		t := pick(w, "trunk", w.e.Trunks())
		t.Enabled = w.n("enabled", 4) > 0
		return SaveTrunk{Trunk: *t}
	case 5, 6:
		m := pick(w, "picked", all)
		c := Dial{QueueID: m.QueueID, Member: w.roster.seen(m)}
		if m.QueueID == w.queues[5] || w.n("by whom", 3) == 0 && w.e.Queue(m.QueueID).Type.reserved() {
			c.AgentID = pick(w, "agent", w.agents[3:])
		}
		return c
	case 7:
		m := pick(w, "edited", all)
		if m.Open == 0 && m.StoppedAt.IsZero() {
			m.Priority, m.Edition = w.n("priority", 3), m.Edition+1
			w.roster.reached["edited"]++
		}
		return nil
	case 8:
		q := w.e.Queue(pick(w, "queue", w.lists))
		q.Enabled = w.n("works", 4) > 0
		return SaveQueue{Queue: *q}
	default:
		for _, a := range w.e.Attempts() {
			if a.State == StateDialing && a.MemberAnsweredAt.IsZero() && w.n("fails", 2) == 0 {
				cause := pick(w, "why", []Cause{"USER_BUSY", "USER_BUSY", "NO_ANSWER", "UNALLOCATED_NUMBER", "NETWORK_OUT_OF_ORDER"})
				return SwitchReport{AttemptID: a.ID, Leg: LegMember, Event: SwitchEnded, Cause: cause}
			}
		}
		return Tick{}
	}
}

// TestListsOnReplicas: two engines take turns under random commands, each with
// hoppers of its own and with members who are edited from outside. Nobody is
// dialled twice, no limit is exceeded, the books agree, and both engines and one
// that is rebuilt are always in the same state.
func TestListsOnReplicas(t *testing.T) {
	t.Parallel()
	reached := map[string]int{}
	seeds := uint64(12)
	if testing.Short() {
		seeds = 4
	}
	for seed := range seeds {
		dice := rand.New(rand.NewPCG(seed, 4))
		w := newWorld(t, func(_ string, limit int) int { return dice.IntN(limit) })
		enlist(w)
		other := w.rebuilt()
		for i := range 300 {
			w.now = w.now.Add(time.Duration(w.n("ms", 2_500)) * time.Millisecond)
			var cmd Command = Tick{}
			if due, ok := w.e.NextDeadline(); ok && !due.After(w.now) {
				if due.After(w.now.Add(-3 * time.Second)) {
					w.now = due
				}
			} else if w.n("about lists", 3) == 0 {
				cmd = w.listCommand()
			} else {
				cmd = w.command()
			}
			if cmd == nil {
				continue
			}
			if c, ok := cmd.(Dial); ok && c.Member == nil { // whoever dials a number looks it up
				c.Forbidden = w.roster.forbidden[c.Destination]
				cmd = c
			}
			res := w.step(cmd)
			for _, r := range res.Changed {
				other.Put(stored(t, r))
			}
			w.roster.watch(w, res.Events)
			w.roster.holds(w)
			if diff := difference(seenOf(w.e, w.now), seenOf(other, w.now)); diff != "" {
				t.Fatalf("seed %d, step %d, after %#v: the replicas differ (-decided +took over):\n%s", seed, i, cmd, diff)
			}
			if err := other.Check(); err != nil {
				t.Fatalf("seed %d, step %d, after %#v: the other replica: %v", seed, i, cmd, err)
			}
			if i%20 == 0 {
				w.rebuilt()
			}
			if w.n("turn", 3) == 0 {
				other.Stock(w.e.stock, w.e.stockEnd)
				w.e, other = other, w.e
			}
		}
		for what, n := range w.roster.reached {
			reached[what] += n
		}
		for _, m := range w.roster.members {
			if !m.StoppedAt.IsZero() {
				reached["stopped "+string(m.StopCause)]++
			}
			reached["by "+strings.TrimRight(m.RetryRule, " 0123456789")]++
		}
	}
	if testing.Short() {
		return
	}
	for _, what := range []string{
		"stale", "edited", "left busy", "left no_answer", "left bad_number", "left network", "left served", "left lost_race", "left dnc", "left agent_no_answer", "left agent_gone",
		"stopped max_attempts", "stopped expired", "stopped dnc", "stopped bad_number", "by rule", "by no_route", "by next_number", "by agent_no_answer",
	} {
		if reached[what] == 0 {
			t.Errorf("nobody reached %q; reached were %v", what, reached)
		}
	}
}
