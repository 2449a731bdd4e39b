package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/offhook/offhook/queue"
)

// typeCheck holds the log to what each queue type may and must fire.
type typeCheck struct {
	// Types counts the queue types that have shown everything they are for.
	Types int `json:"types"`
	// ByQueueType counts the events of each type's attempts.
	ByQueueType map[queue.Type]map[queue.EventType]int `json:"by_queue_type"`
	// Wrong says what a type did that it may not do, or did not show.
	Wrong []string `json:"wrong"`
}

// checkTypes counts the events of every attempt that has left and compares them
// with the engine's table.
func checkTypes(log []queue.Event) typeCheck {
	c := typeCheck{ByQueueType: map[queue.Type]map[queue.EventType]int{}, Wrong: []string{}}
	types := map[int64]queue.Type{}
	fired := map[int64]map[queue.EventType]int{}
	for i := range log {
		ev := &log[i]
		if ev.Listed == nil {
			continue
		}
		if fired[ev.AttemptID] == nil {
			fired[ev.AttemptID], types[ev.AttemptID] = map[queue.EventType]int{}, ev.Queue.Type
		}
		fired[ev.AttemptID][ev.Type]++
		if c.ByQueueType[ev.Queue.Type] == nil {
			c.ByQueueType[ev.Queue.Type] = map[queue.EventType]int{}
		}
		c.ByQueueType[ev.Queue.Type][ev.Type]++
	}
	for id, events := range fired {
		q := queue.Queue{Type: types[id]}
		for _, e := range queue.AttemptEvents {
			bound := q.Fires(e)
			if n := events[e]; events[queue.EventLeaving] > 0 && (n < bound.Least || n > bound.Most) {
				c.Wrong = append(c.Wrong, fmt.Sprintf("attempt %d of a queue of type %s fired %s %d times", id, q.Type, e, n))
			}
		}
	}
	slices.Sort(c.Wrong)
	for _, t := range queue.Built {
		if missing := c.missing(t); missing == "" {
			c.Types++
		} else {
			c.Wrong = append(c.Wrong, fmt.Sprintf("queues of type %s have shown no %s", t, missing))
		}
	}
	return c
}

// missing names the first event that says what the type is for and that none of
// its attempts fired; Missed and Processing are left to chance.
func (c *typeCheck) missing(t queue.Type) queue.EventType {
	q := queue.Queue{Type: t}
	for _, e := range queue.AttemptEvents {
		chance := e == queue.EventMissed || e == queue.EventProcessing
		if !chance && q.Fires(e).Most > 0 && c.ByQueueType[t][e] == 0 {
			return e
		}
	}
	return ""
}

// printWrong says what does not agree with the table, the first of it.
func (c *typeCheck) printWrong(w io.Writer) {
	const shown = 10
	for i, text := range c.Wrong {
		if i == shown {
			fmt.Fprintf(w, "… and %d more\n", len(c.Wrong)-shown)
			break
		}
		fmt.Fprintln(w, text)
	}
}

// print shows the table of events by queue type.
func (c *typeCheck) print(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 8, 2, ' ', tabwriter.AlignRight)
	row := func(name string, cell func(queue.Type) string) {
		fmt.Fprint(t, name)
		for _, typ := range queue.Built {
			fmt.Fprint(t, "\t", cell(typ))
		}
		fmt.Fprintln(t, "\t")
	}
	row("", func(typ queue.Type) string { return string(typ) })
	for _, e := range queue.AttemptEvents {
		row(strings.TrimPrefix(string(e), "attempt."), func(typ queue.Type) string {
			q := queue.Queue{Type: typ}
			if q.Fires(e).Most == 0 && c.ByQueueType[typ][e] == 0 {
				return "–"
			}
			return fmt.Sprint(c.ByQueueType[typ][e])
		})
	}
	t.Flush()
}
