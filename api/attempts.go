package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Attempt is one pass of one member through one queue, open or finished, with
// the names that events have. Every field is always present; unknown is null.
type Attempt struct {
	ID       int64          `json:"attempt_id" doc:"Unique in the installation, never reused."`
	Queue    queue.QueueRef `json:"queue"`
	Channel  queue.Channel  `json:"channel" enum:"call,chat,task"`
	State    queue.State    `json:"state" enum:"waiting,dialing,offering,active,bridged,processing,leaving" doc:"leaving is final."`
	Sequence int            `json:"sequence" doc:"The number of its last event."`

	Destination     *string           `json:"destination" doc:"The subscriber's address."`
	UseProcessing   bool              `json:"use_processing"`
	MemberName      *string           `json:"member_name"`
	MemberID        *int64            `json:"member_id"`
	MemberChannelID *string           `json:"member_channel_id"`
	AttemptSeq      int               `json:"cc_attempt_seq"`
	Priority        int               `json:"priority"`
	Bucket          *string           `json:"bucket" doc:"The bucket of the queue to which it belongs."`
	StickyAgentID   *int64            `json:"sticky_agent_id" doc:"The agent whom the subscriber shall get if he is free soon."`
	Variables       map[string]string `json:"variables" doc:"The member's over the queue's."`

	AgentID        *int64         `json:"agent_id" doc:"The agent who last accepted; in offline, preview and progressive queues, until somebody has, the one who is reserved."`
	AgentName      *string        `json:"agent_name"`
	UserID         *int64         `json:"user_id"`
	AgentExtension *string        `json:"agent_extension"`
	AgentChannelID *string        `json:"agent_channel_id"`
	OfferNo        int            `json:"offer_no" doc:"The number of the last offer; 0 before the first."`
	Offers         []AttemptOffer `json:"offers" doc:"The offers that are open."`
	Misses         int            `json:"misses" doc:"How many offers ended without a connection."`

	JoinedAt           *string `json:"joined_at" format:"date-time"`
	DialAt             *string `json:"dial_at" format:"date-time"`
	MemberRingingAt    *string `json:"member_ringing_at" format:"date-time"`
	MemberAnsweredAt   *string `json:"member_answered_at" format:"date-time"`
	OfferingAt         *string `json:"offering_at" format:"date-time"`
	AgentAnsweredAt    *string `json:"agent_answered_at" format:"date-time"`
	BridgedAt          *string `json:"bridged_at" format:"date-time"`
	EndedAt            *string `json:"ended_at" format:"date-time"`
	ProcessingAt       *string `json:"processing_at" format:"date-time"`
	ReportingAt        *string `json:"reporting_at" format:"date-time"`
	LeavingAt          *string `json:"leaving_at" format:"date-time"`
	WaitUntil          *string `json:"wait_until" format:"date-time" doc:"When the waiting ends by itself."`
	StickyUntil        *string `json:"sticky_until" format:"date-time" doc:"Until then it is offered to sticky_agent_id only; null when anybody may have it."`
	OrderAt            *string `json:"order_at" format:"date-time" doc:"When it counts as having joined in the order of its queue, if that is not joined_at: a place regained."`
	OverflowAt         *string `json:"overflow_at" format:"date-time" doc:"When the next step of the queue's overflow is taken."`
	ProcessingDeadline *string `json:"processing_deadline" format:"date-time" doc:"When the processing ends by itself."`
	RenewalsUsed       int     `json:"renewals_used"`

	Result       *string `json:"cc_result" enum:"success,cancel,abandoned" doc:"Null until the attempt has left."`
	ResultReason *string `json:"result_reason" doc:"The fine result, such as served or max_wait."`
	Cause        *string `json:"call_cause" doc:"Why the member's leg ended."`
	SIPCode      *int    `json:"call_sip_code"`
	CodeSource   *string `json:"sip_code_source" doc:"adapter when the switch gave the code, derived when it follows from the cause."`
	AMDResult    *string `json:"amd_result"`
	AMDCause     *string `json:"amd_cause" doc:"What made the detection decide, if the switch said."`
	RetryAt      *string `json:"retry_at" format:"date-time" doc:"When the member of an outbound queue is tried again; null when he is not."`
	Test         bool    `json:"test"`

	ParentAttemptID *int64 `json:"parent_attempt_id" doc:"The attempt from which the member was transferred to this one's queue."`
	ChildAttemptID  *int64 `json:"child_attempt_id" doc:"The attempt to which he was transferred from this one."`
	PreviousAgentID *int64 `json:"previous_agent_id" doc:"Who handed the conversation over to the agent, if somebody did."`
}

