package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// Endpoint is one registered webhook as the API shows it: without its secret.
type Endpoint struct {
	ID             string              `json:"id" example:"ep_01890a5d-ac96-774b-bcce-b302099a8057"`
	URL            string              `json:"url"`
	Description    string              `json:"description"`
	Events         []queue.EventType   `json:"events" doc:"Empty means the eight attempt events."`
	Queues         []int64             `json:"queues" doc:"Empty means all queues."`
	QueueTypes     []queue.Type        `json:"queue_types" doc:"Empty means queues of all types."`
	Filter         string              `json:"filter"`
	Format         queue.Format        `json:"format"`
	Signature      *string             `json:"signature" enum:"hmac,ed25519" doc:"Null when the server's key ring does not open the secret."`
	PublicKey      *string             `json:"public_key" doc:"ed25519: what verifies the signatures, as whpk_ and base64."`
	Profile        dispatcher.Profile  `json:"profile"`
	Ordering       dispatcher.Ordering `json:"ordering"`
	Schedule       []int               `json:"schedule" doc:"Seconds between the tries of the profile custom."`
	OrderWait      int                 `json:"order_wait" doc:"Seconds until an event overtakes one of its attempt that cannot be delivered; 0 = never."`
	MaxInFlight    int                 `json:"max_in_flight"`
	Rate           float64             `json:"rate" doc:"Requests a second; 0 = as many as it takes."`
	Timeout        int                 `json:"timeout" doc:"Seconds for one request."`
	Headers        map[string]string   `json:"headers" doc:"Values that look like credentials are shown as (hidden)."`
	Disabled       bool                `json:"disabled"`
	DisabledReason *string             `json:"disabled_reason" doc:"manual; gone when it answered 410; failing when it accepted nothing for five days."`
	Health         EndpointHealth      `json:"health" doc:"How it is doing."`
	CreatedAt      *string             `json:"created_at" format:"date-time"`
	UpdatedAt      *string             `json:"updated_at" format:"date-time"`
}

// EndpointSettings is what an admin decides about an endpoint.
type EndpointSettings struct {
	URL         string              `json:"url" maxLength:"2048" doc:"https, unless this server allows http."`
	Description string              `json:"description" maxLength:"1000"`
	Events      []queue.EventType   `json:"events" maxItems:"100" doc:"The types that it shall get; none means the eight attempt events."`
	Queues      []int64             `json:"queues" maxItems:"1000" doc:"Only events of these queues; none means all."`
	QueueTypes  []queue.Type        `json:"queue_types" maxItems:"8" doc:"Only events of queues of these types; none means all."`
	Filter      string              `json:"filter" maxLength:"4096" doc:"A condition on the event that must be true, such as data.cc_result == \"abandoned\" && queue.name startsWith \"sales\"; empty means every event. docs/receiving.md has the language."`
	Format      queue.Format        `json:"format" enum:"standard,flat,cloudevents,cloudevents-binary" doc:"How the body is written; the types of events have a schema in each. Standard when absent."`
	Profile     dispatcher.Profile  `json:"profile" enum:"record,live,custom" doc:"record tries for 75 h; live gives up after 60 s; custom has a schedule of its own."`
	Schedule    []int               `json:"schedule" maxItems:"24" doc:"Makes the profile custom: the seconds between its tries, each 1 to 86400, together at most 604800."`
	Ordering    dispatcher.Ordering `json:"ordering" enum:"per_attempt,none" doc:"per_attempt: within an attempt one request at a time and in sequence."`
	OrderWait   *int                `json:"order_wait" minimum:"0" maximum:"604800" doc:"Seconds until an event overtakes one of its attempt that cannot be delivered; 60 when absent, 0 = never."`
	MaxInFlight int                 `json:"max_in_flight" minimum:"1" maximum:"256" doc:"How many requests at once; 8 when absent."`
	Rate        float64             `json:"rate" minimum:"0" maximum:"10000" doc:"How many requests a second; 0 or absent = as many as it takes."`
	Timeout     int                 `json:"timeout" minimum:"1" maximum:"30" doc:"Seconds for one request; 15 when absent."`
	Headers     map[string]string   `json:"headers" maxProperties:"20" doc:"Sent with every request."`
}

// NewEndpoint is the body that registers an endpoint.
type NewEndpoint struct {
	EndpointSettings
	Signature dispatcher.Signature `json:"signature" enum:"hmac,ed25519" doc:"How requests are signed: with a shared secret (when absent), or with a private key that only this server has. rotate-secret changes it."`
	From      origin               `json:"from" doc:"Where in the log to begin: an instant, or the seq of the last event that it is not owed (0 = the beginning). Absent: with what comes from now on."`
}

