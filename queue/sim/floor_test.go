package sim

import (
	"math"
	"slices"
	"testing"
	"time"
)

// run lets calls come to a floor and returns them in the order of arrival.
func (f Floor) run(t testing.TB, callers Callers) (Tally, []Served) {
	t.Helper()
	var served []Served
	tally, err := f.Run(callers, func(s Served) { served = append(served, s) })
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(served, func(a, b Served) int { return a.No - b.No })
	return tally, served
}

func sec(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// TestFloorByHand follows a few calls that can be followed on paper.
func TestFloorByHand(t *testing.T) {
	t.Parallel()
	type want struct {
		outcome Outcome
		wait    float64
		delayed bool
	}
	for name, tc := range map[string]struct {
		floor    Floor
		calls    []Call
		want     []want
		interval float64
		busy     float64
	}{
		"one agent, in turn": {
			Floor{Agents: 1},
			[]Call{{0, sec(100), -1, 0}, {sec(10), sec(20), -1, 0}, {sec(130), sec(5), -1, 0}},
			[]want{{Handled, 0, false}, {Handled, 90, true}, {Handled, 0, false}}, 135, 125,
		},
		"ring and wrap-up": {
			Floor{Agents: 1, Ring: sec(3), WrapUpSec: 10},
			[]Call{{0, sec(100), -1, 0}, {sec(10), sec(20), -1, 0}},
			[]want{{Handled, 3, false}, {Handled, 106, true}}, 146, 146,
		},
		"who hangs up is not waited for": {
			Floor{Agents: 1},
			[]Call{{0, sec(100), -1, 0}, {sec(10), sec(50), sec(60), 0}, {sec(20), sec(7), -1, 0}},
			[]want{{Handled, 0, false}, {Abandoned, 60, true}, {Handled, 80, true}}, 107, 107,
		},
		"hangs up while it rings": {
			Floor{Agents: 1, Ring: sec(5)},
			[]Call{{0, sec(10), sec(2), 0}, {sec(1), sec(10), -1, 0}},
			[]want{{Abandoned, 2, false}, {Handled, 6, true}}, 17, 17,
		},
		"priority first": {
			Floor{Agents: 1},
			[]Call{{0, sec(100), -1, 0}, {sec(10), sec(20), -1, 0}, {sec(20), sec(30), -1, 5}},
			[]want{{Handled, 0, false}, {Handled, 120, true}, {Handled, 80, true}}, 150, 150,
		},
		"an agent who becomes free in that moment": {
			Floor{Agents: 1},
			[]Call{{0, sec(10), -1, 0}, {sec(5), sec(10), sec(5), 0}, {sec(20), sec(10), -1, 0}},
			[]want{{Handled, 0, false}, {Handled, 5, true}, {Handled, 0, false}}, 30, 30,
		},
		"nobody is there": {
			Floor{Agents: 0},
			[]Call{{0, sec(10), sec(30), 0}},
			[]want{{Abandoned, 30, true}}, 30, 0,
		},
		"nobody comes": {Floor{Agents: 2}, nil, nil, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tally, served := tc.floor.run(t, List(tc.calls))
			if len(served) != len(tc.want) {
				t.Fatalf("%d calls came, %d left", len(tc.want), len(served))
			}
			for i, w := range tc.want {
				got := want{served[i].Outcome, served[i].Wait.Seconds(), served[i].Delayed}
				if got != w {
					t.Errorf("call %d: %v, want %v", i, got, w)
				}
			}
			if got := float64(tally.IntervalMS) / 1000; got != tc.interval {
				t.Errorf("measured %v s, want %v", got, tc.interval)
			}
			if got := float64(tally.BusyMS) / 1000; got != tc.busy {
				t.Errorf("agents were busy for %v s, want %v", got, tc.busy)
			}
		})
	}
}

