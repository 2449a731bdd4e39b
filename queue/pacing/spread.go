package pacing

import "time"

// A Spread is how long something took, over the last few hundred times: counts
// in buckets of one second that grow wider past half a minute. It forgets by
// generations: when Now is full it becomes Old, and what was Old is gone.
type Spread struct {
	Now []int `json:"now,omitempty"` // counts by bucket; trailing zeros are not kept
	Old []int `json:"old,omitempty"`
	N   int   `json:"n"` // how many Now holds
}

const (
	fineSeconds = 32 // buckets of one second up to here; then 16 buckets for each doubling
	perDoubling = 16
	buckets     = 144 // the last one begins at 3,968 s and takes all that is longer
)

// bucketOf is the bucket that d falls into.
func bucketOf(d time.Duration) int {
	s := int(max(d, 0) / time.Second)
	if s < fineSeconds {
		return s
	}
	first, width := fineSeconds, fineSeconds/perDoubling
	for edge := fineSeconds; first < buckets; edge *= 2 {
		if s < 2*edge {
			return first + (s-edge)/width
		}
		first += perDoubling
		width *= 2
	}
	return buckets - 1
}

// edges[i] is where bucket i begins, in seconds; edges[buckets] closes the last.
var edges = func() (e [buckets + 1]float64) {
	at, width := 0, 1
	for i := range e {
		e[i] = float64(at)
		if i >= fineSeconds && (i-fineSeconds)%perDoubling == 0 {
			width *= 2
		}
		at += width
	}
	return e
}()

// roll begins a new generation.
func (s *Spread) roll() { s.Now, s.Old, s.N = nil, s.Now, 0 }

// add counts one that took d.
func (s *Spread) add(d time.Duration) {
	b := bucketOf(d)
	for len(s.Now) <= b {
		s.Now = append(s.Now, 0)
	}
	s.Now[b]++
	s.N++
}

// count is how many of both generations fell into bucket i.
func (s *Spread) count(i int) (n int) {
	if i < len(s.Now) {
		n += s.Now[i]
	}
	if i < len(s.Old) {
		n += s.Old[i]
	}
	return n
}

// A curve is a Spread added up: at each edge, how many took at least that long.
type curve [buckets + 1]float64

func (s *Spread) curve() (c curve) {
	for i := buckets - 1; i >= 0; i-- {
		c[i] = c[i+1] + float64(s.count(i))
	}
	return c
}

// at reads the curve at x seconds, evenly between two edges.
func (c *curve) at(x float64) float64 {
	if x <= 0 {
		return c[0]
	}
	i := bucketOf(time.Duration(x * float64(time.Second)))
	if x >= edges[buckets] {
		return 0
	}
	return c[i] + (c[i+1]-c[i])*(x-edges[i])/(edges[i+1]-edges[i])
}

// within is the chance that what has lasted e seconds ends in the next x. One
// imagined case that never ends keeps it from certainty, and makes it 0 where
// nothing so long has been seen.
func (c *curve) within(e, x float64) float64 {
	left := c.at(e)
	return (left - c.at(e+x)) / (left + 1)
}
