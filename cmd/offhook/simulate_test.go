package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// simulated runs the command inside the test.
func simulated(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"simulate"}, args...), &out, &errs)
	return out.String(), errs.String(), code
}

func writeFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "trace.csv")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// simulation is what the command prints in JSON.
type simulation struct {
	Settings   map[string]any
	Confidence float64
	Figures    map[string]struct {
		Unit            string
		Mean, Low, High *float64
	}
}

func parseSimulation(t *testing.T, text string) simulation {
	t.Helper()
	var s simulation
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return s
}

func (s simulation) mean(t *testing.T, name string) float64 {
	t.Helper()
	f, ok := s.Figures[name]
	if !ok || f.Mean == nil {
		t.Fatalf("there is no figure %s in %v", name, s.Figures)
	}
	return *f.Mean
}

// TestSimulateIsErlang asks for a case that stands in print: 10 erlang, 14
// agents, patience 300 s: 14.5 % wait, 1.4 % give up, 91.7 % in time.
func TestSimulateIsErlang(t *testing.T) {
	t.Parallel()
	args := []string{"--agents", "14", "--arrivals", "200", "--aht", "180", "--patience", "5m", "--warm-up", "3h", "--for", "9h", "--runs", "10", "--seed", "4"}
	text, _, code := simulated(t, args...)
	if code != exitDone {
		t.Fatalf("exit code %d", code)
	}
	s := parseSimulation(t, text)
	for name, want := range map[string]float64{
		"p_wait": 0.14526, "abandonment_rate": 0.013984, "occupancy": 0.704297, "service_level": 0.916792, "mean_wait_s": 4.195,
	} {
		f := s.Figures[name]
		if width := *f.High - *f.Low; *f.Low-width > want || *f.High+width < want || width > want {
			t.Errorf("%s is in %v – %v, the formula says %v", name, *f.Low, *f.High, want)
		}
	}
	lost := s.mean(t, "offered") - s.mean(t, "handled") - s.mean(t, "abandoned") - s.mean(t, "others")
	if math.Abs(lost) > 1e-6 { // means are rounded
		t.Errorf("calls are lost: %v", text)
	}
}

func TestSimulateIsBySeed(t *testing.T) {
	t.Parallel()
	ask := func(seed string) string {
		text, _, _ := simulated(t, "--for", "2h", "--runs", "5", "--format", "csv", "--seed", seed)
		return text
	}
	first := ask("4")
	if ask("4") != first {
		t.Error("the same seed gave other figures")
	}
	if ask("5") == first {
		t.Error("another seed gave the same figures")
	}
}

// TestSimulateStaffing: ring and wrap-up are work too, and steady talks wait
// less than varied ones.
func TestSimulateStaffing(t *testing.T) {
	t.Parallel()
	ask := func(args ...string) simulation {
		text, stderr, code := simulated(t, append([]string{"--agents", "6", "--arrivals", "80", "--for", "20h", "--runs", "3"}, args...)...)
		if code != exitDone {
			t.Fatalf("%v: exit code %d, %s", args, code, stderr)
		}
		return parseSimulation(t, text)
	}
	plain, steady, varied := ask(), ask("--service", "constant"), ask("--aht-cv", "2")
	if a, b, c := steady.mean(t, "asa_s"), plain.mean(t, "asa_s"), varied.mean(t, "asa_s"); !(a < b && b < c) {
		t.Errorf("waits of %v, %v and %v s for constant, exponential and very varied talks", a, b, c)
	}
	if got := varied.Settings["service"]; got != "lognormal" {
		t.Errorf("--aht-cv gives %v talks", got)
	}
	if got := steady.mean(t, "aht_s"); got != 180 {
		t.Errorf("constant talks take %v s", got)
	}
	worked := ask("--service", "constant", "--ring", "10s", "--wrap-up", "30")
	if got := worked.mean(t, "aht_s"); got != 180 {
		t.Errorf("handling time with wrap-up is %v s, was asked to be 180", got)
	}
	share := worked.mean(t, "occupancy") / steady.mean(t, "occupancy")
	if share < 1.05 || share > 1.06 { // 190 s of work instead of 180
		t.Errorf("ring makes the occupancy %v times as high", share)
	}
	if worked.mean(t, "asa_s") < 10 {
		t.Errorf("an answer takes %v s, less than the ring", worked.mean(t, "asa_s"))
	}
}

