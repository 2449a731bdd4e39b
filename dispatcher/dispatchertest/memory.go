// Package dispatchertest has an in-memory dispatcher.Store for tests, and the
// suite that it and the one on Postgres both pass.
package dispatchertest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// Memory is a dispatcher.Store in memory, with the log of any number of
// domains. The zero Memory is empty and ready for use.
type Memory struct {
	mu        sync.Mutex
	logs      map[int64][]queue.Event
	endpoints map[dispatcher.Ref]*endpoint
	tries     []dispatcher.Try
	known     map[tryKey]bool // those in tries
	calls     map[string]int
	replicas
}

type endpoint struct {
	sub        dispatcher.Subscription
	parked     map[int64]dispatcher.Parked
	claimedFor string
}

var _ dispatcher.Store = (*Memory)(nil)

// Append puts events at the end of their domain's log, recorded at, and returns
// them as they are there.
func (m *Memory) Append(at time.Time, events ...queue.Event) []queue.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.logs == nil {
		m.logs = map[int64][]queue.Event{}
	}
	out := slices.Clone(events)
	for i := range out {
		log := m.logs[out[i].DomainID]
		out[i].Seq, out[i].RecordedAt = int64(len(log))+1, at
		m.logs[out[i].DomainID] = append(log, out[i])
	}
	return out
}

// Create adds an endpoint whose cursor stands at the position after.
func (m *Memory) Create(ep dispatcher.Endpoint, after dispatcher.Position) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.endpoints == nil {
		m.endpoints = map[dispatcher.Ref]*endpoint{}
	}
	ref := dispatcher.Ref{DomainID: ep.DomainID, EndpointID: ep.ID}
	m.endpoints[ref] = &endpoint{parked: map[int64]dispatcher.Parked{},
		sub: dispatcher.Subscription{Endpoint: ep, Settled: after, Claimed: after}}
}

// Change replaces an endpoint's settings.
func (m *Memory) Change(ep dispatcher.Endpoint) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.endpoints[dispatcher.Ref{DomainID: ep.DomainID, EndpointID: ep.ID}]
	ep.UpdatedAt = e.sub.Endpoint.UpdatedAt.Add(time.Microsecond)
	e.sub.Endpoint = ep
}

// Delete removes an endpoint with its cursor and parked events.
func (m *Memory) Delete(ref dispatcher.Ref) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.endpoints, ref)
}

// Subscription returns an endpoint as it is stored; false when there is none.
func (m *Memory) Subscription(ref dispatcher.Ref) (dispatcher.Subscription, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e := m.endpoints[ref]
	if e == nil {
		return dispatcher.Subscription{}, false
	}
	return e.sub, true
}

// Tries returns every try of an endpoint in the order in which they were
// written.
func (m *Memory) Tries(ref dispatcher.Ref) (out []dispatcher.Try) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.tries {
		if t.DomainID == ref.DomainID && t.EndpointID == ref.EndpointID {
			out = append(out, t)
		}
	}
	return out
}

// Calls returns how often a method of dispatcher.Store was called.
func (m *Memory) Calls(method string) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls[method]
}

// lock serialises a call and counts it.
func (m *Memory) lock(method string) func() {
	m.mu.Lock()
	if m.calls == nil {
		m.calls = map[string]int{}
	}
	m.calls[method]++
	return m.mu.Unlock
}

// Active implements dispatcher.Store.
func (m *Memory) Active(ctx context.Context) ([]dispatcher.Subscription, error) {
	defer m.lock("Active")()
	var out []dispatcher.Subscription
	for _, e := range m.endpoints {
		if !e.sub.Endpoint.Disabled {
			out = append(out, e.sub)
		}
	}
	slices.SortFunc(out, func(a, b dispatcher.Subscription) int { return cmp.Compare(a.Endpoint.ID, b.Endpoint.ID) })
	return out, ctx.Err()
}

// Events implements dispatcher.Store.
func (m *Memory) Events(ctx context.Context, domainID int64, after dispatcher.Position, limit int) ([]queue.Event, error) {
	defer m.lock("Events")()
	log := m.logs[domainID]
	from := min(int(after.Seq), len(log))
	return slices.Clone(log[from:min(from+limit, len(log))]), ctx.Err()
}

