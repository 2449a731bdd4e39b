package main

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"math"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
)

// confidence is the level of the intervals that simulate prints.
const confidence = 0.95

// simulateSettings are what was asked for, as JSON says it again. What does not apply
// is null.
type simulateSettings struct {
	Agents    int      `json:"agents"`
	Trace     *string  `json:"trace"`
	Calls     *int     `json:"calls"` // rows of the trace
	PerHour   *float64 `json:"arrivals_per_hour"`
	AHT       *float64 `json:"aht_s"`
	Service   *string  `json:"service"`
	CV        *float64 `json:"aht_cv"`
	Patience  *float64 `json:"patience_s"` // null = for ever, or the trace's own
	Ring      float64  `json:"ring_s"`
	WrapUp    float64  `json:"wrap_up_s"`
	Threshold float64  `json:"threshold_s"`
	For       *float64 `json:"for_s"`
	WarmUp    *float64 `json:"warm_up_s"`
	Runs      int      `json:"runs"`
	Seed      uint64   `json:"seed"`

	Type     queue.Type `json:"type"`
	Live     *float64   `json:"live"` // this and the rest: diallers only
	Machines *float64   `json:"machines"`
	Failing  *float64   `json:"failing"`
	Target   *float64   `json:"target_percent"`
	Maximum  *float64   `json:"maximum_percent"`
	PerAgent *int       `json:"progressive_count"`
}

func (s span) seconds() *float64 {
	x := time.Duration(s).Seconds()
	return &x
}

func (opt *simulateOptions) common() simulateSettings {
	s := simulateSettings{
		Type: queue.Type(opt.dial.typ), Agents: opt.agents, Ring: *opt.ring.seconds(), WrapUp: *opt.wrapUp.seconds(), Threshold: *opt.threshold.seconds(),
		Runs: 1, Seed: opt.seed,
	}
	if opt.patience > 0 {
		s.Patience = opt.patience.seconds()
	}
	return s
}

func (opt *simulateOptions) settings() simulateSettings {
	s := opt.common()
	s.PerHour, s.AHT, s.Service = &opt.arrivals, opt.aht.seconds(), &opt.service
	if opt.service == string(sim.LogNormal) {
		s.CV = &opt.cv
	}
	s.For, s.WarmUp, s.Runs = opt.length.seconds(), opt.warmUp.seconds(), opt.runs
	return s
}

func (opt *simulateOptions) traceSettings(calls int) simulateSettings {
	s := opt.common()
	s.Trace, s.Calls = &opt.trace, &calls
	return s
}

// figure is one measure over all runs: its mean and the interval in which the
// true mean lies. Null is what there is no number for: the mean of nothing, the
// interval of one run.
type figure struct {
	Name string   `json:"-"`
	Unit string   `json:"unit"`
	Mean *float64 `json:"mean"`
	Low  *float64 `json:"low"`
	High *float64 `json:"high"`
}

func figures[T any](measures []sim.Measure[T], tallies []T) []figure {
	values := make([]float64, len(tallies))
	all := make([]figure, 0, len(measures))
	for _, m := range measures {
		for i := range tallies {
			values[i] = m.Of(&tallies[i])
		}
		e := sim.Estimated(values, confidence)
		f := figure{Name: m.Name, Unit: m.Unit, Mean: number(e.Mean)}
		top := math.Inf(1)
		if m.Unit == "share" {
			top = 1
		}
		f.Low, f.High = number(max(0, e.Mean-e.Half)), number(min(top, e.Mean+e.Half))
		all = append(all, f)
	}
	return all
}

// number leaves out what JSON cannot say, and digits that mean nothing.
func number(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	x, _ = strconv.ParseFloat(strconv.FormatFloat(x, 'g', 10, 64), 64)
	return &x
}

func printFigures(out io.Writer, opt *simulateOptions, settings simulateSettings, all []figure) error {
	switch opt.format {
	case "json":
		named := make(map[string]figure, len(all))
		for _, f := range all {
			named[f.Name] = f
		}
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(map[string]any{"settings": settings, "confidence": confidence, "figures": named})
	case "csv":
		return printCSV(out, all)
	default:
		return printTable(out, opt, settings, all)
	}
}

