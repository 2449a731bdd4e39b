// Package desktest holds the conformance suite of desk.Log and an in-memory
// log that passes it.
package desktest

import (
	"context"
	"encoding/json"
	"reflect"
	"sync"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
)

// Memory is a desk.Log in memory. Records take a trip through JSON, as they do
// in a store, so that nothing is shared with an engine.
type Memory struct {
	mu      sync.Mutex
	domain  queue.Domain
	head    desk.Head
	records map[queue.Key]row
	members map[int64]*queue.Member
	events  []queue.Event
	left    []*queue.Attempt
	notes   []desk.Note
	nextID  int64
	once    map[[32]byte][16]byte // the claim in force of each key
	fail    func(commit bool) error
}

// row is one stored record; a nil record is the mark of a removed one.
type row struct {
	record  queue.Record
	gone    *queue.Removed
	version int64
}

// NewMemory returns an empty log of domain 1.
func NewMemory() *Memory {
	return &Memory{domain: queue.Domain{ID: 1, Namespace: queue.UUID{7}}, records: map[queue.Key]row{}, members: map[int64]*queue.Member{}, once: map[[32]byte][16]byte{}, nextID: 1}
}

// Events returns all events so far.
func (m *Memory) Events() []queue.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]queue.Event(nil), m.events...)
}

// Notes returns what was written into the audit log.
func (m *Memory) Notes() []desk.Note {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]desk.Note(nil), m.notes...)
}

// Left returns the attempts that have left.
func (m *Memory) Left() []*queue.Attempt {
	m.mu.Lock()
	defer m.mu.Unlock()
	return append([]*queue.Attempt(nil), m.left...)
}

// Load reads all open state.
func (m *Memory) Load(context.Context) (desk.Snapshot, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.since(0, false), nil
}

// Update runs one transaction under the log's lock.
func (m *Memory) Update(_ context.Context, have desk.Head, step func(desk.Snapshot) (desk.Batch, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.fails(false); err != nil {
		return err
	}
	batch, err := step(m.since(have.Version, true))
	if err != nil {
		return err
	}
	if err := m.fails(true); err != nil {
		return err
	}
	if err := m.stale(batch); err != nil {
		return err
	}
	if err := m.claimed(batch.Notes); err != nil {
		return err
	}
	m.write(batch)
	return nil
}

// SetFail sets what is asked before each step and before each commit of Update;
// its error is the transaction's. Nil = nothing fails.
func (m *Memory) SetFail(fail func(commit bool) error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.fail = fail
}

func (m *Memory) fails(commit bool) error {
	if m.fail == nil {
		return nil
	}
	return m.fail(commit)
}

// IDs takes fresh ids.
func (m *Memory) IDs(_ context.Context, n int) (int64, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := m.nextID
	m.nextID += int64(n)
	return first, nil
}

func (m *Memory) since(version int64, gone bool) desk.Snapshot {
	s := desk.Snapshot{Domain: m.domain, Head: m.head, Records: m.membersSince(version, gone)}
	for key, r := range m.records {
		switch {
		case r.version <= version:
		case key.Kind == queue.KindForbidden && !gone: // a list, not state
		case r.record != nil:
			s.Records = append(s.Records, copyRecord(r.record))
		case gone:
			s.Records = append(s.Records, r.gone)
		}
	}
	return s
}

func (m *Memory) write(b desk.Batch) {
	m.head = b.Head
	m.events = append(m.events, b.Events...)
	for _, n := range b.Notes {
		if n.Action != "" {
			m.notes = append(m.notes, n)
		}
	}
	for _, r := range b.Changed {
		key, kept := queue.KeyOf(r), row{version: b.Head.Version}
		switch r := r.(type) {
		case *queue.Member:
			m.writeMember(r, b.Head.Version)
			continue
		case *queue.Removed:
			kept.gone = r
			if r.Kind == queue.KindAgent {
				delete(m.records, queue.AgentStateKey(r.ID))
			}
		case *queue.Attempt:
			if r.State == queue.StateLeaving {
				m.left = append(m.left, r)
				kept.gone = &queue.Removed{Kind: queue.KindAttempt, ID: r.ID}
			}
		}
		if kept.gone == nil {
			kept.record = copyRecord(r)
		}
		m.records[key] = kept
	}
}

// Claim puts a claim in force, in place of any other of its key.
func (m *Memory) Claim(o desk.Once) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.once[o.Key] = o.Token
}

// claimed errs when a note names a claim that is not in force.
func (m *Memory) claimed(notes []desk.Note) error {
	for _, n := range notes {
		if token, ok := m.once[n.Once.Key]; n.Once.Set() && (!ok || token != n.Once.Token) {
			return desk.ErrOvertaken
		}
	}
	return nil
}

func copyRecord(r queue.Record) queue.Record {
	b, err := json.Marshal(r)
	if err != nil {
		panic(err)
	}
	c := reflect.New(reflect.TypeOf(r).Elem())
	if err := json.Unmarshal(b, c.Interface()); err != nil {
		panic(err)
	}
	return c.Interface().(queue.Record)
}
