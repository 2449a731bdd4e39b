package api

import (
	"context"
	"net/http"
	"reflect"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/store"
)

// huma keeps these three as package variables, so they are set once for the
// whole program: field names are compared letter by letter, lists are never
// null, and errors are Problems.
func init() {
	huma.ValidateStrictCasing = true
	huma.DefaultArrayNullable = false
	huma.NewErrorWithContext = func(_ huma.Context, status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(status, msg, errs)
	}
	huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
		return fromHuma(status, msg, errs)
	}
}

// operation describes one route: its place, who may use it, and its words in
// the documentation.
type operation struct {
	method, path string
	id           string // operationId, also the name in generated clients
	tag          string
	summary      string
	doc          string
	// role is the least role that may use it; empty = no key is needed.
	role store.Role
	// status is the success; 0 = 200, or 204 when there is no body.
	status int
	// maxBody limits the body in bytes; 0 = 64 KiB.
	maxBody int64
	// conflicts says that the state of things can refuse it (409).
	conflicts bool
	// raw says that the operation decodes the body itself.
	raw bool
	// upload describes a body that the operation reads as a stream: see Upload.
	upload *huma.RequestBody
	// patience is how long it may take; 0 = Config.Patience.
	patience time.Duration
}

const defaultMaxBody = 64 << 10

// register puts an operation on the router and into the OpenAPI document. f gets
// the caller of the key; what it errs with goes through translate.
func register[I, O any](h *handler, op operation, f func(context.Context, caller, *I) (*O, error)) {
	o := huma.Operation{
		OperationID: op.id, Method: op.method, Path: op.path, DefaultStatus: op.status,
		Summary: op.summary, Description: op.doc, Tags: []string{op.tag},
		Metadata:         map[string]any{"role": op.role, "patience": op.patience, "upload": op.upload != nil},
		MaxBodyBytes:     op.maxBody,
		SkipValidateBody: op.raw, Errors: op.errors(reflect.TypeFor[I]()),
	}
	if o.MaxBodyBytes == 0 {
		o.MaxBodyBytes = defaultMaxBody
	}
	switch {
	case op.method == http.MethodPost:
		o.Parameters = []*huma.Param{idempotencyParam}
	case changes(op.method) && slices.Contains(tagged, op.path):
		o.Parameters = []*huma.Param{ifMatchParam}
		o.Errors = append(o.Errors, http.StatusPreconditionFailed)
	}
	if op.role != "" {
		o.Security = []map[string][]string{{"key": {string(op.role)}}}
	}
	if op.patience == 0 {
		op.patience = h.cfg.Patience
	}
	huma.Register(h.huma, o, func(ctx context.Context, in *I) (*O, error) {
		c, _ := ctx.Value(callerKey{}).(caller)
		ctx, cancel := context.WithTimeout(ctx, op.patience)
		defer cancel()
		out, err := f(ctx, c, in)
		if err != nil {
			return nil, h.translate(ctx, err)
		}
		return out, nil
	})
	if op.upload != nil { // not before, else huma would read the body
		operationAt(h.huma.OpenAPI(), op.method, op.path).RequestBody = op.upload
	}
	h.tidy(op.method, op.path)
	describeTag(operationAt(h.huma.OpenAPI(), op.method, op.path))
}

// errors lists the statuses of problems that the operation can answer.
func (op operation) errors(input reflect.Type) []int {
	list := []int{http.StatusServiceUnavailable}
	if op.role != "" {
		list = append(list, http.StatusUnauthorized, http.StatusForbidden, http.StatusTooManyRequests)
	}
	_, body := input.FieldByName("Body")
	_, raw := input.FieldByName("RawBody")
	if body || raw || op.upload != nil {
		list = append(list, http.StatusBadRequest, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if op.conflicts || op.method == http.MethodPost {
		list = append(list, http.StatusConflict)
	}
	for i := range input.NumField() {
		if input.Field(i).Tag.Get("path") != "" {
			list = append(list, http.StatusNotFound)
		}
	}
	return list
}

// tidy removes the second media type that huma describes for operations that
// look at the raw body as well.
func (h *handler) tidy(method, path string) {
	o := operationAt(h.huma.OpenAPI(), method, path)
	if o.RequestBody != nil && len(o.RequestBody.Content) > 1 {
		delete(o.RequestBody.Content, "application/octet-stream")
	}
}

// operationAt returns the description of a registered route, or nil.
func operationAt(doc *huma.OpenAPI, method, path string) *huma.Operation {
	item := doc.Paths[path]
	if item == nil {
		return nil
	}
	switch method {
	case http.MethodGet:
		return item.Get
	case http.MethodPost:
		return item.Post
	case http.MethodPut:
		return item.Put
	case http.MethodPatch:
		return item.Patch
	case http.MethodDelete:
		return item.Delete
	default:
		return nil
	}
}
