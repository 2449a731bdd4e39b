package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

var noon = time.Date(2026, 3, 2, 12, 0, 0, 0, time.UTC)

// logOf makes a log: one event for each type given, all of one attempt.
func logOf(attempt int64, types ...queue.EventType) []queue.Event {
	var log []queue.Event
	for i, typ := range types {
		log = append(log, queue.Event{
			ID: queue.UUID{byte(attempt), byte(i + 1)}, Type: typ, AttemptID: attempt, Sequence: i + 1,
			At: noon, RecordedAt: noon, Listed: &queue.Listed{AttemptID: attempt},
			Queue: &queue.QueueRef{ID: 1, Name: "sales", Type: queue.Inbound},
		})
	}
	return log
}

// logOfAllTypes makes a log in which an attempt of every type does what the type
// is for: 36 events.
func logOfAllTypes() []queue.Event {
	var log []queue.Event
	for i, typ := range queue.Built {
		events := []queue.EventType{queue.EventJoined, queue.EventOffering, queue.EventBridged, queue.EventLeaving}
		if typ == queue.Preview || typ == queue.Offline {
			events = slices.Insert(events, 2, queue.EventAnswered, queue.EventActive)
		}
		attempt := logOf(int64(i+1), events...)
		for j := range attempt {
			attempt[j].Queue.Type = typ
		}
		log = append(log, attempt...)
	}
	return log
}

// TestTypesAreHeldToTheTable: every type shows what it is for, and nothing else.
func TestTypesAreHeldToTheTable(t *testing.T) {
	t.Parallel()
	if c := checkTypes(logOfAllTypes()); c.Types != 8 || len(c.Wrong) > 0 {
		t.Fatalf("%d types, %v", c.Types, c.Wrong)
	}
	for name, test := range map[string]struct {
		change func([]queue.Event) []queue.Event
		types  int
		want   string
	}{
		"a miss in an ivr queue": {func(log []queue.Event) []queue.Event {
			i := slices.IndexFunc(log, func(ev queue.Event) bool { return ev.Queue.Type == queue.IVR && ev.Type == queue.EventBridged })
			miss := log[i]
			miss.Type = queue.EventMissed
			return slices.Insert(log, i, miss)
		}, 8, "of type ivr fired attempt.missed 1 times"},
		"two bridges": {func(log []queue.Event) []queue.Event {
			return slices.Insert(log, 2, log[2])
		}, 8, "fired attempt.offering 2 times|fired attempt.answered 2 times|fired attempt.bridged 2 times"},
		"no chat": {func(log []queue.Event) []queue.Event {
			return slices.DeleteFunc(log, func(ev queue.Event) bool { return ev.Queue.Type == queue.Chat })
		}, 7, "queues of type chat have shown no attempt.joined"},
		"a preview that nobody answered": {func(log []queue.Event) []queue.Event {
			return slices.DeleteFunc(log, func(ev queue.Event) bool {
				return ev.Queue.Type == queue.Preview && (ev.Type == queue.EventAnswered || ev.Type == queue.EventActive)
			})
		}, 7, "queues of type preview have shown no attempt.answered"},
	} {
		c := checkTypes(test.change(logOfAllTypes()))
		said := slices.ContainsFunc(c.Wrong, func(w string) bool { return regexp.MustCompile(test.want).MatchString(w) })
		if c.Types != test.types || !said {
			t.Errorf("%s: %d types, %q; want %d and %q", name, c.Types, c.Wrong, test.types, test.want)
		}
		var out bytes.Buffer
		c.printWrong(&out)
		c.print(&out)
		if !strings.Contains(out.String(), c.Wrong[0]) || !strings.Contains(out.String(), "predictive") {
			t.Errorf("%s: it prints\n%s", name, out.String())
		}
	}
}

func receiptFor(ev queue.Event, v verdict) receipt {
	status := map[verdict]int{accepted: 200, duplicate: 200, unheard: 500, failed: 500, rejected: 401}[v]
	return receipt{At: ev.RecordedAt.Add(3 * time.Millisecond), ID: queue.EventID(ev.ID), Type: string(ev.Type),
		Attempt: ev.AttemptID, Sequence: ev.Sequence, Try: 1, Verdict: v, Status: status}
}

