package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Join is the body that brings a subscriber into a queue.
type Join struct {
	Destination      *string           `json:"destination,omitempty" nullable:"true" maxLength:"500" doc:"The subscriber's address: number, chat contact, task address. Only a task can do without."`
	MemberName       *string           `json:"member_name,omitempty" nullable:"true" maxLength:"500"`
	MemberID         *int64            `json:"member_id,omitempty" nullable:"true" minimum:"1"`
	MemberChannelID  *string           `json:"member_channel_id,omitempty" nullable:"true" maxLength:"200" doc:"The switch's id of the call; made up when absent."`
	DialAt           *time.Time        `json:"dial_at,omitempty" nullable:"true" doc:"When the call reached the switch; now when absent."`
	MemberAnsweredAt moment            `json:"member_answered_at,omitzero" doc:"When the subscriber's leg was answered. Absent means now; null means that it still rings."`
	Priority         int               `json:"priority,omitempty" minimum:"-1000000" maximum:"1000000" doc:"Higher is offered first."`
	Bucket           string            `json:"bucket,omitempty" maxLength:"100" doc:"One of the queue's buckets; none when absent."`
	StickyAgentID    *int64            `json:"sticky_agent_id,omitempty" nullable:"true" minimum:"1" doc:"The agent whom the subscriber knows: for the queue's sticky_sec only he is offered the attempt."`
	Variables        map[string]string `json:"variables,omitempty" maxProperties:"200" doc:"Travel with every event of the attempt."`
	AgentID          *int64            `json:"agent_id,omitempty" nullable:"true" minimum:"1" doc:"Offline, preview and progressive queues: the agent who gets the member. Preview and progressive take the agent who has been idle longest when absent."`
	AttemptSeq       int               `json:"cc_attempt_seq,omitempty" minimum:"0" maximum:"1000000" doc:"Outbound queues: counted attempts of this member so far, plus 1; 1 when absent."`
}

// Accept is the body of an agent's yes.
type Accept struct {
	AgentID        int64   `json:"agent_id" minimum:"1"`
	OfferNo        int     `json:"offer_no,omitempty" minimum:"0" maximum:"1000000" doc:"0 or absent: the agent's open offer."`
	Bridged        bool    `json:"bridged,omitempty" doc:"The switch has connected both already."`
	AgentChannelID *string `json:"agent_channel_id,omitempty" nullable:"true" maxLength:"200" doc:"The switch's id of the agent's call."`
}

// Decline is the body of an agent's no, or of passing a member over.
type Decline struct {
	AgentID int64 `json:"agent_id" minimum:"1"`
	OfferNo int   `json:"offer_no,omitempty" minimum:"0" maximum:"1000000" doc:"0 or absent: the agent's open offer."`
}

// Report is the body of an agent's form.
type Report struct {
	AgentID   int64             `json:"agent_id,omitempty" minimum:"1" doc:"If given, must be the agent who holds the attempt."`
	Result    queue.CCResult    `json:"cc_result,omitempty" enum:"success,cancel,abandoned" doc:"success when absent."`
	KeepOpen  bool              `json:"keep_open,omitempty" doc:"Save the form only; the attempt goes on."`
	Variables map[string]string `json:"variables,omitempty" maxProperties:"200" doc:"Laid over those of the attempt."`
	RetryAt   *time.Time        `json:"retry_at,omitempty" doc:"Outbound queues, with cc_result abandoned: when the member is tried again; by the retry rules when absent."`
	Stop      bool              `json:"stop,omitempty" doc:"Outbound queues: the member is not tried again, whatever the retry rules say."`
}

// Holder is the body of what the agent who holds an attempt asks for.
type Holder struct {
	AgentID int64 `json:"agent_id,omitempty" minimum:"1" doc:"If given, must be the agent who holds the attempt."`
}

// Cancel is the body that ends an attempt, which may be absent.
type Cancel struct {
	Keep bool `json:"keep,omitempty" doc:"Outbound queues: the member stays on his list, ready at once, and the attempt does not count. Else he is not tried again."`
}

type attemptCreated struct {
	Location string `header:"Location"`
	Body     Attempt
}

// lateReport is how long after an attempt without processing has left its
// report is still taken (engine.md B.10, 11).
const lateReport = 5 * time.Second

