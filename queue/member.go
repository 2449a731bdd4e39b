package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// MaxNumbers is how many numbers a member may have.
const MaxNumbers = 20

// Number is one number of a member, with what came of dialling it.
type Number struct {
	Number string `json:"number"`
	// Priority orders a member's numbers, higher first.
	Priority int `json:"priority,omitempty"`
	// Attempts are those that were counted (see Retry.Uncounted).
	Attempts int `json:"attempts,omitempty"`
	// LastAt is when it was last dialled; zero = never.
	LastAt time.Time `json:"last_at,omitzero"`
	// Stopped says why it is not dialled any more, such as bad_number; empty = it is.
	Stopped Reason `json:"stopped,omitempty"`
	// Forbidden: it was on the do-not-call list when the member was read. Not stored.
	Forbidden bool `json:"-"`
}

// Member is somebody on the list of an outbound queue. Lists are kept by the
// store; the engine knows the members in open attempts, and a bounded hopper of
// those who may be dialled next. Up to Edition a member is as he was entered;
// the engine changes only what follows, what his attempts found out.
type Member struct {
	ID      int64    `json:"id"`
	QueueID int64    `json:"queue_id"`
	Name    *string  `json:"name"`
	Numbers []Number `json:"numbers"` // 1 to MaxNumbers
	// Priority orders the members of a queue, higher first; then ReadyAt, then ID.
	Priority int `json:"priority"`
	// Bucket is one of the queue's; empty = none.
	Bucket string `json:"bucket,omitempty"`
	// Variables travel with his attempts and beat those of the queue.
	Variables map[string]string `json:"variables,omitempty"`
	// TimeZone is an IANA name; empty = that of the queue's calendar.
	TimeZone string `json:"time_zone,omitempty"`
	// ExpiresAt ends his being dialled; zero = never.
	ExpiresAt time.Time `json:"expires_at,omitzero"`
	// StickyAgentID is the agent who shall get him, if he can; null = any.
	StickyAgentID *int64    `json:"sticky_agent_id,omitempty"`
	CreatedAt     time.Time `json:"created_at,omitzero"`
	// Edition rises with every edit from outside. 0 = he is new, made by the
	// engine, and is to be inserted as edition 1.
	Edition int64 `json:"edition"`

	// Attempts are those that were counted, over all numbers.
	Attempts int `json:"attempts"`
	// ReadyAt is when he may be dialled, at the earliest.
	ReadyAt time.Time `json:"ready_at,omitzero"`
	// RetryRule is what set ReadyAt: the name of a retry rule, report, callback,
	// next_number or no_route; empty = whoever entered him. RetryTries is how
	// often in a row that rule has, for a rule with a Max.
	RetryRule  string `json:"retry_rule,omitempty"`
	RetryTries int    `json:"retry_tries,omitempty"`
	// AvoidTrunk is a trunk that the next call shall not leave by; 0 = none.
	AvoidTrunk int64 `json:"avoid_trunk,omitempty"`
	// NextNumber is the number that the rule asked for; empty = the best.
	NextNumber string `json:"next_number,omitempty"`
	// Exclusions keep agents from getting him, such as one who skipped him.
	Exclusions []Exclusion `json:"exclusions,omitempty"`
	// Open is the attempt he is in, LastAttempt that one or the one before; 0 =
	// none. While he is in one he cannot be edited from outside.
	Open        int64 `json:"open,omitempty"`
	LastAttempt int64 `json:"last_attempt,omitempty"`
	// StoppedAt is when his being dialled ended, StopCause why: the reason of his
	// last attempt, max_attempts, expired or dnc. Zero and empty = it has not.
	StoppedAt time.Time `json:"stopped_at,omitzero"`
	StopCause Reason    `json:"stop_cause,omitempty"`
	// Changed is the version of the log at which the engine last wrote him, as it
	// was when he was read; 0 = never. A store takes a record of him only over the
	// row it was made of: the same Edition, and either Changed is the row's and
	// the row is in no open attempt, or LastAttempt is the row's open attempt.
	Changed int64 `json:"changed,omitempty"`
}

// Why a member is no longer dialled, beside the reasons of attempts.
const (
	StopMaxAttempts Reason = "max_attempts"
	StopExpired     Reason = "expired"
)

// What sets a member's ReadyAt, beside the rules (Member.RetryRule).
const (
	ByReport     = "report"
	ByCallback   = "callback"
	ByNextNumber = "next_number"
	ByNoRoute    = "no_route"
)

// compareMembers orders members as they are picked.
func compareMembers(a, b *Member) int {
	if c := cmp.Compare(b.Priority, a.Priority); c != 0 {
		return c
	}
	if c := a.ReadyAt.Compare(b.ReadyAt); c != 0 {
		return c
	}
	return cmp.Compare(a.ID, b.ID)
}

// Clone returns a copy that shares nothing that changes.
func (m *Member) Clone() *Member {
	c := *m
	c.Numbers = slices.Clone(m.Numbers)
	c.Exclusions = slices.Clone(m.Exclusions)
	return &c // Variables are replaced, never changed in place.
}

// Validate reports the first field that cannot be carried out, as an *Error
// with the field's JSON name. Time zone, sticky agent and bucket are checked by
// who knows the zones, the agents and the queue.
func (m *Member) Validate() error {
	switch {
	case len(m.Numbers) == 0:
		return invalid("numbers", "a member needs a number")
	case len(m.Numbers) > MaxNumbers:
		return invalid("numbers", fmt.Sprintf("a member has at most %d numbers", MaxNumbers))
	case m.Name != nil && len(*m.Name) > 200:
		return invalid("name", "a name has at most 200 bytes")
	}
	for i, n := range m.Numbers {
		field := fmt.Sprintf("numbers/%d/number", i)
		if n.Number == "" || len(n.Number) > 128 {
			return invalid(field, "a number has 1 to 128 bytes")
		}
		if slices.ContainsFunc(m.Numbers[:i], func(x Number) bool { return x.Number == n.Number }) {
			return invalid(field, "the member has this number already")
		}
		if err := validateTexts(nil, "", &m.Numbers[i].Number); err != nil {
			return invalid(field, "texts must be UTF-8 without NUL")
		}
	}
	return validateTexts(m.Variables, "", m.Name, &m.Bucket)
}

// Forbidden is one number on the do-not-call list.
type Forbidden struct {
	Number    string    `json:"number"`
	Note      string    `json:"note,omitempty"`
	CreatedAt time.Time `json:"created_at,omitzero"`
}
