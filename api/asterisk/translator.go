package asterisk

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// Timed is a command and the instant, on the stream's clock, at which it is
// known: not before the event it speaks of (SwitchReport.At), later when it was
// held back for evidence. Instants never fall within one stream.
type Timed struct {
	At  time.Time
	Cmd queue.Command
}

// patience is how long, in stream time, a command is held back for the packets
// that complete it (switches.md 3.1).
const patience = 200 * time.Millisecond

// Bounds of what a translator remembers; a healthy switch stays far below.
const (
	maxChannels = 1 << 16 // per generation, see channelBook
	maxCalls    = 1 << 16
	maxAgents   = 1 << 16
	maxOffers   = 1 << 10 // ringing at once for one caller
	maxHeld     = 1 << 12 // commands waiting behind one that is held
	callLife    = 24 * time.Hour
)

// Stats counts what a translator saw.
type Stats struct {
	Packets int
	// Joined counts callers who entered a queue; Refused those whom the switch
	// did not let in (QUEUESTATUS FULL, JOINEMPTY, JOINUNAVAIL): they have no
	// attempt.
	Joined, Refused int
	// Unknown counts queue events about calls whose entering was not seen.
	Unknown int
	// Dropped counts callers and agents beyond the bounds.
	Dropped int
}

// Translator turns the packets of one switch into commands. It is pure: the
// same packets give the same commands, however they arrived. It is not safe for
// concurrent use. Call NewTranslator.
type Translator struct {
	queue string // every queue of the stream is this one; empty = its own name
	now   time.Time
	// stamped is the last Timestamp, and arrived the reader's clock at it; they
	// date the packets that have none.
	stamped, arrived time.Time

	view view // what the login may see

	channels channelBook
	calls    map[string]*call    // open, by the caller's Uniqueid
	legs     map[string]*offer   // ringing or talking, by the agent leg's Uniqueid
	talks    map[seat][]*call    // in conversation
	moving   map[string][]*call  // transferred, kind not known yet, by channel
	members  map[string]*member  // by interface
	resync   *resync             // a rebuild under way
	queues   map[string]struct{} // names seen
	swept    time.Time

	held  []held
	ready []Timed
	stats Stats
}

// seat is an agent in a queue.
type seat struct{ queue, iface string }

// NewTranslator returns a translator. With a queue name all queues of the stream
// become that one; with an empty name each keeps its own.
func NewTranslator(queueName string) *Translator {
	return &Translator{
		queue: queueName, calls: map[string]*call{}, legs: map[string]*offer{},
		talks: map[seat][]*call{}, moving: map[string][]*call{}, members: map[string]*member{},
		queues: map[string]struct{}{},
	}
}

// Stats returns the counts so far.
func (t *Translator) Stats() Stats { return t.stats }

// Now returns the stream's clock: the greatest instant seen.
func (t *Translator) Now() time.Time { return t.now }

// Packet takes the next packet. arrived is the reader's clock; it dates packets
// without a Timestamp. A zero arrived leaves them at the last one.
func (t *Translator) Packet(p *Packet, arrived time.Time) {
	t.stats.Packets++
	at := t.date(p, arrived)
	t.advance(at)
	if p.Event() != "" {
		t.view.learn(p)
		t.event(p, at)
	} else {
		t.response(p)
	}
	t.pump()
}

// Advance tells that the reader's clock stands at arrived though no packet came,
// so that what is held back may run out.
func (t *Translator) Advance(arrived time.Time) {
	if t.stamped.IsZero() {
		t.advance(arrived)
	} else if d := arrived.Sub(t.arrived); d > 0 {
		t.advance(t.stamped.Add(d))
	}
	t.pump()
}

// Take returns the commands that are ready, in order, and forgets them.
func (t *Translator) Take() []Timed {
	out := t.ready
	t.ready = nil
	return out
}

// Waiting reports whether commands are held back.
func (t *Translator) Waiting() bool { return len(t.held) > 0 }

// End says that the stream is over: what is held back is decided as if its time
// had run out.
func (t *Translator) End() {
	t.advance(t.now.Add(patience))
	t.pump()
}