// EventsAt implements dispatcher.Store.
func (m *Memory) EventsAt(ctx context.Context, domainID int64, at []dispatcher.Position) ([]queue.Event, error) {
	defer m.lock("EventsAt")()
	var out []queue.Event
	for _, p := range at {
		if log := m.logs[domainID]; p.Seq >= 1 && int(p.Seq) <= len(log) && log[p.Seq-1].RecordedAt.Equal(p.RecordedAt) {
			out = append(out, log[p.Seq-1])
		}
	}
	return out, ctx.Err()
}

// Earlier implements dispatcher.Store.
func (m *Memory) Earlier(ctx context.Context, domainID int64, attempts []int64, since time.Time) (map[int64][]dispatcher.Earlier, error) {
	defer m.lock("Earlier")()
	out := map[int64][]dispatcher.Earlier{}
	for _, ev := range m.logs[domainID] {
		if ev.Sequence > 0 && !ev.RecordedAt.Before(since) && slices.Contains(attempts, ev.AttemptID) {
			out[ev.AttemptID] = append(out[ev.AttemptID], dispatcher.Earlier{
				Position: dispatcher.Position{RecordedAt: ev.RecordedAt, Seq: ev.Seq}, Sequence: ev.Sequence, Type: ev.Type})
		}
	}
	return out, ctx.Err()
}

// Failed implements dispatcher.Store.
func (m *Memory) Failed(ctx context.Context, ref dispatcher.Ref, since time.Time) (map[int64]int, error) {
	defer m.lock("Failed")()
	out, seen := map[int64]int{}, map[int64]bool{}
	for _, t := range m.tries {
		if t.DomainID != ref.DomainID || t.EndpointID != ref.EndpointID || t.Seq == 0 || t.Manual || seen[t.Seq] || t.StartedAt.Before(since) ||
			slices.Contains([]dispatcher.Outcome{dispatcher.OutcomeDelivered, dispatcher.OutcomeExpired, dispatcher.OutcomeUnknown}, t.Outcome) {
			continue
		}
		seen[t.Seq] = true
		out[t.AttemptID]++
	}
	return out, ctx.Err()
}

// Backlog implements dispatcher.Store.
func (m *Memory) Backlog(ctx context.Context, ref dispatcher.Ref) (dispatcher.Backlog, error) {
	defer m.lock("Backlog")()
	e := m.endpoints[ref]
	if e == nil {
		return dispatcher.Backlog{}, fmt.Errorf("read backlog: %w", dispatcher.ErrGone)
	}
	b := dispatcher.Backlog{Settled: e.sub.Settled, Claimed: e.sub.Claimed, ClaimedFor: e.claimedFor, Health: e.sub.Endpoint.Health}
	for _, seq := range slices.Sorted(maps.Keys(e.parked)) {
		b.Parked = append(b.Parked, e.parked[seq])
	}
	for _, t := range m.tries {
		if t.EndpointID == ref.EndpointID && t.State.Final() && !t.Manual && t.Seq > b.Settled.Seq && t.Seq <= b.Claimed.Seq {
			b.Done = append(b.Done, t.Seq)
		}
	}
	return b, ctx.Err()
}

// Recovered implements dispatcher.Store.
func (m *Memory) Recovered(ctx context.Context, ref dispatcher.Ref) ([]dispatcher.Parked, error) {
	defer m.lock("Recovered")()
	var out []dispatcher.Parked
	if e := m.endpoints[ref]; e != nil {
		for _, seq := range slices.Sorted(maps.Keys(e.parked)) {
			if p := e.parked[seq]; !p.RecoveredAt.IsZero() && p.Tries == 0 && !p.Claimed {
				out = append(out, p)
			}
		}
	}
	return out, ctx.Err()
}

// Recover puts events of domain 1 into parked, as a recovery does.
func (m *Memory) Recover(ref dispatcher.Ref, at time.Time, events ...queue.Event) {
	defer m.lock("Recover")()
	e := m.endpoints[ref]
	for i := range events {
		ev := &events[i]
		e.parked[ev.Seq] = dispatcher.Parked{
			Ref: ref, Position: pos(*ev), Lane: dispatcher.LaneOf(e.sub.Endpoint.Ordering, ev), NextAt: at, HeldSince: at, Sequence: ev.Sequence,
			RecoveredAt: at,
		}
	}
	e.sub.Recoveries++
}

