package store

import (
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// eventNulls holds the columns that need a look before they are an event's.
type eventNulls struct {
	sequence                   *int
	queueID, attemptID         *int64
	queueName, queueType       *string
	subjectKind, subjectID     *string
	channel, result            *string
	useProcessing              *bool
	attemptSeq                 *int
	variables, ext, data       []byte
	destination, agentChannel  *string
	memberChannel, agentName   *string
	agentExtension, memberName *string
	agentID, userID, memberID  *int64
	bill, duration, voice      *int64
	cause, amd                 *string
	sip                        *int
}

// scanEvent reads one row, so that the event renders to the bytes it had when
// it was fresh.
func scanEvent(rows pgx.Rows, ev *queue.Event) error {
	var n eventNulls
	err := rows.Scan(&ev.DomainID, &ev.RecordedAt, &ev.Seq, (*[16]byte)(&ev.ID), (*string)(&ev.Type), &ev.At,
		&n.sequence, &n.queueID, &n.queueName, &n.queueType, &n.attemptID, &n.subjectKind, &n.subjectID,
		&n.channel, &n.destination, &n.useProcessing, &n.agentChannel, &n.memberChannel, &n.agentName,
		&n.agentID, &n.userID, &n.agentExtension, &n.memberName, &n.memberID, &n.attemptSeq, &n.result,
		&n.bill, &n.duration, &n.cause, &n.sip, &n.amd, &n.voice, &n.variables, &n.ext, &n.data)
	if err != nil {
		return err
	}
	ev.RecordedAt, ev.At = ev.RecordedAt.UTC(), ev.At.UTC()
	if n.sequence != nil {
		ev.Sequence = *n.sequence
	}
	if n.queueID != nil {
		ev.Queue = &queue.QueueRef{ID: *n.queueID, Name: *n.queueName, Type: queue.Type(*n.queueType)}
	}
	if n.attemptID != nil {
		ev.AttemptID = *n.attemptID
	}
	if n.subjectKind != nil {
		ev.Subject = &queue.Subject{Kind: *n.subjectKind, ID: *n.subjectID}
	}
	if n.data != nil {
		ev.Data = n.data
		return nil
	}
	return n.body(ev)
}

// body fills in what only the events of attempts have.
func (n *eventNulls) body(ev *queue.Event) error {
	l := &queue.Listed{
		Channel: queue.Channel(*n.channel), AttemptID: ev.AttemptID, Destination: n.destination,
		UseProcessing: *n.useProcessing, AgentChannelID: n.agentChannel, MemberChannelID: n.memberChannel,
		AgentName: n.agentName, AgentID: n.agentID, UserID: n.userID, AgentExtension: n.agentExtension,
		MemberName: n.memberName, MemberID: n.memberID, AttemptSeq: *n.attemptSeq,
		BillSec: n.bill, Duration: n.duration, VoiceSec: n.voice,
		Cause: (*queue.Cause)(n.cause), SIPCode: n.sip, AMD: n.amd,
	}
	if n.result != nil {
		l.Result = queue.CCResult(*n.result)
	}
	ev.Listed = l
	if n.variables != nil {
		variables, err := parseVariables(n.variables)
		if err != nil {
			return fmt.Errorf("decode the variables of event %d: %w", ev.Seq, err)
		}
		ev.Variables = variables
	}
	ev.Ext = &queue.Ext{}
	if err := parseExt(n.ext, ev.Ext); err != nil {
		return fmt.Errorf("decode ext of event %d: %w", ev.Seq, err)
	}
	return nil
}