// TransformSchema makes everything but the URL optional.
func (NewEndpoint) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = []string{"url"}
	s.Properties["queue_types"].Items.Enum = queueTypes()
	return s
}

// EndpointChange is the body that changes an endpoint: the settings that shall
// change.
type EndpointChange EndpointSettings

// TransformSchema makes everything optional.
func (EndpointChange) TransformSchema(_ huma.Registry, s *huma.Schema) *huma.Schema {
	s.Required = nil
	s.Properties["queue_types"].Items.Enum = queueTypes()
	return s
}

// EndpointPath names an endpoint in a path.
type EndpointPath struct {
	ID string `path:"id" maxLength:"64" doc:"The endpoint."`
}

type endpointOut struct{ Body Endpoint }

type endpointCreated struct {
	Location string `header:"Location"`
	Body     EndpointWithSecret
}

type tryOut struct{ Body Try }

func (h *handler) endpointRoutes() {
	op := func(method, path, id, summary, doc string) operation {
		return operation{
			method: method, path: "/v1/endpoints" + path, id: id, tag: tagEndpoints, role: store.RoleAdmin,
			summary: summary, doc: doc,
		}
	}
	register(h, op(http.MethodGet, "", "listEndpoints", "List webhook endpoints", "In the order of their creation."), h.listEndpoints)
	create := op(http.MethodPost, "", "createEndpoint", "Register a webhook endpoint", "The answer shows the secret, this once.")
	create.status = http.StatusCreated
	register(h, create, h.createEndpoint)
	register(h, op(http.MethodGet, "/{id}", "readEndpoint", "Read a webhook endpoint", ""), h.readEndpoint)
	change := op(http.MethodPatch, "/{id}", "changeEndpoint", "Change a webhook endpoint",
		"Only the settings in the body change; lists and headers are replaced as a whole. A header value sent as (hidden) stays as it is.")
	change.conflicts = true
	register(h, change, h.changeEndpoint)
	register(h, op(http.MethodDelete, "/{id}", "deleteEndpoint", "Delete a webhook endpoint", "What was sent to it stays on record."), h.deleteEndpoint)
	enable := op(http.MethodPost, "/{id}/enable", "enableEndpoint", "Enable a webhook endpoint",
		"It goes on where it stopped, at once, with its breaker closed; or, from now, it gets only what comes from now on. The latter needs a disabled endpoint.")
	enable.conflicts = true
	register(h, enable, h.enableEndpoint)
	register(h, op(http.MethodPost, "/{id}/disable", "disableEndpoint", "Disable a webhook endpoint", "The log keeps what it misses."), h.disableEndpoint)
	h.secretRoutes(op)
	test := op(http.MethodPost, "/{id}/test", "testEndpoint", "Send a test event",
		"One event with a real signature, whatever the endpoint subscribes to. It is sent while the request waits; the answer tells what came of it.")
	test.patience = time.Minute // the endpoint itself may have 30 s of it
	register(h, test, h.testEndpoint)
	h.recordRoutes(op)
	h.recoverRoutes(op)
}

func (h *handler) listEndpoints(ctx context.Context, c caller, in *struct{ Page }) (*listOut[Endpoint], error) {
	found, err := h.cfg.Delivery.Endpoints(ctx, c.domain, in.Cursor, in.Limit+1)
	if err != nil {
		if errors.Is(err, store.ErrNotFound) {
			return nil, badCursor()
		}
		return nil, err
	}
	out := &listOut[Endpoint]{Body: list[Endpoint]{Data: []Endpoint{}}}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.NextCursor = &found[len(found)-1].ID
	}
	for i := range found {
		out.Body.Data = append(out.Body.Data, viewEndpoint(&found[i], h.cfg.Now()))
	}
	return out, nil
}

func (h *handler) createEndpoint(ctx context.Context, c caller, in *struct{ Body NewEndpoint }) (*endpointCreated, error) {
	ep := dispatcher.Endpoint{ID: dispatcher.NewEndpointID(), DomainID: c.domain, Secrets: []dispatcher.Secret{{Key: dispatcher.NewKey(in.Body.Signature)}}}
	in.Body.reconcile()
	in.Body.apply(&ep)
	ep = ep.WithDefaults()
	if err := ep.Validate(h.cfg.Guard); err != nil {
		return nil, err
	}
	if err := h.checkQueues(ctx, c, ep.Queues); err != nil {
		return nil, err
	}
	if err := h.cfg.Delivery.CreateEndpoint(ctx, ep, in.Body.From.store(), h.by(ctx, c, nil, viewEndpoint(&ep, h.cfg.Now()))); err != nil {
		return nil, err
	}
	saved, err := h.reloaded(ctx, c, ep.ID)
	if err != nil {
		return nil, err
	}
	return &endpointCreated{
		Location: location("endpoints", ep.ID),
		Body:     withSecret(saved, h.cfg.Now()),
	}, nil
}

