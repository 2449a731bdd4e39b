package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/api"
)

// A refusal speaks of JSON and of what to do, not of how the server is made.
func TestRefusalsInPlainWords(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	const instant = "expected an RFC 3339 date-time such as 2026-08-22T10:15:30Z"
	for _, c := range []struct{ method, path, body, pointer, detail string }{
		{"GET", "/v1/events?since=yesterday", "", "?since", instant},
		{"POST", "/v1/reports", `[{"event":"ended","attempt_id":1},{"event":"ended","attempt_id":"1"}]`, "/1/attempt_id", "expected integer, not string"},
		{"POST", "/v1/reports", `{"event":"joined","variables":[1]}`, "/variables", "expected object, not array"},
		{"POST", "/v1/reports", `{"event":"ended","attempt_id":1,"at":"yesterday"}`, "/at", instant},
		{"POST", "/v1/reports", `[{"event":"joined","member_answered_at":7}]`, "/0/member_answered_at", instant},
		{"POST", "/v1/endpoints", `{"url":"https://crm.example/","queues":[77]}`, "/queues", "no queue 77"},
	} {
		var body any
		if c.body != "" {
			body = c.body
		}
		a := s.call(s.admin, c.method, c.path, body).want(422).blames(c.pointer)
		if got := a.at("errors", 0, "detail"); got != c.detail {
			t.Errorf("%s %s: %v, want %s", c.path, c.body, got, c.detail)
		}
	}
	large := s.call(s.admin, "POST", "/v1/queues", `{"name":"`+strings.Repeat("a", 70<<10)+`"}`).problem(413, "too_large")
	if large.json["detail"] != "The body may have at most 65536 bytes." {
		t.Errorf("too large: %s", large.raw)
	}
}

// An endpoint may keep a queue that was deleted meanwhile, but not name it anew.
func TestEndpointOfDeletedQueue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "short", "type": "task"})
	body := fmt.Sprintf(`{"url":"https://crm.example/","queues":[%s]}`, q)
	id := s.call(s.admin, "POST", "/v1/endpoints", body).want(201).json["id"].(string)
	s.call(s.admin, "DELETE", "/v1/queues/"+q, nil).want(204)
	s.call(s.admin, "PATCH", "/v1/endpoints/"+id, `{"description":"CRM"}`).want(200)
	s.call(s.admin, "PATCH", "/v1/endpoints/"+id, `{"queues":[`+q+`]}`).problem(422, "unknown_queue").blames("/queues")
}

// A database that hangs is 503 too, also while the key is looked up.
func TestDatabaseHangs(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(cfg *api.Config) { cfg.Patience = 100 * time.Millisecond })
	s.call(s.admin, "GET", "/v1/endpoints", nil).want(200)
	tx, err := s.pool.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback(t.Context()) }()
	if _, err := tx.Exec(t.Context(), "LOCK TABLE api_keys, endpoints IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	s.call("ohk_another", "GET", "/v1/queues", nil).problem(503, "unavailable")
	s.call(s.admin, "GET", "/v1/endpoints", nil).problem(503, "unavailable")
}
