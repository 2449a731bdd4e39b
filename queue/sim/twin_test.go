package sim

import (
	"encoding/csv"
	"fmt"
	"io"
	"slices"
	"strconv"
	"time"
)

// twin is a queue without any of ours: first come, first served, by brute
// force. It keeps when each server is free again and gives every caller the
// first of them, unless he has hung up by then. It returns the waits.
func twin(calls []Call, servers int) []time.Duration {
	free := make([]time.Duration, servers)
	waits := make([]time.Duration, len(calls))
	for i, c := range calls {
		first := 0
		for k := range free {
			if free[k] < free[first] {
				first = k
			}
		}
		start := max(c.Arrival, free[first])
		waits[i] = start - c.Arrival
		if c.Patience >= 0 && waits[i] > c.Patience {
			waits[i] = c.Patience
			continue
		}
		free[first] = start + c.Talk
	}
	return waits
}

// generated returns calls for about nine agents.
func generated(seed uint64, n int, patience time.Duration) []Call {
	next := Traffic{Seed: seed, PerHour: 160, Length: 1 << 62,
		Talk: Dist{Shape: LogNormal, Mean: 3 * time.Minute, CV: 0.9}, Patience: Dist{Shape: Exponential, Mean: patience}}.Callers()
	calls := make([]Call, n)
	for i := range calls {
		calls[i], _ = next()
	}
	return calls
}

// history is a trace with the waits that somebody else found in it.
type history struct {
	calls []Call
	waits []time.Duration
}

// readHistories reads a table of calls with the columns date, call_started (a
// time of day), service_length and wait_length (seconds): one history a date.
func readHistories(r io.Reader) ([]history, error) {
	rows, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, io.ErrUnexpectedEOF
	}
	var column [4]int
	for i, name := range []string{"date", "call_started", "service_length", "wait_length"} {
		if column[i] = slices.Index(rows[0], name); column[i] < 0 {
			return nil, fmt.Errorf("no column %s", name)
		}
	}
	days := map[string]*history{}
	var order []string
	for i, row := range rows[1:] {
		date := row[column[0]]
		if days[date] == nil {
			days[date] = &history{}
			order = append(order, date)
		}
		at, err := time.Parse("3:04:05 PM", row[column[1]])
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", i+2, err)
		}
		talk, err1 := strconv.ParseFloat(row[column[2]], 64)
		wait, err2 := strconv.ParseFloat(row[column[3]], 64)
		if err1 != nil || err2 != nil {
			return nil, fmt.Errorf("line %d: service_length %q, wait_length %q", i+2, row[column[2]], row[column[3]])
		}
		day := days[date]
		day.calls = append(day.calls, Call{Arrival: at.Sub(at.Truncate(24 * time.Hour)), Talk: sec(talk), Patience: -1})
		day.waits = append(day.waits, sec(wait))
	}
	all := make([]history, 0, len(order))
	for _, date := range order {
		all = append(all, *days[date])
	}
	return all, nil
}

// agreement plays the histories on floors of so many agents and returns how
// many of how many calls waited as long as the history says, within a second.
func agreement(all []history, agents int) (agree, calls int, err error) {
	for _, h := range all {
		_, err := Floor{Agents: agents}.Run(List(h.calls), func(s Served) {
			calls++
			if (s.Wait - h.waits[s.No]).Abs() <= time.Second {
				agree++
			}
		})
		if err != nil {
			return 0, 0, err
		}
	}
	return agree, calls, nil
}
