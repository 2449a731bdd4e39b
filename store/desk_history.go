package store

import (
	"slices"

	"github.com/offhook/offhook/queue"
)

// attemptColumns are the columns of the history, in the order of attemptRow.
var attemptColumns = []string{
	"domain_id", "recorded_at", "id", "changed", "queue_id", "queue_name", "queue_type", "channel",
	"destination", "use_processing", "member_name", "member_id", "member_channel_id", "cc_attempt_seq",
	"priority", "variables", "joined_at", "dial_at", "member_ringing_at", "member_answered_at",
	"offering_at", "agent_answered_at", "bridged_at", "ended_at", "processing_at", "reporting_at",
	"leaving_at", "agent_id", "agent_name", "user_id", "agent_extension", "agent_channel_id", "offers",
	"misses", "cc_result", "result_reason", "call_cause", "call_sip_code", "sip_code_source",
	"amd_result", "amd_cause", "agent_cause", "call_bill_sec", "call_duration", "call_voice_sec",
	"wait_sec", "retry_at", "uncounted", "last_sequence", "test",
	"parent_attempt_id", "child_attempt_id", "previous_agent_id",
	"bucket", "sticky_agent_id", "order_at", "person_at",
}

var insertAttempts = insertInto("attempts", attemptColumns)

// left is an attempt that is finished. The durations are those of its leaving
// event, so that there is one formula for them; without the event, nil, they are
// null.
type left struct {
	*queue.Attempt
	leaving *queue.Event
}

// attemptRows yields the finished attempts as rows for copySeq, all in one place.
func (w *writer) attemptRows(yield func([]any) bool) {
	var row []any
	for _, l := range w.left {
		if row = w.appendAttempt(row[:0], l.Attempt, l.leaving); !yield(row) {
			return
		}
	}
}

// appendAttempt appends a finished attempt as a row.
func (w *writer) appendAttempt(row []any, a *queue.Attempt, leaving *queue.Event) []any {
	channel := a.Channel()
	row = append(slices.Grow(row, len(attemptColumns)),
		&w.domain, &w.head.RecordedAt, &a.ID, &w.head.Version, &a.Queue.ID, &a.Queue.Name, (*string)(&a.Queue.Type),
		(*string)(&channel), a.Destination, &a.UseProcessing, a.MemberName, a.MemberID,
		a.MemberChannelID, &a.AttemptSeq, &a.Priority, variablesColumn(a.Variables),
		&a.JoinedAt, instantOf(&a.DialAt), instantOf(&a.MemberRingingAt), instantOf(&a.MemberAnsweredAt),
		instantOf(&a.OfferingAt), instantOf(&a.AgentAnsweredAt), instantOf(&a.BridgedAt),
		instantOf(&a.EndedAt), instantOf(&a.ProcessingAt), instantOf(&a.ReportingAt), &a.LeavingAt,
	)
	if agent := a.Agent; agent != nil {
		row = append(row, &agent.ID, &agent.Name, agent.UserID, agent.Extension)
	} else {
		row = append(row, nil, nil, nil, nil)
	}
	var sip *int
	if a.SIPCode != 0 {
		sip = &a.SIPCode
	}
	row = append(row, nameOf(&a.AgentChannel), &a.OfferNo, &a.Misses, (*string)(&a.Result), nameOf((*string)(&a.ResultReason)),
		nameOf((*string)(&a.Cause)), sip, nameOf(&a.CodeSource), nameOf(&a.AMDResult), nameOf(&a.AMDCause), nameOf((*string)(&a.AgentCause)))
	if leaving != nil && leaving.Listed != nil && leaving.Ext != nil {
		l := leaving.Listed
		row = append(row, l.BillSec, l.Duration, l.VoiceSec, &leaving.Ext.WaitSec)
	} else {
		row = append(row, nil, nil, nil, nil)
	}
	return append(row, instantOf(&a.RetryAt), &a.Uncounted, &a.Sequence, &a.Test,
		idOf(&a.ParentAttemptID), idOf(&a.ChildAttemptID), idOf(&a.PreviousAgentID),
		nameOf(&a.Bucket), a.StickyAgentID, instantOf(&a.OrderAt), instantOf(&a.PersonAt))
}

// idOf is an id as a column: null when it is 0.
func idOf(id *int64) *int64 {
	if *id == 0 {
		return nil
	}
	return id
}
