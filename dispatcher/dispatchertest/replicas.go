package dispatchertest

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// replicas are who delivers from a Memory, and what each holds.
type replicas struct {
	last   int64               // the last number given out
	living map[int64]time.Time // until when each is taken to live
	// leaving are those of them that end soon.
	leaving map[int64]bool
	leases  map[dispatcher.Ref]lease
}

type lease struct {
	holder int64 // 0 = nobody
	epoch  int64
}

// Enlist implements dispatcher.Store.
func (m *Memory) Enlist(ctx context.Context, _ string, ttl time.Duration, serve func(context.Context, int64)) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	number := m.enlist(ttl)
	defer m.strike(number)
	serve(ctx, number)
	return nil
}

func (m *Memory) enlist(ttl time.Duration) int64 {
	defer m.lock("Enlist")()
	if m.living == nil {
		m.living, m.leaving, m.leases = map[int64]time.Time{}, map[int64]bool{}, map[dispatcher.Ref]lease{}
	}
	m.last++
	m.living[m.last] = time.Now().Add(ttl)
	return m.last
}

func (m *Memory) strike(number int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.living, number)
}

// Hold implements dispatcher.Store.
func (m *Memory) Hold(ctx context.Context, b dispatcher.Beat) (dispatcher.Holding, error) {
	defer m.lock("Hold")()
	if ctx.Err() != nil {
		return dispatcher.Holding{}, ctx.Err()
	}
	now := time.Now()
	if _, ok := m.living[b.Replica]; !ok {
		return dispatcher.Holding{}, dispatcher.ErrSuperseded
	}
	m.living[b.Replica], m.leaving[b.Replica] = now.Add(b.TTL), b.Leaving
	for _, l := range b.Release {
		if have := m.leases[l.Ref]; have.holder == b.Replica && have.epoch == l.Epoch {
			m.leases[l.Ref] = lease{epoch: l.Epoch}
		}
	}
	rank, sharing := 0, 0
	for number, until := range m.living {
		switch {
		case number != b.Replica && until.Before(now):
			delete(m.living, number)
		case m.leaving[number]:
		default:
			sharing++
			if number < b.Replica {
				rank++
			}
		}
	}
	if b.Leaving {
		rank = -1
	}
	active, h := m.sharesOf(b.Replica)
	h.Share = dispatcher.Share(len(active), sharing, rank)
	for _, ref := range active {
		have := m.leases[ref]
		if _, held := m.living[have.holder]; !held && len(h.Leases) < h.Share {
			m.leases[ref] = lease{holder: b.Replica, epoch: have.epoch + 1}
			h.Leases = append(h.Leases, dispatcher.Lease{Ref: ref, Epoch: have.epoch + 1})
		}
	}
	slices.SortFunc(h.Leases, func(a, b dispatcher.Lease) int { return byID(a.Ref, b.Ref) })
	return h, nil
}

// sharesOf returns what there is to hold, and what the replica holds of it.
func (m *Memory) sharesOf(replica int64) (active []dispatcher.Ref, h dispatcher.Holding) {
	for ref, e := range m.endpoints {
		if !e.sub.Endpoint.Disabled {
			active = append(active, ref)
		}
		if l := m.leases[ref]; l.holder == replica {
			h.Leases = append(h.Leases, dispatcher.Lease{Ref: ref, Epoch: l.epoch})
		}
	}
	slices.SortFunc(active, byID)
	return active, h
}

func byID(a, b dispatcher.Ref) int {
	return cmp.Or(cmp.Compare(a.DomainID, b.DomainID), cmp.Compare(a.EndpointID, b.EndpointID))
}

// fence refuses what a replica writes that is struck off, or relies on leases
// that it does not hold. An endpoint that is gone has none.
func (m *Memory) fence(replica int64, leases []dispatcher.Lease) error {
	if replica == 0 {
		return nil
	}
	if _, ok := m.living[replica]; !ok {
		return dispatcher.ErrSuperseded
	}
	var lost dispatcher.LostError
	for _, l := range leases {
		if have := m.leases[l.Ref]; m.endpoints[l.Ref] != nil && have != (lease{replica, l.Epoch}) {
			lost.Refs = append(lost.Refs, l.Ref)
		}
	}
	if len(lost.Refs) > 0 {
		return &lost
	}
	return nil
}

// Usurp gives every lease to a replica, whoever holds it, as a store does after
// it took the holder for dead.
func (m *Memory) Usurp(replica int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for ref, l := range m.leases {
		m.leases[ref] = lease{holder: replica, epoch: l.epoch + 1}
	}
}

// Holders returns how many leases each replica holds that holds any.
func (m *Memory) Holders() []int {
	m.mu.Lock()
	defer m.mu.Unlock()
	count := map[int64]int{}
	for _, l := range m.leases {
		if _, ok := m.living[l.holder]; ok {
			count[l.holder]++
		}
	}
	return slices.Collect(maps.Values(count))
}

// StrikeOff takes every replica for dead.
func (m *Memory) StrikeOff() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.living)
}
