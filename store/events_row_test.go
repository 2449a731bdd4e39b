package store

import (
	"bytes"
	"slices"
	"testing"
	"time"

	"github.com/offhook/offhook/queue"
)

// Rows that are made in one place have nothing of the ones before them.
func TestRowsOfEventsAndAttemptsStandOnTheirOwn(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 1, 2, 3, 4, 5, 678e6, time.UTC)
	text, id, code := "+12025550100", int64(7), 486
	cause := queue.Cause("USER_BUSY")
	full := queue.Event{
		Seq: 1, RecordedAt: at, ID: queue.UUID{1}, Type: queue.EventLeaving, At: at, Sequence: 2,
		Queue: &queue.QueueRef{ID: 1, Name: "support", Type: queue.Inbound}, AttemptID: 12, Variables: map[string]string{"a": "b"},
		Listed: &queue.Listed{Channel: queue.ChannelCall, AttemptID: 12, Destination: &text, AgentName: &text, AgentID: &id,
			Result: queue.ResultSuccess, BillSec: &id, Cause: &cause, SIPCode: &code, AMD: &text},
		Ext: &queue.Ext{State: queue.StateLeaving, JoinedAt: at, OfferNo: 3},
	}
	other := queue.Event{Seq: 2, RecordedAt: at, Type: queue.EventAgentState, At: at,
		Subject: &queue.Subject{Kind: "agent", ID: "7"}, Data: []byte(`{"status":"online"}`)}
	plain := full
	plain.Variables, plain.Ext, plain.Listed = nil, &queue.Ext{}, &queue.Listed{}
	events := []queue.Event{full, other, plain, other, full}
	domain := int64(1)
	var alone [][]any
	for i := range events {
		alone = append(alone, eventRow(&domain, &events[i]))
	}
	if !bytes.Equal(encoded(t, slices.Values(alone)), encoded(t, eventRowsOf(&domain, events))) {
		t.Error("an event in a row of others is stored as it is not alone")
	}

	w := writer{domain: 1}
	agent := queue.Attempt{ID: 1, Agent: &queue.AgentRef{ID: 7, Name: text, Extension: &text}, SIPCode: 486, RetryAt: at, StickyAgentID: &id}
	w.left = []left{{&agent, &full}, {&queue.Attempt{ID: 2}, nil}, {&agent, &full}}
	alone = nil
	for _, l := range w.left {
		alone = append(alone, w.appendAttempt(nil, l.Attempt, l.leaving))
	}
	if len(alone[0]) != len(attemptColumns) || !bytes.Equal(encoded(t, slices.Values(alone)), encoded(t, w.attemptRows)) {
		t.Error("an attempt in a row of others is stored as it is not alone")
	}
}

func encoded(t *testing.T, rows func(func([]any) bool)) []byte {
	t.Helper()
	b, err := encodeRows(nil, rows)
	if err != nil {
		t.Fatal(err)
	}
	return b
}
