package dispatcher

// What may be in memory of outcomes that are not stored yet: of one endpoint,
// whose answers are as large as it likes, and of all together. Beyond that no
// request is made.
const (
	maxWeight    = 8 << 20
	maxAllWeight = 64 << 20
)

// weight returns roughly how many bytes a try takes.
func (t *Try) weight() int64 {
	n := 512 + len(t.Body) + len(t.Error)
	for name, values := range t.Header {
		for _, v := range values {
			n += 32 + len(name) + len(v)
		}
	}
	return int64(n)
}

// carry counts an outcome that is to be stored, or, below 0, that was; the caller
// holds mu.
func (w *worker) carry(n int64) {
	n = max(n, -w.weight)
	w.weight += n
	w.d.weight.Add(n)
}

// heavy reports whether outcomes have to be stored first; the caller holds mu.
func (w *worker) heavy() bool {
	return w.weight > maxWeight || w.d.weight.Load() > maxAllWeight
}
