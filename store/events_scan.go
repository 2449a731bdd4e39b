package store

import (
	"bytes"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/offhook/offhook/queue"
)

// eventParts are what an event points to, in one piece.
type eventParts struct {
	queue                                        queue.QueueRef
	listed                                       queue.Listed
	ext                                          queue.Ext
	destination, agentChannel, memberChannel     string
	agentName, agentExtension, memberName, amd   string
	agentID, userID, memberID, bill, took, voice int64
	cause                                        queue.Cause
	sip                                          int
}

// scanEvents reads all rows of a statement that began with selectEvents.
func scanEvents(rows pgx.Rows, room int) ([]queue.Event, error) {
	defer rows.Close()
	events := make([]queue.Event, 0, min(room, 4096))
	r := newRowReader(rows)
	for r.next() {
		events = append(events, queue.Event{})
		if err := scanEvent(r, &events[len(events)-1]); err != nil {
			return nil, err
		}
	}
	return events, r.failure()
}

// scanEvent reads one row, so that the event renders to the bytes it had when
// it was fresh.
func scanEvent(r *rowReader, ev *queue.Event) error {
	p := &eventParts{}
	ev.DomainID, ev.RecordedAt, ev.Seq, ev.ID = r.number(), r.instant(), r.number(), r.uuid()
	ev.Type, ev.At, ev.Sequence = queue.EventType(r.name()), r.instant(), int(r.number())
	hasQueue := r.numberIn(&p.queue.ID) != nil
	p.queue.Name, p.queue.Type = r.name(), queue.Type(r.name())
	if hasQueue {
		ev.Queue = &p.queue
	}
	ev.AttemptID = r.number()
	subject := queue.Subject{Kind: r.name(), ID: string(r.bytes())}
	if subject.Kind != "" {
		ev.Subject = &subject
	}
	p.readListed(r, ev.AttemptID)
	variables, ext, data := r.bytes(), r.bytes(), r.bytes()
	if data != nil {
		ev.Data = bytes.Clone(data)
		return r.err
	}
	ev.Listed, ev.Ext = &p.listed, &p.ext
	if variables != nil {
		var err error
		if ev.Variables, err = parseVariables(variables, r.intern); err != nil {
			return fmt.Errorf("decode the variables of event %d: %w", ev.Seq, err)
		}
	}
	if err := parseExt(ext, &p.ext, r.intern); err != nil {
		return fmt.Errorf("decode ext of event %d: %w", ev.Seq, err)
	}
	return r.err
}

// readListed reads the columns that only the events of attempts have.
func (p *eventParts) readListed(r *rowReader, attemptID int64) {
	l := &p.listed
	l.AttemptID = attemptID
	l.Channel, l.Destination, l.UseProcessing = queue.Channel(r.name()), r.textIn(&p.destination), r.truth()
	l.AgentChannelID, l.MemberChannelID = r.textIn(&p.agentChannel), r.textIn(&p.memberChannel)
	l.AgentName, l.AgentID, l.UserID = r.textIn(&p.agentName), r.numberIn(&p.agentID), r.numberIn(&p.userID)
	l.AgentExtension, l.MemberName, l.MemberID = r.textIn(&p.agentExtension), r.textIn(&p.memberName), r.numberIn(&p.memberID)
	l.AttemptSeq, l.Result = int(r.number()), queue.CCResult(r.name())
	l.BillSec, l.Duration = r.numberIn(&p.bill), r.numberIn(&p.took)
	if !r.null() {
		p.cause = queue.Cause(r.name())
		l.Cause = &p.cause
	}
	if !r.null() {
		p.sip = int(r.number())
		l.SIPCode = &p.sip
	}
	l.AMD, l.VoiceSec = r.textIn(&p.amd), r.numberIn(&p.voice)
}
