package store

import (
	"encoding/json"
	"fmt"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
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
	"wait_sec", "last_sequence", "test",
}

var insertAttempt = insertInto("attempts", attemptColumns)

// attemptRow is a finished attempt as a row. The durations are those of its
// leaving event, so that there is one formula for them; without the event they
// are null.
func attemptRow(domain int64, head desk.Head, a *queue.Attempt, leaving *queue.Event) ([]any, error) {
	variables, err := variablesJSON(a.Variables)
	if err != nil {
		return nil, fmt.Errorf("encode attempt %d: %w", a.ID, err)
	}
	var agent queue.AgentRef
	var agentID *int64
	if a.Agent != nil {
		agent, agentID = *a.Agent, &a.Agent.ID
	}
	var sip *int
	if a.SIPCode != 0 {
		sip = &a.SIPCode
	}
	var bill, duration, voice, wait *int64
	if leaving != nil && leaving.Listed != nil && leaving.Ext != nil {
		l := leaving.Listed
		bill, duration, voice, wait = l.BillSec, l.Duration, l.VoiceSec, &leaving.Ext.WaitSec
	}
	return []any{
		domain, head.RecordedAt, a.ID, head.Version, a.Queue.ID, a.Queue.Name, string(a.Queue.Type),
		string(a.Channel()), a.Destination, a.UseProcessing, a.MemberName, a.MemberID, a.MemberChannelID,
		a.AttemptSeq, a.Priority, variables, a.JoinedAt, null(a.DialAt), null(a.MemberRingingAt),
		null(a.MemberAnsweredAt), null(a.OfferingAt), null(a.AgentAnsweredAt), null(a.BridgedAt),
		null(a.EndedAt), null(a.ProcessingAt), null(a.ReportingAt), a.LeavingAt, agentID,
		text(agent.Name), agent.UserID, agent.Extension, text(a.AgentChannel), a.OfferNo, a.Misses,
		string(a.Result), text(a.ResultReason), text(a.Cause), sip, text(a.CodeSource),
		text(a.AMDResult), text(a.AMDCause), text(a.AgentCause), bill, duration, voice, wait,
		a.Sequence, a.Test,
	}, nil
}

// variablesJSON is null for no variables: nil and empty are the same to every
// reader.
func variablesJSON(v map[string]string) ([]byte, error) {
	if len(v) == 0 {
		return nil, nil
	}
	return json.Marshal(v)
}