// date returns the packet's own instant, else one that is counted from the last
// packet that had one.
func (t *Translator) date(p *Packet, arrived time.Time) time.Time {
	if at, ok := parseInstant(p.Value("Timestamp")); ok {
		t.stamped, t.arrived = at, arrived
		return at
	}
	switch {
	case arrived.IsZero():
		return t.now
	case t.stamped.IsZero() || t.arrived.IsZero():
		return arrived.UTC().Truncate(time.Millisecond)
	case arrived.After(t.arrived):
		return t.stamped.Add(arrived.Sub(t.arrived)).Truncate(time.Millisecond)
	default:
		return t.stamped
	}
}

func (t *Translator) advance(to time.Time) {
	if to.After(t.now) {
		t.now = to
		t.pump()
	}
	if t.now.Sub(t.swept) > time.Hour {
		t.sweep()
	}
}

// sweep forgets calls whose end was never seen.
func (t *Translator) sweep() {
	t.swept = t.now
	for _, c := range t.calls {
		if t.now.Sub(c.joinedAt) > callLife {
			t.forget(c)
		}
	}
}

func (t *Translator) event(p *Packet, at time.Time) {
	switch p.Event() {
	case "Newchannel":
		t.channels.created(p.Value("Uniqueid"), at)
		t.channelState(p, at)
	case "Newstate":
		t.channelState(p, at)
	case "VarSet":
		t.variable(p, at)
	case "HangupRequest":
		t.hangupRequest(p, at, true)
	case "SoftHangupRequest":
		t.hangupRequest(p, at, false)
	case "Hangup":
		t.hangup(p, at)
	case "DialEnd":
		t.dialEnd(p, at)
	case "QueueCallerJoin":
		t.join(p, at)
	case "QueueCallerAbandon":
		t.abandon(p, at)
	case "QueueCallerLeave":
		t.left(p, at)
	case "AgentCalled", "AgentRingNoAnswer", "AgentDump", "AgentConnect", "AgentComplete":
		t.agentEvent(p, at)
	case "BlindTransfer", "AttendedTransfer":
		t.transfer(p)
	case "QueueMemberAdded", "QueueMemberRemoved", "QueueMemberPause", "QueueMemberStatus", "QueueMember":
		t.memberEvent(p, at)
	default:
		t.listEvent(p, at)
	}
}

func (t *Translator) agentEvent(p *Packet, at time.Time) {
	switch p.Event() {
	case "AgentCalled":
		t.called(p, at)
	case "AgentRingNoAnswer":
		t.rangOut(p, at)
	case "AgentDump":
		t.dumped(p, at)
	case "AgentConnect":
		t.connected(p, at)
	case "AgentComplete":
		t.completed(p, at)
	}
}

// queueName returns what the stream's queue is called on our side: always the
// same, or, with an empty one, as it is there.
func queueName(one, name string) string {
	if one != "" {
		return one
	}
	return name
}

// know remembers a queue's name.
func (t *Translator) know(name string) {
	if len(t.queues) < maxAgents {
		t.queues[name] = struct{}{}
	}
}

// held is an entry of the queue of commands. Commands leave in the order in
// which what they speak of was seen; one that waits for evidence holds up those
// behind it, so that no agent is reported busy before he is reported free.
type held struct {
	// decide returns the commands; false = not known yet, which final forbids.
	decide func(final bool) ([]queue.Command, bool)
	until  time.Time
}

// put appends commands that need no evidence.
func (t *Translator) put(cmds ...queue.Command) {
	t.hold(func(bool) ([]queue.Command, bool) { return cmds, true })
}

// hold appends a decision.
func (t *Translator) hold(decide func(final bool) ([]queue.Command, bool)) {
	t.held = append(t.held, held{decide: decide, until: t.now.Add(patience)})
}

// pump moves what is decided from held to ready.
func (t *Translator) pump() {
	n := 0
	for n < len(t.held) {
		h := t.held[n]
		final := !t.now.Before(h.until) || len(t.held)-n > maxHeld
		cmds, ok := h.decide(final)
		if !ok {
			break
		}
		at := t.now
		if h.until.Before(at) {
			at = h.until // it ran out before this packet came
		}
		if k := len(t.ready); k > 0 && at.Before(t.ready[k-1].At) {
			at = t.ready[k-1].At
		}
		for _, cmd := range cmds {
			t.ready = append(t.ready, Timed{At: at, Cmd: cmd})
		}
		n++
	}
	t.held = append(t.held[:0], t.held[n:]...)
}
