package sim

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// The full comparison with the Erlang tables: this seed, so many runs of each
// row, rows with at most so many agents.
const (
	theorySeed   = 20_260_301
	theoryRuns   = 40
	theoryAgents = 33
)

// theoryRow is a row of a table: a floor, and what the formulas say of it.
type theoryRow struct {
	name    string
	floor   Floor
	traffic Traffic
	want    []theoryValue
}

type theoryValue struct {
	measure string
	value   float64
}

// columns says which measure a column of the tables is about.
var columns = map[string]string{
	"p_wait": "p_wait", "asa_s": "asa_s", "service_level": "service_level", "occupancy": "occupancy",
	"mean_queue_len": "mean_queue_length", "p_abandon": "abandonment_rate", "mean_wait_all_s": "mean_wait_s",
	"mean_wait_served_s": "asa_s", "p_answered_within_threshold": "service_level",
}

// widest is how wide half the 99 % interval may be, in parts of the value.
var widest = map[string]float64{"p_wait": 0.05, "asa_s": 0.10, "mean_wait_s": 0.10}

func theoryRows(agents int) ([]theoryRow, error) {
	var rows []theoryRow
	for _, name := range []string{"erlang_c", "erlang_a"} {
		text, err := os.ReadFile("testdata/" + name + ".csv")
		if err != nil {
			return nil, err
		}
		table, err := csv.NewReader(bytes.NewReader(text)).ReadAll()
		if err != nil {
			return nil, err
		}
		for _, cells := range table[1:] {
			row := newTheoryRow(name, table[0], cells)
			if row.floor.Agents <= agents {
				rows = append(rows, row)
			}
		}
	}
	return rows, nil
}

func newTheoryRow(table string, header, cells []string) theoryRow {
	row := theoryRow{}
	number := map[string]float64{}
	for i, column := range header {
		x, err := strconv.ParseFloat(cells[i], 64)
		if err != nil {
			continue // the published anchor
		}
		number[column] = x
		if measure, ok := columns[column]; ok {
			row.want = append(row.want, theoryValue{measure, x})
		}
	}
	load, talk := number["offered_erlangs"], number["aht_s"]
	row.name = fmt.Sprintf("%s %g/%g", table, load, number["agents"])
	row.floor = Floor{Agents: int(number["agents"]), Threshold: sec(number["threshold_s"])}
	row.traffic = Traffic{PerHour: load / talk * 3600, Talk: Dist{Shape: Exponential, Mean: sec(talk)},
		Patience: Dist{Shape: Exponential, Mean: sec(number["mean_patience_s"])}}
	return row
}

// callsPerRun is how many calls a run of the row needs so that half the 99 %
// interval of the mean wait comes to some 7 % of it. One caller's wait says much
// about the next one's: a busy spell lasts for about 1/(1-occupancy)² calls, the
// agents' load is forgotten after about two calls an erlang, and of those spells
// only the share p_wait counts. The factor in front is measured, not derived.
func (r *theoryRow) callsPerRun() int {
	busy, wait := r.wanted("occupancy"), r.wanted("p_wait")
	load := r.traffic.PerHour * r.traffic.Talk.Mean.Hours()
	calls := 160 * (1/((1-busy)*(1-busy)) + 2*load) / wait
	if r.traffic.Patience.Mean > 0 { // who hangs up makes the spells short
		calls /= 3
	}
	return max(3_000, int(calls))
}

func (r *theoryRow) wanted(measure string) float64 {
	for _, want := range r.want {
		if want.measure == measure {
			return want.value
		}
	}
	return math.NaN()
}

// run plays the row once. The first fifty mean talks warm the floor up.
func (r *theoryRow) run(seed uint64, calls int) (Tally, error) {
	floor, traffic := r.floor, r.traffic
	traffic.Seed = seed
	floor.From = 50 * traffic.Talk.Mean
	floor.To = floor.From + time.Duration(float64(calls)/traffic.PerHour*float64(time.Hour))
	traffic.Length = floor.To
	return floor.Run(traffic.Callers(), nil)
}

