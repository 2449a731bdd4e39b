package queue

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexIsASortedSet compares the index with a map, over enough keys for
// many blocks.
func TestIndexIsASortedSet(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		x, twin := newIndex(cmp.Compare[int]), map[int]bool{}
		for range rapid.IntRange(1, 12).Draw(rt, "runs") {
			from := rapid.IntRange(0, 2000).Draw(rt, "from")
			step := rapid.SampledFrom([]int{1, 1, 3, -1, -7}).Draw(rt, "step")
			remove := rapid.Bool().Draw(rt, "remove")
			for i := range rapid.IntRange(1, 700).Draw(rt, "length") {
				k := from + i*step
				if remove {
					x.remove(k)
					delete(twin, k)
				} else {
					x.insert(k)
					twin[k] = true
				}
			}
			want := slices.Sorted(maps.Keys(twin))
			if got := x.all(); !slices.Equal(got, want) || x.size != len(want) {
				rt.Fatalf("size %d, keys %v, want %v", x.size, got, want)
			}
			first, ok := x.first()
			last, _ := x.last()
			if ok != (len(want) > 0) || ok && (first != want[0] || last != want[len(want)-1]) {
				rt.Fatalf("first %d, last %d of %v", first, last, want)
			}
		}
	})
}

// TestLegsMeanTheLatest compares the index of legs with a search through all.
func TestLegsMeanTheLatest(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		l, twin := newLegs(), map[string]map[int64]bool{}
		for range 60 {
			channel := fmt.Sprint("c", rapid.IntRange(0, 2).Draw(rt, "channel"))
			id := rapid.Int64Range(1, 5).Draw(rt, "attempt")
			if twin[channel] == nil {
				twin[channel] = map[int64]bool{}
			}
			if twin[channel][id] {
				l.remove(channel, id)
				delete(twin[channel], id)
			} else {
				l.add(channel, id)
				twin[channel][id] = true
			}
			for channel, ids := range twin {
				want := int64(0)
				for id := range ids {
					want = max(want, id)
				}
				if got := l.of(channel); got != want {
					rt.Fatalf("%s means %d, want %d of %v", channel, got, want, ids)
				}
			}
		}
		for channel, ids := range twin {
			for id := range ids {
				l.remove(channel, id)
			}
		}
		if len(l.latest)+len(l.earlier) > 0 {
			rt.Fatalf("left behind: %v %v", l.latest, l.earlier)
		}
	})
}
