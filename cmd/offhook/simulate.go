package main

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/offhook/offhook/queue/sim"
)

type simulateOptions struct {
	agents         int
	arrivals       float64
	aht, patience  span
	service        string
	cv             float64
	ring, wrapUp   span
	threshold      span
	length, warmUp span
	runs           int
	seed           uint64
	trace, format  string
	dial           dialOptions
	given          func(flag string) bool
}

func newSimulateCommand() *cobra.Command {
	opt := simulateOptions{
		aht: span(3 * time.Minute), threshold: span(20 * time.Second), length: span(10 * time.Hour),
	}
	cmd := &cobra.Command{
		Use:   "simulate",
		Short: "Ask what so many agents would do to waits, drops and occupancy, in virtual time",
		Long: `simulate plays days of a queue on the engine itself, in virtual time. Callers
of an inbound queue come by chance, or, with --trace, as they came: a CSV with
a header and one row a call, columns arrival_s and service_s, and, if you have
them, patience_s and priority. A predictive, progressive or preview queue dials
a list without an end, and --live of the calls reach a person.
The figures come with the 95 % interval of their mean over the runs: a table on
a terminal, JSON in a pipe. With --trace, --format csv gives every row back with
outcome and wait_s. Times are 90s, 3m or plain seconds.`,
		Example: `  offhook simulate --agents 14 --arrivals 200 --aht 3m --patience 5m
  offhook simulate --type predictive --agents 20 --live 0.25 --aht 2m --wrap-up 20
  offhook simulate --trace calls.csv --agents 4 --format csv > waits.csv`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			opt.given = cmd.Flags().Changed
			if err := opt.check(); err != nil {
				return usageError{err}
			}
			return simulate(cmd, &opt)
		},
	}
	f := cmd.Flags()
	f.IntVar(&opt.agents, "agents", 14, "agents who are there all the time")
	f.Float64Var(&opt.arrivals, "arrivals", 200, "calls an hour")
	f.Var(&opt.aht, "aht", "mean handling time of a call: talk and wrap-up")
	f.StringVar(&opt.service, "service", string(sim.Exponential), "distribution of the talks: exponential, lognormal, constant")
	f.Float64Var(&opt.cv, "aht-cv", 1, "standard deviation of the talks by their mean; makes them lognormal")
	f.Var(&opt.patience, "patience", "mean patience of callers, exponential; 0 = for ever")
	f.Var(&opt.ring, "ring", "how long a phone rings before its agent answers")
	f.Var(&opt.wrapUp, "wrap-up", "an agent's time after each call, in whole seconds")
	f.Var(&opt.threshold, "threshold", "the wait that counts as good for the service level")
	f.Var(&opt.length, "for", "how long callers come, in each run")
	f.Var(&opt.warmUp, "warm-up", "time before that which is not measured; 0 = a day that begins empty")
	f.IntVar(&opt.runs, "runs", 20, "independent runs")
	f.Uint64Var(&opt.seed, "seed", 1, "decides all that looks like chance")
	f.StringVar(&opt.trace, "trace", "", "CSV `FILE` with calls as they came; - is standard input")
	f.StringVar(&opt.format, "format", "", "table, json or csv (default table on a terminal, else json)")
	opt.dial.flags(f)
	return cmd
}

// ofTrace are the flags that a trace makes meaningless.
var ofTrace = []string{"arrivals", "aht", "aht-cv", "service", "for", "warm-up", "runs"}

