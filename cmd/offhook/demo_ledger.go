package main

import (
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/queue"
)

// ledger is what the demo knows of both ends: what was stored, and what the
// receiver said.
type ledger struct {
	mu         sync.Mutex
	first      map[string]time.Time // event id → when the receiver kept it
	last       receipt
	requests   int
	repeated   int
	failed     int
	rejected   int
	misordered int
	stored     int // attempt events committed so far, for the live view
	byType     map[queue.EventType]int
	open       map[int64]bool // attempts that have not left
}

func newLedger() *ledger {
	return &ledger{first: map[string]time.Time{}, byType: map[queue.EventType]int{}, open: map[int64]bool{}}
}

// received notes a line of the receiver.
func (l *ledger) received(r receipt) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.requests++
	l.last = r
	if r.kept() {
		l.first[r.ID] = r.At
	}
	if r.Repeated {
		l.repeated++
	}
	if r.Status == 500 {
		l.failed++
	}
	if r.Verdict == rejected {
		l.rejected++
	}
	if r.Misordered != "" {
		l.misordered++
	}
}

// committed notes events that went into the log.
func (l *ledger) committed(events []queue.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range events {
		ev := &events[i]
		if ev.Listed == nil {
			continue
		}
		l.stored++
		l.byType[ev.Type]++
		switch ev.Type {
		case queue.EventJoined:
			l.open[ev.AttemptID] = true
		case queue.EventLeaving:
			delete(l.open, ev.AttemptID)
		}
	}
}

// drained reports that everybody has left and that as many events were kept as
// were stored.
func (l *ledger) drained() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.open) == 0 && len(l.first) >= l.stored
}

// result is the summary that checks itself.
type result struct {
	Events     int                     `json:"events"`    // attempt events in Postgres
	Delivered  int                     `json:"delivered"` // of those, distinct ones that the receiver kept
	Verified   int                     `json:"verified"`  // distinct events with a good signature
	Repeated   int                     `json:"repeated"`  // requests for an event that was asked for before
	Lost       int                     `json:"lost"`
	Misordered int                     `json:"misordered"`
	Rejected   int                     `json:"rejected"` // requests whose signature or timestamp was wrong
	Attempts   int                     `json:"attempts"`
	Open       int                     `json:"open"` // attempts that have not left
	Median     time.Duration           `json:"-"`    // from commit to receiver, of events that came at the first try
	Slowest    time.Duration           `json:"-"`
	ByType     map[queue.EventType]int `json:"by_type"`
	typeCheck
	missing []queue.Event
}

// judge compares the log, as it was read back from Postgres, with what the
// receiver kept.
func (l *ledger) judge(log []queue.Event) result {
	l.mu.Lock()
	defer l.mu.Unlock()
	res := result{Verified: len(l.first), Repeated: l.repeated, Misordered: l.misordered, Rejected: l.rejected,
		ByType: map[queue.EventType]int{}}
	var delays []time.Duration
	open := map[int64]bool{}
	for i := range log {
		ev := &log[i]
		if ev.Listed == nil {
			continue
		}
		res.Events++
		res.ByType[ev.Type]++
		switch ev.Type {
		case queue.EventJoined:
			res.Attempts++
			open[ev.AttemptID] = true
		case queue.EventLeaving:
			delete(open, ev.AttemptID)
		}
		at, kept := l.first[queue.EventID(ev.ID)]
		if !kept {
			res.missing = append(res.missing, *ev)
			continue
		}
		res.Delivered++
		delays = append(delays, at.Sub(ev.RecordedAt))
	}
	res.Lost, res.Open = len(res.missing), len(open)
	res.typeCheck = checkTypes(log)
	if len(delays) > 0 {
		slices.Sort(delays)
		res.Median, res.Slowest = delays[len(delays)/2], delays[len(delays)-1]
	}
	return res
}

// good reports that nothing is missing and nothing was wrong.
func (r *result) good() bool {
	return r.Events > 0 && r.Lost == 0 && r.Misordered == 0 && r.Rejected == 0 && r.Open == 0 &&
		r.Delivered == r.Events && r.Verified == r.Events && r.Types == len(queue.Built) && len(r.Wrong) == 0
}

// line is the last line of the demo.
func (r *result) line() string {
	return fmt.Sprintf("demo events=%d delivered=%d verified=%d repeated=%d lost=%d misordered=%d types=%d",
		r.Events, r.Delivered, r.Verified, r.Repeated, r.Lost, r.Misordered, r.Types)
}

// printMissing says which events the receiver never had, the first of them one
// by one.
func (r *result) printMissing(w io.Writer) {
	if r.Lost == 0 {
		return
	}
	attempts := map[int64]bool{}
	for i := range r.missing {
		attempts[r.missing[i].AttemptID] = true
	}
	fmt.Fprintf(w, "stored, but did not reach the receiver: %s of %s\n", count(r.Lost, "event"), count(len(attempts), "attempt"))
	const shown = 10
	for i := range r.missing {
		if i == shown {
			fmt.Fprintf(w, "  … and %d more\n", r.Lost-shown)
			break
		}
		ev := &r.missing[i]
		fmt.Fprintf(w, "  %s %s attempt %d/%d of %s\n", queue.EventID(ev.ID), ev.Type, ev.AttemptID, ev.Sequence, ev.At.Format("15:04:05.000"))
	}
}

// count writes a number of things.
func count(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return fmt.Sprintf("%d %s", n, thing)
}
