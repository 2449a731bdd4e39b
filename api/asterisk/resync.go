package asterisk

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
)

// resync is a rebuild of members and callers from the lists that a switch gives
// after a connection was lost: nothing of what happened meanwhile is replayed.
type resync struct {
	queueAction, channelAction string
	queues, channels           listState

	members map[seat]bool
	names   map[string]struct{}
	entries []*Packet // QueueEntry: who waits
	lines   []*Packet // CoreShowChannel: who is there
	joined  []string  // callers who came while the lists were read
}

type listState int

const (
	listOpen listState = iota
	listDone
	listRefused // the login may not ask
)

// Resync begins a rebuild from the answers to the actions QueueStatus and
// CoreShowChannels of these ids. When both lists are complete, callers and
// conversations that are new are reported, and a queue.Reconcile closes the
// attempts whose caller the switch no longer has.
func (t *Translator) Resync(queueStatusID, channelsID string) {
	t.resync = &resync{
		queueAction: queueStatusID, channelAction: channelsID,
		members: map[seat]bool{}, names: map[string]struct{}{},
	}
}

func (r *resync) member(iface, q string) { r.members[seat{q, iface}] = true }

// response: a refused list is as complete as it will be.
func (t *Translator) response(p *Packet) {
	if t.resync == nil || p.Value("Response") != "Error" {
		return
	}
	switch p.Value("ActionID") {
	case t.resync.queueAction:
		t.resync.queues = listRefused
	case t.resync.channelAction:
		t.resync.channels = listRefused
	}
	t.rebuild()
}

// listEvent takes an event that belongs to one of the lists.
func (t *Translator) listEvent(p *Packet, at time.Time) {
	r := t.resync
	if r == nil {
		return
	}
	switch id := p.Value("ActionID"); {
	case id != r.queueAction && id != r.channelAction:
		return
	case p.Event() == "QueueParams":
		r.names[p.Value("Queue")] = struct{}{}
	case p.Event() == "QueueEntry" && len(r.entries) < maxCalls:
		r.entries = append(r.entries, p)
	case p.Event() == "QueueStatusComplete":
		r.queues = listDone
	case p.Event() == "CoreShowChannel" && len(r.lines) < maxChannels:
		r.lines = append(r.lines, p)
	case p.Event() == "CoreShowChannelsComplete":
		r.channels = listDone
	}
	t.advance(at)
	t.rebuild()
}

// rebuild compares what is known with the lists, once both are there.
func (t *Translator) rebuild() {
	r := t.resync
	if r == nil || r.queues == listOpen || r.channels == listOpen {
		return
	}
	t.resync = nil
	for name := range r.names {
		t.know(name)
	}
	if r.queues == listDone {
		t.dismiss(r)
	}
	present := map[string]*Packet{}
	for _, line := range r.lines {
		uid := line.Value("Uniqueid")
		present[uid] = line
		if age, ok := clockDuration(line.Value("Duration")); ok && t.channels.find(uid) == nil {
			t.channels.created(uid, t.now.Add(-age))
		}
	}
	if r.channels == listDone {
		t.vanish(r, present)
	}
	for _, entry := range r.entries {
		t.reenter(entry)
	}
	t.reconnect(r)
	if r.channels == listDone {
		t.put(queue.Reconcile{Queues: t.queueNames(), Live: r.live(), At: t.now})
	}
}

// dismiss removes the members that the switch no longer lists.
func (t *Translator) dismiss(r *resync) {
	for _, iface := range sortedKeys(t.members) {
		m := t.members[iface]
		had := len(m.queues)
		for q := range m.queues {
			if !r.members[seat{q, iface}] {
				delete(m.queues, q)
			}
		}
		if len(m.queues) < had {
			t.tell(m, t.now)
		}
	}
}

// vanish closes the phones that stopped ringing unseen, and forgets the callers
// whose channel is gone: the reconciliation closes those.
func (t *Translator) vanish(r *resync, present map[string]*Packet) {
	for _, uid := range sortedKeys(t.calls) {
		c := t.calls[uid]
		if slices.Contains(r.joined, uid) {
			continue
		}
		if line := present[uid]; line == nil || !inQueue(line) {
			t.forget(c)
			continue
		}
		for _, o := range slices.Clone(c.offers) {
			if present[o.uid] == nil {
				at := t.now
				t.hold(func(bool) ([]queue.Command, bool) { return t.missed(o, queue.MissedCancelled, at), true })
			}
		}
	}
}