// check refuses what cannot be simulated.
func (opt *simulateOptions) check() error {
	if err := opt.checkDial(); err != nil {
		return err
	}
	const month = span(30 * 24 * time.Hour)
	talk := opt.aht - opt.wrapUp
	if opt.trace != "" {
		talk = 1
		for _, flag := range ofTrace {
			if opt.given(flag) {
				return fmt.Errorf("--%s and --trace exclude each other: the trace has its own", flag)
			}
		}
	}
	switch {
	case opt.agents < 0 || opt.agents > 100_000:
		return errors.New("--agents must be between 0 and 100000")
	case !(opt.arrivals > 0) || opt.arrivals > 10_000_000:
		return errors.New("--arrivals must be between 0 and 10000000 calls an hour")
	case talk <= 0:
		return errors.New("--aht must be longer than --wrap-up: it is talk and wrap-up together")
	case opt.aht > month || opt.ring >= month || opt.wrapUp >= month || opt.patience > month:
		return errors.New("--aht, --ring, --wrap-up and --patience must be shorter than 30 days")
	case time.Duration(opt.wrapUp)%time.Second != 0:
		return errors.New("--wrap-up must be a whole number of seconds")
	case opt.length <= 0 || opt.length > 400*month || opt.warmUp > 400*month:
		return errors.New("--for must be positive, and --for and --warm-up shorter than 12000 days")
	case opt.runs < 1 || opt.runs > 100_000:
		return errors.New("--runs must be between 1 and 100000")
	case opt.format != "" && opt.format != "table" && opt.format != "json" && opt.format != "csv":
		return fmt.Errorf("--format is table, json or csv, not %q", opt.format)
	}
	return opt.checkService()
}

func (opt *simulateOptions) checkService() error {
	shape := sim.Shape(opt.service)
	switch {
	case !(opt.cv >= 0) || opt.cv > 100:
		return errors.New("--aht-cv must be between 0 and 100")
	case shape != sim.Exponential && shape != sim.LogNormal && shape != sim.Constant:
		return fmt.Errorf("--service is exponential, lognormal or constant, not %q", opt.service)
	case !opt.given("aht-cv"):
	case shape == sim.LogNormal || !opt.given("service"):
		opt.service = string(sim.LogNormal)
	default:
		return fmt.Errorf("--aht-cv belongs to --service lognormal; %s talks have a variation of their own", opt.service)
	}
	return nil
}

// floor is the staffing that the flags describe.
func (opt *simulateOptions) floor() sim.Floor {
	return sim.Floor{
		Agents: opt.agents, Ring: time.Duration(opt.ring), WrapUpSec: int(time.Duration(opt.wrapUp) / time.Second),
		Threshold: time.Duration(opt.threshold),
	}
}

// traffic are the callers of one run.
func (opt *simulateOptions) traffic(run int) sim.Traffic {
	return sim.Traffic{
		Seed: sim.RunSeed(opt.seed, run), PerHour: opt.arrivals,
		Talk:     sim.Dist{Shape: sim.Shape(opt.service), Mean: time.Duration(opt.aht - opt.wrapUp), CV: opt.cv},
		Patience: opt.patienceDist(),
		Length:   time.Duration(opt.warmUp + opt.length),
	}
}

func (opt *simulateOptions) patienceDist() sim.Dist {
	return sim.Dist{Shape: sim.Exponential, Mean: time.Duration(opt.patience)}
}

// span is a flag that takes 90s and 3m as well as plain seconds.
type span time.Duration

func (s *span) Set(text string) error {
	d, err := time.ParseDuration(text)
	if seconds, numErr := strconv.ParseFloat(text, 64); numErr == nil {
		d, err = secondsOf(seconds)
	}
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no time such as 90s, 3m or 180", text)
	}
	*s = span(d.Round(time.Millisecond))
	return nil
}

func (s *span) String() string { return time.Duration(*s).String() }

// Type is what help calls the flag's argument.
func (s *span) Type() string { return "time" }

// secondsOf returns a number of seconds in whole milliseconds.
func secondsOf(seconds float64) (time.Duration, error) {
	const most = 5e9 // what an engine's instants can hold
	if math.IsNaN(seconds) || math.Abs(seconds) > most {
		return 0, errors.New("out of range")
	}
	return time.Duration(math.Round(seconds*1000)) * time.Millisecond, nil
}
