package queue

import (
	"slices"
	"time"
)

// Put takes over stored state that was decided elsewhere: at start-up, or by
// another replica. An engine built by Put alone equals the one that stepped.
// An *Attempt in the state leaving, or a *Removed, takes the thing away.
//
// The order of the records of one call does not matter. An attempt whose queue
// is neither known nor among them is passed over, and so is the state of an
// unknown agent.
func (e *Engine) Put(records ...Record) {
	for _, r := range records {
		switch r := r.(type) {
		case *Queue:
			e.putQueue(r)
		case *Calendar:
			e.putCalendar(r)
		case *Trunk:
			e.putTrunk(r)
		}
	}
	for _, r := range records {
		if a, ok := r.(*Agent); ok {
			e.putAgent(a)
		}
	}
	var attempts []*Attempt
	for _, r := range records {
		switch r := r.(type) {
		case *AgentState:
			e.putAgentState(r)
		case *Pace:
			e.putPace(r)
		case *Place:
			e.putPlace(r)
		case *Attempt:
			attempts = append(attempts, r)
		case *Member:
			e.putMember(r)
		case *Forbidden:
			e.putForbidden(r.Number)
		}
	}
	// A later attempt has the higher id: a channel id that both have is its own.
	slices.SortFunc(attempts, func(a, b *Attempt) int { return int(max(-1, min(1, a.ID-b.ID))) })
	for _, a := range attempts {
		e.putAttempt(a)
	}
	for _, r := range records {
		if gone, ok := r.(*Removed); ok {
			e.putRemoved(gone)
		}
	}
}

func (e *Engine) putQueue(cfg *Queue) {
	q := e.queues[cfg.ID]
	if q == nil {
		q = &queueState{
			left: newIndex(compareLeft), line: newIndex(compareWait), sticky: map[int64]*index[waitKey]{}, places: newPlaces(),
			guests: map[int64]struct{}{}, open: map[int64]struct{}{}, agents: map[int64]struct{}{},
		}
		e.queues[cfg.ID] = q
	} else {
		forget(e.names, q.cfg.Name, cfg.ID)
	}
	q.cfg = *cfg
	q.keepPace()
	e.names[cfg.Name] = cfg.ID
	e.divide(q)
}

// forget removes a name, unless it means another by now.
func forget(names map[string]int64, name string, id int64) {
	if names[name] == id {
		delete(names, name)
	}
}

func (e *Engine) putAgent(cfg *Agent) {
	g := e.agents[cfg.ID]
	if g == nil {
		g = &agentState{st: AgentState{AgentID: cfg.ID}}
		e.agents[cfg.ID] = g
	}
	for len(g.serves) > 0 {
		e.unserve(g, g.serves[0].q)
	}
	forget(e.refs, g.cfg.Ref, cfg.ID)
	g.cfg = *cfg
	if cfg.Ref != "" {
		e.refs[cfg.Ref] = cfg.ID
	}
	for _, id := range cfg.Queues {
		e.serve(g, e.queues[id])
	}
	if len(cfg.Skills) > 0 {
		for _, q := range e.skilled {
			e.serve(g, q)
		}
	}
	e.indexAgent(g)
}

func (e *Engine) putAgentState(st *AgentState) {
	g := e.agents[st.AgentID]
	if g == nil {
		return
	}
	e.restate(g, func() { g.st = *st.clone() })
	e.indexAgent(g)
}

func (e *Engine) putAttempt(r *Attempt) {
	if old := e.attempts[r.ID]; old != nil {
		old.State = StateLeaving
		e.exit(old)
	}
	if r.State == StateLeaving || e.queues[r.Queue.ID] == nil {
		return
	}
	a := &attempt{Attempt: *r.Clone()}
	e.enter(a)
	e.indexAttempt(a)
}

func (e *Engine) putRemoved(r *Removed) {
	switch r.Kind {
	case KindQueue:
		e.removeQueue(r.ID)
	case KindAgent:
		e.removeAgent(r.ID)
	case KindCalendar:
		delete(e.calendars, r.ID)
	case KindTrunk:
		e.removeTrunk(r.ID)
	case KindAttempt:
		if a := e.attempts[r.ID]; a != nil {
			e.putAttempt(&Attempt{ID: r.ID, State: StateLeaving})
		}
	}
}

func (e *Engine) removeQueue(id int64) {
	q := e.queues[id]
	if q == nil {
		return
	}
	for agent := range q.agents {
		e.unserve(e.agents[agent], q)
	}
	e.setDue(q, time.Time{})
	delete(e.short, id)
	q.clear(e)
	forget(e.names, q.cfg.Name, id)
	delete(e.queues, id)
	delete(e.skilled, id)
}

func (e *Engine) removeAgent(id int64) {
	g := e.agents[id]
	if g == nil {
		return
	}
	for len(g.serves) > 0 {
		e.unserve(g, g.serves[0].q)
	}
	for ch := range g.st.Channels {
		g.st.Channels[ch].Block = ""
		g.st.Channels[ch].Until = time.Time{}
	}
	e.indexAgent(g)
	forget(e.refs, g.cfg.Ref, id)
	delete(e.agents, id)
}

// enter takes the attempt among the open ones.
func (e *Engine) enter(a *attempt) {
	e.attempts[a.ID] = a
	e.queues[a.Queue.ID].open[a.ID] = struct{}{}
	e.countMember(a, 1)
}

// countMember notes that the member and the number are in one more open attempt,
// or in one less.
func (e *Engine) countMember(a *attempt, by int) {
	if a.MemberID != nil {
		count(e.members, *a.MemberID, by)
	}
	if a.Channel() == ChannelCall && a.Destination != nil {
		count(e.numbers, *a.Destination, by)
	}
}

func count[K comparable](counts map[K]int, k K, by int) {
	if counts[k] += by; counts[k] == 0 {
		delete(counts, k)
	}
}

// exit forgets an attempt that is in the state leaving.
func (e *Engine) exit(a *attempt) {
	delete(e.attempts, a.ID)
	e.countMember(a, -1)
	if q := e.queues[a.Queue.ID]; q != nil {
		delete(q.open, a.ID)
	}
	e.indexAttempt(a)
}

// indexAttempt brings the attempt's places in the indexes up to date.
func (e *Engine) indexAttempt(a *attempt) {
	e.indexLegs(a)
	e.indexLine(a)
	e.indexWait(a)
	due := a.nextDue()
	if due.Equal(a.due) {
		return
	}
	if !a.due.IsZero() {
		e.due.remove(dueKey{at: a.due.UnixMilli(), id: a.ID})
	}
	if !due.IsZero() {
		e.due.insert(dueKey{at: due.UnixMilli(), id: a.ID})
	}
	a.due = due
}

// indexAgent brings the agent's places in the indexes up to date.
func (e *Engine) indexAgent(g *agentState) {
	for i := range g.st.Channels {
		until := g.st.Channels[i].Until
		if until.Equal(g.due[i]) {
			continue
		}
		if !g.due[i].IsZero() {
			e.due.remove(dueKey{at: g.due[i].UnixMilli(), agent: true, id: g.cfg.ID, channel: i})
		}
		if !until.IsZero() {
			e.due.insert(dueKey{at: until.UnixMilli(), agent: true, id: g.cfg.ID, channel: i})
		}
		g.due[i] = until
	}
	e.indexFree(g)
}