// TestMeasuresByHand holds the formulas against a tally that was counted by hand.
func TestMeasuresByHand(t *testing.T) {
	t.Parallel()
	calls := []Call{
		{0, sec(100), -1, 0},           // at once
		{sec(10), sec(50), -1, 0},      // waits 90, too long
		{sec(20), sec(10), sec(15), 0}, // gives up at 35, within the threshold
		{sec(40), sec(10), sec(50), 0}, // gives up at 90
		{sec(130), sec(50), -1, 0},     // waits 20 until 150, just in time
	}
	tally, _ := Floor{Agents: 1, Threshold: sec(20)}.run(t, List(calls))
	for name, want := range map[string]float64{
		"offered": 5, "handled": 3, "abandoned": 2, "others": 0, "abandonment_rate": 0.4, "p_wait": 0.8,
		"asa_s": 110.0 / 3, "mean_wait_s": 175.0 / 5, "longest_wait_s": 90,
		"service_level": 2.0 / 5, "service_level_2": 2.0 / 4, "service_level_3": 2.0 / 3, "service_level_4": 3.0 / 5,
		"occupancy": 1, "mean_queue_length": 175.0 / 200, "aht_s": 200.0 / 3, "traffic": 1,
	} {
		if got := value(&tally, name); !(math.Abs(got-want) <= 1e-12) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	if empty := value(&Tally{}, "asa_s"); !math.IsNaN(empty) {
		t.Errorf("the mean of nothing is %v", empty)
	}
}

// value is the tally's measure of that name; NaN, which no bound lets pass, when
// there is none.
func value(t *Tally, name string) float64 {
	for _, m := range Measures {
		if m.Name == name {
			return m.Of(t)
		}
	}
	return math.NaN()
}

// TestFloorMeasuresFromTo cuts callers and agents' time off on both sides.
func TestFloorMeasuresFromTo(t *testing.T) {
	t.Parallel()
	calls := []Call{{0, sec(30), -1, 0}, {sec(20), sec(30), -1, 0}, {sec(70), sec(100), -1, 0}, {sec(80), sec(10), -1, 0}}
	tally, _ := Floor{Agents: 1, From: sec(10), To: sec(80)}.run(t, List(calls))
	if tally.Offered != 2 || tally.WaitAllMS != 10_000 || tally.IntervalMS != 70_000 || tally.BusyMS != 60_000 || tally.QueueMS != 10_000 {
		t.Errorf("measured %+v", tally)
	}
}

// TestFloorAgainstTwin compares every wait with a twin that knows nothing of
// queues and agents.
func TestFloorAgainstTwin(t *testing.T) {
	t.Parallel()
	for name, patience := range map[string]time.Duration{"patient": 0, "impatient": 2 * time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			calls := generated(7, 4_000, patience)
			_, served := Floor{Agents: 9}.run(t, List(calls))
			for i, want := range twin(calls, 9) {
				if got := served[i].Wait; got != want {
					t.Fatalf("call %d of %d waited %v, the twin's %v", i, len(calls), got, want)
				}
			}
		})
	}
}

func TestFloorRefusesWhatCannotBe(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		floor Floor
		calls []Call
	}{
		"agents":  {Floor{Agents: -1}, nil},
		"ring":    {Floor{Ring: -1}, nil},
		"wrap-up": {Floor{WrapUpSec: 1 << 40}, nil},
		"order":   {Floor{}, []Call{{sec(2), 0, 0, 0}, {sec(1), 0, 0, 0}}},
		"talk":    {Floor{}, []Call{{0, -1, 0, 0}}},
	} {
		if _, err := tc.floor.Run(List(tc.calls), nil); err == nil {
			t.Errorf("%s: nothing was said", name)
		}
	}
}

// TestBooksThatDoNotBalance spoils each identity.
func TestBooksThatDoNotBalance(t *testing.T) {
	t.Parallel()
	good := Tally{Offered: 3, Handled: 2, Abandoned: 1, QueueMS: 5, WaitAllMS: 5, BusyMS: 9, RingMS: 2, TalkMS: 3, WrapUpMS: 4}
	if err := good.balance(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Tally){
		"calls": func(t *Tally) { t.Others++ },
		"waits": func(t *Tally) { t.QueueMS++ },
		"work":  func(t *Tally) { t.BusyMS-- },
	} {
		bad := good
		spoil(&bad)
		if bad.balance() == nil {
			t.Errorf("%s: nothing was said", name)
		}
	}
}

