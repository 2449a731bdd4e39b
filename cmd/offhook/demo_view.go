package main

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// demoView shows people what flows: on a terminal a block that is drawn anew,
// in a pipe a plain line a second, with --json an object a second.
type demoView struct {
	w        io.Writer
	terminal bool
	json     bool
	began    time.Time
	drawn    int // lines of the block on the screen
}

func newDemoView(w io.Writer, asJSON bool) *demoView {
	return &demoView{w: w, terminal: isTerminal(w) && !asJSON, json: asJSON, began: time.Now()}
}

// whenGone calls f when nobody reads any more.
func (v *demoView) whenGone(f func()) { v.w = goneWriter{v.w, f} }

// goneWriter calls gone when it cannot write.
type goneWriter struct {
	io.Writer
	gone func()
}

func (w goneWriter) Write(b []byte) (int, error) {
	n, err := w.Writer.Write(b)
	if err != nil {
		w.gone()
	}
	return n, err
}

// say prints a step of the set-up.
func (v *demoView) say(format string, args ...any) {
	if !v.json {
		v.erase()
		fmt.Fprintf(v.w, format+"\n", args...)
	}
}

// every is how often show wants to be called.
func (v *demoView) every() time.Duration {
	if v.terminal {
		return 200 * time.Millisecond
	}
	return time.Second
}

// progress is what a demo looks like at one moment.
type progress struct {
	Seconds  float64                 `json:"seconds"`
	Inside   int                     `json:"inside"` // open attempts
	Events   int                     `json:"events"`
	Received int                     `json:"received"`
	Requests int                     `json:"requests"`
	Failed   int                     `json:"failed_on_purpose"`
	ByType   map[queue.EventType]int `json:"by_type"`
	last     receipt
}

func (l *ledger) progress() progress {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := progress{Inside: len(l.open), Events: l.stored, Received: len(l.first), Requests: l.requests,
		Failed: l.failed, ByType: map[queue.EventType]int{}, last: l.last}
	for t, n := range l.byType {
		p.ByType[t] = n
	}
	return p
}

func (v *demoView) show(p progress) {
	p.Seconds = time.Since(v.began).Round(100 * time.Millisecond).Seconds()
	switch {
	case v.json:
		_ = json.NewEncoder(v.w).Encode(p) // the reader may have gone
	case v.terminal:
		v.draw(p)
	default:
		fmt.Fprintf(v.w, "%5.1f s  inside %2d  events %4d  received %4d  requests %4d (%d failed on purpose)\n",
			p.Seconds, p.Inside, p.Events, p.Received, p.Requests, p.Failed)
	}
}

// draw paints the block over the last one.
func (v *demoView) draw(p progress) {
	var b strings.Builder
	fmt.Fprintf(&b, "  %5.1f s   people inside %d\n", p.Seconds, p.Inside)
	for _, t := range queue.AttemptEvents {
		if n := p.ByType[t]; n > 0 {
			name := strings.TrimPrefix(string(t), "attempt.")
			fmt.Fprintf(&b, "  %-11s %4d  %s\n", name, n, strings.Repeat("▪", min(60, 1+n/4)))
		}
	}
	fmt.Fprintf(&b, "  stored %d, received %d, requests %d, of which %d failed on purpose\n", p.Events, p.Received, p.Requests, p.Failed)
	if p.last.ID != "" {
		fmt.Fprintf(&b, "  last: %s %s attempt %d/%d, try %d\n", p.last.Verdict, p.last.Type, p.last.Attempt, p.last.Sequence, p.last.Try)
	}
	v.erase()
	block := b.String()
	v.drawn = strings.Count(block, "\n")
	_, _ = io.WriteString(v.w, block)
}

// erase takes the block off the screen.
func (v *demoView) erase() {
	if v.drawn > 0 {
		fmt.Fprintf(v.w, "\x1b[%dA\x1b[J", v.drawn)
		v.drawn = 0
	}
}

// summary prints the end; its last line is that of result.line.
func (v *demoView) summary(r result) {
	if v.json {
		_ = json.NewEncoder(v.w).Encode(r)
		return
	}
	v.erase()
	fmt.Fprintf(v.w, "\n%d attempts, %d events stored in Postgres, by queue type:\n", r.Attempts, r.Events)
	r.typeCheck.print(v.w)
	fmt.Fprintf(v.w, "from commit to receiver: median %s, slowest %s (a request that fails is tried again after a second or more)\n",
		r.Median.Round(100*time.Microsecond), r.Slowest.Round(time.Millisecond))
	fmt.Fprintln(v.w, r.line())
}
