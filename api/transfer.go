package api

import (
	"context"
	"errors"

	"github.com/offhook/offhook/queue"
)

// Transfer is the body that sends a member on: exactly one of queue_id,
// destination and agent_id.
type Transfer struct {
	QueueID        *int64  `json:"queue_id,omitempty" nullable:"true" minimum:"1" doc:"The queue in which the member waits from now on, as a new attempt."`
	Destination    *string `json:"destination,omitempty" nullable:"true" minLength:"1" maxLength:"500" doc:"The number to connect him with."`
	AgentID        *int64  `json:"agent_id,omitempty" nullable:"true" minimum:"1" doc:"The agent who gets him: attended, and in a chat or task, the conversation goes on with that agent; else his number is called."`
	Attended       bool    `json:"attended,omitempty" doc:"The agent has spoken with whom he transfers to. Not with queue_id."`
	ByAgentID      int64   `json:"by_agent_id,omitempty" minimum:"1" doc:"If given, must be the agent who holds the attempt."`
	AgentChannelID *string `json:"agent_channel_id,omitempty" nullable:"true" maxLength:"200" doc:"The switch's id of the other agent's call, when the conversation goes on with him."`
}

// transfer sends a member on. The answer is the attempt that he leaves, or in
// which he stays with another agent; child_attempt_id names a new one.
func (h *handler) transfer(ctx context.Context, c caller, in *struct {
	AttemptPath
	Body Transfer
}) (*attemptOut, error) {
	b := &in.Body
	cmd := queue.Transfer{
		AttemptID: in.ID, AgentID: b.ByAgentID, ToDestination: text(b.Destination), Attended: b.Attended,
		ToChannelID: text(b.AgentChannelID),
	}
	if b.QueueID != nil {
		cmd.ToQueueID = *b.QueueID
	}
	if b.AgentID != nil {
		cmd.ToAgentID = *b.AgentID
	}
	out, err := h.command(ctx, c, in.ID, cmd)
	if errors.Is(err, &queue.Error{Code: queue.CodeUnknownQueue}) {
		return nil, blaming(err, queue.CodeUnknownQueue, "queue_id")
	}
	return out, blaming(err, queue.CodeUnknownAgent, "agent_id")
}