func printCSV(out io.Writer, all []figure) error {
	w := csv.NewWriter(out)
	w.Write([]string{"figure", "unit", "mean", "low", "high"})
	cell := func(x *float64) string {
		if x == nil {
			return ""
		}
		return strconv.FormatFloat(*x, 'f', -1, 64)
	}
	for _, f := range all {
		w.Write([]string{f.Name, f.Unit, cell(f.Mean), cell(f.Low), cell(f.High)})
	}
	w.Flush()
	return w.Error()
}

// labels are the figures' names for people.
var labels = map[string]string{
	"offered": "calls offered", "handled": "handled", "abandoned": "abandoned", "others": "others",
	"abandonment_rate": "abandonment rate", "p_wait": "had to wait", "asa_s": "mean speed of answer",
	"mean_wait_s": "mean wait of all", "longest_wait_s": "longest wait",
	"service_level":   "service level 1: answered in time, of all",
	"service_level_2": "2: of all but early hang-ups", "service_level_3": "3: of those answered",
	"service_level_4": "4: early hang-ups count as good",
	"lines":           "lines dialled", "persons": "people who answered", "connected": "connected in time", "dropped": "dropped",
	"hit_rate": "people of all lines", "drop_rate": "dropped of all people but early hang-ups",
	"talk_per_hour_min": "talk of an agent in an hour", "connected_per_agent_hour": "connected per agent and hour",
	"lines_per_agent_hour": "lines per agent and hour",
	"occupancy":            "occupancy, with ring", "mean_queue_length": "mean queue length", "aht_s": "handling time", "traffic": "traffic",
}

// printTable is for people: shares in per cent, and what the names mean.
func printTable(out io.Writer, opt *simulateOptions, settings simulateSettings, all []figure) error {
	fmt.Fprintf(out, "%s\n\n", opt.headline(settings))
	w := tabwriter.NewWriter(out, 0, 8, 2, ' ', tabwriter.AlignRight)
	between := func(f *figure) string {
		if f.Low == nil || f.High == nil {
			return ""
		}
		return f.show(f.Low) + " – " + f.show(f.High)
	}
	fmt.Fprintf(w, "\tmean\t%.0f %% interval\t\n", 100*confidence)
	for _, f := range all {
		unit := f.Unit
		if unit == "share" {
			unit = "%"
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t %s\n", labels[f.Name], f.show(f.Mean), between(&f), unit)
	}
	return w.Flush()
}

func (f *figure) show(x *float64) string {
	switch {
	case x == nil:
		return "–"
	case f.Unit == "share":
		return fmt.Sprintf("%.1f", *x*100)
	case f.Unit == "calls":
		return fmt.Sprintf("%.0f", *x)
	default:
		return fmt.Sprintf("%.2f", *x)
	}
}

func (opt *simulateOptions) headline(s simulateSettings) string {
	text := fmt.Sprintf("agents %d, ", s.Agents)
	if opt.dials() {
		return text + opt.dialHeadline(s)
	}
	if s.Trace != nil {
		text += fmt.Sprintf("%d calls of %s", *s.Calls, *s.Trace)
	} else {
		text += fmt.Sprintf("%g calls an hour of %s (%s)", *s.PerHour, &opt.aht, opt.service)
	}
	if s.Patience != nil {
		text += fmt.Sprintf(", patience %s", &opt.patience)
	}
	if opt.ring > 0 || opt.wrapUp > 0 {
		text += fmt.Sprintf(", ring %s, wrap-up %s", &opt.ring, &opt.wrapUp)
	}
	text += fmt.Sprintf(", in time %s", &opt.threshold)
	if s.Trace == nil {
		text += fmt.Sprintf("; %d runs of %s, seed %d", s.Runs, &opt.length, s.Seed)
	}
	return text
}