// estimates plays all runs of a row and returns an estimate at the level of
// each value that the row wants.
func (r *theoryRow) estimates(tallies []Tally, level float64) []Estimate {
	var es []Estimate
	for _, want := range r.want {
		values := make([]float64, len(tallies))
		for i := range tallies {
			values[i] = value(&tallies[i], want.measure)
		}
		es = append(es, Estimated(values, level))
	}
	return es
}

// verdict is what the comparison of all rows came to.
type verdict struct {
	rows, values     int
	outside, outer99 int // values outside the 99.99 % and the 99 % interval
	wide             []string
}

// judge compares the runs of one row with its values and describes them.
func (v *verdict) judge(r *theoryRow, tallies []Tally) string {
	var line strings.Builder
	fmt.Fprintf(&line, "%-16s", r.name)
	sure, likely := r.estimates(tallies, 0.9999), r.estimates(tallies, 0.99)
	v.rows++
	for i, want := range r.want {
		v.values++
		off, mark := math.Abs(sure[i].Mean-want.value), ""
		if !(off <= likely[i].Half) {
			v.outer99++
			mark = "?"
		}
		if !(off <= sure[i].Half) {
			v.outside++
			mark = "!"
		}
		half := likely[i].Half / want.value
		if limit := widest[want.measure]; limit > 0 && !(half < limit) {
			v.wide = append(v.wide, fmt.Sprintf("%s %s ±%.1f %%", r.name, want.measure, 100*half))
		}
		fmt.Fprintf(&line, "  %s %.5g%s (%.5g ±%.1f %%)", want.measure, sure[i].Mean, mark, want.value, 100*half)
	}
	return line.String()
}

// err says what the verdict holds against the engine.
func (v *verdict) err() error {
	var errs []error
	if v.outside > 0 {
		errs = append(errs, fmt.Errorf("%d of %d values are outside the 99.99 %% interval", v.outside, v.values))
	}
	if v.outer99*100 > v.values*3 {
		errs = append(errs, fmt.Errorf("%d of %d values, more than 3 %%, are outside the 99 %% interval", v.outer99, v.values))
	}
	if len(v.wide) > 0 {
		errs = append(errs, fmt.Errorf("too wide: %s", strings.Join(v.wide, ", ")))
	}
	return errors.Join(errs...)
}

// theory is `make theory`.
func theory(out *bufio.Writer, oracle string) error {
	debug.SetGCPercent(400) // little lives, much is made
	rows, err := theoryRows(theoryAgents)
	if err != nil {
		return err
	}
	agree, asked, err := consult(oracle) // first, because a file may be missing
	if err != nil {
		return err
	}
	var v verdict
	for i := range rows {
		calls := rows[i].callsPerRun()
		tallies, err := runAll(theoryRuns, func(run int) (Tally, error) {
			return rows[i].run(RunSeed(theorySeed+uint64(i), run), calls)
		})
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s  runs %d of %d calls\n", v.judge(&rows[i], tallies), theoryRuns, calls)
		out.Flush()
	}
	share := math.Floor(float64(agree)/float64(asked)*1e4) / 1e4 // never rounded up to perfection
	fmt.Fprintf(out, "values=%d outside_99=%d too_wide=%d oracle_calls=%d oracle_agree=%d\n", v.values, v.outer99, len(v.wide), asked, agree)
	err = v.err()
	if share < 0.997 {
		err = errors.Join(err, fmt.Errorf("%d of %d waits differ from the oracle's by more than a second", asked-agree, asked))
	}
	if err != nil {
		fmt.Fprintln(out, err)
	}
	fmt.Fprintf(out, "theory rows=%d outside=%d oracle=%.4f\n", v.rows, v.outside, share)
	if err != nil {
		return errors.New("the engine and the theory differ")
	}
	return nil
}

