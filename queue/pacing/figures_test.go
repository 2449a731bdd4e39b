package pacing

import (
	"flag"
	"fmt"
	"testing"
)

var full = flag.Bool("full", false, "simulate 16 hours of four seeds for every row, in some minutes")

// goals are the least occupancies at 20 % live answers. Every other row has to
// be no worse than progressive dialling.
var goals = map[int]float64{10: 0.79, 20: 0.84, 50: 0.89, 100: 0.92}

// TestFigures holds the pacing to its goals. With -v it prints the table of
// docs/pacing.md.
func TestFigures(t *testing.T) {
	if *full {
		figures(t, []int{1, 2, 3, 4, 5, 10, 20, 50, 100}, 16, 4)
		return
	}
	t.Parallel()
	figures(t, []int{3, 10, 20}, 5, 1)
}

func figures(t *testing.T, agents []int, hours float64, seeds uint64) {
	table := fmt.Sprintf("%d seeds of %g hours\n%6s %5s %10s %7s %10s %12s\n", seeds, hours,
		"agents", "p", "occupancy", "drops", "worst 500", "progressive")
	for _, p := range []float64{0.20, 0.35} {
		for _, n := range agents {
			r := measure(t, n, hours, seeds, always(p))
			table += fmt.Sprintf("%6d %5.2f %10.3f %6.2f%% %9.2f%% %12.3f\n",
				n, p, r.occupancy, 100*r.rate, 100*r.highest, r.progressive)
			if r.rate > 0.03 {
				t.Errorf("%d agents at %.2f: %.2f %% dropped, more than 3 %%", n, p, 100*r.rate)
			}
			if goal := goals[n]; p == 0.20 && r.occupancy < goal {
				t.Errorf("%d agents at %.2f: occupancy %.3f, the goal is %.2f", n, p, r.occupancy, goal)
			}
			if r.occupancy < r.progressive-0.01 {
				t.Errorf("%d agents at %.2f: occupancy %.3f, progressive has %.3f", n, p, r.occupancy, r.progressive)
			}
		}
	}
	t.Log("\n" + table)
}

// TestSuddenChange doubles the rate of live answers within a second and then
// quarters it, again and again. No 500 answers in a row, nor any longer run,
// may hold more drops than the maximum, from the first call of the campaign on.
func TestSuddenChange(t *testing.T) {
	agents, hours, seeds := []int{20}, 6.0, uint64(1)
	if *full {
		agents, hours, seeds = []int{3, 5, 10, 20, 50, 100}, 16, 4
	} else {
		t.Parallel()
	}
	rates := []float64{0.20, 0.40, 0.10}
	live := func(hour float64) float64 { return rates[int(hour)%len(rates)] }
	for _, n := range agents {
		for seed := range seeds {
			c := newCentre(seed+100, n, hours, live).paced(t, US()).run()
			// A longer run is made of runs of 500 to 999: if these hold, so do all.
			for window := 500; window < 1000; window++ {
				if w := c.worst(window); w > 0.03 {
					t.Errorf("%d agents, seed %d: %.2f %% of %d answers in a row dropped", n, seed+100, 100*w, window)
				}
			}
			twin := newCentre(seed+100, n, hours, live).run()
			if c.occupancy() < twin.occupancy()-0.01 {
				t.Errorf("%d agents, seed %d: occupancy %.3f, progressive has %.3f", n, seed, c.occupancy(), twin.occupancy())
			}
			t.Logf("%d agents, seed %d: occupancy %.3f (progressive %.3f), drops %.2f %%, worst 500 %.2f %%, held %.1f %% of the time",
				n, seed+100, c.occupancy(), twin.occupancy(), 100*c.rate(), 100*c.worst(500), 100*float64(c.hold)/c.until)
		}
	}
}

// TestTheTargetIsKept: without the guard over answers in a row the drops are
// what the target says, for any team and answer rate.
func TestTheTargetIsKept(t *testing.T) {
	t.Parallel()
	s := US()
	s.GuardAnswers, s.GuardHourMin = 0, 0
	for _, agents := range []int{5, 30} {
		c := newCentre(11, agents, 6, always(0.25)).paced(t, s).run()
		if r := 100 * c.rate(); r < 2 || r > 3 {
			t.Errorf("%d agents: %.2f %% dropped, the target is %v %%", agents, r, s.TargetPercent)
		}
	}
}

// TestWithoutWrapUp: when nothing tells in advance who will be free, the talk's
// distribution is all there is; it is still worth more than progressive dialling.
func TestWithoutWrapUp(t *testing.T) {
	t.Parallel()
	setting := func() *centre {
		c := newCentre(5, 20, 3, always(0.20))
		c.wrapUp = 0
		return c
	}
	c, twin := setting().paced(t, US()).run(), setting().run()
	if c.rate() > 0.03 || c.worst(500) > 0.03 {
		t.Errorf("%.2f %% dropped, %.2f %% of the worst 500", 100*c.rate(), 100*c.worst(500))
	}
	if c.occupancy() < twin.occupancy()+0.10 {
		t.Errorf("occupancy %.3f, progressive has %.3f", c.occupancy(), twin.occupancy())
	}
}

// TestMisjudgedMachinesAreDrops: what the estimate of misjudged machines takes
// up is not there for people.
func TestMisjudgedMachinesAreDrops(t *testing.T) {
	t.Parallel()
	c := newCentre(12, 10, 6, always(0.20)).paced(t, UK()).run()
	r := c.pacer.Rates(c.at()).Hours24
	if r.Legal > 0.03 || r.Legal < 0.015 {
		t.Errorf("%.2f %% dropped by law: %d people and 1 %% of %d machines, of %.0f", 100*r.Legal, r.Dropped, r.Machines, r.Of)
	}
	if c.occupancy() < 0.70 {
		t.Errorf("occupancy %.3f, hardly more than progressive dialling", c.occupancy())
	}
}
