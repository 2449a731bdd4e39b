package api

import (
	"context"
	"encoding/json"
	"net/http"
	"sync"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Health is the answer of /healthz and /readyz.
type Health struct {
	Status string          `json:"status" enum:"ok,unavailable"`
	Checks map[string]bool `json:"checks,omitempty" doc:"Each thing that must be well, and whether it is."`
}

// readyTimeout bounds all checks together: a check that hangs is a failed one.
const readyTimeout = 2 * time.Second

// NewHealth builds what a server answers that takes no commands: health and
// metrics. Of cfg it needs Metrics, Checks, Logger and Now.
func NewHealth(cfg Config) http.Handler {
	router := chi.NewRouter()
	h := &handler{cfg: cfg, metrics: newHTTPMetrics(cfg.Metrics)}
	router.Use(h.observe, h.catch)
	router.NotFound(notFound)
	router.MethodNotAllowed(methodNotAllowed(router))
	h.serveHealth(router)
	return router
}

// serveHealth registers what operators' machines ask, without a key.
func (h *handler) serveHealth(router chi.Router) {
	router.Get("/healthz", h.healthz)
	router.Get("/readyz", h.readyz)
	router.Method(http.MethodGet, "/metrics", promhttp.HandlerFor(h.cfg.Metrics, promhttp.HandlerOpts{}))
}

func (h *handler) healthRoutes(router chi.Router) {
	h.serveHealth(router)
	health := h.huma.OpenAPI().Components.Schemas.Schema(typeOf[Health](), true, "Health")
	h.document("/healthz", "isAlive", "Is the process alive?", map[string]*huma.Response{
		"200": jsonResponse("It is.", health),
	})
	h.document("/readyz", "isReady", "Does the server want requests?", map[string]*huma.Response{
		"200": jsonResponse("Everything that this server does works.", health),
		"503": jsonResponse("Something does not; the server's log says what.", health),
	})
	h.document("/metrics", "readMetrics", "Metrics for Prometheus", map[string]*huma.Response{
		"200": {Description: "The text format.", Content: map[string]*huma.MediaType{
			"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}},
	})
}

func jsonResponse(what string, schema *huma.Schema) *huma.Response {
	return &huma.Response{Description: what, Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}}
}

// document describes a route that huma does not serve.
func (h *handler) document(path, id, summary string, responses map[string]*huma.Response) {
	h.huma.OpenAPI().AddOperation(&huma.Operation{
		Method: http.MethodGet, Path: path, OperationID: id, Tags: []string{tagServer}, Summary: summary,
		Responses: responses,
	})
}

func (h *handler) healthz(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, Health{Status: "ok"})
}

func (h *handler) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), readyTimeout)
	defer cancel()
	errs := make([]error, len(h.cfg.Checks))
	var wg sync.WaitGroup
	for i, c := range h.cfg.Checks {
		wg.Go(func() { errs[i] = c.Probe(ctx) })
	}
	wg.Wait()
	status, answer := http.StatusOK, Health{Status: "ok", Checks: map[string]bool{}}
	for i, c := range h.cfg.Checks {
		answer.Checks[c.Name] = errs[i] == nil
		if errs[i] != nil {
			status, answer.Status = http.StatusServiceUnavailable, "unavailable"
			h.cfg.Logger.WarnContext(ctx, "not ready", "check", c.Name, "error", errs[i])
		}
	}
	writeJSON(w, status, answer)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The status is out; when the client is gone there is nobody to tell.
	_ = json.NewEncoder(w).Encode(v)
}

// httpMetrics are the API's own figures.
type httpMetrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
}

func newHTTPMetrics(registry prometheus.Registerer) httpMetrics {
	m := httpMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offhook_http_requests_total", Help: "Requests answered, by method, route and status.",
		}, []string{"method", "route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "offhook_http_request_seconds", Help: "Time from the first byte of a request to the end of its answer, by route.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10},
		}, []string{"route"}),
	}
	registry.MustRegister(m.requests, m.seconds)
	return m
}
