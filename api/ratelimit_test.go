package api_test

import (
	"testing"
	"time"

	"github.com/offhook/offhook/api"
)

// A key that asks too often is told when to come back; nothing was done. Other
// keys, and what needs none, notice nothing.
func TestTooManyRequests(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSite(t, func(cfg *api.Config) {
		cfg.RateLimit = api.RateLimit{PerSecond: 1, Burst: 3}
		cfg.Now = func() time.Time { return now }
	})
	for range 3 {
		s.call(s.admin, "GET", "/v1/queues", nil).want(200)
	}
	before := s.fingerprint()
	refused := s.call(s.admin, "POST", "/v1/queues", `{"name":"one too many","type":"inbound"}`).problem(429, "rate_limited")
	if after := refused.header.Get("Retry-After"); after != "1" {
		t.Errorf("Retry-After: %q", after)
	}
	if s.fingerprint() != before {
		t.Error("a refused request has changed something")
	}
	// What the role does not allow counts as well: it is work all the same.
	for range 3 {
		s.call(s.analyst, "GET", "/v1/keys", nil).problem(403, "forbidden")
	}
	s.call(s.analyst, "GET", "/v1/keys", nil).problem(429, "rate_limited")
	s.call(s.operator, "GET", "/v1/queues", nil).want(200)
	s.call(s.stranger, "GET", "/v1/queues", nil).want(200)
	for range 10 {
		for _, path := range []string{"/healthz", "/readyz", "/metrics", "/openapi.json"} {
			s.call(s.admin, "GET", path, nil).want(200)
		}
		s.call("", "GET", "/v1/queues", nil).problem(401, "unauthenticated")
	}
	now = now.Add(time.Second)
	s.call(s.admin, "POST", "/v1/queues", `{"name":"in time","type":"inbound"}`).want(201)
	s.call(s.admin, "GET", "/v1/queues", nil).problem(429, "rate_limited")
}
