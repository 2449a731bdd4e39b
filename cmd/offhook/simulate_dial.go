package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/sim"
)

// dialOptions are the flags of queues that dial.
type dialOptions struct {
	typ                     string
	live, machines, failing float64
	maximum                 float64
	perAgent                int
}

// dialFlags are the flags that mean something for queues that dial only, and
// undialled those that mean nothing for them.
var (
	dialFlags = []string{"live", "machines", "failing", "max-drops", "per-agent"}
	undialled = []string{"arrivals", "threshold", "trace"}
	dialTypes = []string{string(queue.Predictive), string(queue.Progressive), string(queue.Preview)}
)

func (d *dialOptions) flags(f *pflag.FlagSet) {
	f.StringVar(&d.typ, "type", string(queue.Inbound), "inbound, predictive, progressive or preview")
	f.Float64Var(&d.live, "live", 0.2, "diallers: share of the calls that a person answers")
	f.Float64Var(&d.machines, "machines", 0.3, "diallers: share of the others that a machine answers")
	f.Float64Var(&d.failing, "failing", 0.15, "diallers: share of the others that fail at once")
	f.Float64Var(&d.maximum, "max-drops", 3, "predictive: dropped calls, in per cent, that must not be reached")
	f.IntVar(&d.perAgent, "per-agent", 1, "progressive: members dialled for one agent at once")
}

// dials reports whether the queue dials.
func (opt *simulateOptions) dials() bool { return opt.dial.typ != string(queue.Inbound) }

// checkDial refuses what no dialler can do, and what does not go together.
func (opt *simulateOptions) checkDial() error {
	alien, why := dialFlags, "only a queue that dials has it: see --type"
	if opt.dials() {
		alien, why = undialled, "a queue that dials has no callers of its own"
	}
	for _, flag := range alien {
		if opt.given(flag) {
			return fmt.Errorf("--%s does not go with --type %s: %s", flag, opt.dial.typ, why)
		}
	}
	d := &opt.dial
	share := func(x float64) bool { return x >= 0 && x <= 1 }
	switch {
	case !opt.dials():
		return nil
	case !slices.Contains(dialTypes, d.typ):
		return fmt.Errorf("--type is inbound, predictive, progressive or preview, not %q", d.typ)
	case opt.agents < 1:
		return errors.New("--agents must be at least 1: there is nobody to dial for")
	case !share(d.live) || !share(d.machines) || !share(d.failing) || d.machines+d.failing > 1:
		return errors.New("--live, --machines and --failing are shares between 0 and 1; the last two are parts of the same rest")
	case !(d.maximum > 0.5) || d.maximum > 100:
		return errors.New("--max-drops must be over 0.5 and at most 100 per cent")
	case d.perAgent < 1 || d.perAgent > 100:
		return errors.New("--per-agent must be between 1 and 100")
	case d.perAgent > 1 && d.typ != string(queue.Progressive):
		return errors.New("--per-agent belongs to --type progressive")
	case opt.length+opt.warmUp > span(30*24*time.Hour):
		return errors.New("--for and --warm-up of a dialler must be shorter than 30 days together")
	}
	if !opt.given("patience") {
		opt.patience = span(2 * time.Second)
	}
	if !opt.given("warm-up") {
		opt.warmUp = span(time.Hour) // the pacing learns first
	}
	if !opt.given("runs") {
		opt.runs = 4
	}
	return nil
}

// law is by which drops are counted and held down.
func (d *dialOptions) law() *queue.Law {
	law := queue.DefaultQueue(0, "", queue.Predictive).Pacing
	law.TargetPercent *= d.maximum / law.MaximumPercent
	law.MaximumPercent = d.maximum
	return law
}

// dialler is the room that the flags describe.
func (opt *simulateOptions) dialler(run int) sim.Dialler {
	d := sim.Typical(queue.Type(opt.dial.typ), opt.agents)
	d.Seed = sim.RunSeed(opt.seed, run)
	d.Live, d.Machines, d.Failing = opt.dial.live, opt.dial.machines, opt.dial.failing
	d.Talk = opt.traffic(run).Talk
	d.Ring, d.WrapUpSec = time.Duration(opt.ring), int(time.Duration(opt.wrapUp)/time.Second)
	d.Patience, d.PerAgent, d.Law = time.Duration(opt.patience), opt.dial.perAgent, opt.dial.law()
	d.From, d.To = time.Duration(opt.warmUp), time.Duration(opt.warmUp+opt.length)
	return d
}

// simulateDialler plays what the flags ask for and prints it.
func simulateDialler(cmd *cobra.Command, opt *simulateOptions) error {
	meter := newMeter(cmd.Context(), cmd.ErrOrStderr(), int64(opt.runs*int(time.Duration(opt.warmUp+opt.length).Minutes())))
	tallies, err := playRuns(meter.ctx, opt.runs, func(run int) (sim.DialTally, error) {
		return opt.dialler(run).Run(meter.minutes())
	})
	meter.done()
	if err != nil {
		return err
	}
	s := opt.common()
	service, d := opt.service, &opt.dial
	s.AHT, s.Service, s.For, s.WarmUp, s.Runs = opt.aht.seconds(), &service, opt.length.seconds(), opt.warmUp.seconds(), opt.runs
	s.Live, s.Machines, s.Failing = &d.live, &d.machines, &d.failing
	switch queue.Type(d.typ) {
	case queue.Predictive:
		law := d.law()
		s.Target, s.Maximum = &law.TargetPercent, &law.MaximumPercent
	case queue.Progressive:
		s.PerAgent = &d.perAgent
	}
	return printFigures(cmd.OutOrStdout(), opt, s, figures(sim.DialMeasures, tallies))
}

// minutes reports a dialler's progress, and stops it when the work shall stop.
func (m *meter) minutes() func(time.Duration) error {
	told := 0
	return func(passed time.Duration) error {
		if m.bar != nil {
			m.bar.Add(int(passed.Minutes()) - told)
			told = int(passed.Minutes())
		}
		return m.ctx.Err()
	}
}

func (opt *simulateOptions) dialHeadline(s simulateSettings) string {
	text := fmt.Sprintf("%s, %g %% of the calls reach a person, talk and wrap-up %s (%s), dropped after %s",
		opt.dial.typ, 100**s.Live, &opt.aht, opt.service, &opt.patience)
	if s.Maximum != nil {
		text += fmt.Sprintf(", at most %g %% of them", *s.Maximum)
	}
	return text + fmt.Sprintf("; %d runs of %s after %s, seed %d", s.Runs, &opt.length, &opt.warmUp, s.Seed)
}
