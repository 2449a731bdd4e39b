package queue

import (
	"cmp"
	"slices"
)

// service is an agent's part in one queue: where he stands in each of its
// groups.
type service struct {
	q          *queueState
	grades     []grade
	free, room bool // as counted in the queue
}

// freePlace is where an agent stands among those who are free for a group, or,
// in a queue's room, reserved with room for one more.
type freePlace struct {
	in  *index[freeKey]
	key freeKey
}

// leftKey orders the agents who are not online by when they last were.
type leftKey struct{ at, id int64 }

func compareLeft(a, b leftKey) int {
	if c := cmp.Compare(a.at, b.at); c != 0 {
		return c
	}
	return cmp.Compare(a.id, b.id)
}

func (g *agentState) leftKey() leftKey { return leftKey{g.st.LeftAt.UnixMilli(), g.cfg.ID} }

// in returns the agent's part in the queue, or nil.
func (g *agentState) in(q *queueState) *service {
	i, ok := slices.BinarySearchFunc(g.serves, q.cfg.ID, func(v service, id int64) int { return cmp.Compare(v.q.cfg.ID, id) })
	if !ok {
		return nil
	}
	return &g.serves[i]
}

// Serves reports whether the agent is one of those of the queue, by name or by a
// skill. Not so when one of them is not known.
func (e *Engine) Serves(agentID, queueID int64) bool {
	g, q := e.agents[agentID], e.queues[queueID]
	return g != nil && q != nil && g.in(q) != nil
}

// serve enters the agent among those of the queue, if he serves it or can do
// what it asks for; once is enough. A nil queue has nobody.
func (e *Engine) serve(g *agentState, q *queueState) {
	if q == nil || g.in(q) != nil {
		return
	}
	v := service{q: q, grades: make([]grade, len(q.groups))}
	any := slices.Contains(g.cfg.Queues, q.cfg.ID)
	for i, group := range q.groups {
		v.grades[i] = q.cfg.grade(&g.cfg, group.bucket)
		any = any || v.grades[i].ok
	}
	if !any {
		return
	}
	i, _ := slices.BinarySearchFunc(g.serves, q.cfg.ID, func(v service, id int64) int { return cmp.Compare(v.q.cfg.ID, id) })
	g.serves = slices.Insert(g.serves, i, v)
	q.agents[g.cfg.ID] = struct{}{}
	q.note(g)
}

// unserve takes the agent from among those of the queue.
func (e *Engine) unserve(g *agentState, q *queueState) {
	q.unnote(g)
	delete(q.agents, g.cfg.ID)
	g.free = slices.DeleteFunc(g.free, func(p freePlace) bool {
		own := slices.ContainsFunc(q.groups, func(x *group) bool { return p.in == &x.free || p.in == &x.room })
		if own {
			p.in.remove(p.key)
		}
		return own
	})
	g.in(q).count(false, false)
	if in := q.sticky[g.cfg.ID]; in != nil && in.size == 0 {
		delete(q.sticky, g.cfg.ID)
	}
	g.serves = slices.DeleteFunc(g.serves, func(v service) bool { return v.q == q })
}

// note counts the agent by his status, unnote takes that back.
func (q *queueState) note(g *agentState) {
	if g.st.Status == StatusOnline {
		q.online++
	} else if !g.st.LeftAt.IsZero() {
		q.left.insert(g.leftKey())
	}
}

func (q *queueState) unnote(g *agentState) {
	if g.st.Status == StatusOnline {
		q.online--
	} else {
		q.left.remove(g.leftKey())
	}
}

// restate changes what the agent is doing by f, and his place in his queues.
func (e *Engine) restate(g *agentState, f func()) {
	for i := range g.serves {
		g.serves[i].q.unnote(g)
	}
	f()
	for i := range g.serves {
		g.serves[i].q.note(g)
	}
}

