package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Code is the machine-readable reason of a problem. The refusals of the engine
// keep the codes they have there.
type Code = queue.Code

// The problems that arise outside the engine.
const (
	CodeMalformed        Code = "malformed"
	CodeUnauthenticated  Code = "unauthenticated"
	CodeForbidden        Code = "forbidden"
	CodeNotFound         Code = "not_found"
	CodeMethodNotAllowed Code = "method_not_allowed"
	CodeAttemptClosed    Code = "attempt_closed"
	CodeChanged          Code = "changed_meanwhile"
	CodePrecondition     Code = "precondition_failed"
	CodeKeyInUse         Code = "idempotency_key_in_use"
	CodeAnswerLost       Code = "answer_lost"
	CodeTooLarge         Code = "too_large"
	CodeMediaType        Code = "unsupported_media_type"
	CodeInternal         Code = "internal"
	CodeRateLimited      Code = "rate_limited"
	CodeUnavailable      Code = "unavailable"
)

type meaning struct {
	status int
	title  string
}

// meanings is the one table from a code to what the client sees.
var meanings = map[Code]meaning{
	CodeMalformed:             {http.StatusBadRequest, "The request is not what its content type says"},
	CodeUnauthenticated:       {http.StatusUnauthorized, "A valid API key is needed"},
	CodeForbidden:             {http.StatusForbidden, "The role of this API key does not allow this"},
	CodeNotFound:              {http.StatusNotFound, "There is no such thing"},
	queue.CodeUnknownAttempt:  {http.StatusNotFound, "There is no such attempt"},
	queue.CodeUnknownQueue:    {http.StatusNotFound, "There is no such queue"},
	queue.CodeUnknownAgent:    {http.StatusNotFound, "There is no such agent"},
	queue.CodeUnknownCalendar: {http.StatusNotFound, "There is no such calendar"},
	queue.CodeUnknownTrunk:    {http.StatusNotFound, "There is no such trunk"},
	CodeMethodNotAllowed:      {http.StatusMethodNotAllowed, "This path does not know this method"},
	CodeAttemptClosed:         {http.StatusConflict, "The attempt has left its queue"},
	queue.CodeBadState:        {http.StatusConflict, "This is not possible in the present state"},
	queue.CodeLostRace:        {http.StatusConflict, "Somebody else was first"},
	queue.CodeNoProcessing:    {http.StatusConflict, "The attempt has no processing to report on"},
	queue.CodeQueueDisabled:   {http.StatusConflict, "The queue is disabled"},
	queue.CodeQueueFull:       {http.StatusConflict, "The queue is full"},
	queue.CodeNameTaken:       {http.StatusConflict, "The name is taken"},
	queue.CodeInUse:           {http.StatusConflict, "It is still in use"},
	queue.CodeNoAgent:         {http.StatusConflict, "No agent is free for it"},
	queue.CodeMemberBusy:      {http.StatusConflict, "The member is in an open attempt"},
	queue.CodeCalendarClosed:  {http.StatusConflict, "The queue is closed at this time"},
	queue.CodeDNC:             {http.StatusConflict, "The number is on the do-not-call list"},
	queue.CodeExpired:         {http.StatusConflict, "The member's time is over"},
	queue.CodeNotReady:        {http.StatusConflict, "The member may not be dialled now"},
	queue.CodeNoLine:          {http.StatusConflict, "No line is free"},
	CodeChanged:               {http.StatusConflict, "Somebody else changed it at the same time"},
	CodeKeyInUse:              {http.StatusConflict, "The first request with this Idempotency-Key is still under way"},
	CodeAnswerLost:            {http.StatusConflict, "It was done before, but the answer is lost"},
	CodePrecondition:          {http.StatusPreconditionFailed, "It has changed since it was read"},
	CodeTooLarge:              {http.StatusRequestEntityTooLarge, "The body is too large"},
	CodeMediaType:             {http.StatusUnsupportedMediaType, "The body must be application/json"},
	queue.CodeInvalid:         {http.StatusUnprocessableEntity, "The request cannot be carried out as it stands"},
	CodeRateLimited:           {http.StatusTooManyRequests, "This API key makes too many requests"},
	CodeInternal:              {http.StatusInternalServerError, "Something went wrong here"},
	CodeUnavailable:           {http.StatusServiceUnavailable, "This cannot be stored or read right now"},
}

// retryAfterSec is what a client is told to wait when the store is away.
const retryAfterSec = 2

// translate turns what an operation returned into the problem that the client
// sees. An error that it does not know came from the desk or the store: that
// is answered 503, because nothing was acknowledged, and logged, because the
// client is not told what it was.
func (h *handler) translate(ctx context.Context, err error) *Problem {
	var p *Problem
	if errors.As(err, &p) {
		return p
	}
	var refusal *queue.Error
	var setting *dispatcher.ValidationError
	switch {
	case errors.As(err, &refusal):
		return refused(refusal)
	case errors.As(err, &setting):
		return invalid("/"+setting.Field, setting.Detail)
	case errors.Is(err, store.ErrEndpointChanged) && conditioned(ctx):
		return preconditionFailed()
	case errors.Is(err, store.ErrEndpointChanged):
		return problem(CodeChanged, "Somebody else changed the endpoint at the same time; read it and try again.")
	case errors.Is(err, store.ErrEndpointEnabled):
		return problem(queue.CodeBadState, "The endpoint is enabled; to pass over what it is owed, disable it first.")
	case errors.Is(err, store.ErrManySecrets):
		return problem(queue.CodeBadState, "Too many replaced secrets still sign; wait until one ends, or rotate with grace_sec 0, which ends them all.")
	case errors.Is(err, store.ErrNotFound):
		return problem(CodeNotFound, "No such thing is visible with this key.")
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		doubtful(ctx)
		return problem(CodeUnavailable, "The request was given up by its client.")
	case errors.Is(err, context.DeadlineExceeded):
		doubtful(ctx)
		h.cfg.Logger.WarnContext(ctx, "answer in time", "request_id", requestID(ctx), "error", err)
		return problem(CodeUnavailable, "It took too long. Whether a change was stored is not known.")
	default:
		doubtful(ctx)
		h.cfg.Logger.ErrorContext(ctx, "carry out request", "request_id", requestID(ctx), "error", err)
		return problem(CodeUnavailable, "The database cannot be reached or refuses. Nothing was acknowledged.")
	}
}

// refused shows a refusal of the engine. One that blames a field of the body is
// always 422, also when the field names a thing that does not exist.
func refused(e *queue.Error) *Problem {
	p := problem(e.Code, e.Detail)
	if e.Field != "" {
		p.Errors = []FieldError{{Pointer: "/" + e.Field, Detail: e.Detail}}
		if p.Status == http.StatusNotFound {
			p.Status = http.StatusUnprocessableEntity
		}
	}
	return p
}

// blaming gives a refusal with the code, if err is one, the field of the body
// that it is about. What a body names and does not exist is 422; 404 is for
// what a path names.
func blaming(err error, code Code, field string) error {
	var e *queue.Error
	if !errors.As(err, &e) || e.Code != code {
		return err
	}
	return &queue.Error{Code: e.Code, Detail: e.Detail, Field: field}
}
