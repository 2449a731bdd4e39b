package store

import (
	"encoding/json"
	"fmt"
	"time"

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

var insertEvent = insertInto("events", eventColumns)

// eventRow is an event as a row. What it does not have is NULL.
func eventRow(domain int64, ev *queue.Event) ([]any, error) {
	row := make([]any, len(eventColumns))
	row[0], row[1], row[2], row[3] = domain, ev.RecordedAt, ev.Seq, [16]byte(ev.ID)
	row[4], row[5] = string(ev.Type), ev.At
	if ev.Sequence != 0 {
		row[6] = ev.Sequence
	}
	if q := ev.Queue; q != nil {
		row[7], row[8], row[9] = q.ID, q.Name, string(q.Type)
	}
	if ev.AttemptID != 0 {
		row[10] = ev.AttemptID
	}
	if s := ev.Subject; s != nil {
		row[11], row[12] = s.Kind, s.ID
	}
	if l := ev.Listed; l != nil {
		row[13], row[14], row[15] = string(l.Channel), l.Destination, l.UseProcessing
		row[16], row[17], row[18], row[19] = l.AgentChannelID, l.MemberChannelID, l.AgentName, l.AgentID
		row[20], row[21], row[22], row[23] = l.UserID, l.AgentExtension, l.MemberName, l.MemberID
		row[24], row[25], row[26], row[27] = l.AttemptSeq, text(l.Result), l.BillSec, l.Duration
		row[28], row[29], row[30], row[31] = (*string)(l.Cause), l.SIPCode, l.AMD, l.VoiceSec
	}
	variables, err := variablesJSON(ev.Variables)
	if err != nil {
		return nil, fmt.Errorf("encode the variables of event %d: %w", ev.Seq, err)
	}
	row[32] = variables
	if ev.Ext != nil {
		if row[33], err = json.Marshal(newStoredExt(ev.Ext)); err != nil {
			return nil, fmt.Errorf("encode ext of event %d: %w", ev.Seq, err)
		}
	}
	if ev.Data != nil {
		row[34] = ev.Data
	}
	return row, nil
}

// storedExt is ext in the log: under the names that the body has, without what
// is null there.
type storedExt struct {
	State              queue.State        `json:"state,omitempty"`
	JoinedAt           time.Time          `json:"joined_at,omitzero"`
	DialAt             time.Time          `json:"dial_at,omitzero"`
	MemberAnsweredAt   time.Time          `json:"member_answered_at,omitzero"`
	OfferingAt         time.Time          `json:"offering_at,omitzero"`
	BridgedAt          time.Time          `json:"bridged_at,omitzero"`
	EndedAt            time.Time          `json:"ended_at,omitzero"`
	LeavingAt          time.Time          `json:"leaving_at,omitzero"`
	OfferNo            int                `json:"offer_no,omitempty"`
	MissedReason       queue.MissedReason `json:"missed_reason,omitempty"`
	ResultReason       queue.Reason       `json:"result_reason,omitempty"`
	RetryAt            time.Time          `json:"retry_at,omitzero"`
	ProcessingDeadline time.Time          `json:"processing_deadline,omitzero"`
	ParentAttemptID    int64              `json:"parent_attempt_id,omitempty"`
	ChildAttemptID     int64              `json:"child_attempt_id,omitempty"`
	AgentCause         queue.Cause        `json:"agent_cause,omitempty"`
	AMDCause           string             `json:"amd_cause,omitempty"`
	SIPCodeSource      string             `json:"sip_code_source,omitempty"`
	WaitSec            int64              `json:"wait_sec,omitempty"`
	Test               bool               `json:"test,omitempty"`
}

func newStoredExt(e *queue.Ext) *storedExt { return (*storedExt)(e) }