// reenter reports a caller who is waiting.
func (t *Translator) reenter(entry *Packet) {
	uid, name := entry.Value("Uniqueid"), entry.Value("Queue")
	if uid == "" || name == "" {
		return
	}
	if c := t.calls[uid]; c != nil {
		if c.queue == name && c.talk == nil {
			return
		}
		t.supersede(c, t.now)
	}
	wait, _ := strconv.Atoi(entry.Value("Wait"))
	joined := t.now.Add(-time.Duration(min(max(wait, 0), int(callLife/time.Second))) * time.Second)
	t.enter(entry, &call{uid: uid, queue: name, joinedAt: joined})
}

// reconnect reports the conversations that began unseen: a caller whose channel
// is in the application Queue, bridged with a member's channel.
func (t *Translator) reconnect(r *resync) {
	waiting := map[string]bool{}
	for _, entry := range r.entries {
		waiting[entry.Value("Uniqueid")] = true
	}
	for _, line := range r.lines {
		uid, bridge := line.Value("Uniqueid"), line.Value("BridgeId")
		c := t.calls[uid]
		if !inQueue(line) || bridge == "" || waiting[uid] || c != nil && c.talk != nil {
			continue
		}
		for _, other := range r.lines {
			if other == line || other.Value("BridgeId") != bridge {
				continue
			}
			if m := t.memberBehind(other.Value("Channel")); m != nil {
				t.rejoin(line, other, m)
			}
		}
	}
}

// rejoin reports a conversation that began unseen.
func (t *Translator) rejoin(caller, agent *Packet, m *member) {
	uid := caller.Value("Uniqueid")
	c := t.calls[uid]
	if c == nil {
		name, _, _ := strings.Cut(caller.Value("ApplicationData"), ",")
		if name == "" {
			return
		}
		c = &call{uid: uid, queue: name, joinedAt: t.now}
		t.enter(caller, c)
	}
	o := t.legs[agent.Value("Uniqueid")]
	if o == nil || o.call != c {
		o = t.ring(c, &Packet{Fields: []Field{
			{"Interface", m.iface}, {"MemberName", m.name}, {"DestUniqueid", agent.Value("Uniqueid")},
		}}, t.now)
	}
	if o != nil && c.talk == nil {
		t.bridge(c, o, t.now)
	}
}

// memberBehind finds the member whose interface a channel was made for: the
// channel PJSIP/a101-0000002f belongs to PJSIP/a101, and
// Local/200@agents-00000008;1 to Local/200@agents/n.
func (t *Translator) memberBehind(channel string) *member {
	base := channel
	if i := strings.LastIndexByte(channel, '-'); i > 0 {
		base = channel[:i]
	}
	if m := t.members[base]; m != nil {
		return m
	}
	for _, iface := range sortedKeys(t.members) {
		if strings.HasPrefix(iface, base+"/") {
			return t.members[iface]
		}
	}
	return nil
}

// live returns the channels whose callers are still the business of a queue.
func (r *resync) live() []string {
	live := slices.Clone(r.joined)
	for _, entry := range r.entries {
		live = append(live, entry.Value("Uniqueid"))
	}
	for _, line := range r.lines {
		if inQueue(line) {
			live = append(live, line.Value("Uniqueid"))
		}
	}
	slices.Sort(live)
	return slices.Compact(live)
}

// inQueue reports whether the channel executes the application Queue, waiting or
// talking; the agents' channels say AppQueue. A switch that does not say is
// believed to.
func inQueue(line *Packet) bool {
	app := line.Value("Application")
	return app == "" || app == "Queue"
}

func (t *Translator) queueNames() []string {
	if t.queue != "" {
		return []string{t.queue}
	}
	return sortedKeys(t.queues)
}

// clockDuration reads hours:minutes:seconds.
func clockDuration(s string) (time.Duration, bool) {
	var total int
	parts := strings.Split(s, ":")
	if len(parts) != 3 {
		return 0, false
	}
	for _, part := range parts {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 1<<16 {
			return 0, false
		}
		total = total*60 + n
	}
	return time.Duration(total) * time.Second, true
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
