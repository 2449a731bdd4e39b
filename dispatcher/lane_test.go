package dispatcher

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/offhook/offhook/queue"
)

func TestLaneOf(t *testing.T) {
	t.Parallel()
	attempt := queue.Event{Seq: 9, Type: queue.EventJoined, AttemptID: 5}
	order := queue.Event{Seq: 10, Type: queue.EventSwitchRing, AttemptID: 5, Subject: &queue.Subject{Kind: "switch", ID: "5"}}
	for want, got := range map[string]string{
		"attempt/5": LaneOf(OrderPerAttempt, &attempt),
		"switch/5":  LaneOf(OrderPerAttempt, &order),
		"seq/9":     LaneOf(OrderNone, &attempt),
	} {
		if got != want {
			t.Errorf("lane %s, want %s", got, want)
		}
	}
}

// TestLanes drives a lane set at random, as a worker does, against what must
// hold: within a lane one item at a time, and in order, unless an item was held
// for longer than the order wait; then it says what it overtakes.
func TestLanes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		wait := time.Duration(rapid.IntRange(0, 2).Draw(t, "order wait")) * 4 * time.Second
		m := &laneModel{t: t, set: newLaneSet(wait), now: noon, lanes: map[string][]*item{}, probed: map[*item]bool{}}
		t.Repeat(map[string]func(*rapid.T){
			"add":     func(t *rapid.T) { m.add(fmt.Sprint("lane", rapid.IntRange(1, 4).Draw(t, "lane"))) },
			"take":    func(*rapid.T) { m.take() },
			"deliver": func(t *rapid.T) { m.end(t, true) },
			"fail":    func(t *rapid.T) { m.end(t, false) },
			"fetch":   func(t *rapid.T) { m.fetch(rapid.Bool().Draw(t, "good")) },
			"probe":   func(*rapid.T) { m.probe() },
			"unread":  func(t *rapid.T) { m.unread(rapid.IntRange(1, 3).Draw(t, "how many")) },
			"recover": func(t *rapid.T) { m.recover(fmt.Sprint("lane", rapid.IntRange(1, 4).Draw(t, "lane"))) },
			"change": func(t *rapid.T) {
				m.set.rewait(time.Duration(rapid.IntRange(0, 2).Draw(t, "order wait")) * 4 * time.Second)
			},
			"pass": func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "sec")) * time.Second) },
			"":     func(t *rapid.T) { m.check() },
		})
		m.finish()
	})
}

type laneModel struct {
	t     *rapid.T
	set   *laneSet
	now   time.Time
	fresh []*item            // in the order in which they came: a worker's window
	lanes map[string][]*item // what is open of each
	busy  []*item
	// probed were sent whether their turn had come or not.
	probed    map[*item]bool
	recovered int64
}

func (m *laneModel) add(key string) {
	it := &item{pos: Position{Seq: int64(len(m.fresh)) + 1}, entry: &entry{}, claimed: true}
	held := m.set.add(key, it, m.now)
	m.fresh = append(m.fresh, it)
	m.lanes[key] = append(m.lanes[key], it)
	if held != it.parked || it.parked == it.claimed {
		m.t.Fatalf("added: held %t, parked %t, claimed %t", held, it.parked, it.claimed)
	}
}

// recover takes up an event again that is older than all others, due now: it
// stands first in a lane that waits, and behind what is on its way.
func (m *laneModel) recover(key string) {
	m.recovered--
	it := &item{pos: Position{Seq: m.recovered}, nextAt: m.now, heldSince: m.now, recoveredAt: m.now}
	l, place := m.set.byKey[key], len(m.lanes[key])
	if l != nil && l.state == laneWaiting {
		place = 0
	}
	m.set.insert(key, it)
	m.lanes[key] = slices.Insert(m.lanes[key], place, it)
}

