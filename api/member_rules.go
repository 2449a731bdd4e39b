package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// memberRules check members of one queue against what else there is.
type memberRules struct {
	queue  *queue.Queue
	agents map[int64]bool
	zones  map[string]bool // those that were looked up
	load   func(name string) (*time.Location, error)
	now    time.Time
}

// membersOf returns the rules for members of a queue, which must be outbound.
func (h *handler) membersOf(ctx context.Context, c caller, queueID int64) (*memberRules, error) {
	q, err := h.queue(ctx, c, queueID)
	if err != nil {
		return nil, err
	}
	if !q.Type.Outbound() {
		return nil, problem(queue.CodeBadState, fmt.Sprintf("Queue %q is %s: it has no list of members; its subscribers join it.", q.Name, q.Type))
	}
	rules := &memberRules{
		queue: q, agents: map[int64]bool{}, zones: map[string]bool{}, load: h.cfg.Zones,
		now: h.cfg.Now().UTC().Truncate(time.Millisecond),
	}
	return rules, h.read(ctx, c, func(e *queue.Engine) {
		for _, a := range e.Agents() {
			rules.agents[a.ID] = true
		}
	})
}

// fresh makes a new member of what was given. An error blames a field.
func (r *memberRules) fresh(in *memberInput) (*queue.Member, *FieldError) {
	if slices.Contains(in.given, "stopped") {
		return nil, &FieldError{"/stopped", "a new member cannot be stopped"}
	}
	m := &queue.Member{QueueID: r.queue.ID, CreatedAt: r.now, ReadyAt: r.now}
	in.lay(m, r.now)
	return m, r.check(m)
}

// check finds the first thing about a member that cannot be carried out.
func (r *memberRules) check(m *queue.Member) *FieldError {
	var e *queue.Error
	if err := m.Validate(); errors.As(err, &e) {
		return &FieldError{"/" + e.Field, e.Detail}
	}
	if wrong := withinPriority("/priority", m.Priority); wrong != nil {
		return wrong
	}
	for i, n := range m.Numbers {
		if wrong := withinPriority(fmt.Sprintf("/numbers/%d/priority", i), n.Priority); wrong != nil {
			return wrong
		}
	}
	size := 0
	for name, value := range m.Variables {
		size += len(name) + len(value)
	}
	switch {
	case size > maxVariables:
		return &FieldError{"/variables", fmt.Sprintf("the variables have more than %d bytes", maxVariables)}
	case m.StickyAgentID != nil && !r.agents[*m.StickyAgentID]:
		return &FieldError{"/sticky_agent_id", fmt.Sprintf("there is no agent %d", *m.StickyAgentID)}
	case m.Bucket != "" && !slices.ContainsFunc(r.queue.Buckets, func(b queue.Bucket) bool { return b.Name == m.Bucket }):
		return &FieldError{"/bucket", fmt.Sprintf("queue %q has no bucket %q", r.queue.Name, m.Bucket)}
	case !r.zoneKnown(m.TimeZone):
		return &FieldError{"/time_zone", fmt.Sprintf("%q is no time zone; write an IANA name such as Europe/Berlin", m.TimeZone)}
	default:
		return nil
	}
}

func withinPriority(pointer string, n int) *FieldError {
	if n < -maxPriority || n > maxPriority {
		return &FieldError{pointer, fmt.Sprintf("a priority is between %d and %d", -maxPriority, maxPriority)}
	}
	return nil
}

// zoneKnown looks a zone up once. "Local" is no zone of anybody's but this
// machine's.
func (r *memberRules) zoneKnown(name string) bool {
	if name == "" {
		return true
	}
	known, looked := r.zones[name]
	if !looked {
		_, err := r.load(name)
		known = err == nil && !strings.EqualFold(name, "local")
		r.zones[name] = known
	}
	return known
}

// change edits a member who is there, for a PATCH.
func (r *memberRules) change(m *queue.Member, in *memberInput) *FieldError {
	in.lay(m, r.now)
	if slices.Contains(in.given, "stopped") {
		switch {
		case in.stopped && m.StoppedAt.IsZero():
			m.StoppedAt, m.StopCause = r.now, stoppedByHand
		case !in.stopped && !m.StoppedAt.IsZero():
			reviveMember(m, r.now, slices.Contains(in.given, "ready_at"))
		}
	}
	return r.check(m)
}

// stoppedByHand is the cause of a stop that somebody asked for.
const stoppedByHand queue.Reason = "stopped"

// reviveMember lets a member who was stopped be dialled as if he were new.
func reviveMember(m *queue.Member, now time.Time, readyGiven bool) {
	m.StoppedAt, m.StopCause = time.Time{}, ""
	m.Attempts, m.RetryRule, m.RetryTries, m.AvoidTrunk, m.NextNumber = 0, "", 0, 0, ""
	if !readyGiven {
		m.ReadyAt = now
	}
	for i := range m.Numbers {
		m.Numbers[i].Attempts, m.Numbers[i].Stopped = 0, ""
	}
}

// memberAnswer tells a store that a member is busy from other errors.
func memberAnswer(err error) error {
	var busy *store.BusyError
	if errors.As(err, &busy) {
		return problem(queue.CodeMemberBusy, fmt.Sprintf("Member %d is in attempt %d; try again when it has left.", busy.MemberID, busy.AttemptID))
	}
	return err
}