func (h *handler) commandRoutes() {
	register(h, operation{
		method: http.MethodPost, path: "/v1/queues/{id}/attempts", id: "joinQueue", tag: tagAttempts, role: store.RoleOperator,
		status: http.StatusCreated, conflicts: true, summary: "Join a queue",
		doc: "Brings a subscriber into the queue: a call, a chat or a task, as the queue's type says. In an outbound queue (offline, ivr, preview, progressive, predictive) it is a member to be dialled: the order `switch.dial` goes out, at once or when the agent has accepted.",
	}, h.join)
	register(h, command("accept", "Accept an offer",
		"For a call this orders the bridge, and the switch's report `bridged` completes it; chats and tasks are bridged at once. The same accept a second time does nothing."), h.accept)
	register(h, command("decline", "Decline an offer", "The offer ends as missed, and the attempt waits for another agent."), h.decline)
	register(h, command("skip", "Skip a member",
		"Preview queues that allow it: the offer ends as missed, and the member is ready for another agent after the queue's skip_delay_sec."), h.skip)
	register(h, command("report", "Report the result",
		"In processing it ends the attempt. During the conversation it is kept, and the attempt leaves as soon as the conversation ends. Up to 5 s after an attempt without processing has left, it is stored beside it."), h.report)
	register(h, command("renew", "Take more time for processing", "Moves the deadline by the queue's processing_sec, as often as the queue allows."), h.renew)
	register(h, command("close", "End the conversation", "Of a bridged chat, task or call."), h.close)
	register(h, command("transfer", "Transfer a member",
		"To a number, to another queue or to an agent. A blind transfer ends the attempt as transferred; to a queue, the member waits there as a new attempt, `child_attempt_id`. An attended transfer to an agent keeps the attempt, which is his from then on. A member who still waits leaves as withdrawn. For a call the order `switch.transfer` goes out."), h.transfer)
	register(h, command("cancel", "Cancel an attempt", "In any state. A task that nobody accepted leaves as withdrawn."), h.cancel)
}

func command(verb, summary, doc string) operation {
	return operation{
		method: http.MethodPost, path: "/v1/attempts/{id}/" + verb, id: verb + "Attempt", tag: tagAttempts,
		role: store.RoleOperator, conflicts: true, summary: summary, doc: doc,
	}
}

func (h *handler) join(ctx context.Context, c caller, in *struct {
	QueuePath
	Body Join
}) (*attemptCreated, error) {
	var result queue.Result
	err := error(invalid("/agent_id", "agent_id and cc_attempt_seq belong to outbound queues"))
	if in.Body.AgentID == nil && in.Body.AttemptSeq == 0 {
		result, err = h.do(ctx, c, in.Body.join(in.ID))
	}
	if err != nil && !refusedOtherwise(err) {
		// Most join. Only who cannot pays for a look at the queue's type.
		result, err = h.dialInstead(ctx, c, in.ID, &in.Body, err)
	}
	if err != nil {
		return nil, err
	}
	a := viewAttempt(result.Attempt)
	return &attemptCreated{Location: location("attempts", a.ID), Body: a}, nil
}

// join takes in somebody who has come.
func (b *Join) join(queueID int64) queue.Join {
	return queue.Join{
		QueueID: queueID, Destination: b.Destination, MemberName: b.MemberName, MemberID: b.MemberID,
		MemberChannelID: text(b.MemberChannelID), DialAt: utc(b.DialAt), MemberAnsweredAt: utc(&b.MemberAnsweredAt.at),
		MemberUnanswered: b.MemberAnsweredAt.null(), Priority: b.Priority, Variables: b.Variables,
		Bucket: b.Bucket, StickyAgentID: b.StickyAgentID,
	}
}

// refusedOtherwise reports a refusal that is not about the queue's type.
func refusedOtherwise(err error) bool {
	var refusal *queue.Error
	var bad *Problem
	return !errors.As(err, &bad) && (!errors.As(err, &refusal) || refusal.Code != queue.CodeBadState)
}

// dialInstead dials a member of an outbound queue, which nobody can join; in
// another queue the refusal stands.
func (h *handler) dialInstead(ctx context.Context, c caller, id int64, b *Join, refusal error) (queue.Result, error) {
	q, err := h.queue(ctx, c, id)
	if err != nil {
		return queue.Result{}, err
	}
	if !q.Type.Outbound() {
		return queue.Result{}, refusal
	}
	if b.MemberChannelID != nil || b.DialAt != nil || b.MemberAnsweredAt.given {
		return queue.Result{}, invalid("/member_channel_id", "a member who is to be dialled has no channel and no times yet")
	}
	dial := queue.Dial{
		QueueID: id, Destination: text(b.Destination), MemberName: b.MemberName, MemberID: b.MemberID,
		AttemptSeq: b.AttemptSeq, Priority: b.Priority, Variables: b.Variables,
		Bucket: b.Bucket, StickyAgentID: b.StickyAgentID,
	}
	if b.AgentID != nil {
		dial.AgentID = *b.AgentID
	}
	if err := h.allowed(ctx, c, dial.Destination); err != nil {
		return queue.Result{}, err
	}
	return h.do(ctx, c, dial)
}

