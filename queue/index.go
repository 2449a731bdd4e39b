package queue

import "slices"

// blockSize bounds the blocks of an index: large enough that the list of
// blocks stays short at a million entries, small enough that moving half a
// block costs less than a microsecond.
const blockSize = 256

// index is a sorted set of small keys in blocks. Insert, delete and first cost
// O(log n) comparisons plus a bounded move inside one block, which beats a
// pointer tree because a block lies in one piece of memory.
type index[K any] struct {
	compare func(a, b K) int
	blocks  [][]K
	size    int
	spare   []K // an emptied block, for the next one that is needed
}

func newIndex[K any](compare func(a, b K) int) index[K] { return index[K]{compare: compare} }

// find returns block and place of k, or of where it belongs.
func (x *index[K]) find(k K) (block, place int, ok bool) {
	block, _ = slices.BinarySearchFunc(x.blocks, k, func(b []K, k K) int {
		return x.compare(b[len(b)-1], k)
	})
	if block == len(x.blocks) {
		return block, 0, false
	}
	place, ok = slices.BinarySearchFunc(x.blocks[block], k, x.compare)
	return block, place, ok
}

// insert adds k; a key that is there stays once.
func (x *index[K]) insert(k K) {
	b, p, ok := x.find(k)
	if ok {
		return
	}
	x.size++
	if b == len(x.blocks) {
		if b == 0 {
			x.blocks = append(x.blocks, append(x.block(), k))
			return
		}
		b--
		p = len(x.blocks[b])
	}
	x.blocks[b] = slices.Insert(x.blocks[b], p, k)
	if full := x.blocks[b]; len(full) == blockSize {
		upper := append(x.block(), full[blockSize/2:]...)
		x.blocks[b] = full[:blockSize/2]
		x.blocks = slices.Insert(x.blocks, b+1, upper)
	}
}

// block returns an empty block.
func (x *index[K]) block() []K {
	if b := x.spare; b != nil {
		x.spare = nil
		return b[:0]
	}
	return make([]K, 0, blockSize)
}

// remove takes k away, if it is there.
func (x *index[K]) remove(k K) {
	b, p, ok := x.find(k)
	if !ok {
		return
	}
	x.size--
	x.blocks[b] = slices.Delete(x.blocks[b], p, p+1)
	if len(x.blocks[b]) == 0 {
		x.spare = x.blocks[b]
		x.blocks = slices.Delete(x.blocks, b, b+1)
	}
}

// first returns the smallest key.
func (x *index[K]) first() (K, bool) {
	if x.size == 0 {
		var none K
		return none, false
	}
	return x.blocks[0][0], true
}

// last returns the largest key.
func (x *index[K]) last() (K, bool) {
	if x.size == 0 {
		var none K
		return none, false
	}
	b := x.blocks[len(x.blocks)-1]
	return b[len(b)-1], true
}

// at returns the key that i others are before. It counts blocks, so it costs a
// 128th of the size.
func (x *index[K]) at(i int) K {
	for _, b := range x.blocks {
		if i < len(b) {
			return b[i]
		}
		i -= len(b)
	}
	panic("a place beyond the end of an index")
}

// rank returns how many keys are before k, which need not be there. It costs
// what at does.
func (x *index[K]) rank(k K) int {
	b, p, _ := x.find(k)
	n := p
	for _, before := range x.blocks[:b] {
		n += len(before)
	}
	return n
}

// walk yields the keys in ascending order until yield returns false. The index
// must not change meanwhile.
func (x *index[K]) walk(yield func(K) bool) {
	for _, b := range x.blocks {
		for _, k := range b {
			if !yield(k) {
				return
			}
		}
	}
}

// all returns a copy of the keys in ascending order.
func (x *index[K]) all() []K { return slices.Concat(x.blocks...) }
