package pacing

import (
	"math"
	"testing"
	"time"
)

func TestBucketsMeetTheirEdges(t *testing.T) {
	t.Parallel()
	for i := range buckets {
		for _, s := range []float64{edges[i], edges[i+1] - 0.001} {
			if got := bucketOf(seconds(s)); got != i {
				t.Errorf("%v s falls into bucket %d, not %d (%v to %v)", s, got, i, edges[i], edges[i+1])
			}
		}
	}
	for d, want := range map[time.Duration]int{-time.Second: 0, 0: 0, 24 * time.Hour: buckets - 1} {
		if got := bucketOf(d); got != want {
			t.Errorf("%v falls into bucket %d, want %d", d, got, want)
		}
	}
}

// TestWithinKnowsTheTimeSpent: of what takes 20 or 60 s, all that lasts 30 s ends at 60.
func TestWithinKnowsTheTimeSpent(t *testing.T) {
	t.Parallel()
	var s Spread
	for range 500 {
		s.add(20 * time.Second)
		s.add(60 * time.Second)
	}
	c := s.curve()
	for _, tt := range []struct{ spent, next, want float64 }{
		{0, 19, 0}, {0, 22, 0.5}, {0, 70, 1}, {15, 10, 0.5}, {30, 20, 0}, {30, 40, 1}, {100, 50, 0}, {1e6, 1, 0},
	} {
		if got := c.within(tt.spent, tt.next); math.Abs(got-tt.want) > 0.01 {
			t.Errorf("after %v s, within %v s: %v, want %v", tt.spent, tt.next, got, tt.want)
		}
	}
	var nothing curve
	if got := nothing.within(5, 5); got != 0 {
		t.Errorf("an empty spread says %v, want 0", got)
	}
}

// TestSpreadForgets: after two generations of another kind the first is gone.
func TestSpreadForgets(t *testing.T) {
	t.Parallel()
	p, err := New(US(), NewState())
	if err != nil {
		t.Fatal(err)
	}
	for range handled {
		p.TalkEnded(600 * time.Second)
	}
	for range 2 * handled {
		p.TalkEnded(30 * time.Second)
	}
	p.refresh()
	if got := p.curves.talk.within(0, 40); got < 0.99 {
		t.Errorf("%v of talks end within 40 s, want all but one", got)
	}
	if got := p.curves.talk[0]; got > 2*handled {
		t.Errorf("%v talks are remembered, more than two generations", got)
	}
}
