package dispatcher_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/dispatcher/dispatchertest"
)

// figures returns what a registry holds, by name and labels; histograms give
// their count.
func figures(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]float64{}
	for _, f := range families {
		for _, m := range f.GetMetric() {
			name := f.GetName()
			for _, l := range m.GetLabel() {
				name += " " + l.GetValue()
			}
			out[name] = m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
		}
	}
	return out
}

// Every try is counted and has its line in the log, and neither shows a secret.
func TestTriesAreCountedAndLogged(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	r, ep := newReceiver(t, func(d *delivery, w http.ResponseWriter) {
		if d.attempt == 2 {
			w.WriteHeader(http.StatusNotFound)
		}
	})
	ep.Headers = http.Header{"Authorization": {"Bearer hunter2"}}
	m.Create(ep, dispatcher.Position{})
	now := newClock()
	cfg := loopback()
	cfg.Now = now.Now
	registry := prometheus.NewRegistry()
	cfg.Metrics = dispatcher.NewMetrics(registry)
	log := &lines{}
	cfg.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	attempts(m, 1, 3, 4, now.Now())
	d, stop := run(t, m, cfg)
	registry.MustRegister(d)
	r.eventually("two attempts and the first event of the other", func() bool { return len(r.all()) == 9 })
	settledAt(t, m, ep, 12)
	waitFor(t, "all to be counted", nil, func() bool { return figures(t, registry)["offhook_webhook_request_seconds"] == 9 })
	got := figures(t, registry)
	for name, want := range map[string]float64{
		"offhook_webhook_tries_total delivered": 8, "offhook_webhook_tries_total rejected": 1, "offhook_webhook_tries_total timeout": 0,
		"offhook_webhook_first_try_seconds": 9, "offhook_webhook_delivery_seconds": 8, "offhook_endpoints": 1, "offhook_endpoints_not_shown": 0,
		"offhook_endpoint_backlog_events " + ep.ID: 0, "offhook_endpoint_parked_events " + ep.ID: 4, "offhook_endpoint_breaker " + ep.ID: 0,
	} {
		if v, ok := got[name]; !ok || v != want {
			t.Errorf("%s is %v, want %v", name, v, want)
		}
	}
	stop()
	text := log.String()
	if n := strings.Count(text, `"msg":"try"`); n != 9 {
		t.Errorf("%d lines about tries, want 9\n%s", n, text)
	}
	if n := strings.Count(text, `"outcome":"rejected"`); n != 1 || !strings.Contains(text, `"level":"INFO","msg":"try"`) {
		t.Errorf("%d lines about the failed one", n)
	}
	for _, secret := range []string{"hunter2", "hush", "whsec_", ep.Secrets[0].Key, r.URL} {
		if strings.Contains(text, secret) {
			t.Errorf("the log shows %q", secret)
		}
	}
}

// However many endpoints there are, so many have figures of their own.
func TestFiguresOfEndpointsAreBounded(t *testing.T) {
	t.Parallel()
	m := &dispatchertest.Memory{}
	for i := range 230 {
		ep := dispatchertest.Endpoint(fmt.Sprintf("https://%d.example/", i))
		m.Create(ep, dispatcher.Position{})
	}
	registry := prometheus.NewRegistry()
	d, _ := run(t, m, loopback())
	registry.MustRegister(d)
	waitFor(t, "all endpoints", nil, func() bool { return figures(t, registry)["offhook_endpoints"] == 230 })
	shown := 0
	got := figures(t, registry)
	for name := range got {
		if strings.HasPrefix(name, "offhook_endpoint_breaker") {
			shown++
		}
	}
	if shown != 200 || got["offhook_endpoints_not_shown"] != 30 {
		t.Errorf("%d endpoints are shown, %v not", shown, got["offhook_endpoints_not_shown"])
	}
}
