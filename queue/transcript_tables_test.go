package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// many is the n of 0..n.
const many = 1 << 30

// matrix is the table of engine.md B.8 for the built types: how often an
// attempt may fire the event.
var matrix = map[EventType]map[Type][2]int{
	EventJoined:     {Inbound: {1, 1}, Chat: {1, 1}, Task: {1, 1}},
	EventOffering:   {Inbound: {0, many}, Chat: {0, many}, Task: {0, many}},
	EventAnswered:   {Inbound: {0, 0}, Chat: {0, 0}, Task: {0, 0}},
	EventActive:     {Inbound: {0, 0}, Chat: {0, 0}, Task: {0, 0}},
	EventBridged:    {Inbound: {0, 1}, Chat: {0, 1}, Task: {0, 1}},
	EventMissed:     {Inbound: {0, many}, Chat: {0, many}, Task: {0, many}},
	EventProcessing: {Inbound: {0, 1}, Chat: {0, 1}, Task: {0, 1}},
	EventLeaving:    {Inbound: {1, 1}, Chat: {1, 1}, Task: {1, 1}},
}

// matrixHolds counts the events of every attempt that the transcripts show, by
// type: never outside of B.8, and both ends of each cell are shown.
func matrixHolds(t *testing.T, all []record) {
	t.Helper()
	shown := map[EventType]map[Type][2]int{}
	for _, typ := range AttemptEvents {
		shown[typ] = map[Type][2]int{}
		for _, queueType := range Built {
			shown[typ][queueType] = [2]int{many, 0}
		}
	}
	for _, r := range all {
		for _, typ := range AttemptEvents {
			n := 0
			for _, ev := range r.events {
				if ev.Type == typ {
					n++
				}
			}
			if may := matrix[typ][r.typ]; n < may[0] || n > may[1] {
				t.Errorf("%s: an attempt of type %s has %d %s", r.file, r.typ, n, typ)
			}
			cell := shown[typ][r.typ]
			shown[typ][r.typ] = [2]int{min(n, cell[0]), max(n, cell[1])}
		}
	}
	for typ, row := range matrix {
		for queueType, may := range row {
			got := shown[typ][queueType]
			if got[0] != may[0] || got[1] < min(may[1], 2) {
				t.Errorf("%s × %s: the transcripts show %v, the table says %v", typ, queueType, got, may)
			}
		}
	}
}

// outcomes are the rows of engine.md B.9 that the built types can end with:
// reason, cc_result, and for calls every cause and code of the table ("given"
// stands for whatever the switch said, "call" for that of a conversation).
var outcomes = map[string][]string{
	"served success":                   {"NORMAL_CLEARING 200", "given"},
	"reported_success success":         {"call"},
	"reported_abandoned abandoned":     {"call"},
	"reported_cancel cancel":           {"call"},
	"processing_timeout success":       {"call"},
	"transferred success":              {"BLIND_TRANSFER 200", "ATTENDED_TRANSFER 200"},
	"member_hangup_waiting abandoned":  {"NORMAL_CLEARING 200", "ORIGINATOR_CANCEL 487", "given"},
	"member_hangup_offering abandoned": {"NORMAL_CLEARING 200", "ORIGINATOR_CANCEL 487", "given"},
	"max_wait abandoned":               {"null", "NORMAL_CLEARING 200"},
	"no_agents abandoned":              {"null", "NORMAL_CLEARING 200"},
	"bridge_failed abandoned":          {"NORMAL_TEMPORARY_FAILURE 503", "given"},
	"cancelled cancel":                 {"MANAGER_REQUEST 480", "call"},
	"withdrawn cancel":                 {"null"},
	"key_exit abandoned":               {"null"},
	"shutdown cancel":                  {"SYSTEM_SHUTDOWN 480"},
	"recovered cancel":                 {"SYSTEM_SHUTDOWN 480"},
	"max_offers cancel":                nil,
	"client_idle success":              nil,
	"dialog_idle success":              nil,
	"agent_idle abandoned":             nil,
}

// outcomesHold compares how the attempts left with the table, row by row: none
// outside of it, and every row is shown.
func outcomesHold(t *testing.T, all []record) {
	t.Helper()
	missing := map[string]bool{}
	for row, causes := range outcomes {
		missing[row] = true
		for _, cause := range causes {
			missing[row+" "+cause] = true
		}
	}
	missed := map[MissedReason]bool{}
	for _, r := range all {
		for _, ev := range r.events {
			missed[ev.Ext.MissedReason] = true
		}
		last := r.events[len(r.events)-1]
		row := fmt.Sprintf("%s %s", last.Ext.ResultReason, last.Listed.Result)
		causes, ok := outcomes[row]
		if !ok {
			t.Errorf("%s: an attempt left as %s, which engine.md B.9 does not know", r.file, row)
			continue
		}
		delete(missing, row)
		if last.Listed.Channel != ChannelCall {
			continue
		}
		cause := causeOf(r.events)
		if !slices.Contains(causes, cause) && !slices.Contains(causes, "call") {
			t.Errorf("%s: %s with %s, want one of %v", r.file, row, cause, causes)
		}
		delete(missing, row+" "+cause)
		for _, ev := range r.events { // a report and a deadline keep the call's own
			if ev.Type == EventProcessing && causeOf([]Event{ev}) == cause {
				delete(missing, row+" call")
			}
		}
	}
	for row := range missing {
		t.Errorf("no transcript shows %s", row)
	}
	for _, reason := range []MissedReason{
		MissedDeclined, MissedTimeout, MissedBusy, MissedUnreachable, MissedMemberHangup,
		MissedAgentGone, MissedBridgeFailed, MissedCancelled, MissedFailed,
	} {
		if !missed[reason] {
			t.Errorf("no transcript shows missed %s", reason)
		}
	}
}

func causeOf(events []Event) string {
	last := events[len(events)-1]
	switch {
	case last.Listed.Cause == nil:
		return "null"
	case last.Ext.SIPCodeSource == "adapter":
		return "given"
	default:
		return strings.TrimSpace(fmt.Sprint(*last.Listed.Cause, " ", *last.Listed.SIPCode))
	}
}