// divide makes the queue's groups and places everybody anew, as its settings
// say now. It looks at all agents and at who is in the queue: settings change
// rarely.
func (e *Engine) divide(q *queueState) {
	for id := range q.agents {
		e.unserve(e.agents[id], q)
	}
	guests := q.clear(e)
	q.groups, q.groupOf = q.cfg.groups()
	q.bucketPriority = make(map[string]int32, len(q.cfg.Buckets))
	for _, b := range q.cfg.Buckets {
		q.bucketPriority[b.Name] = int32(b.Priority)
	}
	delete(e.skilled, q.cfg.ID)
	if len(q.cfg.Skills) > 0 {
		e.skilled[q.cfg.ID] = q
	}
	for _, g := range e.agents { // an agent may have been put before his queue
		e.serve(g, q)
		if g.in(q) != nil {
			e.indexAgent(g)
		}
	}
	for id := range q.open {
		e.indexWait(e.attempts[id])
	}
	for _, a := range guests {
		e.indexWait(a)
	}
}

// clear takes everybody from where he waits in the queue, and returns the
// guests.
func (q *queueState) clear(e *Engine) []*attempt {
	for id := range q.open {
		e.attempts[id].strict.leave()
		e.attempts[id].lose()
	}
	guests := make([]*attempt, 0, len(q.guests))
	for id := range q.guests {
		a := e.attempts[id]
		for i := range a.guests {
			if a.guests[i].q == q {
				a.guests[i].leave()
			}
		}
		guests = append(guests, a)
	}
	clear(q.guests)
	clear(q.sticky)
	q.classes, q.lead = nil, 0
	return guests
}

// indexFree brings the agent's places among those who are free, or have room,
// up to date.
func (e *Engine) indexFree(g *agentState) {
	var stack [8]freePlace
	places := stack[:0]
	for i := range g.serves {
		v := &g.serves[i]
		if v.q.cfg.Distribution == DistributionExternal {
			continue
		}
		free, room := g.mayTake(v.q), g.roomFor(&v.q.cfg)
		v.count(free && v.atFirst(), room && v.atFirst())
		if !free && !room {
			continue
		}
		for j, gr := range v.grades {
			if !gr.ok {
				continue
			}
			in := &v.q.groups[j].free
			if !free {
				in = &v.q.groups[j].room
			}
			places = append(places, freePlace{in, e.freeKey(g, v.q, gr)})
		}
	}
	if slices.Equal(places, g.free) {
		return
	}
	for _, p := range g.free {
		if !slices.Contains(places, p) {
			p.in.remove(p.key)
		}
	}
	for _, p := range places {
		p.in.insert(p.key)
	}
	g.free = append(g.free[:0], places...)
}

// count notes in the queue's books that the agent is free, or has room.
func (v *service) count(free, room bool) {
	by := func(was, is bool) int {
		switch {
		case is && !was:
			return 1
		case was && !is:
			return -1
		default:
			return 0
		}
	}
	v.q.free += by(v.free, free)
	v.q.room += by(v.room, room)
	v.free, v.room = free, room
}

// atFirst reports whether the agent may be offered attempts that have only
// begun to wait.
func (v *service) atFirst() bool {
	return slices.ContainsFunc(v.grades, func(gr grade) bool { return gr.ok && int(gr.level) <= v.q.cfg.MaxLevel })
}

func (e *Engine) freeKey(g *agentState, q *queueState, gr grade) freeKey {
	return freeKey{level: gr.level, rank: q.cfg.rank(g, gr, e.day), since: g.st.FreeSince.UnixMilli(), id: g.cfg.ID}
}

// mayTake reports whether the agent may be offered one more attempt of the
// queue.
func (g *agentState) mayTake(q *queueState) bool {
	ch := q.cfg.Type.Channel()
	return g.eligible(ch) && !(q.cfg.OneLiveCall && g.liveBeside(ch))
}

// liveBeside reports whether the agent is in something live that one_live_call
// keeps apart from the channel: a call, or, for calls, a chat or task. Work
// after a conversation is not live.
func (g *agentState) liveBeside(ch Channel) bool {
	for i, other := range Channels {
		if (ch == ChannelCall) == (other == ChannelCall) {
			continue
		}
		for _, x := range g.st.Channels[i].Slots {
			if x.State == AgentReserved || x.State == AgentOffering || x.State == AgentBridged {
				return true
			}
		}
	}
	return false
}
