package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

// post sends a body of a media type as an operator.
func (s *site) post(path, media, body string) *answer {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, s.url+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	r.Header.Set("Content-Type", media)
	r.Header.Set("Authorization", "Bearer "+s.admin)
	return s.send(r)
}

// finished waits for a task to end and returns it.
func (s *site) finished(a *answer) *answer {
	s.t.Helper()
	path := a.want(202).header.Get("Location")
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
		if task := s.call(s.admin, "GET", path, nil).want(200); task.json["finished_at"] != nil {
			return task
		}
		<-time.After(20 * time.Millisecond)
	}
	s.t.Fatalf("the task %s does not end", path)
	return nil
}

func (s *site) list(typ string) string {
	s.t.Helper()
	return s.queue(map[string]any{"name": fmt.Sprintf("list %d", s.clock.next()), "type": typ})
}

// each returns a field of everything in data.
func (a *answer) each(field string) []any {
	a.t.Helper()
	var all []any
	for _, e := range a.list() {
		all = append(all, e.(map[string]any)[field])
	}
	return all
}

// The same people come in as JSON, NDJSON and CSV.
func TestMembersInEveryFormat(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	agent := s.agent("Ann", s.list("preview"))
	const zone, until = "Europe/Berlin", "2026-12-31T23:00:00.000Z"
	one := `{"name":"O'Neill","numbers":[{"number":"+49 (30) 123-45"},{"number":"+4930999","priority":2}],"priority":5,"bucket":"gold","variables":{"city":"Köln"},` +
		`"time_zone":"` + zone + `","expires_at":"2027-01-01T00:00:00+01:00","ready_at":"2026-01-01T00:00:00Z","sticky_agent_id":` + agent + `}`
	two := `{"numbers":[{"number":"sip:bob@example.org"}]}`
	header := "name,number,number2,number2_priority,priority,bucket,var.city,time_zone,expires_at,ready_at,sticky_agent_id"
	first := `O'Neill,+49 (30) 123-45,+4930999,2,5,gold,Köln,` + zone + `,2027-01-01T00:00:00+01:00,2026-01-01T00:00:00Z,` + agent
	for name, c := range map[string]struct{ media, body string }{
		"array":     {"application/json", "[" + one + ",\n" + two + "]"},
		"ndjson":    {"application/x-ndjson; charset=utf-8", one + "\n\n" + two},
		"csv":       {"text/csv", "\xef\xbb\xbf" + header + "\r\n" + first + "\r\n,sip:bob@example.org,,,,,,,,,\r\n"},
		"semicolon": {"text/csv", strings.ReplaceAll(header+"\n"+first+"\n,sip:bob@example.org,,,,,,,,,\n", ",", ";")},
	} {
		list := s.queue(map[string]any{"name": name, "type": "preview", "buckets": []any{map[string]any{"name": "gold"}}})
		a := s.post("/v1/queues/"+list+"/members", c.media, c.body).want(201)
		if a.json["added"] != 2.0 || len(a.list()) != 2 {
			t.Fatalf("%s: %s", name, a.raw)
		}
		m := s.call(s.analyst, "GET", fmt.Sprintf("/v1/members/%.0f", a.at("data", 0, "id")), nil).want(200)
		want := map[string]any{
			"name": "O'Neill", "priority": 5.0, "bucket": "gold", "time_zone": zone, "expires_at": until, "ready_at": "2026-01-01T00:00:00.000Z",
			"state": "ready", "attempts": 0.0, "attempt_id": nil, "stop_cause": nil,
		}
		for field, value := range want {
			if m.json[field] != value {
				t.Errorf("%s: %s is %v, want %v", name, field, m.json[field], value)
			}
		}
		if m.at("numbers", 0, "number") != "+493012345" || m.at("numbers", 1, "priority") != 2.0 || m.at("variables", "city") != "Köln" || m.id("sticky_agent_id") != agent {
			t.Errorf("%s: %s", name, m.raw)
		}
		if a.at("data", 1, "numbers", 0, "number") != "sip:bob@example.org" || a.at("data", 1, "name") != nil {
			t.Errorf("%s: the second is %v", name, a.at("data", 1))
		}
	}
}

