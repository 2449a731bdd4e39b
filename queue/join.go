package queue

import (
	"maps"
	"strings"
	"time"
)

// join brings a subscriber into a queue that the engine distributes.
func (s *step) join(c Join) error {
	q := s.e.queues[c.QueueID]
	if err := s.mayEnter(q, c.QueueID); err != nil {
		return err
	}
	open := s.e.attempts[s.e.legs.of(c.MemberChannelID)]
	switch {
	case q.cfg.Distribution == DistributionExternal:
		return refuse(CodeBadState, "queue %q is distributed by a switch; its adapter reports who joined", q.cfg.Name)
	case c.Destination == nil && q.cfg.Type != Task:
		return invalid("destination", "a call or chat needs a destination: the subscriber's address")
	case c.MemberChannelID != "" && q.cfg.Type == Task:
		return invalid("member_channel_id", "a task has no member leg")
	case open != nil && open.EndedAt.IsZero():
		return refuse(CodeLostRace, "channel %q is already in attempt %d", c.MemberChannelID, open.ID)
	case s.e.attempts[c.AttemptID] != nil || c.AttemptID <= 0:
		return invalid("attempt_id", "a join needs a fresh attempt id")
	}
	if err := q.cfg.validateBucket(c.Bucket); err != nil {
		return err
	}
	if err := validateTexts(c.Variables, c.MemberChannelID, c.Destination, c.MemberName); err != nil {
		return err
	}
	a := s.newAttempt(q, c)
	s.followFrom(a, open)
	s.fire(a, EventJoined, nil)
	return nil
}

// mayEnter refuses whom the queue takes in from nowhere: neither who joins nor
// who is transferred.
func (s *step) mayEnter(q *queueState, id int64) error {
	switch {
	case q == nil:
		return refuse(CodeUnknownQueue, "no queue %d", id)
	case q.cfg.Type.Outbound():
		return refuse(CodeBadState, "queue %q is %s: its members are dialled, they do not join", q.cfg.Name, q.cfg.Type)
	case !q.cfg.Enabled:
		return refuse(CodeQueueDisabled, "queue %q is disabled", q.cfg.Name)
	case q.cfg.Distribution == DistributionEngine && !s.e.openFor(&q.cfg, "", s.now):
		return refuse(CodeCalendarClosed, "queue %q is closed at this time", q.cfg.Name)
	case q.cfg.Distribution == DistributionEngine && q.cfg.MaxWaiting > 0 && q.waiting >= q.cfg.MaxWaiting:
		return refuse(CodeQueueFull, "queue %q has %d waiting, its limit", q.cfg.Name, q.cfg.MaxWaiting)
	default:
		return nil
	}
}

// followFrom links the attempt with the one from which its member was
// transferred, when the agent there still works on the result: the switch
// brought him back by itself.
func (s *step) followFrom(a, from *attempt) {
	if from == nil || from.EndReason != ReasonTransferred || from.ChildAttemptID != 0 {
		return
	}
	a.ParentAttemptID, from.ChildAttemptID = from.ID, a.ID
	s.touch(from)
}

// create makes an attempt of what is common to all types.
func (s *step) create(q *queueState, c Join) *attempt {
	a := &attempt{Attempt: Attempt{
		ID: c.AttemptID, Queue: q.cfg.Ref(), Distribution: q.cfg.Distribution, State: StateWaiting,
		Destination: c.Destination, UseProcessing: q.cfg.UseProcessing && q.cfg.Type != IVR,
		MemberName: c.MemberName, MemberID: c.MemberID, AttemptSeq: max(1, c.AttemptSeq),
		Priority: c.Priority, Bucket: c.Bucket, StickyAgentID: c.StickyAgentID, Variables: merge(q.cfg.Variables, c.Variables),
		JoinedAt: s.at, Test: c.Test,
	}}
	if a.Channel() != ChannelTask {
		channel := c.MemberChannelID
		if channel == "" {
			channel = s.e.domain.derive("member_leg", a.ID, 0).String()
		}
		a.MemberChannelID = &channel
	}
	s.e.enter(a)
	s.touch(a)
	s.res.Attempt = &a.Attempt
	return a
}

// newAttempt creates the attempt of a subscriber who is there already, in the
// state waiting; the caller fires joined.
func (s *step) newAttempt(q *queueState, c Join) *attempt {
	a := s.create(q, c)
	if a.Channel() == ChannelCall {
		a.DialAt = notAfter(c.DialAt, s.at)
		if !c.MemberUnanswered {
			a.MemberAnsweredAt = notAfter(c.MemberAnsweredAt, s.at)
		}
		switch { // answered no earlier than dialled (engine.md B.2)
		case c.MemberUnanswered || !a.MemberAnsweredAt.Before(a.DialAt):
		case unset(c.DialAt):
			a.DialAt = a.MemberAnsweredAt
		default:
			a.MemberAnsweredAt = a.DialAt
		}
	}
	a.WaitUntil = later(s.at, q.cfg.MaxWaitSec)
	switch {
	case a.external():
		a.WaitUntil = s.at.Add(externalNet)
	case q.cfg.MaxWaitSec == 0 && q.cfg.Type != Task:
		a.WaitUntil = s.at.Add(waitNet)
	}
	a.ClosesAt = s.e.closesAt(a, s.at)
	if !a.external() {
		a.NoAgentsUntil = s.e.emptyUntil(a, s.at)
		s.resume(a)
		s.beginWait(a)
	}
	return a
}

// notAfter returns t in milliseconds UTC, limit when t is not set or later.
func notAfter(t, limit time.Time) time.Time {
	if unset(t) || t.After(limit) {
		return limit
	}
	return t.UTC().Truncate(time.Millisecond)
}

// unset reports whether an instant from outside says nothing. A switch writes
// the epoch where it has no time; years before that could not all be stored.
func unset(t time.Time) bool { return !t.After(time.Unix(0, 0)) }

// merge lays over on top of base (engine.md D11) and shares with neither.
func merge(base, over map[string]string) map[string]string {
	if len(base)+len(over) == 0 {
		return nil
	}
	m := make(map[string]string, len(base)+len(over))
	maps.Copy(m, base)
	maps.Copy(m, over)
	return m
}

// validateTexts refuses what the log cannot keep: NUL, and text that is not
// UTF-8, which would come back as other bytes than it went in.
func validateTexts(variables map[string]string, channel string, texts ...*string) error {
	bad := func(t string) bool { return strings.IndexByte(t, 0) >= 0 || strings.ToValidUTF8(t, "") != t }
	for name, value := range variables {
		if name == "" || bad(name) || bad(value) {
			return invalid("variables", "variable names must not be empty, and texts must be UTF-8 without NUL")
		}
	}
	for _, t := range texts {
		if t != nil && bad(*t) {
			return invalid("", "texts must be UTF-8 without NUL")
		}
	}
	if bad(channel) {
		return invalid("member_channel_id", "texts must be UTF-8 without NUL")
	}
	return nil
}
