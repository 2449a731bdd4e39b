package api_test

import (
	"strings"
	"testing"
)

// audit returns the entries of a list, the latest first.
func (s *site) audit(query string) []map[string]any {
	s.t.Helper()
	var out []map[string]any
	for _, e := range s.call(s.admin, "GET", "/v1/audit"+query, nil).want(200).list() {
		out = append(out, e.(map[string]any))
	}
	return out
}

// Every change through the API leaves one row: who, what, and what differs.
func TestEveryChangeIsAudited(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"task"}`).want(201).id("id")
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"priority":3}`).want(200)
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"priority":3}`).want(200) // changes nothing
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"name":""}`).want(422)
	agent := s.agent("Ann", q)
	s.call(s.operator, "PUT", "/v1/agents/"+agent+"/status", `{"status":"pause","reason":"lunch"}`).want(200)
	attempt := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"variables":{"illness":"none of your business"}}`).want(201).id("attempt_id")
	s.call(s.operator, "POST", "/v1/attempts/"+attempt+"/cancel", nil).want(200)
	e := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook","headers":{"Authorization":"Bearer hunter2"}}`).want(201)
	ep := e.json["id"].(string)
	s.call(s.admin, "PATCH", "/v1/endpoints/"+ep, `{"description":"the CRM"}`).want(200)
	s.call(s.admin, "POST", "/v1/endpoints/"+ep+"/disable", nil).want(200)
	s.call(s.admin, "POST", "/v1/endpoints/"+ep+"/enable", nil).want(200)
	s.call(s.admin, "DELETE", "/v1/endpoints/"+ep, nil).want(204)

	var actions []string
	for _, e := range s.audit("?limit=250") {
		if e["object_kind"] == "key" {
			continue // made before there was a server
		}
		actions = append(actions, e["action"].(string))
		if e["key_id"] == nil || e["request_id"] == nil || e["role"] == nil || e["object_id"] == "0" {
			t.Errorf("an entry does not say by whom or of what: %v", e)
		}
	}
	want := "endpoint.delete endpoint.enable endpoint.disable endpoint.update endpoint.create attempt.cancel attempt.join " +
		"agent.status agent.status agent.create queue.update queue.create"
	if got := strings.Join(actions, " "); got != want {
		t.Errorf("audited %s\nwant    %s", got, want)
	}
	raw := string(s.call(s.admin, "GET", "/v1/audit?limit=250", nil).want(200).raw)
	for _, secret := range []string{"hunter2", "whsec_", s.admin, s.operator, "none of your business"} {
		if strings.Contains(raw, secret) {
			t.Errorf("the audit log shows %q", secret)
		}
	}
}

func TestAuditShowsWhatDiffers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"task","priority":1}`).want(201).id("id")
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"priority":3}`).want(200)
	got := s.audit("?object_kind=queue&object_id=" + q)
	if len(got) != 2 {
		t.Fatalf("%d entries, want 2", len(got))
	}
	before, after := got[0]["before"].(map[string]any), got[0]["after"].(map[string]any)
	if len(before) != 1 || before["priority"] != 1.0 || len(after) != 1 || after["priority"] != 3.0 {
		t.Errorf("a change shows %v → %v", before, after)
	}
	if got[1]["before"] != nil || got[1]["after"].(map[string]any)["name"] != "sales" {
		t.Errorf("a creation shows %v → %v", got[1]["before"], got[1]["after"])
	}

	agent := s.agent("Ann", q)
	s.call(s.operator, "PUT", "/v1/agents/"+agent+"/status", `{"status":"offline","reason":"home"}`).want(200)
	entry := s.audit("?action=agent.status&limit=1")[0]
	if b, a := entry["before"].(map[string]any), entry["after"].(map[string]any); b["status"] != "online" || a["status"] != "offline" {
		t.Errorf("a status shows %v → %v", b, a)
	}
	for query, want := range map[string]int{
		"?object_kind=agent&action=agent.create": 1, "?object_kind=attempt": 0,
		"?since=2099-01-01T00:00:00Z": 0, "?until=2001-01-01T00:00:00Z": 0, "?key_id=key_x": 0,
	} {
		if n := len(s.audit(query)); n != want {
			t.Errorf("%s finds %d, want %d", query, n, want)
		}
	}
	s.call(s.admin, "GET", "/v1/audit?object_id=7", nil).problem(422, "invalid").blames("?object_id")
	if l := s.call(s.stranger, "GET", "/v1/audit?object_kind=queue", nil).want(200).list(); len(l) != 0 {
		t.Errorf("another domain sees %v", l)
	}
}

func TestAuditIsPaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 7 {
		s.queuedTask(s.admin)
	}
	seen := map[string]bool{}
	cursor := ""
	for range 3 {
		a := s.call(s.admin, "GET", "/v1/audit?object_kind=task&limit=3"+cursor, nil).want(200)
		for _, e := range a.list() {
			seen[e.(map[string]any)["object_id"].(string)] = true
		}
		next, ok := a.json["next_cursor"].(string)
		if !ok {
			break
		}
		cursor = "&cursor=" + next
	}
	if len(seen) != 7 {
		t.Errorf("three pages of three show %d of 7", len(seen))
	}
}