func (h *handler) accept(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body Accept
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Accept{
		AttemptID: in.ID, AgentID: in.Body.AgentID, OfferNo: in.Body.OfferNo,
		Bridged: in.Body.Bridged, AgentChannelID: text(in.Body.AgentChannelID),
	})
}

func (h *handler) decline(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body Decline
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Decline{AttemptID: in.ID, AgentID: in.Body.AgentID, OfferNo: in.Body.OfferNo})
}

func (h *handler) skip(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body Decline
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Skip{AttemptID: in.ID, AgentID: in.Body.AgentID, OfferNo: in.Body.OfferNo})
}

func (h *handler) report(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body *Report
}) (*attemptOut, error) {
	var b Report
	if in.Body != nil {
		b = *in.Body
	}
	cmd := queue.Report{
		AttemptID: in.ID, AgentID: b.AgentID, Result: b.Result, KeepOpen: b.KeepOpen, Variables: b.Variables,
		RetryAt: utc(b.RetryAt), Stop: b.Stop,
	}
	out, err := h.command(ctx, c, in.ID, cmd)
	var closed *closedError
	if errors.As(err, &closed) {
		return h.keepLate(ctx, c, closed, cmd)
	}
	return out, err
}

// keepLate stores a report that came just after its attempt without processing
// had left.
func (h *handler) keepLate(ctx context.Context, c caller, closed *closedError, cmd queue.Report) (*attemptOut, error) {
	a := closed.attempt
	by := h.by(ctx, c, nil, facts{"agent_id": cmd.AgentID, "cc_result": cmp.Or(cmd.Result, queue.ResultSuccess), "late": true})
	if a.UseProcessing || by.At.Sub(a.LeavingAt) > lateReport {
		return nil, closed
	}
	cmd.Result = cmp.Or(cmd.Result, queue.ResultSuccess)
	if err := h.cfg.Store.KeepLateReport(ctx, c.domain, cmd, by); err != nil {
		return nil, err
	}
	return &attemptOut{viewAttempt(a)}, nil
}

func (h *handler) renew(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body *Holder
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Renew{AttemptID: in.ID, AgentID: in.Body.agent()})
}

func (h *handler) close(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body *Holder
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Close{AttemptID: in.ID, AgentID: in.Body.agent()})
}

func (h *handler) cancel(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body *Cancel
}) (*attemptOut, error) {
	return h.command(ctx, c, in.ID, queue.Cancel{AttemptID: in.ID, Keep: in.Body != nil && in.Body.Keep})
}

func (b *Holder) agent() int64 {
	if b == nil {
		return 0
	}
	return b.AgentID
}

// command carries out a command about an attempt and answers with the attempt
// as it is afterwards. The engine only knows open attempts: one that it does
// not know may be in the history.
func (h *handler) command(ctx context.Context, c caller, id int64, cmd queue.Command) (*attemptOut, error) {
	result, err := h.do(ctx, c, cmd)
	if errors.Is(err, &queue.Error{Code: queue.CodeUnknownAttempt}) {
		a, err := h.attempt(ctx, c, id)
		if err != nil {
			return nil, err
		}
		return nil, &closedError{attempt: a}
	}
	if err != nil {
		return nil, err
	}
	return &attemptOut{viewAttempt(result.Attempt)}, nil
}

// closedError says that a command came after its attempt had left.
type closedError struct{ attempt *queue.Attempt }

func (e *closedError) Error() string { return fmt.Sprintf("attempt %d has left", e.attempt.ID) }

// As shows the error to translate as the problem that it is.
func (e *closedError) As(target any) bool {
	p, ok := target.(**Problem)
	if !ok {
		return false
	}
	*p = problem(CodeAttemptClosed, fmt.Sprintf("Attempt %d left with %s.", e.attempt.ID, e.attempt.Result))
	(*p).CCResult, (*p).LeavingAt = orNil(e.attempt.Result), stamp(e.attempt.LeavingAt)
	return true
}