// A list is shown as it is dialled, by state and by number, page by page.
func TestMemberListsOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("progressive")
	path := "/v1/queues/" + list + "/members"
	var rows []string
	for i := range 7 {
		rows = append(rows, fmt.Sprintf(`{"name":"m%d","numbers":[{"number":"+49%d"}],"priority":%d}`, i, i, i%3))
	}
	rows = append(rows, `{"name":"later","numbers":[{"number":"+4999"}],"ready_at":"2099-01-01T00:00:00Z"}`)
	s.post(path, "application/x-ndjson", strings.Join(rows, "\n")).want(201)
	for query, want := range map[string][]any{
		"?state=ready":                  {"m2", "m5", "m1", "m4", "m0", "m3", "m6"},
		"?state=waiting":                {"later"},
		"?state=stopped":                nil,
		"?number=%2B49+3":               {"m3"},
		"?number=%2B49+3&state=open":    nil,
		"":                              {"m0", "m1", "m2", "m3", "m4", "m5", "m6", "later"},
		"?state=waiting&number=%2B4999": {"later"},
	} {
		var got []any
		sep := "?"
		if query != "" {
			sep = "&"
		}
		for cursor := ""; ; {
			a := s.call(s.analyst, "GET", path+query+sep+"limit=3"+cursor, nil).want(200)
			got = append(got, a.each("name")...)
			next, more := a.json["next_cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + next
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %v, want %v", query, got, want)
		}
	}
	s.call(s.analyst, "GET", path+"?cursor=nonsense", nil).problem(422, "invalid").blames("?cursor")
	s.call(s.analyst, "GET", path+"?state=tired", nil).problem(422, "invalid").blames("?state")
	s.call(s.analyst, "GET", "/v1/queues/"+s.list("inbound")+"/members", nil).problem(409, "bad_state")
}

// What cannot be carried out is refused as a whole, and blamed on its field.
func TestMembersThatAreWrong(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("ivr")
	path := "/v1/queues/" + list + "/members"
	good := `{"numbers":[{"number":"+491"}]}`
	for body, pointer := range map[string]string{
		`{}`: "/numbers", `{"numbers":[]}`: "/numbers", `{"numbers":null}`: "/numbers", `{"numbers":["+49"]}`: "/numbers/0",
		`{"numbers":[{"number":""}]}`: "/numbers/0/number", `{"numbers":[{"number":7}]}`: "/numbers/0/number",
		`{"numbers":[{"number":"+491"},{"number":"+49 1"}]}`:                                      "/numbers/1/number",
		`{"numbers":[{"number":"+491","prio":1}]}`:                                                "/numbers/0/prio",
		`{"numbers":[{"number":"+491","priority":9999999}]}`:                                      "/numbers/0/priority",
		`{"numbers":[{"number":"+491"}],"Name":"x"}`:                                              "/Name",
		`{"numbers":[{"number":"+491"}],"name":7}`:                                                "/name",
		`{"numbers":[{"number":"+491"}],"priority":1.5}`:                                          "/priority",
		`{"numbers":[{"number":"+491"}],"priority":null}`:                                         "/priority",
		`{"numbers":[{"number":"+491"}],"priority":1000001}`:                                      "/priority",
		`{"numbers":[{"number":"+491"}],"time_zone":"Mars/Olympus"}`:                              "/time_zone",
		`{"numbers":[{"number":"+491"}],"time_zone":"Local"}`:                                     "/time_zone",
		`{"numbers":[{"number":"+491"}],"expires_at":"tomorrow"}`:                                 "/expires_at",
		`{"numbers":[{"number":"+491"}],"ready_at":true}`:                                         "/ready_at",
		`{"numbers":[{"number":"+491"}],"bucket":"gold"}`:                                         "/bucket",
		`{"numbers":[{"number":"+491"}],"sticky_agent_id":999}`:                                   "/sticky_agent_id",
		`{"numbers":[{"number":"+491"}],"variables":{"a":1}}`:                                     "/variables",
		`{"numbers":[{"number":"+491"}],"variables":{"a":"` + strings.Repeat("x", 40<<10) + `"}}`: "/variables",
		`{"numbers":[{"number":"+491"}],"stopped":true}`:                                          "/stopped",
	} {
		s.post(path, "application/json", body).problem(422, "invalid").blames(pointer)
		s.post(path, "application/json", "["+good+","+body+"]").problem(422, "invalid").blames("/1" + pointer)
		a := s.post(path, "application/x-ndjson", good+"\n"+body+"\n").problem(422, "invalid").blames("/1" + pointer)
		if detail := a.at("errors", 0, "detail").(string); !strings.HasPrefix(detail, "line 2: ") {
			t.Errorf("%s: %s", body, detail)
		}
	}
	for body, pointer := range map[string]string{
		"number,priority\n+491,1\n+492,high\n": "/1/priority", "number,expires_at\n+491,soon\n": "/0/expires_at",
		"name,number\nAnn\n": "/0", "number,number3,number3_priority\n+491,+492,x\n": "/0/number3_priority",
		"number\n+491\n\n\"+4\"92\"\n": "/1", "city,number\nX,+491\n": "", "name\nAnn\n": "", "number,number\n1,2\n": "", "": "", "number\n": "",
		"number,number21\n+491,+492\n": "",
	} {
		s.post(path, "text/csv", body).problem(422, "invalid").blames(pointer)
	}
	s.post(path, "application/json", "["+good).problem(400, "malformed")
	s.post(path, "application/json", "["+good+"] x").problem(400, "malformed")
	s.post(path, "application/json", "").problem(400, "malformed")
	s.post(path, "application/xml", good).problem(415, "unsupported_media_type")
	s.post(path+"?on_duplicate=maybe", "application/json", good).problem(422, "invalid").blames("?on_duplicate")
	s.post("/v1/queues/"+s.list("chat")+"/members", "application/json", good).problem(409, "bad_state")
	if l := s.call(s.admin, "GET", path, nil).want(200).list(); len(l) != 0 {
		t.Errorf("something was added: %v", l)
	}
	extra := "city,number\nX,+491\n"
	if a := s.post(path+"?extra=variables", "text/csv", extra).want(201); a.at("data", 0, "variables", "city") != "X" {
		t.Errorf("extra=variables: %s", a.raw)
	}
	if a := s.post(path+"?extra=ignore", "text/csv", extra).want(201); a.at("data", 0, "variables", "city") != nil {
		t.Errorf("extra=ignore: %s", a.raw)
	}
}

