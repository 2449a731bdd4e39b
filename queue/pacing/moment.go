package pacing

// A moment is a time, some seconds ahead, at which lines in flight may be
// answered, and what is to be expected until then.
type moment struct {
	left    tally   // agents who are left, with their chances; below 0: people without one
	agents  float64 // of these, agents expected to be there
	answers float64 // and people expected to have answered
	fresh   float64 // chance that a line dialled now is answered until then
}

// look computes the moment s seconds ahead. An agent is in time for a person who
// answers then if he is free by the time patience, some seconds later.
func (m *moment) look(v View, patience, s float64, c *curves, trend float64) {
	m.left.reset(v.Free - v.Waiting)
	m.agents, m.answers = float64(v.Free-v.Waiting), 0
	for _, b := range v.Busy {
		chance := c.free(b, patience)
		m.agents += chance
		m.left.plus(chance)
	}
	for _, age := range v.Lines {
		chance := c.answer(age.Seconds(), s, trend)
		m.answers += chance
		m.left.minus(chance)
	}
	m.fresh = c.answer(0, s, trend)
}

// dial adds a line dialled now.
func (m *moment) dial() {
	m.answers += m.fresh
	m.left.minus(m.fresh)
}
