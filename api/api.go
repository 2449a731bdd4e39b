package api

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// Desk is the live engine of one domain. *desk.Desk is one.
type Desk interface {
	Do(ctx context.Context, cmd queue.Command) (queue.Result, error)
	DoAll(ctx context.Context, cmds []queue.Command) ([]desk.Answer, error)
	DoNoted(ctx context.Context, cmds []queue.Command, clerk *desk.Clerk) ([]desk.Answer, error)
	Read(ctx context.Context, f func(*queue.Engine)) error
	ReadAt(ctx context.Context, f func(*queue.Engine, desk.Head)) error
	// Refill has the members of a queue looked at whose list has changed.
	Refill(queueID int64)
}

// Dispatcher is told what admins do with endpoints. *dispatcher.Dispatcher is
// one.
type Dispatcher interface {
	// Reload makes a change of endpoints effective at once.
	Reload()
	// TestEvent sends one signed test event, whatever the endpoint's
	// subscription and health, and returns what came of it.
	TestEvent(ctx context.Context, ep dispatcher.Endpoint) (dispatcher.Try, error)
	// Resend sends one event of the log at once, with the header Offhook-Try,
	// outside the endpoint's schedule, and returns what came of it.
	Resend(ctx context.Context, ep dispatcher.Endpoint, ev queue.Event, number int) (dispatcher.Try, error)
}

// Check is one thing that must be well before this server wants requests.
type Check struct {
	Name string
	// Probe errs while it is not; the text goes to the log, not to the client.
	Probe func(ctx context.Context) error
}

// Config is what the API is made of. Everything is needed except Checks and
// what says otherwise.
type Config struct {
	Store *store.Store
	// Delivery keeps the endpoints and what was sent to them.
	Delivery *store.Delivery
	// Guard says which targets an endpoint may have.
	Guard dispatcher.GuardConfig
	// Desk returns the desk of a domain; false when this server has none.
	Desk       func(domainID int64) (Desk, bool)
	Dispatcher Dispatcher
	// Metrics is what /metrics shows; the API adds its own to it.
	Metrics *prometheus.Registry
	Checks  []Check
	Logger  *slog.Logger
	// Now is the clock of logs, of key expiry and of late reports.
	Now func() time.Time
	// Zones looks a time zone up by its IANA name; nil = time.LoadLocation.
	Zones func(name string) (*time.Location, error)
	// Version is shown in the OpenAPI document.
	Version string
	// Patience is how long an operation may take before its caller is told that
	// nobody knows; 0 = 10 s. Postgres answers in milliseconds or not at all.
	Patience time.Duration
	// RateLimit is for each API key; the zero value is none.
	RateLimit RateLimit
}

// handler is the API: what its operations share.
type handler struct {
	cfg     Config
	huma    huma.API
	router  chi.Router
	streams chan struct{} // holds one value for each that is open
	keys    *keyring
	limits  *limiter
	metrics httpMetrics
	tasks   *taskRunner
	// settings makes a change of one queue's or agent's settings, which reads
	// and then writes, one step among the changes of this server.
	settings sync.Mutex
}

const defaultPatience = 10 * time.Second

// API is the REST API: a handler of every path of it, of the documentation, of
// health and metrics; and the runner of its tasks.
type API struct {
	chi.Router
	tasks *taskRunner
}

// Run works on tasks until ctx ends; those under way are given back, to be
// taken on by the next one who runs. It returns nil.
func (a *API) Run(ctx context.Context) error { return a.tasks.run(ctx) }