// TestSimulateTrace plays a small history, out of order, with columns of its
// own and those of an earlier answer.
func TestSimulateTrace(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "\ufeffcall_id,arrival_s,service_s,patience_s,priority,wait_s\n"+
		"a,100,60,,,99\nc,110.5,20,30,,99\n\"b, again\",105,10,,7,99\nd, 500 ,10,0,,99\n")
	got, stderr, code := simulated(t, "--trace", file, "--agents", "1", "--format", "csv")
	want := `call_id,arrival_s,service_s,patience_s,priority,outcome,wait_s
a,100,60,,,handled,0
c,110.5,20,30,,abandoned,30
"b, again",105,10,,7,handled,55
d,500 ,10,0,,handled,0
`
	if code != exitDone || got != want {
		t.Errorf("exit code %d, %s\n%s", code, stderr, got)
	}
	two, _, _ := simulated(t, "--trace", file, "--agents", "2", "--format", "csv")
	if !strings.Contains(two, "c,110.5,20,30,,handled,4.5\n") {
		t.Errorf("with a second agent:\n%s", two)
	}

	text, _, _ := simulated(t, "--trace", file, "--agents", "1")
	s := parseSimulation(t, text)
	if s.Settings["calls"] != 4.0 || s.mean(t, "offered") != 4 || s.mean(t, "abandoned") != 1 || s.Figures["asa_s"].Low != nil {
		t.Errorf("figures of the trace: %s", text)
	}
	if got := s.mean(t, "occupancy"); got < 80.0/410-1e-9 || got > 80.0/410+1e-9 { // from 100 s to 510 s
		t.Errorf("occupancy %v", got)
	}
}

// TestSimulateTracePatience gives the callers of a trace a patience that the
// trace does not know.
func TestSimulateTracePatience(t *testing.T) {
	t.Parallel()
	file := writeFile(t, "arrival_s,service_s\n0,1000\n1,1000\n2,1000\n3,1000\n4,1000\n")
	text, _, _ := simulated(t, "--trace", file, "--agents", "1", "--patience", "10")
	if s := parseSimulation(t, text); s.mean(t, "abandoned") != 4 {
		t.Errorf("impatient callers wait: %s", text)
	}
}

func TestSimulateRefuses(t *testing.T) {
	t.Parallel()
	good := writeFile(t, "arrival_s,service_s,patience_s\n0,1,\n")
	for name, tc := range map[string]struct {
		args []string
		code int
		says string
	}{
		"format":            {[]string{"--format", "xml"}, exitUsage, "xml"},
		"service":           {[]string{"--service", "gamma"}, exitUsage, "gamma"},
		"no time":           {[]string{"--aht", "soon"}, exitUsage, "soon"},
		"negative time":     {[]string{"--ring", "-3"}, exitUsage, "-3"},
		"wrap-up too long":  {[]string{"--aht", "30", "--wrap-up", "30"}, exitUsage, "--wrap-up"},
		"half seconds":      {[]string{"--wrap-up", "1.5"}, exitUsage, "whole"},
		"agents":            {[]string{"--agents", "-1"}, exitUsage, "--agents"},
		"arrivals":          {[]string{"--arrivals", "NaN"}, exitUsage, "--arrivals"},
		"runs":              {[]string{"--runs", "0"}, exitUsage, "--runs"},
		"no length":         {[]string{"--for", "0"}, exitUsage, "--for"},
		"variation":         {[]string{"--aht-cv", "-1"}, exitUsage, "--aht-cv"},
		"variation of what": {[]string{"--aht-cv", "0.5", "--service", "constant"}, exitUsage, "constant"},
		"words":             {[]string{"today"}, exitUsage, "today"},
		"both":              {[]string{"--trace", good, "--arrivals", "3"}, exitUsage, "--arrivals"},
		"patience twice":    {[]string{"--trace", good, "--patience", "3"}, exitUsage, "patience_s"},
		"no file":           {[]string{"--trace", good + ".gone"}, exitFailed, "gone"},
	} {
		out, stderr, code := simulated(t, tc.args...)
		if code != tc.code || !strings.Contains(stderr, tc.says) || out != "" {
			t.Errorf("%s: exit code %d, %q, want %d and a word of %q", name, code, stderr, tc.code, tc.says)
		}
	}
}

