package queue

import (
	"errors"
	"slices"
	"strconv"
)

// Who gets no attempt has none of the eight events. Two others tell of him, to
// endpoints that name them: a join that was refused at the door, and a member
// whose time was over before he was dialled (engine.md B.10, 18 and 19).

// JoinRejectedData is the data of a queue.join_rejected event.
type JoinRejectedData struct {
	Code    Code    `json:"code"` // as the refusal says it: one of doorCodes
	Channel Channel `json:"channel"`
	// Destination is null when none of a member's numbers was picked, or for a task
	// without an address.
	Destination     *string `json:"destination"`
	MemberName      *string `json:"member_name"`       // null when not known
	MemberID        *int64  `json:"member_id"`         // null when he is on no list
	MemberChannelID *string `json:"member_channel_id"` // null when no switch has named it
	Test            bool    `json:"test"`
}

// MemberExpiredData is the data of a member.expired event.
type MemberExpiredData struct {
	MemberID   int64   `json:"member_id"`
	MemberName *string `json:"member_name"` // null when not known
	ExpiresAt  string  `json:"expires_at"`  // RFC 3339, milliseconds
	Attempts   int     `json:"attempts"`    // those that were counted
}

// doorCodes are the refusals of somebody who would have been taken at another
// time, or with another number. The rest are mistakes of whoever asked, or mean
// that nobody is free for him now.
var doorCodes = []Code{CodeQueueDisabled, CodeQueueFull, CodeCalendarClosed, CodeDNC}

// rejection returns the event that tells of a refused join or dial, if there is
// one. It takes the id that the attempt would have had.
func (s *step) rejection(cmd Command, err error) []Event {
	var refusal *Error
	if !errors.As(err, &refusal) {
		return nil
	}
	d, id, queueID := JoinRejectedData{Code: refusal.Code}, int64(0), int64(0)
	switch c := cmd.(type) {
	case Join:
		id, queueID = c.AttemptID, c.QueueID
		d.Destination, d.MemberName, d.MemberID, d.Test = c.Destination, c.MemberName, c.MemberID, c.Test
		if c.MemberChannelID != "" {
			d.MemberChannelID = &c.MemberChannelID
		}
	case Dial:
		id, queueID = c.AttemptID, c.QueueID
		d.MemberName, d.MemberID, d.Test = c.MemberName, c.MemberID, c.Test
		if c.Destination != "" {
			d.Destination = &c.Destination
		}
		if c.Member != nil {
			d.MemberName, d.MemberID = c.Member.Name, &c.Member.ID
		}
	}
	q := s.e.queues[queueID]
	if q == nil || id <= 0 || !slices.Contains(doorCodes, refusal.Code) || validateTexts(nil, "", d.Destination, d.MemberName, d.MemberChannelID) != nil {
		return nil
	}
	d.Channel = q.cfg.Type.Channel()
	if _, joins := cmd.(Join); joins && d.Destination == nil && d.Channel != ChannelTask {
		return nil // he would have been refused anyhow
	}
	return []Event{s.queueEvent(q, Event{
		ID: s.e.domain.derive(string(EventJoinRejected), id, 0), Type: EventJoinRejected,
		Subject: &Subject{Kind: "queue", ID: strconv.FormatInt(queueID, 10)}, Data: s.keep(d.appendJSON(s.e.buffer[:0])),
	})}
}

// fireExpired tells of a member whose time is over. One who is edited may expire
// again.
func (s *step) fireExpired(m *Member) {
	d := MemberExpiredData{MemberID: m.ID, MemberName: m.Name, ExpiresAt: m.ExpiresAt.UTC().Format(instant), Attempts: m.Attempts}
	s.emit(s.queueEvent(s.e.queues[m.QueueID], Event{
		ID: s.e.domain.derive(string(EventMemberExpired), m.ID, int(m.Edition)), Type: EventMemberExpired,
		Subject: &Subject{Kind: "member", ID: strconv.FormatInt(m.ID, 10)}, Data: s.keep(d.appendJSON(s.e.buffer[:0])),
	}))
}

// queueEvent fills in what an event of a queue that is about no attempt has.
func (s *step) queueEvent(q *queueState, ev Event) Event {
	ref := q.cfg.Ref()
	ev.DomainID, ev.At, ev.Queue = s.e.domain.ID, s.now, &ref
	return ev
}

// joinRejectedFields are the data fields of queue.join_rejected.
var joinRejectedFields = object{
	{"code", oneOf("why, as the refusal says it", doorCodes...)},
	{"channel", oneOf("medium of the attempt that there would have been", Channels[:]...)},
	{"destination", nullable("string", "the subscriber's address; null when none of a member's numbers was picked, or for a task without one")},
	{"member_name", nullable("string", "the subscriber's name")},
	{"member_id", identifier("the subscriber's record, when he is listed")},
	{"member_channel_id", nullable("string", "the member leg, if whoever asked has named it")},
	{"test", typed("boolean", "a test")},
}

// memberExpiredFields are the data fields of member.expired.
var memberExpiredFields = object{
	{"member_id", typed("integer", "the member")},
	{"member_name", nullable("string", "his name")},
	{"expires_at", object{{"type", "string"}, {"format", "date-time"}, {"description", "when his time was over"}}},
	{"attempts", object{{"type", "integer"}, {"minimum", 0}, {"description", "his attempts that were counted"}}},
}
