package api_test

import (
	"net/http"
	"strings"
	"testing"
)

// What no text column can hold names nothing: it is not found, and no reason to
// believe that the database is away.
func TestPathsThatNameNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, path := range []string{
		"/v1/keys/%00", "/v1/keys/key_%ff", "/v1/dnc/%00", "/v1/dnc/%ff", "/v1/dnc/1%2500", "/v1/dnc/1%25ff", "/v1/tasks/%00", "/v1/events/evt_%ff",
	} {
		s.call(s.admin, "GET", path, nil).problem(404, "not_found")
	}
	s.call(s.admin, "POST", "/v1/dnc", `{"number":"sip:a/b@example.org"}`).want(201)
	s.call(s.admin, "GET", "/v1/dnc/sip:a%2Fb@example.org", nil).want(200) // what is well formed is still found
}

// Ids go beyond what 32 bits hold.
func TestLargeIDs(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	if _, err := s.pool.Exec(t.Context(), `SELECT setval('ids', 3000000000)`); err != nil {
		t.Fatal(err)
	}
	far := s.replica() // a desk that has no ids in hand
	for range 2 {
		id := far.call(far.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1"}`).want(201).id("attempt_id")
		far.call(far.operator, "POST", "/v1/attempts/"+id+"/cancel", nil).want(200)
		far.call(far.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"2"}`).want(201)
	}
	for _, filter := range []string{"", "&open=true", "&open=false"} {
		first := s.call(s.analyst, "GET", "/v1/attempts?limit=1"+filter, nil).want(200)
		next := s.call(s.analyst, "GET", "/v1/attempts?limit=1&cursor="+first.json["next_cursor"].(string)+filter, nil).want(200)
		if a, b := first.at("data", 0, "attempt_id").(float64), next.at("data", 0, "attempt_id").(float64); b < 3e9 || b >= a {
			t.Errorf("%q: attempt %.0f, and on the next page %.0f", filter, a, b)
		}
	}
	s.call(s.analyst, "GET", "/v1/attempts?queue_id=3000000000&agent_id=3000000000", nil).want(200)
}

// A name is measured in bytes where it is kept, and in characters by its schema.
func TestNamesOfKeysAreBounded(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call(s.admin, "POST", "/v1/keys", map[string]any{"name": strings.Repeat("ü", 100), "role": "analyst"}).want(201)
	s.call(s.admin, "POST", "/v1/keys", map[string]any{"name": strings.Repeat("ü", 101), "role": "analyst"}).problem(422, "invalid").blames("/name")
}

// A client cannot make the metrics grow by methods of its own.
func TestMethodsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, method := range []string{"BREW", "WHEN", "PROPFIND"} {
		r, err := http.NewRequestWithContext(t.Context(), method, s.url+"/v1/queues", nil)
		if err != nil {
			t.Fatal(err)
		}
		s.send(r).want(405)
	}
	metrics := string(s.call("", "GET", "/metrics", nil).want(200).raw)
	if strings.Contains(metrics, "BREW") || !strings.Contains(metrics, `offhook_http_requests_total{method="other",route="none",status="405"} 3`) {
		t.Errorf("the metrics:\n%s", metrics[strings.Index(metrics, "offhook_http_requests"):])
	}
}
