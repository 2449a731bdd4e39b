package api

import (
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Member is somebody on the list of an outbound queue, as the API shows him.
type Member struct {
	ID            int64             `json:"id"`
	QueueID       int64             `json:"queue_id"`
	State         store.MemberState `json:"state" enum:"ready,waiting,open,stopped" doc:"ready: he may be dialled. waiting: not before ready_at. open: he is in an attempt. stopped: he is not dialled any more."`
	Name          *string           `json:"name"`
	Numbers       []MemberNumber    `json:"numbers"`
	Priority      int               `json:"priority"`
	Bucket        *string           `json:"bucket"`
	Variables     map[string]string `json:"variables"`
	TimeZone      *string           `json:"time_zone" doc:"null: that of the queue's calendar."`
	ExpiresAt     *string           `json:"expires_at" format:"date-time"`
	StickyAgentID *int64            `json:"sticky_agent_id"`
	CreatedAt     *string           `json:"created_at" format:"date-time"`

	Attempts      int     `json:"attempts" doc:"Those that count towards the queue's max_attempts."`
	ReadyAt       *string `json:"ready_at" format:"date-time" doc:"When he may be dialled, at the earliest."`
	RetryRule     *string `json:"retry_rule" doc:"What set ready_at: a retry rule, report, callback, next_number or no_route; null: whoever entered him."`
	NextNumber    *string `json:"next_number" doc:"The number that the rule asked for; null: the best."`
	AttemptID     *int64  `json:"attempt_id" doc:"The attempt that he is in."`
	LastAttemptID *int64  `json:"last_attempt_id" doc:"That attempt, or the one before."`
	StoppedAt     *string `json:"stopped_at" format:"date-time"`
	StopCause     *string `json:"stop_cause" doc:"Why he is not dialled any more: the reason of his last attempt, max_attempts, expired, dnc, or stopped by hand."`
}

// MemberNumber is one of a member's numbers.
type MemberNumber struct {
	Number    string  `json:"number"`
	Priority  int     `json:"priority" doc:"Higher is dialled first."`
	Attempts  int     `json:"attempts" doc:"Those that counted."`
	LastAt    *string `json:"last_at" format:"date-time" doc:"When it was last dialled."`
	StopCause *string `json:"stop_cause" doc:"Why it is not dialled any more, such as bad_number."`
	Forbidden bool    `json:"forbidden" doc:"It is on the do-not-call list."`
}

func viewMember(m *queue.Member, at time.Time) Member {
	v := Member{
		ID: m.ID, QueueID: m.QueueID, State: store.StateOf(m, at), Name: m.Name, Numbers: make([]MemberNumber, len(m.Numbers)),
		Priority: m.Priority, Bucket: orNil(m.Bucket), Variables: m.Variables, TimeZone: orNil(m.TimeZone),
		ExpiresAt: stamp(m.ExpiresAt), StickyAgentID: m.StickyAgentID, CreatedAt: stamp(m.CreatedAt), Attempts: m.Attempts,
		ReadyAt: stamp(m.ReadyAt), RetryRule: orNil(m.RetryRule), NextNumber: orNil(m.NextNumber), AttemptID: number(m.Open),
		LastAttemptID: number(m.LastAttempt), StoppedAt: stamp(m.StoppedAt), StopCause: orNil(m.StopCause),
	}
	for i, n := range m.Numbers {
		v.Numbers[i] = MemberNumber{n.Number, n.Priority, n.Attempts, stamp(n.LastAt), orNil(n.Stopped), n.Forbidden}
	}
	if v.Variables == nil {
		v.Variables = map[string]string{}
	}
	return v
}

// NewMember is the body that adds a member.
type NewMember struct {
	Name          *string           `json:"name,omitempty" nullable:"true" maxLength:"200"`
	Numbers       []NewNumber       `json:"numbers" minItems:"1" maxItems:"20" doc:"In the order in which they are dialled, among those of one priority."`
	Priority      int               `json:"priority,omitempty" minimum:"-1000000" maximum:"1000000" doc:"Higher is dialled first."`
	Bucket        *string           `json:"bucket,omitempty" nullable:"true" maxLength:"500"`
	Variables     map[string]string `json:"variables,omitempty" doc:"Travel with every event of his attempts; they win over the queue's. At most 32 KiB."`
	TimeZone      *string           `json:"time_zone,omitempty" nullable:"true" maxLength:"64" doc:"An IANA name: the hours of the queue's calendar are counted in it. null: the calendar's own."`
	ExpiresAt     *time.Time        `json:"expires_at,omitempty" nullable:"true" doc:"He is not dialled after this."`
	ReadyAt       *time.Time        `json:"ready_at,omitempty" nullable:"true" doc:"He is not dialled before this; now when absent."`
	StickyAgentID *int64            `json:"sticky_agent_id,omitempty" nullable:"true" minimum:"1" doc:"The agent who shall get him, if he can."`
}

// NewNumber is one number of a member that is entered.
type NewNumber struct {
	Number   string `json:"number" minLength:"1" maxLength:"128" doc:"A telephone number, best as +4930123456, or another address that the switch can call. Spaces and the like are taken out."`
	Priority int    `json:"priority,omitempty" minimum:"-1000000" maximum:"1000000" doc:"Higher is dialled first."`
}

// MemberChange is the body that changes a member: the fields that shall change.
type MemberChange struct {
	NewMember
	Stopped bool `json:"stopped,omitempty" doc:"true: he is not dialled any more. false: one who was stopped is dialled again as if he were new."`
}

// TransformSchema makes everything optional.
func (MemberChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = nil
	return s
}
