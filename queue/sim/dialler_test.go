package sim

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

func played(t *testing.T, d Dialler) DialTally {
	t.Helper()
	tally, err := d.Run(nil)
	if err != nil {
		t.Fatal(err)
	}
	return tally
}

func measured(t *testing.T, tally *DialTally, name string) float64 {
	t.Helper()
	for _, m := range DialMeasures {
		if m.Name == name {
			return m.Of(tally)
		}
	}
	t.Fatalf("there is no figure %q", name)
	return 0
}

// TestDiallersReachTheirFigures holds the engine with its pacer to the curves of
// docs/pacing.md: progressive dialling is a closed formula (140 s of work in
// 229 s), predictive dialling keeps agents at least as busy as the goal and
// drops at most 3 %.
func TestDiallersReachTheirFigures(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		typ       queue.Type
		agents    int
		low, high float64
		mayDrop   float64
		perAgent  int
	}{
		{queue.Progressive, 20, 0.59, 0.635, 0, 1},
		{queue.Predictive, 3, 0.60, 0.85, 0.03, 1},
		{queue.Predictive, 10, 0.79, 0.90, 0.03, 1},
		{queue.Predictive, 20, 0.84, 0.93, 0.03, 1},
		{queue.Progressive, 10, 0.75, 0.90, 0, 3}, // the first person ends the race, so nobody is lost
	} {
		d := Typical(test.typ, test.agents)
		d.PerAgent, d.To = test.perAgent, 7*time.Hour
		tally := played(t, d)
		busy, drops := measured(t, &tally, "occupancy"), measured(t, &tally, "drop_rate")
		if busy < test.low || busy > test.high || drops > test.mayDrop {
			t.Errorf("%d agents, %s: occupancy %.3f (want %.2f to %.2f), drops %.4f (want at most %.2f)",
				test.agents, test.typ, busy, test.low, test.high, drops, test.mayDrop)
		}
		if hit := measured(t, &tally, "hit_rate"); test.perAgent == 1 && math.Abs(hit-0.2) > 0.03 {
			t.Errorf("%d agents, %s: %.3f of the lines brought a person, want 0.2", test.agents, test.typ, hit)
		}
	}
}

// TestPreviewDropsNobody: the agent is there before the member is called.
func TestPreviewDropsNobody(t *testing.T) {
	t.Parallel()
	d := Typical(queue.Preview, 5)
	d.Ring, d.To = 10*time.Second, 3*time.Hour
	tally := played(t, d)
	if tally.Connected == 0 || tally.Dropped != 0 || measured(t, &tally, "mean_wait_s") != 0 {
		t.Errorf("a preview gave %+v", tally)
	}
}

// TestDiallerIsBySeed: one seed, one result.
func TestDiallerIsBySeed(t *testing.T) {
	t.Parallel()
	d := Typical(queue.Predictive, 5)
	d.From, d.To = 0, time.Hour
	one, again := played(t, d), played(t, d)
	d.Seed++
	if other := played(t, d); one != again || one == other {
		t.Errorf("one seed gave %+v and %+v, another %+v", one, again, other)
	}
}

// TestDiallerStops: who watches the progress can end the run.
func TestDiallerStops(t *testing.T) {
	t.Parallel()
	enough := errors.New("enough")
	d := Typical(queue.Progressive, 2)
	if _, err := d.Run(func(passed time.Duration) error {
		if passed > 2*time.Hour {
			t.Errorf("it went on to %v", passed)
		}
		return enough
	}); !errors.Is(err, enough) {
		t.Errorf("got %v", err)
	}
}

// TestDiallerRefuses what cannot be.
func TestDiallerRefuses(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Dialler){
		"a type that does not dial": func(d *Dialler) { d.Type = queue.Inbound },
		"nobody":                    func(d *Dialler) { d.Agents = 0 },
		"no time":                   func(d *Dialler) { d.To = d.From },
		"a share over one":          func(d *Dialler) { d.Live = 1.1 },
		"lines without length":      func(d *Dialler) { d.RingOut = 0 },
	} {
		d := Typical(queue.Predictive, 3)
		change(&d)
		if _, err := d.Run(nil); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}