// TestDistributions compares mean and variation of what is drawn with what was
// asked for.
func TestDistributions(t *testing.T) {
	t.Parallel()
	const n = 200_000
	for _, tc := range []struct {
		dist Dist
		cv   float64
	}{
		{Dist{Constant, 180 * time.Second, 0}, 0},
		{Dist{Exponential, 180 * time.Second, 0}, 1},
		{Dist{LogNormal, 120 * time.Second, 0.8}, 0.8},
		{Dist{LogNormal, 120 * time.Second, 0}, 0},
	} {
		var sum, squares float64
		for i := range int64(n) {
			x := tc.dist.draw(dice{3}, "talk", i).Seconds()
			sum += x
			squares += x * x
		}
		mean := sum / n
		cv := math.Sqrt(max(0, squares/n-mean*mean)) / mean
		if math.Abs(mean/tc.dist.Mean.Seconds()-1) > 0.01 || math.Abs(cv-tc.cv) > 0.02 {
			t.Errorf("%+v: mean %v, variation %v", tc.dist, mean, cv)
		}
	}
}

// TestTrafficIsBySeed: one seed gives one stream, and more callers do not
// change those who come anyway.
func TestTrafficIsBySeed(t *testing.T) {
	t.Parallel()
	traffic := Traffic{Seed: 5, PerHour: 100, Talk: Dist{Shape: Exponential, Mean: time.Minute},
		Patience: Dist{Shape: Exponential, Mean: time.Minute}, Length: 50 * time.Hour}
	all := func(t Traffic) (calls []Call) {
		for next := t.Callers(); ; {
			c, ok := next()
			if !ok {
				return calls
			}
			calls = append(calls, c)
		}
	}
	a, b := all(traffic), all(traffic)
	if !slices.Equal(a, b) {
		t.Error("the same seed gave another stream")
	}
	if n := len(a); n < 4_700 || n > 5_300 {
		t.Errorf("%d callers came, 5,000 were to be expected", n)
	}
	busier, other := traffic, traffic
	busier.PerHour, other.Seed = 150, 6
	if c := all(busier); c[10].Talk != a[10].Talk || c[10].Patience != a[10].Patience {
		t.Error("the tenth caller is another when more come")
	}
	if c := all(other); slices.Equal(c[:10], a[:10]) {
		t.Error("another seed gave the same stream")
	}
	if RunSeed(5, 0) == RunSeed(5, 1) || RunSeed(5, 0) == RunSeed(6, 0) {
		t.Error("runs are not independent")
	}
}

// TestEstimate holds Student's quantiles against a printed table.
func TestEstimate(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		level   float64
		freedom int
		want    float64
	}{
		{0.95, 1, 12.706}, {0.95, 2, 4.303}, {0.95, 9, 2.262}, {0.95, 19, 2.093}, {0.95, 120, 1.980},
		{0.99, 39, 2.708}, {0.99, 40, 2.704}, {0.999, 39, 3.558}, {0.999, 5, 6.869},
	} {
		if got := student(tc.level, tc.freedom); math.Abs(got-tc.want) > 0.0006 {
			t.Errorf("student(%v, %d) = %.4f, want %.3f", tc.level, tc.freedom, got, tc.want)
		}
	}
	e := Estimated([]float64{1, 2, math.NaN(), 3}, 0.95)
	if e.Mean != 2 || e.Runs != 3 || math.Abs(e.Half-4.303/math.Sqrt(3)) > 0.001 {
		t.Errorf("estimated %+v", e)
	}
	if e := Estimated([]float64{4}, 0.95); e.Mean != 4 || !math.IsNaN(e.Half) {
		t.Errorf("one run gives %+v", e)
	}
}

// BenchmarkCentre is a centre of 1,000 agents who serve 100,000 calls.
func BenchmarkCentre(b *testing.B) {
	for b.Loop() {
		traffic := Traffic{Seed: 1, PerHour: 11_400, Length: 100_000 * time.Hour / 11_400,
			Talk: Dist{Shape: Exponential, Mean: 5 * time.Minute}, Patience: Dist{Shape: Exponential, Mean: 2 * time.Minute}}
		tally, err := Floor{Agents: 1_000, Threshold: sec(20)}.Run(traffic.Callers(), nil)
		if err != nil {
			b.Fatal(err)
		}
		b.ReportMetric(float64(tally.Offered), "calls")
	}
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/centre")
}