// TestLedgerJudges lets one thing go wrong at a time; the verdict must say
// which, and must not be good.
func TestLedgerJudges(t *testing.T) {
	t.Parallel()
	whole := logOfAllTypes()
	noise := append([]queue.Event{{Type: queue.EventAgentState}}, whole...) // not for webhooks by default
	for name, tc := range map[string]struct {
		log  []queue.Event
		say  func(r *receipt, i int) bool // false: this line never comes
		more []receipt
		line string
		good bool
	}{
		"all is well": {noise, nil, nil, "demo events=36 delivered=36 verified=36 repeated=0 lost=0 misordered=0 types=8", true},
		"one is missing": {noise, func(_ *receipt, i int) bool { return i != 2 }, nil,
			"demo events=36 delivered=35 verified=35 repeated=0 lost=1 misordered=0 types=8", false},
		"one only failed": {noise, func(r *receipt, i int) bool { r.Verdict = failed; return i == 2 }, nil,
			"demo events=36 delivered=0 verified=0 repeated=0 lost=36 misordered=0 types=8", false},
		"kept though the sender does not know": {noise, func(r *receipt, i int) bool { r.Verdict, r.Status = unheard, 500; return true }, nil,
			"demo events=36 delivered=36 verified=36 repeated=0 lost=0 misordered=0 types=8", true},
		"repeated": {noise, func(r *receipt, i int) bool { r.Repeated = i == 1; return true }, nil,
			"demo events=36 delivered=36 verified=36 repeated=1 lost=0 misordered=0 types=8", true},
		"out of order": {noise, func(r *receipt, i int) bool {
			if i == 3 {
				r.Misordered = "comes before 2"
			}
			return true
		}, nil, "demo events=36 delivered=36 verified=36 repeated=0 lost=0 misordered=1 types=8", false},
		"a forged request": {noise, nil, []receipt{{ID: "evt_x", Verdict: rejected, Status: 401}},
			"demo events=36 delivered=36 verified=36 repeated=0 lost=0 misordered=0 types=8", false},
		"an event that nobody stored": {noise, nil, []receipt{{ID: "evt_x", Verdict: accepted, Status: 200}},
			"demo events=36 delivered=36 verified=37 repeated=0 lost=0 misordered=0 types=8", false},
		"somebody is still inside": {noise[:36], nil, nil, "demo events=35 delivered=35 verified=35 repeated=0 lost=0 misordered=0 types=7", false},
		"nothing happened":         {nil, nil, nil, "demo events=0 delivered=0 verified=0 repeated=0 lost=0 misordered=0 types=0", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLedger()
			l.committed(tc.log)
			for i, ev := range tc.log {
				if ev.Listed == nil {
					continue
				}
				r := receiptFor(ev, accepted)
				if tc.say == nil || tc.say(&r, i) {
					l.received(r)
				}
			}
			for _, r := range tc.more {
				l.received(r)
			}
			res := l.judge(tc.log)
			if got := res.line(); got != tc.line || res.good() != tc.good {
				t.Errorf("%s, good %v; want %s, %v", got, res.good(), tc.line, tc.good)
			}
		})
	}
}

func TestLedgerKnowsWhenItIsOver(t *testing.T) {
	t.Parallel()
	log := logOf(7, queue.EventJoined, queue.EventLeaving)
	l := newLedger()
	for i, ev := range log {
		l.committed([]queue.Event{ev})
		if l.drained() {
			t.Errorf("it is over before event %d has arrived", i+1)
		}
		l.received(receiptFor(ev, accepted))
		if over := i == len(log)-1; l.drained() != over {
			t.Errorf("after event %d: drained is %v", i+1, !over)
		}
	}
}

func TestMissingEventsAreNamed(t *testing.T) {
	t.Parallel()
	var log []queue.Event
	for attempt := range int64(12) {
		log = append(log, logOf(attempt+1, queue.EventJoined)...)
	}
	res := newLedger().judge(log)
	var out bytes.Buffer
	res.printMissing(&out)
	text := out.String()
	for _, want := range []string{"12 events of 12 attempts", queue.EventID(log[0].ID), "and 2 more"} {
		if !strings.Contains(text, want) {
			t.Errorf("it does not say %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, queue.EventID(log[11].ID)) {
		t.Errorf("all are named:\n%s", text)
	}
}

// TestDemoViews draws the same progress in each of the three ways.
func TestDemoViews(t *testing.T) {
	t.Parallel()
	l := newLedger()
	l.committed(logOf(1, queue.EventJoined, queue.EventLeaving))
	l.received(receiptFor(logOf(1, queue.EventJoined)[0], accepted))
	p := l.progress()

	var plain, asJSON, screen bytes.Buffer
	newDemoView(&plain, false).show(p)
	if got := plain.String(); !strings.Contains(got, "events    2  received    1") || strings.ContainsRune(got, '\x1b') {
		t.Errorf("in a pipe: %q", got)
	}
	newDemoView(&asJSON, true).show(p)
	var back progress
	if err := json.Unmarshal(asJSON.Bytes(), &back); err != nil || back.Events != 2 || back.Received != 1 || back.ByType[queue.EventLeaving] != 1 {
		t.Errorf("as JSON: %s, %v", asJSON.String(), err)
	}
	v := &demoView{w: &screen, terminal: true, began: time.Now()}
	v.show(p)
	lines := strings.Count(screen.String(), "\n")
	v.show(p)
	if want := fmt.Sprintf("\x1b[%dA", lines); !strings.Contains(screen.String(), want) {
		t.Errorf("the second drawing does not go up %d lines: %q", lines, screen.String())
	}
}
