package asterisk

import (
	"time"

	"github.com/offhook/offhook/queue"
)

// member is an agent as the switch knows him: an interface that is a member of
// queues. He has one status over all of them.
type member struct {
	iface, name string
	queues      map[string]membership
	device      string // the last device state, a number
	ringing     int    // offers whose end is not reported yet
	told        status // what was reported last
	next        status // what waits until he does not ring
	nextAt      time.Time
	waiting     bool
}

type membership struct {
	paused bool
	reason string
	at     time.Time
}

type status struct {
	status queue.Status
	reason string
}

// memberOf returns the member of the interface, new if need be. Beyond the
// bound it returns one that is not kept.
func (t *Translator) memberOf(iface, name string) *member {
	m := t.members[iface]
	if m == nil {
		m = &member{iface: iface, queues: map[string]membership{}}
		if len(t.members) < maxAgents {
			t.members[iface] = m
		} else {
			t.stats.Dropped++
		}
	}
	if name != "" {
		m.name = name
	}
	return m
}

// memberEvent: a member was added, removed or paused, or his phone changed. The
// list of QueueStatus names the interface Location.
func (t *Translator) memberEvent(p *Packet, at time.Time) {
	iface, name := p.Value("Interface"), p.Value("MemberName")
	if p.Event() == "QueueMember" {
		iface, name = p.Value("Location"), p.Value("Name")
	}
	q := p.Value("Queue")
	if iface == "" || q == "" {
		return
	}
	t.know(q)
	if t.resync != nil {
		t.resync.member(iface, q)
	}
	gone := p.Event() == "QueueMemberRemoved"
	if gone && t.members[iface] == nil {
		return
	}
	m := t.memberOf(iface, name)
	if gone {
		delete(m.queues, q)
	} else {
		was, paused := m.queues[q], p.Value("Paused") == "1"
		now := membership{paused: paused, reason: p.Value("PausedReason"), at: was.at}
		if paused != was.paused || now.reason != was.reason {
			now.at = at
		}
		m.queues[q] = now
	}
	m.device = p.Value("Status")
	t.tell(m, at)
}

// Device states in which a phone cannot ring (switches.md 2, no. 14).
var unreachable = map[string]string{"4": "invalid", "5": "unavailable"}

// status computes what the member is, over all his queues: paused only when he
// is paused in each, with the reason of the latest pause.
func (m *member) status() status {
	if len(m.queues) == 0 {
		return status{status: queue.StatusOffline}
	}
	if why := unreachable[m.device]; why != "" {
		return status{queue.StatusOffline, why}
	}
	var last membership
	for _, q := range m.queues {
		if !q.paused {
			return status{status: queue.StatusOnline}
		}
		if q.at.After(last.at) || q.at.Equal(last.at) && q.reason > last.reason {
			last = q
		}
	}
	return status{queue.StatusPause, last.reason}
}

// tell reports the member's status if it changed. While his phone rings it
// waits, because the switch lets it ring on.
func (t *Translator) tell(m *member, at time.Time) {
	now := m.status()
	if now == m.told && !m.waiting {
		return
	}
	if m.ringing > 0 {
		m.next, m.nextAt, m.waiting = now, at, true
		return
	}
	m.told = now
	t.put(m.report(at))
	t.prune(m)
}

func (m *member) report(at time.Time) queue.SetAgentStatus {
	name := m.name
	if name == "" {
		name = m.iface
	}
	return queue.SetAgentStatus{
		AgentRef: m.iface, AgentName: name, Status: m.told.status, Reason: m.told.reason, At: at,
	}
}

// settled returns the status that waited for the end of the member's ringing.
func (t *Translator) settled(iface string) []queue.Command {
	m := t.members[iface]
	if m == nil {
		return nil
	}
	defer t.prune(m)
	if m.ringing > 0 || !m.waiting {
		return nil
	}
	m.waiting = false
	if m.next == m.told {
		return nil
	}
	m.told = m.next
	return []queue.Command{m.report(m.nextAt)}
}

// prune forgets a member of no queue.
func (t *Translator) prune(m *member) {
	if len(m.queues) == 0 && m.ringing == 0 && !m.waiting {
		delete(t.members, m.iface)
	}
}
