package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

func scanOpenAttempt(row pgx.CollectableRow) (*queue.Attempt, error) {
	var record []byte
	if err := row.Scan(&record); err != nil {
		return nil, err
	}
	var a queue.Attempt
	if err := json.Unmarshal(record, &a); err != nil {
		return nil, fmt.Errorf("read the record of an attempt: %w", err)
	}
	return &a, nil
}

// historyColumns are in the order of scanFinishedAttempt.
const historyColumns = `
id, queue_id, queue_name, queue_type, destination, use_processing, member_name, member_id,
member_channel_id, cc_attempt_seq, priority, variables, joined_at, dial_at, member_ringing_at,
member_answered_at, offering_at, agent_answered_at, bridged_at, ended_at, processing_at, reporting_at,
leaving_at, agent_id, agent_name, user_id, agent_extension, agent_channel_id, offers, misses,
cc_result, result_reason, call_cause, call_sip_code, sip_code_source, amd_result, amd_cause,
agent_cause, retry_at, uncounted, last_sequence, test,
coalesce(parent_attempt_id, 0), coalesce(child_attempt_id, 0), coalesce(previous_agent_id, 0),
coalesce(bucket, ''), sticky_agent_id, order_at`

const openAttemptSQL = `SELECT record FROM open_attempts WHERE domain_id = $1 AND id = $2`

const finishedAttemptSQL = `SELECT ` + historyColumns + ` FROM attempts WHERE domain_id = $1 AND id = $2`

// Attempt returns one attempt of the domain, open or finished, or ErrNotFound.
// What only matters to an open attempt (its exclusions, its deadlines) is zero
// in a finished one.
func (s *Store) Attempt(ctx context.Context, domainID, id int64) (*queue.Attempt, error) {
	for _, from := range []struct {
		sql  string
		scan pgx.RowToFunc[*queue.Attempt]
	}{{openAttemptSQL, scanOpenAttempt}, {finishedAttemptSQL, scanFinishedAttempt}} {
		rows, err := s.pool.Query(ctx, from.sql, domainID, id)
		if err != nil {
			return nil, fmt.Errorf("read attempt %d: %w", id, err)
		}
		a, err := pgx.CollectExactlyOneRow(rows, from.scan)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, pgx.ErrNoRows) {
			return nil, fmt.Errorf("read attempt %d: %w", id, err)
		}
	}
	return nil, ErrNotFound
}

func scanFinishedAttempt(row pgx.CollectableRow) (*queue.Attempt, error) {
	a := queue.Attempt{State: queue.StateLeaving}
	var variables []byte
	var instants [11]*time.Time // in the order of the columns, without leaving_at
	var agent struct {
		id                       *int64
		name, extension, channel *string
		userID                   *int64
	}
	var reason, cause, source, amd, amdCause, agentCause *string
	var code *int
	err := row.Scan(&a.ID, &a.Queue.ID, &a.Queue.Name, &a.Queue.Type, &a.Destination, &a.UseProcessing,
		&a.MemberName, &a.MemberID, &a.MemberChannelID, &a.AttemptSeq, &a.Priority, &variables,
		&a.JoinedAt, &instants[0], &instants[1], &instants[2], &instants[3], &instants[4], &instants[5],
		&instants[6], &instants[7], &instants[8], &a.LeavingAt,
		&agent.id, &agent.name, &agent.userID, &agent.extension, &agent.channel, &a.OfferNo, &a.Misses,
		&a.Result, &reason, &cause, &code, &source, &amd, &amdCause, &agentCause,
		&instants[9], &a.Uncounted, &a.Sequence, &a.Test, &a.ParentAttemptID, &a.ChildAttemptID, &a.PreviousAgentID,
		&a.Bucket, &a.StickyAgentID, &instants[10])
	if err != nil {
		return nil, err
	}
	for i, p := range []*time.Time{
		&a.DialAt, &a.MemberRingingAt, &a.MemberAnsweredAt, &a.OfferingAt, &a.AgentAnsweredAt,
		&a.BridgedAt, &a.EndedAt, &a.ProcessingAt, &a.ReportingAt, &a.RetryAt, &a.OrderAt,
	} {
		*p = instant(instants[i])
	}
	a.JoinedAt, a.LeavingAt = a.JoinedAt.UTC(), a.LeavingAt.UTC()
	a.LastAt = a.LeavingAt
	a.ResultReason, a.Cause = queue.Reason(orEmpty(reason)), queue.Cause(orEmpty(cause))
	a.CodeSource, a.AMDResult, a.AMDCause = orEmpty(source), orEmpty(amd), orEmpty(amdCause)
	a.AgentCause, a.AgentChannel = queue.Cause(orEmpty(agentCause)), orEmpty(agent.channel)
	if code != nil {
		a.SIPCode = *code
	}
	if agent.id != nil {
		a.Agent = &queue.AgentRef{ID: *agent.id, Name: orEmpty(agent.name), UserID: agent.userID, Extension: agent.extension}
	}
	if variables != nil {
		if err := json.Unmarshal(variables, &a.Variables); err != nil {
			return nil, fmt.Errorf("read the variables of attempt %d: %w", a.ID, err)
		}
	}
	return &a, nil
}

func orEmpty(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