// AttemptOffer is one open proposal of an attempt to one agent.
type AttemptOffer struct {
	No             int     `json:"offer_no"`
	AgentID        int64   `json:"agent_id"`
	AgentName      string  `json:"agent_name"`
	UserID         *int64  `json:"user_id"`
	AgentExtension *string `json:"agent_extension"`
	AgentChannelID *string `json:"agent_channel_id"`
	OfferingAt     *string `json:"offering_at" format:"date-time"`
	AcceptedAt     *string `json:"accepted_at" format:"date-time" doc:"Set between the agent's accept and the bridge."`
	Deadline       *string `json:"deadline" format:"date-time" doc:"When the offer, or then the bridge, is given up."`
}

type attemptOut struct{ Body Attempt }

// AttemptPath names an attempt in a path.
type AttemptPath struct {
	ID int64 `path:"id" minimum:"1" doc:"The attempt."`
}

func (h *handler) attemptRoutes() {
	register(h, operation{
		method: http.MethodGet, path: "/v1/attempts", id: "listAttempts", tag: tagAttempts, role: store.RoleAnalyst,
		summary: "List attempts", doc: "Open and finished ones, by the time at which they joined, the youngest first." + shortPages,
	}, h.listAttempts)
	register(h, operation{
		method: http.MethodGet, path: "/v1/attempts/{id}", id: "readAttempt", tag: tagAttempts, role: store.RoleAnalyst,
		summary: "Read an attempt", doc: "Open or finished.",
	}, h.readAttempt)
	register(h, operation{
		method: http.MethodGet, path: "/v1/attempts/{id}/timeline", id: "readTimeline", tag: tagAttempts, role: store.RoleAnalyst,
		summary: "Read an attempt's timeline",
		doc:     "Every event of the attempt in order, each with its way to every endpoint: state, tries, answers.",
	}, h.readTimeline)
}

func (h *handler) listAttempts(ctx context.Context, c caller, in *struct {
	Page
	Open    string    `query:"open" enum:"true,false" doc:"true: only open attempts; false: only finished ones."`
	QueueID int64     `query:"queue_id" minimum:"1" doc:"Only attempts of this queue."`
	AgentID int64     `query:"agent_id" minimum:"1" doc:"Only attempts that this agent accepted last."`
	Result  string    `query:"cc_result" enum:"success,cancel,abandoned" doc:"Only attempts that left with this result."`
	Since   time.Time `query:"since" doc:"Only attempts that joined at or after this."`
	Until   time.Time `query:"until" doc:"Only attempts that joined before this."`
}) (*listOut[Attempt], error) {
	place, err := decodeCursor(in.Cursor, "ta", 2)
	if err != nil {
		return nil, err
	}
	f := store.AttemptFilter{
		Open: in.Open == "true", Finished: in.Open == "false",
		QueueID: in.QueueID, AgentID: in.AgentID, Result: queue.CCResult(in.Result),
		Since: in.Since, Until: in.Until, Limit: in.Limit + 1,
	}
	if place[1] != 0 {
		f.Before = store.AttemptPlace{JoinedAt: time.UnixMicro(place[0]), ID: place[1]}
	}
	found, next, err := h.cfg.Store.Attempts(ctx, c.domain, f)
	if err != nil {
		return nil, err
	}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		last := found[in.Limit-1]
		next = &store.AttemptPlace{JoinedAt: last.JoinedAt, ID: last.ID}
	}
	out := &listOut[Attempt]{Body: list[Attempt]{Data: []Attempt{}}}
	if next != nil {
		out.Body.NextCursor = encodeCursor("ta", next.JoinedAt.UnixMicro(), next.ID)
	}
	for _, a := range found {
		out.Body.Data = append(out.Body.Data, viewAttempt(a))
	}
	return out, nil
}

