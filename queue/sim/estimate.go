package sim

import "math"

// Estimate is the mean of a figure over independent runs, and how far the
// truth may be from it.
type Estimate struct {
	Mean float64
	// Half is half the width of the confidence interval; NaN when fewer than
	// two runs have the figure.
	Half float64
	// Runs is how many runs have the figure.
	Runs int
}

// Estimated returns the interval at the level (0.95 = 95 %) for the mean of
// the values, one a run; values that are not numbers are left out.
//
// The means of long runs are close to normal, but their spread is known only
// from the runs themselves, so the interval is Student's: for ten runs it is a
// fifth wider than the normal one.
func Estimated(values []float64, level float64) Estimate {
	var sum, squares float64
	n := 0
	for _, v := range values {
		if !math.IsNaN(v) {
			sum += v
			n++
		}
	}
	e := Estimate{Mean: sum / float64(n), Half: math.NaN(), Runs: n}
	if n < 2 {
		return e
	}
	for _, v := range values {
		if !math.IsNaN(v) {
			squares += (v - e.Mean) * (v - e.Mean)
		}
	}
	e.Half = student(level, n-1) * math.Sqrt(squares/float64(n-1)/float64(n))
	return e
}

// student returns the t such that a value of Student's distribution lies
// between -t and t with the probability level.
func student(level float64, freedom int) float64 {
	lo, hi := 0.0, math.Pi/2
	for range 100 {
		if mid := (lo + hi) / 2; within(mid, freedom) < level {
			lo = mid
		} else {
			hi = mid
		}
	}
	return math.Tan(lo) * math.Sqrt(float64(freedom))
}

// within is the probability that |t| < √freedom · tan θ: the finite sums for
// whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).
func within(theta float64, freedom int) float64 {
	sin, cos := math.Sincos(theta)
	if freedom%2 == 0 {
		sum, term := 0.0, 1.0
		for k := 2; k <= freedom; k += 2 {
			sum += term
			term *= cos * cos * float64(k-1) / float64(k)
		}
		return sin * sum
	}
	sum, term := 0.0, cos
	for k := 3; k <= freedom; k += 2 {
		sum += term
		term *= cos * cos * float64(k-1) / float64(k)
	}
	return 2 / math.Pi * (theta + sin*sum)
}
