package main

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"

	"github.com/offhook/offhook/queue/sim"
)

// simulate plays what the flags ask for and prints it.
func simulate(cmd *cobra.Command, opt *simulateOptions) error {
	out := cmd.OutOrStdout()
	if opt.format == "" {
		opt.format = "json"
		if isTerminal(out) {
			opt.format = "table"
		}
	}
	switch {
	case opt.dials():
		return simulateDialler(cmd, opt)
	case opt.trace != "":
		return simulateTrace(cmd, opt)
	}
	expected := opt.arrivals * time.Duration(opt.length+opt.warmUp).Hours() * float64(opt.runs)
	meter := newMeter(cmd.Context(), cmd.ErrOrStderr(), int64(expected))
	floor := opt.floor()
	floor.From, floor.To = time.Duration(opt.warmUp), time.Duration(opt.warmUp+opt.length)
	tallies, err := playRuns(meter.ctx, opt.runs, func(run int) (sim.Tally, error) {
		return floor.Run(meter.count(opt.traffic(run).Callers()), nil)
	})
	meter.done()
	if err != nil {
		return err
	}
	return printFigures(out, opt, opt.settings(), figures(sim.Measures, tallies))
}

// playRuns plays the runs, as many at a time as there are cores. Which core
// plays which does not matter to what comes out.
func playRuns[T any](ctx context.Context, runs int, play func(run int) (T, error)) ([]T, error) {
	tallies, errs := make([]T, runs), make([]error, runs)
	var next atomic.Int64
	var working sync.WaitGroup
	for range min(runtime.GOMAXPROCS(0), runs) {
		working.Go(func() {
			for i := int(next.Add(1)) - 1; i < runs && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				tallies[i], errs[i] = play(i)
			}
		})
	}
	working.Wait()
	return tallies, errors.Join(append(errs, ctx.Err())...)
}

// meter counts callers for a progress bar, and sends nobody in any more when
// the work shall stop.
type meter struct {
	ctx context.Context
	bar *progressbar.ProgressBar // nil without a terminal
}

func newMeter(ctx context.Context, w io.Writer, calls int64) *meter {
	m := &meter{ctx: ctx}
	if isTerminal(w) {
		m.bar = progressbar.NewOptions64(calls,
			progressbar.OptionSetWriter(w.(*os.File)), progressbar.OptionSetDescription("calls"),
			progressbar.OptionShowCount(), progressbar.OptionClearOnFinish(),
			progressbar.OptionThrottle(100*time.Millisecond))
	}
	return m
}

// count passes callers on.
func (m *meter) count(callers sim.Callers) sim.Callers {
	const batch = 1000
	n := 0
	return func() (sim.Call, bool) {
		if n++; n%batch == 0 {
			if m.ctx.Err() != nil {
				return sim.Call{}, false
			}
			if m.bar != nil {
				m.bar.Add(batch)
			}
		}
		return callers()
	}
}

func (m *meter) done() {
	if m.bar != nil {
		m.bar.Finish()
	}
}