func (h *handler) readAttempt(ctx context.Context, c caller, in *AttemptPath) (*attemptOut, error) {
	a, err := h.attempt(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &attemptOut{viewAttempt(a)}, nil
}

// attempt reads one attempt of the caller's domain, open or finished.
func (h *handler) attempt(ctx context.Context, c caller, id int64) (*queue.Attempt, error) {
	a, err := h.cfg.Store.Attempt(ctx, c.domain, id)
	if errors.Is(err, store.ErrNotFound) {
		return nil, problem(queue.CodeUnknownAttempt, fmt.Sprintf("No attempt %d is visible with this key.", id))
	}
	return a, err
}

func viewAttempt(a *queue.Attempt) Attempt {
	v := Attempt{
		ID: a.ID, Queue: a.Queue, Channel: a.Channel(), State: a.State, Sequence: a.Sequence,
		Destination: a.Destination, UseProcessing: a.UseProcessing, MemberName: a.MemberName, MemberID: a.MemberID,
		MemberChannelID: a.MemberChannelID, AttemptSeq: a.AttemptSeq, Priority: a.Priority, Variables: a.Variables,
		Bucket: orNil(a.Bucket), StickyAgentID: a.StickyAgentID, StickyUntil: stamp(a.StickyUntil),
		OrderAt: stamp(a.OrderAt), OverflowAt: stamp(a.OverflowAt),
		AgentChannelID: orNil(a.AgentChannel), OfferNo: a.OfferNo, Offers: []AttemptOffer{}, Misses: a.Misses,
		JoinedAt: stamp(a.JoinedAt), DialAt: stamp(a.DialAt), MemberRingingAt: stamp(a.MemberRingingAt),
		MemberAnsweredAt: stamp(a.MemberAnsweredAt), OfferingAt: stamp(a.OfferingAt),
		AgentAnsweredAt: stamp(a.AgentAnsweredAt), BridgedAt: stamp(a.BridgedAt), EndedAt: stamp(a.EndedAt),
		ProcessingAt: stamp(a.ProcessingAt), ReportingAt: stamp(a.ReportingAt), LeavingAt: stamp(a.LeavingAt),
		WaitUntil: stamp(a.WaitUntil), ProcessingDeadline: stamp(a.ProcessingUntil), RenewalsUsed: a.RenewalsUsed,
		Result: orNil(a.Result), ResultReason: orNil(a.ResultReason), Cause: orNil(a.Cause),
		CodeSource: orNil(a.CodeSource), AMDResult: orNil(a.AMDResult),
		AMDCause: orNil(a.AMDCause), RetryAt: stamp(a.RetryAt), Test: a.Test,
		ParentAttemptID: number(a.ParentAttemptID), ChildAttemptID: number(a.ChildAttemptID), PreviousAgentID: number(a.PreviousAgentID),
	}
	if v.Variables == nil {
		v.Variables = map[string]string{}
	}
	if a.SIPCode != 0 {
		v.SIPCode = &a.SIPCode
	}
	if g := a.Agent; g != nil {
		v.AgentID, v.AgentName, v.UserID, v.AgentExtension = &g.ID, &g.Name, g.UserID, g.Extension
	}
	for _, o := range a.Offers {
		v.Offers = append(v.Offers, AttemptOffer{
			No: o.No, AgentID: o.Agent.ID, AgentName: o.Agent.Name, UserID: o.Agent.UserID,
			AgentExtension: o.Agent.Extension, AgentChannelID: orNil(o.Channel),
			OfferingAt: stamp(o.At), AcceptedAt: stamp(o.AcceptedAt), Deadline: stamp(o.Deadline),
		})
	}
	return v
}
