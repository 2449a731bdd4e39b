package dispatcher

import (
	"cmp"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics are the dispatcher's figures for Prometheus: counters in process,
// never read from tables.
type Metrics struct {
	tries     *prometheus.CounterVec
	first     prometheus.Histogram
	delivery  prometheus.Histogram
	request   prometheus.Histogram
	overtakes prometheus.Counter
	filters   prometheus.Counter
}

// latencies are the buckets of what should take milliseconds and may take days.
var latencies = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60, 300, 3600, 86400}

// NewMetrics registers the figures.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "offhook_webhook_tries_total", Help: "Tries to deliver an event, by outcome.",
		}, []string{"outcome"}),
		first: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "offhook_webhook_first_try_seconds", Buckets: latencies,
			Help: "Time from the commit of an event to the start of its first request.",
		}),
		delivery: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "offhook_webhook_delivery_seconds", Buckets: latencies,
			Help: "Time from the commit of an event to its acceptance, retries included.",
		}),
		request: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "offhook_webhook_request_seconds", Buckets: latencies,
			Help: "Time from the start of a request to the last byte that was read of its answer.",
		}),
		overtakes: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offhook_webhook_overtakes_total", Help: "Requests that went before a stuck event of their attempt.",
		}),
		filters: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "offhook_webhook_filter_failures_total", Help: "Events that an endpoint did not get because its filter could not be worked out.",
		}),
	}
	for _, o := range Outcomes {
		m.tries.WithLabelValues(string(o)) // a rate needs its zero
	}
	registry.MustRegister(m.tries, m.first, m.delivery, m.request, m.overtakes, m.filters)
	return m
}

// filterFailed takes over how many events a filter failed at; nil takes nothing.
func (m *Metrics) filterFailed(events int64) {
	if m != nil {
		m.filters.Add(float64(events))
	}
}

// observe takes over a try that ended at the instant; nil takes nothing.
func (m *Metrics) observe(it *item, try *Try, now time.Time) {
	if m == nil {
		return
	}
	m.tries.WithLabelValues(string(try.Outcome)).Inc()
	if try.Outcome == OutcomeExpired || try.Outcome == OutcomeBlocked {
		return
	}
	m.request.Observe(try.Duration.Seconds())
	if len(it.overtakes) > 0 {
		m.overtakes.Inc()
	}
	if !it.recoveredAt.IsZero() {
		return // its waiting was not ours
	}
	if try.Number == 1 {
		m.first.Observe(max(0, try.StartedAt.Sub(it.pos.RecordedAt).Seconds()))
	}
	if try.Outcome == OutcomeDelivered {
		m.delivery.Observe(max(0, now.Sub(it.pos.RecordedAt).Seconds()))
	}
}

// maxShown bounds the endpoints that have figures of their own: those that are
// furthest behind. The others only count.
const maxShown = 200

var (
	endpointLabels = []string{"endpoint"}
	backlogDesc    = prometheus.NewDesc("offhook_endpoint_backlog_events", "Events of the log that are ahead of the endpoint.", endpointLabels, nil)
	oldestDesc     = prometheus.NewDesc("offhook_endpoint_oldest_seconds", "Age of the oldest event that the endpoint is still to get; 0 for none.", endpointLabels, nil)
	parkedDesc     = prometheus.NewDesc("offhook_endpoint_parked_events", "Events that wait for their next try, or behind such a one.", endpointLabels, nil)
	breakerDesc    = prometheus.NewDesc("offhook_endpoint_breaker", "0 closed, 1 half open, 2 open or paused.", endpointLabels, nil)
	flightDesc     = prometheus.NewDesc("offhook_endpoint_requests_in_flight", "Requests under way.", endpointLabels, nil)
	endpointsDesc  = prometheus.NewDesc("offhook_endpoints", "Endpoints that this server delivers to.", nil, nil)
	hiddenDesc     = prometheus.NewDesc("offhook_endpoints_not_shown", "Those of them that have no figures of their own.", nil, nil)
)

// Describe makes a Dispatcher a prometheus.Collector: register it once.
func (d *Dispatcher) Describe(out chan<- *prometheus.Desc) {
	for _, desc := range []*prometheus.Desc{backlogDesc, oldestDesc, parkedDesc, breakerDesc, flightDesc, endpointsDesc, hiddenDesc} {
		out <- desc
	}
}

// Collect gives the figures of the endpoints that this process delivers to, as
// they are in memory.
func (d *Dispatcher) Collect(out chan<- prometheus.Metric) {
	gauge := func(desc *prometheus.Desc, value float64, labels ...string) {
		out <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, labels...)
	}
	all := d.lags()
	gauge(endpointsDesc, float64(len(all)))
	slices.SortFunc(all, func(a, b lag) int { return cmp.Compare(b.oldest, a.oldest) })
	gauge(hiddenDesc, float64(max(0, len(all)-maxShown)))
	for _, s := range all[:min(len(all), maxShown)] {
		gauge(backlogDesc, float64(s.backlog), s.endpoint)
		gauge(oldestDesc, s.oldest.Seconds(), s.endpoint)
		gauge(parkedDesc, float64(s.parked), s.endpoint)
		gauge(breakerDesc, s.breaker, s.endpoint)
		gauge(flightDesc, float64(s.inFlight), s.endpoint)
	}
}

// lag is how far an endpoint is behind its log.
type lag struct {
	endpoint         string
	backlog          int64
	oldest           time.Duration
	parked, inFlight int
	breaker          float64
}

func (d *Dispatcher) lags() []lag {
	d.mu.Lock()
	workers := make([]*worker, 0, len(d.workers))
	for _, w := range d.workers {
		workers = append(workers, w)
	}
	d.mu.Unlock()
	now := d.cfg.Now()
	all := make([]lag, len(workers))
	for i, w := range workers {
		all[i] = w.lag(now)
	}
	return all
}

func (w *worker) lag(now time.Time) lag {
	head := w.log.known()
	w.mu.Lock()
	defer w.mu.Unlock()
	s := lag{
		endpoint: w.ref.EndpointID, backlog: max(0, head-w.settledSeq()), parked: w.lanes.parked, inFlight: w.inFlight,
	}
	switch w.health.Breaker(now) {
	case BreakerHalfOpen:
		s.breaker = 1
	case BreakerOpen:
		s.breaker = 2
	}
	older := func(at time.Time) { s.oldest = max(s.oldest, now.Sub(at)) }
	for _, l := range w.lanes.byKey {
		older(l.items[0].since())
	}
	// What was not read yet is younger than where the cursor stands.
	if s.backlog > 0 && len(w.lanes.byKey) == 0 && !w.pos.RecordedAt.IsZero() {
		older(w.pos.RecordedAt)
	}
	return s
}

// settledSeq is the event up to which nothing is open outside parked; the
// caller holds mu.
func (w *worker) settledSeq() int64 {
	for _, it := range w.window[w.first:] {
		if it != nil && !it.final && !it.parked {
			return it.pos.Seq - 1
		}
	}
	return w.pos.Seq
}

// known is the highest number on the log that this process has seen.
func (l *eventLog) known() int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.head
}
