package api

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// tagged are the paths of one object that have an entity tag: a hash of what
// its users decide, so that it stands for a version of the settings. What an
// agent is doing, or how an endpoint is doing, does not change it.
var tagged = []string{
	"/v1/queues/{id}", "/v1/agents/{id}", "/v1/agents/{id}/status", "/v1/members/{id}", "/v1/endpoints/{id}",
	"/v1/calendars/{id}", "/v1/trunks/{id}",
}

var ifMatchParam = &huma.Param{
	Name: "If-Match", In: "header",
	Description: "The ETag with which it was read: if somebody has changed it since, nothing happens and the answer is 412. * stands for any.",
	Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: new(1000)},
}

// changes reports whether a method changes one object.
func changes(method string) bool {
	return method == http.MethodPatch || method == http.MethodPut || method == http.MethodDelete
}

// describeTag adds to the description of an operation what concerns its tag.
func describeTag(o *huma.Operation) {
	if !slices.Contains(tagged, o.Path) || o.Responses["200"] == nil {
		return
	}
	if o.Responses["200"].Headers == nil {
		o.Responses["200"].Headers = map[string]*huma.Param{}
	}
	o.Responses["200"].Headers["ETag"] = &huma.Header{
		Description: "Names this version, for If-Match.", Schema: &huma.Schema{Type: huma.TypeString},
	}
}

// tagOf is the entity tag of one object of the API; "" for what has none.
func tagOf(v any) string {
	switch x := v.(type) {
	case Queue, Calendar, Trunk:
	case Agent:
		v = viewAgent(&queue.Agent{ID: x.ID, Name: x.Name, UserID: x.UserID, Extension: x.Extension, Ref: text(x.Ref),
			Queues: x.Queues, Capacity: x.Capacity, Skills: x.Skills, Position: x.Position}, nil)
	case Member:
		x.State, x.Numbers = "", slices.Clone(x.Numbers)
		for i := range x.Numbers {
			x.Numbers[i].Forbidden = false // a list of its own
		}
		v = x
	case Endpoint:
		x.Health = EndpointHealth{}
		v = x
	default:
		return ""
	}
	data, err := json.Marshal(v)
	if err != nil {
		return "" // what cannot be written is not answered either
	}
	sum := sha256.Sum256(data)
	return `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// sendTag puts the tag of an object into its answer.
func sendTag(ctx huma.Context, status string, v any) (any, error) {
	if status == "200" || status == "201" {
		if tag := tagOf(v); tag != "" {
			ctx.SetHeader("ETag", tag)
		}
	}
	return v, nil
}

type ifMatchKey struct{}

// conditional passes If-Match on to who can compare it with what is stored, in
// the transaction of the change. Where nobody does, the header is refused:
// to pass over a condition would break it.
func (h *handler) conditional(ctx huma.Context, next func(huma.Context)) {
	want := ctx.Header("If-Match")
	op := ctx.Operation()
	switch {
	case want == "" || !changes(op.Method):
		next(ctx)
	case !slices.Contains(tagged, op.Path):
		h.answer(ctx, invalid("If-Match:", "this has no ETag"))
	default:
		next(huma.WithValue(ctx, ifMatchKey{}, want))
	}
}

// conditioned reports whether the request has an If-Match.
func conditioned(ctx context.Context) bool {
	_, ok := ctx.Value(ifMatchKey{}).(string)
	return ok
}

// matching errs unless the object, as it is now, is the one that the request's
// If-Match names, if it has one.
func matching(ctx context.Context, v any) error {
	want, ok := ctx.Value(ifMatchKey{}).(string)
	if !ok {
		return nil
	}
	tag := tagOf(v)
	for one := range strings.SplitSeq(want, ",") {
		if one = strings.TrimSpace(one); one == "*" || one == tag {
			return nil
		}
	}
	return preconditionFailed()
}

func preconditionFailed() *Problem {
	return problem(CodePrecondition, "It was changed after you read it; read it again, and decide anew.")
}

// guard compares the settings that a command is about to change with the
// request's If-Match, in the transaction of the command; nil without one.
func guard(ctx context.Context, d deed) func(*queue.Engine) error {
	if !conditioned(ctx) || d.id == 0 {
		return nil
	}
	return func(e *queue.Engine) error {
		switch d.kind {
		case "queue":
			if q := e.Queue(d.id); q != nil {
				return matching(ctx, viewQueue(q))
			}
		case "agent":
			if a, _ := e.Agent(d.id); a != nil {
				return matching(ctx, viewAgent(a, nil))
			}
		case "calendar":
			if x := e.Calendar(d.id); x != nil {
				return matching(ctx, viewCalendar(x))
			}
		case "trunk":
			if t := e.Trunk(d.id); t != nil {
				return matching(ctx, viewTrunk(t))
			}
		}
		return nil // it is not there, which the engine will say
	}
}

// matchingEndpoint is matching for an endpoint that was just read; the store
// makes sure that it is still the same when it is written.
func (h *handler) matchingEndpoint(ctx context.Context, ep *dispatcher.Endpoint) error {
	return matching(ctx, viewEndpoint(ep, h.cfg.Now()))
}
