package desktest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// AddMembers puts members on the lists, as an import does.
func (m *Memory) AddMembers(members ...*queue.Member) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range members {
		c := copyRecord(x).(*queue.Member)
		c.Edition, c.Changed = 1, 0
		m.members[c.ID] = c
	}
}

// EditMember changes a member from outside; false when he is not there, or in an
// open attempt.
func (m *Memory) EditMember(id int64, change func(*queue.Member)) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	x := m.members[id]
	if x == nil || x.Open != 0 {
		return false
	}
	change(x)
	x.Edition++
	return true
}

// RemoveMember takes a member off his list.
func (m *Memory) RemoveMember(id int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.members, id)
}

// Member returns a copy of the member, or nil.
func (m *Memory) Member(id int64) *queue.Member {
	m.mu.Lock()
	defer m.mu.Unlock()
	if x := m.members[id]; x != nil {
		return copyRecord(x).(*queue.Member)
	}
	return nil
}

// Ready returns who may be dialled.
func (m *Memory) Ready(_ context.Context, q desk.Ready) ([]*queue.Member, int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var found []*queue.Member
	for _, x := range m.members {
		if x.QueueID != q.QueueID || x.Open != 0 || !x.StoppedAt.IsZero() || x.ReadyAt.After(q.At) || !slices.Contains(q.Zones, x.TimeZone) {
			continue
		}
		c := copyRecord(x).(*queue.Member)
		for i := range c.Numbers {
			_, c.Numbers[i].Forbidden = m.records[queue.KeyOf(&queue.Forbidden{Number: c.Numbers[i].Number})]
		}
		found = append(found, c)
	}
	slices.SortFunc(found, func(a, b *queue.Member) int {
		return cmp.Or(cmp.Compare(b.Priority, a.Priority), a.ReadyAt.Compare(b.ReadyAt), cmp.Compare(a.ID, b.ID))
	})
	return found[:min(len(found), q.Limit)], m.head.Version, nil
}

// Zones returns the time zones of who may still be dialled.
func (m *Memory) Zones(_ context.Context, queueID int64) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	zones := map[string]bool{}
	for _, x := range m.members {
		if x.QueueID == queueID && x.StoppedAt.IsZero() {
			zones[x.TimeZone] = true
		}
	}
	return slices.Sorted(maps.Keys(zones)), nil
}

// stale reports a member of the batch who was not made of his row.
func (m *Memory) stale(b desk.Batch) error {
	for _, r := range b.Changed {
		x, ok := r.(*queue.Member)
		if !ok || x.Edition == 0 {
			continue
		}
		row := m.members[x.ID]
		if row == nil || row.Edition != x.Edition || !(row.Open == 0 && row.Changed == x.Changed || row.Open != 0 && row.Open == x.LastAttempt) {
			return fmt.Errorf("write member %d: %w", x.ID, desk.ErrStale)
		}
	}
	return nil
}

// writeMember keeps what the engine found out of a member, and nothing else.
func (m *Memory) writeMember(r *queue.Member, version int64) {
	c := copyRecord(r).(*queue.Member)
	c.Changed = version
	if c.Edition == 0 {
		c.Edition = 1
	}
	m.members[c.ID] = c
}

// membersSince returns the members who are state, or who have changed.
func (m *Memory) membersSince(version int64, catchUp bool) []queue.Record {
	var out []queue.Record
	for _, x := range m.members {
		if catchUp && x.Changed > version || !catchUp && x.Open != 0 {
			out = append(out, copyRecord(x))
		}
	}
	return out
}
