package queue

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// reoffering is a progressive queue with reoffer_sec, which has its own numbers
// in the table.
const reoffering Type = "progressive with reoffer_sec"

// matrix is the table of engine.md B.8: how often an attempt may fire the event.
var matrix = func() map[EventType]map[Type][2]int {
	columns := []Type{Offline, Inbound, IVR, Preview, Progressive, reoffering, Predictive, Chat, Task}
	no, one, maybe, some := [2]int{0, 0}, [2]int{1, 1}, [2]int{0, 1}, [2]int{0, Many}
	rows := map[EventType][9][2]int{
		EventJoined:     {one, one, one, one, one, one, one, one, one},
		EventOffering:   {one, some, maybe, one, maybe, some, some, some, some},
		EventAnswered:   {maybe, no, no, maybe, no, no, no, no, no},
		EventActive:     {maybe, no, no, maybe, no, no, no, no, no},
		EventBridged:    {maybe, maybe, maybe, maybe, maybe, maybe, maybe, maybe, maybe},
		EventMissed:     {maybe, some, no, maybe, maybe, some, some, some, some},
		EventProcessing: {maybe, maybe, no, maybe, maybe, maybe, maybe, maybe, maybe},
		EventLeaving:    {one, one, one, one, one, one, one, one, one},
	}
	m := map[EventType]map[Type][2]int{}
	for event, row := range rows {
		m[event] = map[Type][2]int{}
		for i, may := range row {
			m[event][columns[i]] = may
		}
	}
	return m
}()

// TestFires holds the engine's own table to the one above, which was copied from
// the page.
func TestFires(t *testing.T) {
	t.Parallel()
	for event, row := range matrix {
		for typ, want := range row {
			q := Queue{Type: typ}
			if typ == reoffering {
				q = Queue{Type: Progressive, ReofferSec: 5}
			}
			if got := q.Fires(event); got != (Bound{want[0], want[1]}) {
				t.Errorf("%s × %s: %v, want %v", event, typ, got, want)
			}
		}
	}
}

// matrixHolds counts the events of every attempt that the transcripts show, by
// type: never outside of B.8, and both ends of each cell are shown.
func matrixHolds(t *testing.T, all []record) {
	t.Helper()
	shown := map[EventType]map[Type][2]int{}
	for _, typ := range AttemptEvents {
		shown[typ] = map[Type][2]int{}
		for queueType := range matrix[typ] {
			shown[typ][queueType] = [2]int{Many, 0}
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

// outcomes are the rows of engine.md B.9 that the engine decides: reason,
// cc_result, and for calls every cause and code of the table ("given" stands for
// whatever the switch said, "call" for that of a conversation). A row of ours
// beside those of the table: a member of preview who hangs up between his answer
// and the bridge leaves like a caller who waits.
var outcomes = map[string][]string{
	"served success":                   {"NORMAL_CLEARING 200", "given"},
	"reported_success success":         {"call"},
	"reported_abandoned abandoned":     {"call"},
	"reported_cancel cancel":           {"call"},
	"processing_timeout success":       {"call"},
	"processing_timeout abandoned":     {"call"}, // as processing_timeout_result says
	"processing_timeout cancel":        {"call"},
	"transferred success":              {"BLIND_TRANSFER 200", "ATTENDED_TRANSFER 200"},
	"ivr_completed success":            {"NORMAL_CLEARING 200", "given"},
	"short_ivr abandoned":              {"NORMAL_CLEARING 200"},
	"member_hangup_waiting abandoned":  {"NORMAL_CLEARING 200", "ORIGINATOR_CANCEL 487", "given"},
	"member_hangup_offering abandoned": {"NORMAL_CLEARING 200", "ORIGINATOR_CANCEL 487", "given"},
	"max_wait abandoned":               {"null", "NORMAL_CLEARING 200"},
	"no_agents abandoned":              {"null", "NORMAL_CLEARING 200", "ORIGINATOR_CANCEL 487"},
	"agent_no_answer abandoned":        {"LOSE_RACE 480"},
	"agent_gone abandoned":             {"LOSE_RACE 480"},
	"busy abandoned":                   {"USER_BUSY 486", "given"},
	"no_answer abandoned":              {"NO_ANSWER 480", "given"},
	"rejected abandoned":               {"CALL_REJECTED 603", "call"},
	"unreachable abandoned":            {"SUBSCRIBER_ABSENT 480"},
	"bad_number abandoned":             {"UNALLOCATED_NUMBER 404", "given"},
	"network abandoned":                {"NORMAL_TEMPORARY_FAILURE 503", "NETWORK_OUT_OF_ORDER 503", "INVALID_GATEWAY 484"},
	"barred abandoned":                 {"OUTGOING_CALL_BARRED 403", "given"},
	"machine abandoned":                {"NORMAL_UNSPECIFIED 480"},
	"amd_notsure abandoned":            {"NORMAL_UNSPECIFIED 480"},
	"amd_cancel abandoned":             {"NORMAL_CLEARING 200", "given"},
	"bridge_failed abandoned":          {"NORMAL_TEMPORARY_FAILURE 503", "MEDIA_TIMEOUT 480", "given"},
	"agent_no_answer cancel":           {"null"},
	"skipped cancel":                   {"null"},
	"agent_gone cancel":                {"null", "ORIGINATOR_CANCEL 487"},
	"agent_hangup cancel":              {"ORIGINATOR_CANCEL 487", "call"},
	"lost_race cancel":                 {"ORIGINATOR_CANCEL 487"},
	"cancelled cancel":                 {"MANAGER_REQUEST 480", "call", "null"},
	"withdrawn cancel":                 {"null"},
	"dnc cancel":                       {"null"},
	"queue_disabled abandoned":         {"NORMAL_CLEARING 200", "null"}, // and another
	"calendar_closed abandoned":        {"NORMAL_CLEARING 200", "null"}, // a row of ours, too
	"callback abandoned":               {"NORMAL_CLEARING 200", "null"}, // ours: see ReasonCallback
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
		MissedAgentGone, MissedBridgeFailed, MissedCancelled, MissedFailed, MissedSkipped,
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
