package api

import (
	"encoding/json"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
)

// The groups of operations, in the order of the documentation.
const (
	tagQueues    = "Queues"
	tagAgents    = "Agents"
	tagMembers   = "Members"
	tagDialling  = "Rules of dialling"
	tagAttempts  = "Attempts"
	tagReports   = "Reports from a switch"
	tagEvents    = "Events"
	tagEndpoints = "Webhook endpoints"
	tagTasks     = "Tasks"
	tagAdmin     = "Keys and audit"
	tagServer    = "The server"
)

var tags = []*huma.Tag{
	{Name: tagQueues, Description: "What subscribers wait in, and how it behaves."},
	{Name: tagAgents, Description: "Who serves, and what they are doing now."},
	{Name: tagMembers, Description: "The lists that outbound queues work on: whom they dial, by which numbers, and what came of it."},
	{Name: tagDialling, Description: "When queues are open, which numbers must not be dialled, and which lines there are."},
	{Name: tagAttempts, Description: "An attempt is one pass of one subscriber through one queue: a call, a chat or a task."},
	{Name: tagReports, Description: "What a telephone switch, or its adapter, has seen."},
	{Name: tagEvents, Description: "The log: everything that happened, once and in order. The list is also a feed to be polled."},
	{Name: tagEndpoints, Description: "Where events are sent. Only an admin sees them."},
	{Name: tagTasks, Description: "Work that goes on after its request was answered, and after a restart: recoveries and imports."},
	{Name: tagAdmin, Description: "Who may use this API, and who changed what."},
	{Name: tagServer, Description: "Health, metrics and this documentation. No key is needed."},
}

const introduction = "offhook models the queues of a contact centre, keeps every queue event, and POSTs each, signed and in order, to the webhooks that are registered for it.\n\n" +
	"Send and expect JSON. Fields and query parameters that are not described are refused. Times are RFC 3339 in UTC. " +
	"Every request needs the header `Authorization: Bearer` with an API key; a key belongs to one domain, and what belongs to another is not found. " +
	"The role written beside an operation is the least that may use it: an admin may do what an operator may, and an operator what an analyst may.\n\n" +
	"A list answers `data` and `next_cursor`; pass the latter as `cursor` to read on. " +
	"Whatever goes wrong is an `application/problem+json` document (RFC 9457) whose `code` is meant for programs; `request_id`, also in the header X-Request-Id, finds the request in the server's log. " +
	"A change that was answered with 2xx is on disk. 503 means that it was not acknowledged: try again after Retry-After."

// documentRoutes serves the OpenAPI document and the page made of it. Both are
// made here, once, after the last operation was registered.
func (h *handler) documentRoutes(router chi.Router) {
	h.document("/openapi.json", "readOpenAPI", "This description for programs", map[string]*huma.Response{
		"200": {Description: "OpenAPI 3.1.", Content: map[string]*huma.MediaType{"application/openapi+json": {
			Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}}},
	})
	h.document("/openapi-3.0.json", "readOpenAPI30", "This description in OpenAPI 3.0, for generators that know no later one", map[string]*huma.Response{
		"200": {Description: "OpenAPI 3.0.", Content: map[string]*huma.MediaType{"application/openapi+json": {
			Schema: &huma.Schema{Type: huma.TypeObject, AdditionalProperties: true}}}},
	})
	h.document("/docs", "readDocs", "This description for people", map[string]*huma.Response{
		"200": {Description: "A page that needs nothing else.", Content: map[string]*huma.MediaType{"text/html": {
			Schema: &huma.Schema{Type: huma.TypeString}}}},
	})
	doc, err := json.Marshal(h.huma.OpenAPI())
	if err != nil {
		panic("api: the OpenAPI document cannot be written: " + err.Error())
	}
	router.Get("/openapi.json", static("application/openapi+json", "", doc))
	older, err := h.huma.OpenAPI().Downgrade()
	if err != nil {
		panic("api: the OpenAPI document cannot be written as 3.0: " + err.Error())
	}
	router.Get("/openapi-3.0.json", static("application/openapi+json", "", older))
	html, policy := docsPage(h.huma.OpenAPI())
	router.Get("/docs", static("text/html; charset=utf-8", policy, html))
}

// static serves bytes that never change while the server runs.
func static(contentType, policy string, body []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", contentType)
		w.Header().Set("X-Content-Type-Options", "nosniff")
		if policy != "" {
			w.Header().Set("Content-Security-Policy", policy)
		}
		// When the client is gone there is nobody to tell.
		_, _ = w.Write(body)
	}
}
