package api_test

import (
	"strings"
	"testing"
)

// A key is shown once, works, and stops working at once when it is revoked.
func TestKeysOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	made := s.call(s.admin, "POST", "/v1/keys", `{"name":"wallboard","role":"analyst"}`).want(201)
	secret, id := made.json["secret"].(string), made.json["id"].(string)
	if made.header.Get("Location") != "/v1/keys/"+id || !strings.HasPrefix(secret, made.json["prefix"].(string)) {
		t.Errorf("made: %s, location %q", made.raw, made.header.Get("Location"))
	}
	s.call(secret, "GET", "/v1/queues", nil).want(200)
	s.call(secret, "GET", "/v1/keys", nil).problem(403, "forbidden")

	listed := s.call(s.admin, "GET", "/v1/keys?role=analyst", nil).want(200)
	if len(listed.list()) != 2 || strings.Contains(string(listed.raw), secret) {
		t.Errorf("listed: %s", listed.raw)
	}
	if one := s.call(s.admin, "GET", "/v1/keys/"+id, nil).want(200); one.json["name"] != "wallboard" || one.json["secret"] != nil {
		t.Errorf("read: %s", one.raw)
	}
	s.call(s.admin, "DELETE", "/v1/keys/"+id, nil).want(204)
	s.call(secret, "GET", "/v1/queues", nil).problem(401, "unauthenticated")
	s.call(s.admin, "DELETE", "/v1/keys/"+id, nil).want(204) // again: nothing
	if one := s.call(s.admin, "GET", "/v1/keys/"+id, nil).want(200); one.json["revoked_at"] == nil {
		t.Errorf("a revoked key: %s", one.raw)
	}
	if got := s.audit("?object_kind=key&object_id=" + id); len(got) != 2 || got[0]["action"] != "key.revoke" || got[1]["action"] != "key.create" {
		t.Errorf("audited: %v", got)
	}
}

func TestKeysArePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t) // has three
	seen := 0
	cursor := ""
	for {
		a := s.call(s.admin, "GET", "/v1/keys?limit=2"+cursor, nil).want(200)
		seen += len(a.list())
		next, ok := a.json["next_cursor"].(string)
		if !ok {
			break
		}
		cursor = "&cursor=" + next
	}
	if seen != 3 {
		t.Errorf("the pages show %d keys, want 3", seen)
	}
	s.call(s.admin, "GET", "/v1/keys?cursor=x", nil).problem(422, "invalid").blames("?cursor")
}
