package pacing

import (
	"math"
	"math/rand/v2"
	"testing"
)

// TestTallyEqualsEnumeration holds the running distribution against the sum over
// all ways in which the outcomes may fall.
func TestTallyEqualsEnumeration(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		start, gains, losses := chance.IntN(7)-3, make([]float64, chance.IntN(6)), make([]float64, chance.IntN(6))
		var tl tally
		tl.reset(start)
		for i := range gains {
			gains[i] = chance.Float64()
			tl.plus(gains[i])
		}
		for i := range losses {
			losses[i] = chance.Float64()
			tl.minus(losses[i])
		}
		for n := -10; n <= 10; n++ {
			var want float64
			for ways := range 1 << (len(gains) + len(losses)) {
				value, p := start, 1.0
				for i, g := range append(gains[:len(gains):len(gains)], losses...) {
					switch yes := ways>>i&1 == 1; {
					case !yes:
						p *= 1 - g
					case i < len(gains):
						value++
						p *= g
					default:
						value--
						p *= g
					}
				}
				if value <= n {
					want += p
				}
			}
			if got := tl.atMost(n); math.Abs(got-want) > 1e-7 {
				t.Fatalf("start %d, gains %v, losses %v: P(at most %d) = %v, want %v", start, gains, losses, n, got, want)
			}
		}
	}
}

// TestTallyStaysNarrow: a thousand agents of whom few are in doubt cost a few numbers.
func TestTallyStaysNarrow(t *testing.T) {
	t.Parallel()
	var tl tally
	tl.reset(0)
	for range 1000 {
		tl.plus(0.1)
		tl.plus(1)
		tl.plus(0)
	}
	if len(tl.p) > 140 {
		t.Errorf("the tally of 1,000 outcomes holds %d numbers", len(tl.p))
	}
	if got := tl.atMost(1100); math.Abs(got-0.5) > 0.03 {
		t.Errorf("half of the time there are 1,100 at most, not %v", got)
	}
}