// Claim implements dispatcher.Store.
func (m *Memory) Claim(ctx context.Context, replica int64, claims []dispatcher.Claim) error {
	defer m.lock("Claim")()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	leases := make([]dispatcher.Lease, len(claims))
	for i, c := range claims {
		leases[i] = dispatcher.Lease{Ref: c.Ref, Epoch: c.Epoch}
	}
	if err := m.fence(replica, leases); err != nil {
		return err
	}
	for _, c := range claims {
		e := m.endpoints[c.Ref]
		if e == nil {
			continue
		}
		if c.Upto.Seq > e.sub.Claimed.Seq {
			e.sub.Claimed = c.Upto
		}
		if c.Upto.Seq > 0 && c.For != "" {
			e.claimedFor = c.For
		}
		for _, seq := range c.Parked {
			if p, ok := e.parked[seq]; ok {
				p.Claimed = true
				e.parked[seq] = p
			}
		}
	}
	return nil
}

// Settle implements dispatcher.Store.
func (m *Memory) Settle(ctx context.Context, s dispatcher.Settlement) error {
	defer m.lock("Settle")()
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if err := m.fence(s.Replica, s.Leases); err != nil {
		return err
	}
	for _, t := range s.Tries {
		if key := keyOf(t); !m.known[key] {
			if m.known == nil {
				m.known = map[tryKey]bool{}
			}
			m.known[key] = true
			m.tries = append(m.tries, t)
		}
	}
	for _, t := range s.Answered {
		if i := slices.IndexFunc(m.tries, func(have dispatcher.Try) bool { return keyOf(have) == keyOf(t) }); i >= 0 {
			m.tries[i] = t
		}
	}
	for _, p := range s.Park {
		e := m.endpoints[p.Ref]
		if e == nil {
			continue
		}
		if _, again := e.parked[p.Seq]; again || p.Seq > e.sub.Settled.Seq {
			e.parked[p.Seq] = p
		}
	}
	for _, u := range s.Unpark {
		if e := m.endpoints[u.Ref]; e != nil {
			delete(e.parked, u.Seq)
		}
	}
	m.moveCursors(s)
	for _, h := range s.Healths {
		if e := m.endpoints[h.Ref]; e != nil && e.sub.Endpoint.UpdatedAt.Equal(h.Version) {
			e.sub.Endpoint.Health = h.Health
		}
	}
	for _, off := range s.Disable {
		if e := m.endpoints[off.Ref]; e != nil && !e.sub.Endpoint.Disabled {
			e.sub.Endpoint.Disabled, e.sub.Endpoint.DisabledReason = true, off.Reason
			e.sub.Endpoint.UpdatedAt = e.sub.Endpoint.UpdatedAt.Add(time.Microsecond)
		}
	}
	m.tell(s.At, s.Notices)
	return nil
}

// moveCursors raises settled marks, and lowers claimed ones.
func (m *Memory) moveCursors(s dispatcher.Settlement) {
	for _, c := range s.Cursors {
		if e := m.endpoints[c.Ref]; e != nil && c.Settled.Seq > e.sub.Settled.Seq {
			e.sub.Settled = c.Settled
			if c.Settled.Seq > e.sub.Claimed.Seq {
				e.sub.Claimed = c.Settled
			}
		}
	}
	for _, u := range s.Unclaim {
		if e := m.endpoints[u.Ref]; e != nil && u.Claimed.Seq < e.sub.Claimed.Seq {
			if e.sub.Claimed = u.Claimed; u.Claimed.Seq <= e.sub.Settled.Seq {
				e.sub.Claimed = e.sub.Settled
			}
		}
	}
}

// tell puts notices on the log, each once.
func (m *Memory) tell(at time.Time, notices []queue.Notice) {
	for i := range notices {
		ev := notices[i].Event(queue.Domain{ID: notices[i].DomainID}, at)
		log := m.logs[ev.DomainID]
		if slices.ContainsFunc(log, func(have queue.Event) bool { return have.ID == ev.ID }) {
			continue
		}
		if ev.RecordedAt = at; len(log) > 0 && log[len(log)-1].RecordedAt.After(at) {
			ev.RecordedAt = log[len(log)-1].RecordedAt
		}
		ev.Seq = int64(len(log)) + 1
		if m.logs == nil {
			m.logs = map[int64][]queue.Event{}
		}
		m.logs[ev.DomainID] = append(log, ev)
	}
}

// tryKey is what tells tries apart.
type tryKey struct {
	domain    int64
	endpoint  string
	seq       int64
	number    int
	startedAt int64
}

func keyOf(t dispatcher.Try) tryKey {
	return tryKey{t.DomainID, t.EndpointID, t.Seq, t.Number, t.StartedAt.UnixNano()}
}
