package pacing

// A tally is the distribution of a whole number that is the sum of independent
// yes-or-no outcomes, kept exactly but for tails too thin to matter.
type tally struct {
	base int       // the number that p[0] belongs to
	p    []float64 // chances of base, base+1, ...
}

const thin = 1e-9 // tails below it are cut off

func (t *tally) reset(at int) {
	t.base = at
	t.p = append(t.p[:0], 1)
}

// plus adds 1 with the chance p.
func (t *tally) plus(p float64) {
	switch {
	case p < thin:
		return
	case p > 1-thin:
		t.base++
		return
	}
	t.p = append(t.p, 0)
	for i := len(t.p) - 1; i > 0; i-- {
		t.p[i] += (t.p[i-1] - t.p[i]) * p
	}
	t.p[0] *= 1 - p
	t.trim()
}

// minus takes 1 away with the chance p.
func (t *tally) minus(p float64) {
	t.base--
	t.plus(1 - p)
}

func (t *tally) trim() {
	for len(t.p) > 1 && t.p[len(t.p)-1] < thin {
		t.p = t.p[:len(t.p)-1]
	}
	cut := 0
	for cut < len(t.p)-1 && t.p[cut] < thin {
		cut++
	}
	if cut > 0 {
		t.base += cut
		t.p = t.p[:copy(t.p, t.p[cut:])]
	}
}

// atMost is the chance of n or less.
func (t *tally) atMost(n int) (sum float64) {
	for i := 0; i < len(t.p) && t.base+i <= n; i++ {
		sum += t.p[i]
	}
	return min(sum, 1)
}