// TestTraceErrorsNameTheLine spoils a trace in every way.
func TestTraceErrorsNameTheLine(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                                "line 1",
		"0,10\n5,10\n":                                    "line 1: the header has no column arrival_s",
		"arrival_s,talk\n":                                "service_s",
		"arrival_s,service_s,service_s\n":                 "twice",
		"arrival_s,service_s\n0,1\nsoon,1\n":              `line 3: arrival_s "soon"`,
		"arrival_s,service_s\n0,1\n\n5,\n":                `line 4: service_s ""`,
		"arrival_s,service_s\n0,1\n1\n":                   "line 3",
		"arrival_s,service_s\n0,-1\n":                     "line 2: service_s is -1",
		"arrival_s,service_s\n0,1e9\n":                    "line 2: service_s",
		"arrival_s,service_s\nInf,1\n":                    "line 2: arrival_s",
		"arrival_s,service_s\nNaN,1\n":                    "line 2: arrival_s",
		"arrival_s,service_s,priority\n0,1,hi\n":          `line 2: priority "hi"`,
		"arrival_s,service_s,patience_s\n0,1,x":           `line 2: patience_s "x"`,
		"note,arrival_s,service_s\n\"a\nb\",0,1\nc,x,1\n": `line 4: arrival_s "x"`,
	} {
		_, err := readTrace(strings.NewReader(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if tr, err := readTrace(strings.NewReader("service_s,arrival_s\n")); err != nil || len(tr.calls) != 0 {
		t.Errorf("a trace without calls: %v", err)
	}
}

// TestSimulateFormats: a pipe gets JSON, and both tables hold every figure.
func TestSimulateFormats(t *testing.T) {
	t.Parallel()
	ask := func(format string) string {
		text, _, code := simulated(t, "--for", "1h", "--runs", "3", "--format", format)
		if code != exitDone {
			t.Fatalf("%s: exit code %d", format, code)
		}
		return text
	}
	s := parseSimulation(t, ask("json"))
	table, rows := ask("table"), ask("csv")
	for name := range s.Figures {
		if !strings.Contains(rows, "\n"+name+",") {
			t.Errorf("csv has no %s:\n%s", name, rows)
		}
		if labels[name] == "" || !strings.Contains(table, " "+labels[name]+" ") {
			t.Errorf("the table has no %s:\n%s", name, table)
		}
	}
	for _, line := range strings.Split(table, "\n") {
		if len([]rune(line)) > 130 {
			t.Errorf("a line of %d characters: %s", len([]rune(line)), line)
		}
	}
	if got := strings.Count(rows, "\n"); got != len(s.Figures)+1 {
		t.Errorf("csv has %d lines for %d figures", got, len(s.Figures))
	}
}

// TestSimulateStops: a signal ends long work at once, and without an answer.
func TestSimulateStops(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var out bytes.Buffer
	if code := run(ctx, []string{"simulate", "--for", "100000h", "--runs", "100"}, &out, io.Discard); code != exitFailed || out.Len() > 0 {
		t.Errorf("exit code %d, printed %q", code, out.String())
	}
}

// TestSimulateDials: a queue that dials, with the trade that pacing makes.
func TestSimulateDials(t *testing.T) {
	if testing.Short() {
		t.Skip("computes for long")
	}
	t.Parallel()
	ask := func(args ...string) simulation {
		text, errs, code := simulated(t, append(args, "--agents", "5", "--live", "0.3", "--for", "2h", "--runs", "2")...)
		if code != exitDone {
			t.Fatalf("%v: exit code %d: %s", args, code, errs)
		}
		return parseSimulation(t, text)
	}
	careful, ahead := ask("--type", "progressive"), ask("--type", "predictive")
	if busy, busier := careful.mean(t, "occupancy"), ahead.mean(t, "occupancy"); busier <= busy {
		t.Errorf("dialling ahead keeps agents busy for %v, one call for each for %v", busier, busy)
	}
	if careful.mean(t, "dropped") != 0 || ahead.mean(t, "drop_rate") > 0.03 {
		t.Errorf("dropped %v and %v", careful.mean(t, "dropped"), ahead.mean(t, "drop_rate"))
	}
	if ahead.Settings["type"] != "predictive" || ahead.Settings["maximum_percent"] != 3.0 || ahead.Settings["live"] != 0.3 {
		t.Errorf("the settings say %v", ahead.Settings)
	}
}

// TestSimulateDialRefuses what does not go together.
func TestSimulateDialRefuses(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ args, want string }{
		{"--type ivr", "--type is"},
		{"--live 0.3", "--live does not go with --type inbound"},
		{"--type predictive --arrivals 10", "--arrivals does not go with --type predictive"},
		{"--type predictive --live 2", "shares between 0 and 1"},
		{"--type predictive --agents 0", "nobody to dial for"},
		{"--type predictive --per-agent 2", "--per-agent belongs to --type progressive"},
		{"--type predictive --max-drops 0", "--max-drops"},
		{"--type predictive --for 999h", "30 days"},
	} {
		_, errs, code := simulated(t, strings.Fields(test.args)...)
		if code != exitUsage || !strings.Contains(errs, test.want) {
			t.Errorf("%s: exit code %d, %q; want it to say %q", test.args, code, errs, test.want)
		}
	}
}
