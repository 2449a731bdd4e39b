package asterisk

import (
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// LogTranslator turns the lines of a queue_log into the same commands as a
// [Translator], as far as the log knows. What it cannot know:
//
//   - Instants are whole seconds, so every duration is up to a second off.
//   - There is no line when a phone begins to ring. The offer's begin is counted
//     back from its end by the ring time, and never before what came before it;
//     both are reported when the end is read.
//   - Phones of a ring-all that another agent outran leave no line at all: there
//     is no offer of them. Of an agent who hung up before the connection
//     (AGENTDUMP) the ringing is not known, so it has no length.
//   - Why a phone did not answer is not said: one that rang is a timeout, one
//     that refused at once has failed. Causes and codes are derived.
//   - Agents have a name and no interface, so the name is their agent_ref: an
//     agent known from AMI and the same from a queue_log are two.
//   - When the call reached the switch and was answered, and the caller's name.
//
// Like a Translator it is pure, and not safe for concurrent use.
type LogTranslator struct {
	queue   string
	now     time.Time
	calls   map[string]*logCall
	members map[string]*member
	queues  map[string]struct{}
	// moved is a caller whose blind transfer, at movedAt, is reported with the next
	// line; nil when the last line was none.
	moved   *logCall
	movedAt time.Time
	ready   []Timed
	stats   Stats
}

type logCall struct {
	uid, queue string
	last       time.Time // of its last line
	talking    bool
	// cut holds the agent whose ringing the log says was cancelled, until the
	// next line says by what.
	cut *cutRing
}

type cutRing struct {
	agent     string
	begin, at time.Time
}

// NewLogTranslator returns a translator; queueName as in NewTranslator.
func NewLogTranslator(queueName string) *LogTranslator {
	return &LogTranslator{
		queue: queueName, calls: map[string]*logCall{}, members: map[string]*member{},
		queues: map[string]struct{}{},
	}
}

// Stats returns the counts so far; Packets counts lines.
func (t *LogTranslator) Stats() Stats { return t.stats }

// Now returns the greatest instant seen.
func (t *LogTranslator) Now() time.Time { return t.now }

// Take returns the commands that are ready, in order, and forgets them.
func (t *LogTranslator) Take() []Timed {
	out := t.ready
	t.ready = nil
	return out
}

// Line takes the next line.
func (t *LogTranslator) Line(l LogLine) {
	t.stats.Packets++
	if t.moved != nil {
		t.move(l)
	}
	if l.At.After(t.now) {
		t.now = l.At
	}
	switch l.Event {
	case "ENTERQUEUE":
		t.enter(l)
	case "ADDMEMBER", "REMOVEMEMBER", "PAUSE", "UNPAUSE":
		t.member(l)
	case "RINGNOANSWER", "RINGCANCELED", "AGENTDUMP", "CONNECT",
		"COMPLETEAGENT", "COMPLETECALLER", "BLINDTRANSFER", "ATTENDEDTRANSFER", "TRANSFER",
		"ABANDON", "EXITWITHTIMEOUT", "EXITEMPTY", "EXITWITHKEY", "WITHDRAW":
		if c := t.calls[l.Call]; c != nil {
			t.call(c, l)
		} else {
			t.stats.Unknown++
		}
	}
}

// End says that the log is over.
func (t *LogTranslator) End() {
	if t.moved != nil {
		t.move(LogLine{})
	}
	for _, uid := range sortedKeys(t.calls) {
		t.settle(t.calls[uid], queue.MissedCancelled)
	}
}

// move reports a blind transfer: into a queue, if the line after it says that the
// same caller has entered one.
func (t *LogTranslator) move(next LogLine) {
	c := t.moved
	t.moved = nil
	if next.Event == "ENTERQUEUE" && next.Call == c.uid {
		t.close(c, queue.SwitchReport{Event: queue.SwitchTransferred, At: t.movedAt, QueueName: queueName(t.queue, next.Queue)})
		return
	}
	t.close(c, queue.SwitchReport{Event: queue.SwitchEnded, Leg: queue.LegMember, At: t.movedAt, Reason: queue.TransferBlind})
}

func (t *LogTranslator) put(cmd queue.Command) {
	t.ready = append(t.ready, Timed{At: t.now, Cmd: cmd})
}

func (t *LogTranslator) enter(l LogLine) {
	if old := t.calls[l.Call]; old != nil {
		// Its end is missing; the call went on into another queue.
		t.settle(old, queue.MissedCancelled)
		t.close(old, queue.SwitchReport{Event: queue.SwitchLeft, ResultReason: queue.ReasonWithdrawn, At: l.At})
	}
	if len(t.calls) >= maxCalls {
		t.stats.Dropped++
		return
	}
	t.stats.Joined++
	t.calls[l.Call] = &logCall{uid: l.Call, queue: l.Queue, last: l.At}
	name := queueName(t.queue, l.Queue)
	if len(t.queues) < maxAgents {
		t.queues[name] = struct{}{}
	}
	t.put(queue.SwitchReport{
		Event: queue.SwitchJoined, At: l.At, QueueName: name, MemberChannelID: l.Call,
		Destination: address(l.Field(1)), DialAt: l.At, MemberAnsweredAt: l.At,
	})
}

// logLeft maps the lines of a caller who left unconnected and lives on.
var logLeft = map[string]queue.Reason{
	"EXITWITHTIMEOUT": queue.ReasonMaxWait,
	"EXITEMPTY":       queue.ReasonNoAgents,
	"EXITWITHKEY":     queue.ReasonKeyExit,
	"WITHDRAW":        queue.ReasonWithdrawn,
}

func (t *LogTranslator) call(c *logCall, l LogLine) {
	defer func() { c.last = l.At }()
	switch l.Event {
	case "RINGNOANSWER":
		t.settle(c, queue.MissedCancelled)
		reason := queue.MissedTimeout
		if ringTime(l) == 0 {
			reason = queue.MissedFailed
		}
		t.offered(c, l.Agent, "", c.begin(l, ringTime(l)))
		t.missed(c, l.Agent, reason, l.At)
	case "RINGCANCELED":
		t.settle(c, queue.MissedCancelled)
		c.cut = &cutRing{agent: l.Agent, begin: c.begin(l, ringTime(l)), at: l.At}
	case "AGENTDUMP":
		t.settle(c, queue.MissedCancelled)
		t.offered(c, l.Agent, "", l.At)
		t.missed(c, l.Agent, queue.MissedDeclined, l.At)
	case "CONNECT":
		t.settle(c, queue.MissedCancelled)
		t.offered(c, l.Agent, l.Field(1), c.begin(l, l.seconds(2)))
		c.talking = true
		t.put(queue.SwitchReport{
			ChannelID: c.uid, Event: queue.SwitchBridged, At: l.At,
			AgentRef: l.Agent, AgentName: l.Agent, AgentChannelID: l.Field(1),
		})
	case "COMPLETEAGENT":
		t.close(c, queue.SwitchReport{Event: queue.SwitchEnded, Leg: queue.LegAgent, At: l.At})
	case "COMPLETECALLER":
		t.close(c, queue.SwitchReport{Event: queue.SwitchEnded, Leg: queue.LegMember, At: l.At})
	case "BLINDTRANSFER", "TRANSFER":
		t.moved, t.movedAt = c, l.At // where to, the next line may say
		delete(t.calls, c.uid)
	case "ATTENDEDTRANSFER":
		t.close(c, queue.SwitchReport{Event: queue.SwitchEnded, Leg: queue.LegMember, At: l.At, Reason: queue.TransferAttended})
	case "ABANDON":
		if c.cut != nil {
			t.offered(c, c.cut.agent, "", c.cut.begin) // closes with the hang-up
		}
		t.close(c, queue.SwitchReport{Event: queue.SwitchEnded, Leg: queue.LegMember, At: l.At})
	default:
		reason := logLeft[l.Event]
		missed := queue.MissedCancelled
		if reason == queue.ReasonMaxWait {
			missed = queue.MissedTimeout
		}
		t.settle(c, missed)
		t.close(c, queue.SwitchReport{Event: queue.SwitchLeft, ResultReason: reason, At: l.At})
	}
}

// ringTime returns the milliseconds of RINGNOANSWER and RINGCANCELED.
func ringTime(l LogLine) time.Duration {
	ms, err := strconv.ParseInt(l.Field(0), 10, 32)
	if err != nil || ms < 0 {
		return 0
	}
	return time.Duration(ms) * time.Millisecond
}

// begin counts an offer's begin back from its line.
func (c *logCall) begin(l LogLine, rang time.Duration) time.Time {
	if at := l.At.Add(-rang); at.After(c.last) {
		return at
	}
	return c.last
}

func (t *LogTranslator) offered(c *logCall, agent, leg string, at time.Time) {
	t.put(queue.SwitchReport{
		ChannelID: c.uid, Event: queue.SwitchOffered, At: at,
		AgentRef: agent, AgentName: agent, AgentChannelID: leg,
	})
}

func (t *LogTranslator) missed(c *logCall, agent string, reason queue.MissedReason, at time.Time) {
	t.put(queue.SwitchReport{
		ChannelID: c.uid, Event: queue.SwitchMissed, At: at, AgentRef: agent, Reason: string(reason),
	})
}

// settle reports a ringing that was cancelled, now that it is known by what.
func (t *LogTranslator) settle(c *logCall, reason queue.MissedReason) {
	if c.cut == nil {
		return
	}
	t.offered(c, c.cut.agent, "", c.cut.begin)
	t.missed(c, c.cut.agent, reason, c.cut.at)
	c.cut = nil
}

func (t *LogTranslator) close(c *logCall, last queue.SwitchReport) {
	last.ChannelID = c.uid
	t.put(last)
	delete(t.calls, c.uid)
}

// member: an agent was added, removed, paused or unpaused in one queue. The
// lines of all queues at once (PAUSEALL, UNPAUSEALL) are followed by one for
// each queue.
func (t *LogTranslator) member(l LogLine) {
	m := t.members[l.Agent]
	if m == nil {
		if len(t.members) >= maxAgents {
			t.stats.Dropped++
			return
		}
		m = &member{iface: l.Agent, name: l.Agent, queues: map[string]membership{}}
		t.members[l.Agent] = m
	}
	switch l.Event {
	case "REMOVEMEMBER":
		delete(m.queues, l.Queue)
	case "PAUSE":
		m.queues[l.Queue] = membership{paused: true, reason: l.Data, at: l.At}
	case "ADDMEMBER":
		m.queues[l.Queue] = membership{paused: l.Field(0) == "PAUSED", at: l.At}
	default:
		m.queues[l.Queue] = membership{at: l.At}
	}
	if now := m.status(); now != m.told {
		m.told = now
		t.put(m.report(l.At))
	}
	if len(m.queues) == 0 {
		delete(t.members, l.Agent)
	}
}
