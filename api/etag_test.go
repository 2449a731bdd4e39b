package api_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

// ifMatch sends a change under a condition.
func (s *site) ifMatch(key, method, path, body, tag string) *answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Authorization", "Bearer "+key)
	r.Header.Set("If-Match", tag)
	return s.send(r)
}

// Two people read the same thing and both change it: the second one learns that
// the first one was there.
func TestLostUpdates(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, c := range []struct{ path, change, other string }{
		{"/v1/queues/{queue}", `{"priority":3}`, `{"priority":4}`},
		{"/v1/agents/{agent}", `{"name":"Bea"}`, `{"name":"Cleo"}`},
		{"/v1/members/{member}", `{"priority":3}`, `{"priority":4}`},
		{"/v1/endpoints/{endpoint}", `{"description":"one"}`, `{"description":"two"}`},
		{"/v1/calendars/{calendar}", `{"time_zone":"UTC"}`, `{"time_zone":"Europe/Berlin"}`},
		{"/v1/trunks/{trunk}", `{"lines":30}`, `{"lines":31}`},
	} {
		path, _ := s.make(route{method: "GET", path: c.path})
		read := s.call(s.admin, "GET", path, nil).want(200)
		tag := read.header.Get("ETag")
		if again := s.call(s.admin, "GET", path, nil).header.Get("ETag"); tag == "" || again != tag {
			t.Fatalf("%s: ETag %q, then %q", path, tag, again)
		}
		first := s.ifMatch(s.admin, "PATCH", path, c.change, tag).want(200)
		s.ifMatch(s.admin, "PATCH", path, c.other, tag).problem(412, "precondition_failed")
		s.ifMatch(s.admin, "DELETE", path, "", tag).problem(412, "precondition_failed")
		s.ifMatch(s.admin, "PATCH", path, c.other, "W/"+first.header.Get("ETag")).problem(412, "precondition_failed")
		now := s.call(s.admin, "GET", path, nil).want(200)
		if now.header.Get("ETag") != first.header.Get("ETag") || now.header.Get("ETag") == tag {
			t.Errorf("%s: ETag %q after the change that answered %q; before it %q", path, now.header.Get("ETag"), first.header.Get("ETag"), tag)
		}
		s.ifMatch(s.admin, "PATCH", path, c.other, `"x", `+now.header.Get("ETag")).want(200)
		s.ifMatch(s.admin, "PATCH", path, c.change, "*").want(200)
		s.ifMatch(s.admin, "DELETE", path, "", s.call(s.admin, "GET", path, nil).header.Get("ETag")).want(204)
		s.ifMatch(s.admin, "PATCH", path, c.change, "*").want(404)
	}
}

// Of many changes under the same condition, on two servers at once, one wins.
func TestOneChangeWins(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sites := []*site{s, s.replica()}
	path := "/v1/queues/" + s.queue(map[string]any{"name": "chats", "type": "chat"})
	tag := s.call(s.admin, "GET", path, nil).want(200).header.Get("ETag")
	statuses := make([]int, 8)
	var group sync.WaitGroup
	for i := range statuses {
		group.Go(func() {
			statuses[i] = sites[i%2].ifMatch(s.admin, "PATCH", path, fmt.Sprintf(`{"priority":%d}`, 10+i), tag).status
		})
	}
	group.Wait()
	won := 0
	for _, status := range statuses {
		if status == 200 {
			won++
		} else if status != 412 {
			t.Errorf("status %d", status)
		}
	}
	if won != 1 {
		t.Errorf("%d of %d changes of one version won", won, len(statuses))
	}
}

// What an agent is doing is not what was decided about him.
func TestTagOfAnAgentIsThatOfHisSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	path, _ := s.make(route{path: "/v1/agents/{agent}"})
	tag := s.call(s.admin, "GET", path, nil).want(200).header.Get("ETag")
	s.ifMatch(s.operator, "PUT", path+"/status", `{"status":"online"}`, tag).want(200)
	s.ifMatch(s.admin, "PATCH", path, `{"name":"Bea"}`, tag).want(200)
	s.ifMatch(s.operator, "PUT", path+"/status", `{"status":"pause"}`, tag).problem(412, "precondition_failed")
	if a := s.call(s.admin, "GET", path, nil).want(200); a.json["status"] != "online" {
		t.Errorf("the status was set against the condition: %s", a.raw)
	}
	key, _ := s.make(route{path: "/v1/keys/{key}"})
	s.ifMatch(s.admin, "DELETE", key, "", tag).problem(422, "invalid").blames("If-Match:")
}