// New builds the API.
func New(cfg Config) *API {
	if cfg.Patience == 0 {
		cfg.Patience = defaultPatience
	}
	if cfg.Zones == nil {
		cfg.Zones = time.LoadLocation
	}
	router := chi.NewRouter()
	h := &handler{
		cfg:     cfg,
		keys:    &keyring{store: cfg.Store, now: cfg.Now, keys: map[[32]byte]heldKey{}},
		metrics: newHTTPMetrics(cfg.Metrics),
		limits:  newLimiter(cfg.RateLimit),
	}
	h.router, h.streams = router, make(chan struct{}, maxStreams)
	h.tasks = newTaskRunner(cfg, h.taskKinds())
	router.Use(h.observe, h.catch)
	router.NotFound(notFound)
	router.MethodNotAllowed(methodNotAllowed(router))
	h.huma = humachi.New(router, h.describe())
	h.huma.UseMiddleware(h.authorize, h.wellFormed, h.idempotent, h.conditional)

	h.queueRoutes()
	h.agentRoutes()
	h.memberRoutes()
	h.dncRoutes()
	h.calendarRoutes()
	h.trunkRoutes()
	h.attemptRoutes()
	h.commandRoutes()
	h.reportRoutes()
	h.eventRoutes()
	h.eventTypeRoutes()
	h.snapshotRoutes()
	h.statsRoutes()
	h.streamRoutes()
	h.exportRoutes()
	h.endpointRoutes()
	h.taskRoutes()
	h.keyRoutes()
	h.auditRoutes()
	h.healthRoutes(router)
	h.documentRoutes(router)
	return &API{Router: router, tasks: h.tasks}
}

// describe is the frame of the OpenAPI document; register fills it.
func (h *handler) describe() huma.Config {
	return huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "offhook", Version: h.cfg.Version, Description: introduction,
				License: &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"},
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{"key": {
					Type: "http", Scheme: "bearer", Description: "An API key, made by `offhook keys create`.",
				}},
			},
			Tags: tags,
		},
		Formats:       map[string]huma.Format{"application/json": jsonFormat, "json": jsonFormat},
		DefaultFormat: "application/json",
		// A misspelt filter must not answer with everything.
		RejectUnknownQueryParameters: true,
		Transformers:                 []huma.Transformer{nameRequest, sendTag},
	}
}

// nameRequest puts the request id into every problem.
func nameRequest(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*Problem); ok {
		p.RequestID = requestID(ctx.Context())
	}
	return v, nil
}

// do hands one command to the desk of the caller's domain and waits until it is
// durable.
func (h *handler) do(ctx context.Context, c caller, cmd queue.Command) (queue.Result, error) {
	d, ok := h.cfg.Desk(c.domain)
	if !ok {
		return queue.Result{}, problem(CodeUnavailable, "This server does not serve the domain of the key.")
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	answers, err := d.DoNoted(ctx, []queue.Command{cmd}, h.clerk(ctx, c, cmd))
	if err != nil {
		return queue.Result{}, err
	}
	return answers[0].Result, answers[0].Err
}

// read looks at the live state of the caller's domain.
func (h *handler) read(ctx context.Context, c caller, f func(*queue.Engine)) error {
	d, ok := h.cfg.Desk(c.domain)
	if !ok {
		return problem(CodeUnavailable, "This server does not serve the domain of the key.")
	}
	ctx, cancel := context.WithTimeout(ctx, h.cfg.Patience)
	defer cancel()
	return d.Read(ctx, f)
}

// catchUp makes the desk take over what other replicas changed: a command that
// does nothing still sees the log's end first. Whoever reads in order to write,
// or found nothing, asks for it; other reads may be up to two seconds behind.
func (h *handler) catchUp(ctx context.Context, c caller) error {
	_, err := h.do(ctx, c, queue.Tick{})
	return err
}

// find looks in the live state until look has found what it is after, the
// second time with what other replicas know.
func (h *handler) find(ctx context.Context, c caller, look func(*queue.Engine) bool) (found bool, err error) {
	for second := range 2 {
		if second == 1 {
			if err := h.catchUp(ctx, c); err != nil {
				return false, err
			}
		}
		err = h.read(ctx, c, func(e *queue.Engine) { found = look(e) })
		if err != nil || found {
			return found, err
		}
	}
	return false, nil
}
