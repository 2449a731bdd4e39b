package queue

import (
	"maps"
	"slices"
	"time"
)

// Engine is the live state of one domain's contact centre. It is not safe for
// concurrent use. The zero Engine is not usable; call New.
type Engine struct {
	domain   Domain
	queues   map[int64]*queueState
	names    map[string]int64 // queue by name
	agents   map[int64]*agentState
	refs     map[string]int64 // agent by agent_ref
	attempts map[int64]*attempt
	legs     legs
	due      index[dueKey]
	// members and numbers count the open attempts of a member and of the calls
	// with a number: neither is dialled twice (engine.md B.10, 20).
	members map[int64]int
	numbers map[string]int
	// events and buffer are the room in which a step gathers what it hands out.
	events []Event
	buffer []byte
	dialling
	// skilled are the queues that ask for skills. Day is that of the last step.
	skilled map[int64]*queueState
	day     int64
	led     []*attempt // who got the lead of a strict queue in this step
}

// attempt is an open attempt with its places in the engine's indexes.
type attempt struct {
	Attempt
	dirty   bool
	legs    []string  // as entered in Engine.legs
	twoLegs [2]string // room for legs, which are rarely more
	due     time.Time // as entered in Engine.due; zero = not there
	line    bool      // counted as a call of its queue and trunk
	flies   bool      // counted as being dialled
	rang    bool      // noted for the calls per second
	waiting bool      // counted in its queue's waiting
	// Home is where it waits in its own queue, guests where it waits in
	// AddedQueues, strict its place among those who wait in strict order.
	home, strict place
	guests       []place
}

// agentState is an agent, what he is doing, and his places in the indexes.
type agentState struct {
	cfg    Agent
	st     AgentState
	dirty  bool
	due    [len(Channels)]time.Time // as entered in Engine.due
	serves []service                // by queue id
	free   []freePlace              // where he is found as free, or as having room
}

// queueState is a queue with those who wait in it and those who may serve it.
type queueState struct {
	cfg Queue
	// groups and groupOf divide the buckets by who may be offered their
	// attempts; bucketPriority orders them.
	groups         []*group
	groupOf        map[string]int
	bucketPriority map[string]int32
	// Who waits stands in one of the classes, guests of other queues too, or, for
	// a while, in sticky, by the agent who is to get him. Waiting counts the
	// queue's own. With strict_fifo only the lead, the first of the line, stands
	// there.
	classes []*class
	sticky  map[int64]*index[waitKey]
	waiting int
	guests  map[int64]struct{}
	line    index[waitKey]
	lead    int64
	open    map[int64]struct{} // open attempts
	agents  map[int64]struct{} // agents who serve the queue
	free    int                // those of them who are free for attempts from the start
	room    int                // those of them who are reserved and may have one more dialled
	online  int                // those of them who are online
	left    index[leftKey]     // those of them who are not, by when they last were
	places  places             // of those who gave up waiting
	hopper  hopper
	pace    *pace // nil in types that are not paced
}

// New returns an empty engine of the domain.
func New(domain Domain) *Engine {
	return &Engine{
		domain:   domain,
		queues:   map[int64]*queueState{},
		names:    map[string]int64{},
		agents:   map[int64]*agentState{},
		refs:     map[string]int64{},
		attempts: map[int64]*attempt{},
		legs:     newLegs(),
		due:      newIndex(compareDue),
		members:  map[int64]int{},
		numbers:  map[string]int{},
		dialling: newDialling(),
		skilled:  map[int64]*queueState{},
	}
}

// Attempt returns a copy of the open attempt, or nil.
func (e *Engine) Attempt(id int64) *Attempt {
	if a := e.attempts[id]; a != nil {
		return a.Clone()
	}
	return nil
}

// AttemptByChannel returns a copy of the open attempt one of whose legs has the
// channel id, or nil.
func (e *Engine) AttemptByChannel(id string) *Attempt { return e.Attempt(e.legs.of(id)) }

// Queue returns a copy of the queue, or nil.
func (e *Engine) Queue(id int64) *Queue {
	if q := e.queues[id]; q != nil {
		return q.cfg.clone()
	}
	return nil
}

// QueueByName returns a copy of the queue, or nil.
func (e *Engine) QueueByName(name string) *Queue { return e.Queue(e.names[name]) }

// Agent returns copies of the agent and of what he is doing, or nils.
func (e *Engine) Agent(id int64) (*Agent, *AgentState) {
	if g := e.agents[id]; g != nil {
		return g.cfg.clone(), g.st.clone()
	}
	return nil, nil
}

// AgentByRef returns copies like Agent.
func (e *Engine) AgentByRef(ref string) (*Agent, *AgentState) { return e.Agent(e.refs[ref]) }

// Queues returns copies of all queues in the order of their ids.
func (e *Engine) Queues() []*Queue { return copies(e.queues, e.Queue) }

// Agents returns copies of all agents in the order of their ids.
func (e *Engine) Agents() []*Agent {
	return copies(e.agents, func(id int64) *Agent {
		cfg, _ := e.Agent(id)
		return cfg
	})
}

// Attempts returns copies of all open attempts in the order of their ids.
func (e *Engine) Attempts() []*Attempt { return copies(e.attempts, e.Attempt) }

func copies[S, T any](all map[int64]*S, one func(int64) *T) []*T {
	out := make([]*T, 0, len(all))
	for _, id := range sortedIDs(all) {
		out = append(out, one(id))
	}
	return out
}

func sortedIDs[S any](all map[int64]S) []int64 {
	ids := make([]int64, 0, len(all))
	for id := range all {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}

func (q *Queue) clone() *Queue {
	c := *q
	c.Variables = maps.Clone(q.Variables)
	c.Trunks = slices.Clone(q.Trunks)
	c.RetryRules = slices.Clone(q.RetryRules)
	if q.Pacing != nil {
		law := *q.Pacing
		c.Pacing = &law
	}
	c.Buckets, c.Skills, c.Overflow = slices.Clone(q.Buckets), slices.Clone(q.Skills), slices.Clone(q.Overflow)
	for i := range c.Skills {
		c.Skills[i].Buckets = slices.Clone(c.Skills[i].Buckets)
	}
	return &c
}

func (a *Agent) clone() *Agent {
	c := *a
	c.Queues = slices.Clone(a.Queues)
	c.Capacity = maps.Clone(a.Capacity)
	c.Skills = slices.Clone(a.Skills)
	return &c
}

func (s *AgentState) clone() *AgentState {
	c := *s
	for i := range c.Channels {
		c.Channels[i].Slots = slices.Clone(s.Channels[i].Slots)
	}
	return &c
}
