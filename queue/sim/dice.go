package sim

import (
	"math"
	"time"
)

// dice answers every question of chance. The same question to the same dice
// always has the same answer.
type dice struct{ seed uint64 }

// roll mixes seed, question and subject with the finaliser of splitmix64.
func (d dice) roll(question string, a, b int64) uint64 {
	h := d.seed ^ 0x9e3779b97f4a7c15
	for i := range len(question) {
		h = (h ^ uint64(question[i])) * 0x100000001b3
	}
	for _, v := range [...]uint64{uint64(a), uint64(b)} {
		h += v + 0x9e3779b97f4a7c15
		h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
		h = (h ^ h>>27) * 0x94d049bb133111eb
		h ^= h >> 31
	}
	return h
}

// share returns a number in [0, 1).
func (d dice) share(question string, a, b int64) float64 {
	return float64(d.roll(question, a, b)>>11) / (1 << 53)
}

// below returns a number in [0, n).
func (d dice) below(n int, question string, a, b int64) int {
	return int(d.share(question, a, b) * float64(n))
}

// between returns a whole number of milliseconds in [lo, hi].
func (d dice) between(lo, hi time.Duration, question string, a, b int64) time.Duration {
	span := int((hi-lo)/time.Millisecond) + 1
	return lo + time.Duration(d.below(span, question, a, b))*time.Millisecond
}

// gap returns the time to the next arrival of a Poisson stream with that mean,
// cut at five means so that a short run is never empty by bad luck.
func (d dice) gap(mean time.Duration, question string, a, b int64) time.Duration {
	x := -math.Log(1 - d.share(question, a, b))
	return time.Duration(min(x, 5) * float64(mean)).Round(time.Millisecond)
}

// option is one line of a table of manners: how often, in parts of the table's
// sum, something is chosen.
type option[T any] struct {
	weight int
	is     T
}

func pick[T any](d dice, table []option[T], question string, a, b int64) T {
	sum := 0
	for _, o := range table {
		sum += o.weight
	}
	n := d.below(sum, question, a, b)
	for _, o := range table {
		if n -= o.weight; n < 0 {
			return o.is
		}
	}
	return table[len(table)-1].is
}