func (m *laneModel) take() {
	it := m.set.take()
	if it == nil {
		return
	}
	var before []int64
	passed := false // those behind it were taken up again
	for _, other := range m.lanes[it.lane.key] {
		switch {
		case other == it:
			passed = true
		case other.sending:
			m.t.Fatalf("two items of %s at once", it.lane.key)
		case !passed && other.pos.Seq < it.pos.Seq:
			before = append(before, other.pos.Seq)
		}
	}
	if fmt.Sprint(it.overtaken()) != fmt.Sprint(before) {
		m.t.Fatalf("%d says that it overtakes %v, and does overtake %v", it.pos.Seq, it.overtaken(), before)
	}
	if !it.claimed || it.entry == nil || it.final || it.nextAt.After(m.now) && !m.probed[it] {
		m.t.Fatalf("taken: %+v", it)
	}
	if len(before) > 0 && m.now.Sub(it.heldSince) < 4*time.Second {
		m.t.Fatalf("%d overtakes %v after %s", it.pos.Seq, before, m.now.Sub(it.heldSince))
	}
	m.busy = append(m.busy, it)
}

func (m *laneModel) end(t *rapid.T, delivered bool) {
	if len(m.busy) == 0 {
		return
	}
	i := rapid.IntRange(0, len(m.busy)-1).Draw(t, "which")
	it := m.busy[i]
	m.busy = append(m.busy[:i], m.busy[i+1:]...)
	it.tries++
	if !delivered {
		for _, h := range m.set.park(it, m.now.Add(3*time.Second), m.now) {
			if h.lane != it.lane || h.pos.Seq <= it.pos.Seq && h.recoveredAt.IsZero() {
				m.t.Fatalf("%d is held behind %d", h.pos.Seq, it.pos.Seq)
			}
		}
		return
	}
	m.set.done(it)
	m.closed(it)
}

func (m *laneModel) closed(it *item) {
	m.lanes[it.lane.key] = slices.DeleteFunc(m.lanes[it.lane.key], func(x *item) bool { return x == it })
}

func (m *laneModel) fetch(good bool) { m.got(m.set.fetch(m.now, 3), good) }

func (m *laneModel) got(items []*item, good bool) {
	for _, it := range items {
		if !it.parked || it.sending || it.nextAt.After(m.now) && !m.probed[it] {
			m.t.Fatalf("fetched before its time: %+v", it)
		}
	}
	if !good {
		m.set.unfetched(items)
		return
	}
	for _, it := range items {
		it.entry = &entry{}
	}
	m.set.fetched(items)
}

// probe fetches the oldest item of all whose lane is not under way.
func (m *laneModel) probe() {
	items := m.set.fetchOldest()
	if len(items) == 0 {
		return
	}
	oldest := items[0]
	m.probed[oldest] = true
	for _, lane := range m.lanes {
		if len(lane) == 0 || lane[0].lane.state == laneBusy || lane[0].lane.state == laneFetching {
			continue
		}
		if lane[0].parked && lane[0].pos.Seq < oldest.pos.Seq && lane[0].lane.state == laneWaiting {
			m.t.Fatalf("%d is fetched, and %d is older", oldest.pos.Seq, lane[0].pos.Seq)
		}
	}
	m.got(items, true)
}

// unread takes the newest items back, as far as nothing was done with them.
func (m *laneModel) unread(n int) {
	for ; n > 0 && len(m.fresh) > 0; n-- {
		it := m.fresh[len(m.fresh)-1]
		if !it.unsent() {
			return
		}
		m.fresh = m.fresh[:len(m.fresh)-1]
		m.set.drop(it)
		m.closed(it)
	}
}

