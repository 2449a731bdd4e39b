package dispatcher

import (
	"fmt"
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
// hold: within a lane one item at a time, in order, each to its end.
func TestLanes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		m := &laneModel{t: t, set: newLaneSet(), now: noon, last: map[string]int64{}, open: map[string]int{}}
		t.Repeat(map[string]func(*rapid.T){
			"add":     func(t *rapid.T) { m.add(fmt.Sprint("lane", rapid.IntRange(1, 4).Draw(t, "lane"))) },
			"take":    func(*rapid.T) { m.take() },
			"deliver": func(t *rapid.T) { m.end(t, true) },
			"fail":    func(t *rapid.T) { m.end(t, false) },
			"fetch":   func(t *rapid.T) { m.fetch(rapid.Bool().Draw(t, "good")) },
			"pass":    func(t *rapid.T) { m.now = m.now.Add(time.Duration(rapid.IntRange(0, 5).Draw(t, "sec")) * time.Second) },
			"":        func(t *rapid.T) { m.check() },
		})
		m.finish()
	})
}

type laneModel struct {
	t    *rapid.T
	set  *laneSet
	now  time.Time
	seq  int64
	busy []*item
	last map[string]int64 // per lane: the last that ended
	open map[string]int
}

func (m *laneModel) add(key string) {
	m.seq++
	it := &item{pos: Position{Seq: m.seq}, entry: &entry{}, claimed: true}
	held := m.set.add(key, it)
	m.open[key]++
	if held != it.parked || it.parked == it.claimed {
		m.t.Fatalf("added: held %t, parked %t, claimed %t", held, it.parked, it.claimed)
	}
}

func (m *laneModel) take() {
	it := m.set.take()
	if it == nil {
		return
	}
	for _, other := range m.busy {
		if other.lane == it.lane {
			m.t.Fatalf("two items of %s at once", it.lane.key)
		}
	}
	if !it.claimed || it.entry == nil || it.pos.Seq <= m.last[it.lane.key] {
		m.t.Fatalf("taken: %+v after %d", it, m.last[it.lane.key])
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
	if !delivered {
		for _, h := range m.set.park(it, m.now.Add(3*time.Second)) {
			if h.lane != it.lane || h == it {
				m.t.Fatalf("%d is held behind %d", h.pos.Seq, it.pos.Seq)
			}
		}
		return
	}
	m.set.done(it)
	m.last[it.lane.key] = it.pos.Seq
	m.open[it.lane.key]--
}

func (m *laneModel) fetch(good bool) {
	items := m.set.fetch(m.now, 3)
	for _, it := range items {
		if !it.parked || it.nextAt.After(m.now) {
			m.t.Fatalf("fetched before its time: %+v", it)
		}
	}
	if !good {
		m.set.unfetched(items, m.now)
		return
	}
	for _, it := range items {
		it.entry = &entry{}
	}
	m.set.fetched(items)
}

// check holds the invariants of a lane set.
func (m *laneModel) check() {
	parked := 0
	for key, l := range m.set.byKey {
		if len(l.items) != m.open[key] || len(l.items) == 0 {
			m.t.Fatalf("%s holds %d items, want %d", key, len(l.items), m.open[key])
		}
		for i, it := range l.items {
			if it.parked {
				parked++
			}
			if i > 0 && l.items[i-1].parked && !it.parked {
				m.t.Fatalf("%s: a parked item stands in front of a fresh one", key)
			}
		}
	}
	if parked != m.set.parked {
		m.t.Fatalf("%d items are parked, counted %d", parked, m.set.parked)
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
			m.last[it.lane.key] = it.pos.Seq
		}
	}
	m.t.Fatalf("%d lanes never end", len(m.set.byKey))
}
