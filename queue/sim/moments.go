package sim

// happening is what a moment of a floor is about. Of two moments of one
// millisecond the smaller goes first: an agent who becomes free takes who waits
// before anybody else comes in or hangs up.
type happening uint8

const (
	talkEnds happening = iota
	agentAnswers
	callerComes
	callerGivesUp
)

// moment is something that happens on a floor at a millisecond of its own
// clock, to the attempt, unless the attempt has moved on by then.
type moment struct {
	at      int64
	what    happening
	attempt int64
}

func (m moment) before(o moment) bool {
	if m.at != o.at {
		return m.at < o.at
	}
	if m.what != o.what {
		return m.what < o.what
	}
	return m.attempt < o.attempt
}

// moments is a heap, the next moment on top. It is written out because a floor
// pushes and pops millions of them, and container/heap would box each.
type moments []moment

func (h *moments) push(m moment) {
	*h = append(*h, m)
	s := *h
	i := len(s) - 1
	for i > 0 {
		parent := (i - 1) / 2
		if !s[i].before(s[parent]) {
			return
		}
		s[i], s[parent] = s[parent], s[i]
		i = parent
	}
}

func (h *moments) pop() moment {
	s := *h
	top, last := s[0], len(s)-1
	s[0] = s[last]
	s = s[:last]
	*h = s
	for i := 0; ; {
		child := 2*i + 1
		if child >= last {
			return top
		}
		if child+1 < last && s[child+1].before(s[child]) {
			child++
		}
		if !s[child].before(s[i]) {
			return top
		}
		s[i], s[child] = s[child], s[i]
		i = child
	}
}