// check holds the invariants of a lane set.
func (m *laneModel) check() {
	parked, waiting := 0, 0
	for key, l := range m.set.byKey {
		if len(l.items) == 0 || !slices.Equal(l.items, m.lanes[key]) {
			m.t.Fatalf("%s holds %d items, want %d", key, len(l.items), len(m.lanes[key]))
		}
		for i, it := range l.items {
			if it.parked {
				parked++
			}
			if i > 0 && l.items[i-1].parked && !it.parked {
				m.t.Fatalf("%s: a parked item stands in front of a fresh one", key)
			}
		}
		if l.state == laneWaiting {
			if waiting++; m.set.waiting[l.slot] != l {
				m.t.Fatalf("%s is not where it waits", key)
			}
		}
	}
	if parked != m.set.parked || waiting != len(m.set.waiting) {
		m.t.Fatalf("%d items are parked, counted %d; %d lanes wait, counted %d", parked, m.set.parked, waiting, len(m.set.waiting))
	}
}

// finish lets everything end: nothing may be stuck.
func (m *laneModel) finish() {
	for range 10_000 {
		if len(m.set.byKey) == 0 {
			return
		}
		m.now = m.now.Add(time.Second)
		m.fetch(true)
		m.take()
		for len(m.busy) > 0 {
			it := m.busy[0]
			m.busy = m.busy[1:]
			m.set.done(it)
			m.closed(it)
		}
	}
	m.t.Fatalf("%d lanes never end", len(m.set.byKey))
}

// A long lane of events that all fail is worked through by overtaking, each in
// its turn.
func TestOvertakingAfterTheOrderWait(t *testing.T) {
	t.Parallel()
	s := newLaneSet(time.Minute)
	now := noon
	for seq := range int64(4) {
		s.add("a", &item{pos: Position{Seq: seq + 10}, sequence: int(seq) + 1, entry: &entry{}, claimed: true}, now)
	}
	first := s.take()
	s.park(first, now.Add(time.Hour), now)
	if due, ok := s.nextDue(); !ok || !due.Equal(noon.Add(time.Minute)) {
		t.Fatalf("the next is due at %v, want after a minute", due)
	}
	now = now.Add(time.Minute - 1)
	if got := s.fetch(now, 10); len(got) != 0 {
		t.Fatalf("%d items overtake before their time", len(got))
	}
	now = now.Add(1)
	got := s.fetch(now, 10)
	if len(got) != 3 || got[0].sequence != 2 {
		t.Fatalf("%d items overtake: %+v", len(got), got)
	}
	for _, it := range got {
		it.entry = &entry{}
	}
	s.fetched(got)
	second := s.take()
	if fmt.Sprint(second.overtaken()) != "[1]" {
		t.Errorf("it says that it overtakes %v", second.overtaken())
	}
	second.tries++
	if held := s.park(second, now.Add(10*time.Second), now); len(held) != 2 { // those that it would have taken along
		t.Errorf("%d items are held behind it", len(held))
	}
	got = s.fetch(now, 10) // they were held as long
	if len(got) != 2 || got[0].sequence != 3 {
		t.Fatalf("%d items overtake: %+v", len(got), got)
	}
	got[0].entry, got[1].entry = &entry{}, &entry{}
	s.fetched(got)
	third := s.take()
	if fmt.Sprint(third.overtaken()) != "[1 2]" {
		t.Errorf("it says that it overtakes %v", third.overtaken())
	}
	s.done(third)
	s.done(s.take()) // the fourth follows at once
	if due, _ := s.nextDue(); !due.Equal(now.Add(10 * time.Second)) {
		t.Errorf("the second is due at %v", due)
	}
	s.rewait(0) // never overtake
	if due, _ := s.nextDue(); !due.Equal(noon.Add(time.Hour)) {
		t.Errorf("without overtaking the first is due at %v", due)
	}
}

func TestOvertakesHeader(t *testing.T) {
	t.Parallel()
	if got := overtakesHeader([]int64{3, 4, 11}); got != "3,4,11" {
		t.Errorf("three: %s", got)
	}
	var many []int64
	for i := range int64(1000) {
		many = append(many, i)
	}
	got := overtakesHeader(many)
	if !strings.HasPrefix(got, "...,800,801,") || !strings.HasSuffix(got, ",999") {
		t.Errorf("many: %s", got)
	}
}
