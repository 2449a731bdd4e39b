package store

import (
	"encoding/json"
	"iter"

	"github.com/offhook/offhook/queue"
)

// eventColumns are the columns of the log, in the order of eventRow and of
// scanEvent.
var eventColumns = []string{
	"domain_id", "recorded_at", "seq", "id", "type", "at", "sequence", "queue_id", "queue_name",
	"queue_type", "attempt_id", "subject_kind", "subject_id", "channel", "destination",
	"use_processing", "agent_channel_id", "member_channel_id", "agent_name", "agent_id", "user_id",
	"agent_extension", "member_name", "member_id", "cc_attempt_seq", "cc_result", "call_bill_sec",
	"call_duration", "call_cause", "call_sip_code", "amd_result", "call_voice_sec", "variables",
	"ext", "data",
}

var insertEvents = insertInto("events", eventColumns)

// eventRow is an event as a row (see copyRows).
func eventRow(domain *int64, ev *queue.Event) []any {
	r := eventRows{domain: domain}
	return r.row(ev)
}

// eventRowsOf returns events as rows for copySeq.
func eventRowsOf(domain *int64, events []queue.Event) iter.Seq[[]any] {
	return func(yield func([]any) bool) {
		r := eventRows{domain: domain, json: make([]byte, 0, 512)}
		for i := range events {
			if !yield(r.row(&events[i])) {
				return
			}
		}
	}
}

// eventRows makes rows of events in one place, so that each ends the one before.
type eventRows struct {
	columns [35]any
	domain  *int64
	json    []byte // of the row's variables and ext
}

// row is an event as a row. What it does not have is NULL.
func (r *eventRows) row(ev *queue.Event) []any {
	row := r.columns[:]
	clear(row)
	row[0], row[1], row[2], row[3] = r.domain, &ev.RecordedAt, &ev.Seq, (*[16]byte)(&ev.ID)
	row[4], row[5] = (*string)(&ev.Type), &ev.At
	if ev.Sequence != 0 {
		row[6] = &ev.Sequence
	}
	if q := ev.Queue; q != nil {
		row[7], row[8], row[9] = &q.ID, &q.Name, (*string)(&q.Type)
	}
	if ev.AttemptID != 0 {
		row[10] = &ev.AttemptID
	}
	if s := ev.Subject; s != nil {
		row[11], row[12] = &s.Kind, &s.ID
	}
	if l := ev.Listed; l != nil {
		row[13], row[14], row[15] = (*string)(&l.Channel), l.Destination, &l.UseProcessing
		row[16], row[17] = l.AgentChannelID, l.MemberChannelID
		row[18], row[19], row[20] = l.AgentName, l.AgentID, l.UserID
		row[21], row[22], row[23] = l.AgentExtension, l.MemberName, l.MemberID
		row[24], row[25], row[26], row[27] = &l.AttemptSeq, nameOf((*string)(&l.Result)), l.BillSec, l.Duration
		row[28], row[29], row[30], row[31] = (*string)(l.Cause), l.SIPCode, l.AMD, l.VoiceSec
	}
	r.json = r.json[:0]
	if len(ev.Variables) > 0 { // see variablesColumn
		r.json = appendVariables(r.json, ev.Variables)
		row[32] = r.json
	}
	if ev.Ext != nil {
		n := len(r.json)
		r.json = appendExt(r.json, ev.Ext)
		row[33] = r.json[n:]
	}
	if ev.Data != nil {
		row[34] = json.RawMessage(ev.Data)
	}
	return row
}

// variablesColumn is NULL for no variables: nil and empty are the same to every
// reader.
func variablesColumn(v map[string]string) []byte {
	if len(v) == 0 {
		return nil
	}
	return appendVariables(make([]byte, 0, 64*len(v)), v)
}
