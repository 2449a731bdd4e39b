package main

import (
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/queue/sim"
)

// trace is a centre's own history: one row a call, as it stands in the file.
type trace struct {
	header []string
	rows   [][]string
	calls  []sim.Call // of each row
	// patient says that there is no column for patience.
	patient bool
}

// The columns of a trace. The first two are needed; ours are those that a
// simulation adds, and drops when they are there from an earlier one.
const (
	columnArrival  = "arrival_s"
	columnService  = "service_s"
	columnPatience = "patience_s"
	columnPriority = "priority"
)

var ours = []string{"outcome", "wait_s"}

// readTrace reads a CSV with a header. Its errors name the line.
func readTrace(in io.Reader) (*trace, error) {
	r := csv.NewReader(in)
	r.TrimLeadingSpace = true
	header, err := r.Read()
	if errors.Is(err, io.EOF) {
		return nil, errors.New("line 1: the file is empty; a header with arrival_s and service_s is needed")
	}
	if err != nil {
		return nil, err
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	t := &trace{header: header}
	column := map[string]int{}
	for i, name := range header {
		name = strings.TrimSpace(name)
		if _, twice := column[name]; twice {
			return nil, fmt.Errorf("line 1: the column %s stands there twice", name)
		}
		column[name] = i
	}
	for _, name := range []string{columnArrival, columnService} {
		if _, ok := column[name]; !ok {
			return nil, fmt.Errorf("line 1: the header has no column %s; it has %s", name, strings.Join(header, ", "))
		}
	}
	_, hasPatience := column[columnPatience]
	t.patient = !hasPatience
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			return t, nil
		}
		if err != nil {
			return nil, err
		}
		call, err := readCall(row, column)
		if err != nil {
			line, _ := r.FieldPos(0)
			return nil, fmt.Errorf("line %d: %w", line, err)
		}
		t.rows, t.calls = append(t.rows, row), append(t.calls, call)
	}
}

func readCall(row []string, column map[string]int) (sim.Call, error) {
	call := sim.Call{Patience: -1}
	var err error
	if call.Arrival, err = readSeconds(row, column, columnArrival, 5e9); err != nil {
		return call, err
	}
	if call.Talk, err = readSeconds(row, column, columnService, 30*24*3600); err != nil {
		return call, err
	}
	if i, ok := column[columnPatience]; ok && strings.TrimSpace(row[i]) != "" {
		if call.Patience, err = readSeconds(row, column, columnPatience, 5e9); err != nil {
			return call, err
		}
	}
	if i, ok := column[columnPriority]; ok && strings.TrimSpace(row[i]) != "" {
		n, err := strconv.ParseInt(strings.TrimSpace(row[i]), 10, 32)
		if err != nil {
			return call, fmt.Errorf("priority %q is no whole number", row[i])
		}
		call.Priority = int(n)
	}
	return call, nil
}

func readSeconds(row []string, column map[string]int, name string, most float64) (time.Duration, error) {
	text := strings.TrimSpace(row[column[name]])
	x, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(x) {
		return 0, fmt.Errorf("%s %q is no number of seconds", name, text)
	}
	if x < 0 || x > most {
		return 0, fmt.Errorf("%s is %s; it must be between 0 and %.0f seconds", name, text, most)
	}
	return secondsOf(x)
}

// simulateTrace plays a trace once: there is no chance in it, unless its
// callers' patience comes from a flag.
func simulateTrace(cmd *cobra.Command, opt *simulateOptions) error {
	in, name := cmd.InOrStdin(), opt.trace
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	t, err := readTrace(in)
	if err != nil {
		return fmt.Errorf("read trace %s: %w", name, err)
	}
	if opt.given("patience") && !t.patient {
		return usageError{errors.New("--patience and a trace with a column patience_s exclude each other")}
	}
	if opt.patience > 0 {
		sim.Impatient(t.calls, opt.seed, opt.patienceDist())
	}
	meter := newMeter(cmd.Context(), cmd.ErrOrStderr(), int64(len(t.calls)))
	tally, served, err := t.play(opt.floor(), meter)
	meter.done()
	if err = errors.Join(err, meter.ctx.Err()); err != nil {
		return err
	}
	if opt.format == "csv" {
		return t.write(cmd.OutOrStdout(), served)
	}
	settings := opt.traceSettings(len(t.calls))
	return printFigures(cmd.OutOrStdout(), opt, settings, figures(sim.Measures, []sim.Tally{tally}))
}

// play lets the calls of the trace come in the order of their arrival and
// returns what became of each row. What is measured begins with the first call.
func (t *trace) play(floor sim.Floor, meter *meter) (sim.Tally, []sim.Served, error) {
	order := make([]int, len(t.calls))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(t.calls[a].Arrival.Milliseconds() - t.calls[b].Arrival.Milliseconds()) })
	calls := make([]sim.Call, len(order))
	for i, row := range order {
		calls[i] = t.calls[row]
	}
	if len(calls) > 0 {
		floor.From = calls[0].Arrival
	}
	served := make([]sim.Served, len(calls))
	tally, err := floor.Run(meter.count(sim.List(calls)), func(s sim.Served) { served[order[s.No]] = s })
	return tally, served, err
}

// write returns the rows in their order with what became of each.
func (t *trace) write(out io.Writer, served []sim.Served) error {
	var keep []int
	for i, name := range t.header {
		if !slices.Contains(ours, strings.TrimSpace(name)) {
			keep = append(keep, i)
		}
	}
	line := func(row []string, more ...string) []string {
		cells := make([]string, 0, len(keep)+len(more))
		for _, i := range keep {
			cells = append(cells, row[i])
		}
		return append(cells, more...)
	}
	var text bytes.Buffer
	w := csv.NewWriter(&text)
	w.Write(line(t.header, ours...))
	for i, row := range t.rows {
		wait := strconv.FormatFloat(float64(served[i].Wait.Milliseconds())/1000, 'f', -1, 64)
		w.Write(line(row, string(served[i].Outcome), wait))
	}
	w.Flush()
	_, err := text.WriteTo(out)
	return err
}