// One who is there already is kept, left out or changed, as the sender says.
func TestDuplicateMembersOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("progressive")
	path := "/v1/queues/" + list + "/members"
	body := func(name string) string {
		return `{"name":"` + name + `","numbers":[{"number":"+49 1"}],"variables":{"v":"` + name + `"}}`
	}
	first := s.post(path, "application/json", body("Ann")).want(201)
	if first.header.Get("Location") != "/v1/members/"+first.id("id") {
		t.Errorf("Location %q", first.header.Get("Location"))
	}
	skipped := s.post(path+"?on_duplicate=skip", "application/json", body("Bob")).want(200)
	if skipped.json["name"] != "Ann" || skipped.id("id") != first.id("id") {
		t.Errorf("skip: %s", skipped.raw)
	}
	updated := s.post(path+"?on_duplicate=update", "text/csv", "number,name,priority,var.v\n+491,Cleo,,\n").want(201)
	if updated.json["updated"] != 1.0 || updated.at("data", 0, "name") != "Cleo" || updated.at("data", 0, "variables", "v") != "Ann" {
		t.Errorf("update changes what is given, and nothing else: %s", updated.raw)
	}
	s.post(path, "application/json", body("Dan")).want(201)
	if l := s.call(s.admin, "GET", path, nil).want(200).list(); len(l) != 2 {
		t.Errorf("%d members, want Cleo and Dan", len(l))
	}
}

// A member is changed field by field, stopped, and given another chance.
func TestChangeMember(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("offline")
	id := s.call(s.operator, "POST", "/v1/queues/"+list+"/members",
		`{"name":"Ann","numbers":[{"number":"+491"},{"number":"+492"}],"variables":{"a":"1","b":"2"},"time_zone":"UTC"}`).want(201).id("id")
	path := "/v1/members/" + id
	if _, err := s.pool.Exec(t.Context(), `UPDATE members SET attempts = 2, numbers = jsonb_set(numbers, '{1,attempts}', '2')`); err != nil {
		t.Fatal(err)
	}
	a := s.call(s.operator, "PATCH", path, `{"numbers":[{"number":"+492"},{"number":"+493","priority":1}],"variables":{"c":"3"},"time_zone":null,"priority":4}`).want(200)
	if a.at("numbers", 0, "attempts") != 2.0 || a.at("numbers", 1, "number") != "+493" || a.json["time_zone"] != nil || a.json["name"] != "Ann" ||
		a.at("variables", "c") != "3" || a.at("variables", "a") != nil || a.json["attempts"] != 2.0 {
		t.Errorf("changed: %s", a.raw)
	}
	a = s.call(s.operator, "PATCH", path, `{"ready_at":"2099-01-01T00:00:00Z"}`).want(200)
	if a.json["state"] != "waiting" {
		t.Errorf("not before 2099: %s", a.raw)
	}
	a = s.call(s.operator, "PATCH", path, `{"stopped":true}`).want(200)
	if a.json["state"] != "stopped" || a.json["stop_cause"] != "stopped" || a.json["stopped_at"] == nil {
		t.Errorf("stopped: %s", a.raw)
	}
	a = s.call(s.operator, "PATCH", path, `{"stopped":false}`).want(200)
	if a.json["state"] != "ready" || a.json["attempts"] != 0.0 || a.at("numbers", 0, "attempts") != 0.0 || a.json["stop_cause"] != nil {
		t.Errorf("another chance: %s", a.raw)
	}
	for body, pointer := range map[string]string{
		`{"numbers":[]}`: "/numbers", `{"time_zone":"x"}`: "/time_zone", `{"sticky_agent_id":77}`: "/sticky_agent_id", `{"stopped":1}`: "/stopped", `{"colour":1}`: "/colour",
		`{"stopped":null}`: "/stopped",
	} {
		s.call(s.operator, "PATCH", path, body).problem(422, "invalid").blames(pointer)
	}
	audit := s.call(s.admin, "GET", "/v1/audit?object_kind=member&object_id="+id, nil).want(200)
	if n := len(audit.list()); n != 5 {
		t.Errorf("%d changes in the audit log, want 5: %s", n, audit.raw)
	}
	if strings.Contains(string(audit.raw), "Ann") {
		t.Errorf("the audit log says who he is: %s", audit.raw)
	}
}
