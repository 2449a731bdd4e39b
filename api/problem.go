package api

import (
	"encoding/json"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/queue"
)

// Problem is the body of every answer that is not a success: RFC 9457 with the
// members code, errors and request_id; cc_result and leaving_at only come with
// the code attempt_closed.
type Problem struct {
	Type      string       `json:"type" doc:"Where this kind of problem is described." example:"/docs#problem-lost_race"`
	Title     string       `json:"title" doc:"The kind of problem in words; the same for every problem of a code."`
	Status    int          `json:"status" doc:"The HTTP status of the answer."`
	Detail    string       `json:"detail" doc:"What was wrong this time."`
	Code      Code         `json:"code" doc:"The kind of problem for programs." example:"lost_race"`
	Errors    []FieldError `json:"errors" nullable:"false" doc:"What is wrong with which field; empty when no field is to blame."`
	RequestID string       `json:"request_id" doc:"Names this request in the server's log."`
	CCResult  *string      `json:"cc_result,omitempty" doc:"attempt_closed: the result with which the attempt left."`
	LeavingAt *string      `json:"leaving_at,omitempty" doc:"attempt_closed: when the attempt left." format:"date-time"`

	header http.Header
}

// FieldError blames one field. Pointer is a JSON pointer into the body; a query
// parameter is written ?name, a path parameter {name}, a header Name:.
type FieldError struct {
	Pointer string `json:"pointer" example:"/member_answered_at"`
	Detail  string `json:"detail"`
}

// problem builds the problem of a code.
func problem(code Code, detail string) *Problem {
	m, ok := meanings[code]
	if !ok {
		// A refusal that this table has not learned yet is still a refusal.
		m = meaning{http.StatusConflict, "This was refused"}
	}
	p := &Problem{
		Type: "/docs#problem-" + string(code), Title: m.title, Status: m.status,
		Detail: detail, Code: code, Errors: []FieldError{},
	}
	switch code {
	case CodeKeyInUse:
		p.header = http.Header{"Retry-After": {"1"}}
	case CodeUnavailable:
		p.header = http.Header{"Retry-After": {strconv.Itoa(retryAfterSec)}}
	case CodeUnauthenticated:
		p.header = http.Header{"Www-Authenticate": {`Bearer realm="offhook"`}}
	}
	return p
}

// invalid is a 422 that blames one field.
func invalid(pointer, detail string) *Problem {
	p := problem(queue.CodeInvalid, detail)
	p.Errors = []FieldError{{Pointer: pointer, Detail: detail}}
	return p
}

// Error makes a Problem an error that operations can return.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Detail }

// GetStatus tells huma the status of the answer.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders tells huma the headers that go with the answer.
func (p *Problem) GetHeaders() http.Header { return p.header }

// ContentType tells huma the media type of RFC 9457.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// write answers outside huma: unknown routes, panics.
func (p *Problem) write(w http.ResponseWriter, r *http.Request) {
	p.RequestID = requestID(r.Context())
	for name, values := range p.header {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	// The status is out; when the client is gone there is nobody to tell.
	_ = json.NewEncoder(w).Encode(p)
}

// wantInstant is what is said to an instant that is none.
const wantInstant = "expected an RFC 3339 date-time such as 2026-08-22T10:15:30Z"

// fromHuma turns what huma finds wrong with a request into a Problem. The
// values it would echo are left out: they may be secrets.
func fromHuma(status int, msg string, errs []error) *Problem {
	var fields []FieldError
	paths := 0
	for _, err := range errs {
		d, ok := err.(huma.ErrorDetailer)
		if !ok {
			continue
		}
		f := d.ErrorDetail()
		if strings.HasPrefix(f.Location, "path.") {
			paths++
		}
		if strings.HasPrefix(f.Message, "invalid date/time") {
			f.Message = wantInstant // huma shows the layout of Go's
		}
		fields = append(fields, FieldError{Pointer: pointer(f.Location), Detail: f.Message})
	}
	p := problem(codeOf(status), msg)
	switch {
	case paths > 0 && paths == len(fields):
		// An id that cannot be one names nothing.
		return problem(CodeNotFound, "No such thing is visible with this key.")
	case status == http.StatusBadRequest && len(fields) > 0:
		p.Detail = "The body is not JSON: " + fields[0].Detail
	case status == http.StatusRequestEntityTooLarge:
		if _, limit, ok := strings.Cut(msg, "limit="); ok {
			p.Detail = "The body may have at most " + limit + "."
		}
	case status == http.StatusUnsupportedMediaType:
		p.Detail = "Send the body as application/json."
	case len(fields) > 0:
		p.Errors = fields
		p.Detail = strings.TrimSpace(fields[0].Pointer + " " + fields[0].Detail)
	}
	return p
}

func codeOf(status int) Code {
	switch status {
	case http.StatusUnprocessableEntity:
		return queue.CodeInvalid
	case http.StatusRequestEntityTooLarge:
		return CodeTooLarge
	case http.StatusUnsupportedMediaType:
		return CodeMediaType
	default:
		// What is left are bodies that ended early or came too slowly.
		return CodeMalformed
	}
}

// pointer rewrites huma's body.items[3].tags as /items/3/tags.
func pointer(location string) string {
	where, rest, _ := strings.Cut(location, ".")
	if i := strings.IndexByte(where, '['); i >= 0 {
		where, rest = where[:i], location[i:]
	}
	switch where {
	case "query":
		return "?" + rest
	case "path":
		return "{" + rest + "}"
	case "header":
		return rest + ":"
	}
	if rest == "" {
		return ""
	}
	rest = strings.NewReplacer("~", "~0", "/", "~1", "].", "/", "[", "/", "]", "", ".", "/").Replace(rest)
	return "/" + strings.TrimPrefix(rest, "/")
}