func (h *handler) readEndpoint(ctx context.Context, c caller, in *EndpointPath) (*endpointOut, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	return &endpointOut{viewEndpoint(&ep, h.cfg.Now())}, nil
}

func (h *handler) changeEndpoint(ctx context.Context, c caller, in *struct {
	EndpointPath
	Body    EndpointChange
	RawBody []byte
}) (*endpointOut, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	if err := h.matchingEndpoint(ctx, &ep); err != nil {
		return nil, err
	}
	was, settings := viewEndpoint(&ep, h.cfg.Now()), settingsOf(&ep)
	if in.Body.Headers != nil {
		settings.Headers = nil // else the old ones would shine through
	}
	before := settings.Profile
	if err := overlay(in.RawBody, &settings); err != nil {
		return nil, err
	}
	settings.reprofile(before, in.Body.Schedule != nil)
	settings.apply(&ep)
	if err := ep.Validate(h.cfg.Guard); err != nil {
		return nil, err
	}
	// Those it has already may have been deleted since; they do no harm.
	if err := h.checkQueues(ctx, c, in.Body.Queues); err != nil {
		return nil, err
	}
	if err := h.cfg.Delivery.UpdateEndpoint(ctx, ep, h.by(ctx, c, was, viewEndpoint(&ep, h.cfg.Now()))); err != nil {
		return nil, err
	}
	saved, err := h.reloaded(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &endpointOut{viewEndpoint(saved, h.cfg.Now())}, nil
}

func (h *handler) deleteEndpoint(ctx context.Context, c caller, in *EndpointPath) (*struct{}, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	ref := dispatcher.Ref{DomainID: c.domain, EndpointID: in.ID}
	if err := h.matchingEndpoint(ctx, &ep); err != nil {
		return nil, err
	}
	var as time.Time // whatever it is
	if conditioned(ctx) {
		as = ep.UpdatedAt
	}
	if err := h.cfg.Delivery.DeleteEndpointOf(ctx, ref, as, h.by(ctx, c, viewEndpoint(&ep, h.cfg.Now()), nil)); err != nil {
		return nil, err
	}
	h.cfg.Dispatcher.Reload()
	return nil, nil
}

// EnableEndpoint is the body that enables an endpoint.
type EnableEndpoint struct {
	From string `json:"from,omitempty" enum:"stopped,now" doc:"stopped, or absent: everything that it missed comes first. now: what it missed stays on the log alone."`
}

func (h *handler) enableEndpoint(ctx context.Context, c caller, in *struct {
	EndpointPath
	Body *EnableEndpoint
}) (*endpointOut, error) {
	if in.Body == nil || in.Body.From != "now" {
		return h.switchEndpoint(ctx, c, in.ID, true)
	}
	ref := dispatcher.Ref{DomainID: c.domain, EndpointID: in.ID}
	if err := h.cfg.Delivery.EnableEndpointFromNow(ctx, ref, h.by(ctx, c, nil, nil)); err != nil {
		return nil, err
	}
	ep, err := h.reloaded(ctx, c, in.ID)
	if err != nil {
		return nil, err
	}
	return &endpointOut{viewEndpoint(ep, h.cfg.Now())}, nil
}

func (h *handler) disableEndpoint(ctx context.Context, c caller, in *EndpointPath) (*endpointOut, error) {
	return h.switchEndpoint(ctx, c, in.ID, false)
}

func (h *handler) switchEndpoint(ctx context.Context, c caller, id string, on bool) (*endpointOut, error) {
	ref := dispatcher.Ref{DomainID: c.domain, EndpointID: id}
	if err := h.cfg.Delivery.SetEndpointEnabled(ctx, ref, on, h.by(ctx, c, nil, nil)); err != nil {
		return nil, err
	}
	ep, err := h.reloaded(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return &endpointOut{viewEndpoint(ep, h.cfg.Now())}, nil
}

func (h *handler) testEndpoint(ctx context.Context, c caller, in *EndpointPath) (*tryOut, error) {
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, in.ID)
	if err != nil {
		return nil, err
	}
	deed := store.Deed{Action: "test", Kind: "endpoint", ObjectID: ep.ID}
	if err := h.cfg.Store.NoteDeed(ctx, c.domain, deed, h.by(ctx, c, nil, nil)); err != nil {
		return nil, err
	}
	try, err := h.cfg.Dispatcher.TestEvent(ctx, ep)
	if err != nil {
		return nil, err
	}
	return &tryOut{viewTry(&try)}, nil
}

// checkQueues refuses queues that do not exist: their endpoint would be silent
// for ever, and nobody would know why.
func (h *handler) checkQueues(ctx context.Context, c caller, ids []int64) error {
	if len(ids) == 0 {
		return nil
	}
	var unknown int64
	found, err := h.find(ctx, c, func(e *queue.Engine) bool {
		for _, unknown = range ids {
			if e.Queue(unknown) == nil {
				return false
			}
		}
		return true
	})
	if err != nil || found {
		return err
	}
	return &queue.Error{Code: queue.CodeUnknownQueue, Detail: fmt.Sprintf("no queue %d", unknown), Field: "queues"}
}

// reloaded tells the dispatcher about a change and returns the endpoint as it
// is stored.
func (h *handler) reloaded(ctx context.Context, c caller, id string) (*dispatcher.Endpoint, error) {
	h.cfg.Dispatcher.Reload()
	ep, err := h.cfg.Delivery.Endpoint(ctx, c.domain, id)
	return &ep, err
}

// settingsOf is the present settings of an endpoint, as a change begins.
func settingsOf(ep *dispatcher.Endpoint) EndpointSettings {
	s := EndpointSettings{
		URL: ep.URL, Description: ep.Description, Events: ep.Events, Queues: ep.Queues, QueueTypes: ep.QueueTypes, Filter: ep.Filter, Format: ep.Format,
		Profile: ep.Profile, Ordering: ep.Ordering, MaxInFlight: ep.MaxInFlight,
		Timeout: int(ep.Timeout / time.Second), Headers: map[string]string{},
		Schedule: seconds(ep.Schedule), OrderWait: new(int), Rate: ep.Rate,
	}
	*s.OrderWait = int(ep.OrderWait / time.Second)
	for name := range ep.Headers {
		s.Headers[name] = hidden
	}
	return s
}

// apply puts the settings into an endpoint.
func (s *EndpointSettings) apply(ep *dispatcher.Endpoint) {
	headers := http.Header{}
	for name, value := range s.Headers {
		// Not Set: it would hide a name that is no name from Validate.
		name = http.CanonicalHeaderKey(name)
		if value == hidden && ep.Headers.Get(name) != "" {
			value = ep.Headers.Get(name)
		}
		headers[name] = append(headers[name], value) // Validate refuses a second one
	}
	ep.URL, ep.Description, ep.Events, ep.Queues, ep.QueueTypes = s.URL, s.Description, s.Events, s.Queues, s.QueueTypes
	ep.Filter, ep.Format, ep.Profile, ep.Ordering = s.Filter, s.Format, s.Profile, s.Ordering
	ep.MaxInFlight, ep.Timeout, ep.Headers = s.MaxInFlight, time.Duration(s.Timeout)*time.Second, headers
	s.applyPace(ep)
}

func viewEndpoint(ep *dispatcher.Endpoint, now time.Time) Endpoint {
	v := Endpoint{
		ID: ep.ID, URL: ep.URL, Description: ep.Description, Events: ep.Events, Queues: ep.Queues, QueueTypes: ep.QueueTypes,
		Filter: ep.Filter, Format: ep.Format, Profile: ep.Profile, Ordering: ep.Ordering, MaxInFlight: ep.MaxInFlight,
		Timeout: int(ep.Timeout / time.Second), Headers: map[string]string{}, Disabled: ep.Disabled,
		Schedule: seconds(ep.Schedule), OrderWait: int(ep.OrderWait / time.Second), Rate: ep.Rate, Signature: orNil(ep.Signature()),
		DisabledReason: orNil(ep.DisabledReason), Health: viewHealth(&ep.Health, now),
		CreatedAt: stamp(ep.CreatedAt), UpdatedAt: stamp(ep.UpdatedAt),
	}
	if v.Events == nil {
		v.Events = []queue.EventType{}
	}
	if v.Queues == nil {
		v.Queues = []int64{}
	}
	if v.QueueTypes == nil {
		v.QueueTypes = []queue.Type{}
	}
	if len(ep.Secrets) > 0 {
		v.PublicKey = orNil(ep.Secrets[0].PublicKey())
	}
	for name := range ep.Headers {
		v.Headers[name] = ep.Headers.Get(name)
		if isCredential(name) {
			v.Headers[name] = hidden
		}
	}
	return v
}