// consult asks the oracle: the waits of a file, four agents a day, or those
// that the brute-force twin finds in a generated trace, patient and impatient.
func consult(file string) (agree, calls int, err error) {
	if file != "" {
		f, err := os.Open(file)
		if err != nil {
			return 0, 0, err
		}
		defer f.Close()
		all, err := readHistories(f)
		if err != nil {
			return 0, 0, fmt.Errorf("read %s: %w", file, err)
		}
		return agreement(all, 4)
	}
	var all []history
	for seed, patience := range []time.Duration{0, 2 * time.Minute} {
		calls := generated(theorySeed+uint64(seed), 50_000, patience)
		all = append(all, history{calls, twin(calls, 9)})
	}
	return agreement(all, 9)
}

// runAll carries out independent runs, as many at a time as there are cores.
func runAll(runs int, one func(int) (Tally, error)) ([]Tally, error) {
	tallies, errs := make([]Tally, runs), make([]error, runs)
	var next atomic.Int64
	var working sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < runs; i = int(next.Add(1)) - 1 {
				tallies[i], errs[i] = one(i)
			}
		})
	}
	working.Wait()
	return tallies, errors.Join(errs...)
}

// TestTheory is the short form: a few rows, short runs, wide intervals.
func TestTheory(t *testing.T) {
	t.Parallel()
	rows, err := theoryRows(theoryAgents)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 39 {
		t.Errorf("%d rows of the tables have at most %d agents", len(rows), theoryAgents)
	}
	for i, name := range []string{"erlang_c 2/4", "erlang_c 10/14", "erlang_a 8/8", "erlang_a 20/18"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			k := slices.IndexFunc(rows, func(r theoryRow) bool { return r.name == name })
			tallies, err := runAll(10, func(run int) (Tally, error) { return rows[k].run(RunSeed(uint64(i), run), 1_500) })
			if err != nil {
				t.Fatal(err)
			}
			var v verdict
			line := v.judge(&rows[k], tallies)
			if v.outside > 0 {
				t.Errorf("%d values are outside the 99.99 %% interval:\n%s", v.outside, line)
			}
		})
	}
}

// TestVerdict: a theory that is wrong is noticed, and so are runs too short to say anything.
func TestVerdict(t *testing.T) {
	t.Parallel()
	rows, err := theoryRows(theoryAgents)
	if err != nil {
		t.Fatal(err)
	}
	row := rows[0]
	for i := range row.want {
		row.want[i].value *= 1.5
	}
	tallies, err := runAll(10, func(run int) (Tally, error) { return rows[0].run(RunSeed(1, run), 300) })
	if err != nil {
		t.Fatal(err)
	}
	var v verdict
	v.judge(&row, tallies)
	if v.outside == 0 || len(v.wide) == 0 || v.err() == nil {
		t.Errorf("a wrong table passes: %+v", v)
	}
}

// TestHistories reads a small table with the columns of a call log.
func TestHistories(t *testing.T) {
	t.Parallel()
	const log = `call_id,date,call_started,wait_length,service_length
1,2026-03-02,8:00:00 AM,0,100
2,2026-03-02,8:00:10 AM,91,5
3,2026-03-03,12:59:59 PM,0,3600
4,2026-03-03,1:00:10 PM,3,10
`
	all, err := readHistories(strings.NewReader(log))
	if err != nil {
		t.Fatal(err)
	}
	agree, calls, err := agreement(all, 1) // the third wait is wrong, the second just within a second
	if err != nil || len(all) != 2 || calls != 4 || agree != 3 {
		t.Errorf("%d of %d calls of %d days agree; %v", agree, calls, len(all), err)
	}
	for _, bad := range []string{"", "date,call_started\n", strings.Replace(log, "8:00:10 AM", "8:00", 1), strings.Replace(log, ",91,", ",x,", 1)} {
		if _, err := readHistories(strings.NewReader(bad)); err == nil {
			t.Errorf("read %q without a word", bad)
		}
	}
}
