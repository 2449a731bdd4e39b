package api_test

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// route is one row of the contract: who may do what, and a request that is
// good. Names in braces are made for the request by things.make.
type route struct {
	method, path string
	role         store.Role // "" = no key
	body         string     // a good body; "" = none is needed
	status       int
}

var routes = []route{
	{"GET", "/v1/queues", "analyst", "", 200},
	{"POST", "/v1/queues", "admin", `{"name":"{fresh}","type":"inbound"}`, 201},
	{"GET", "/v1/queues/{queue}", "analyst", "", 200},
	{"PATCH", "/v1/queues/{queue}", "admin", `{"priority":3}`, 200},
	{"DELETE", "/v1/queues/{queue}", "admin", "", 204},
	{"POST", "/v1/queues/{queue}/attempts", "operator", `{"destination":"1"}`, 201},
	{"GET", "/v1/agents", "analyst", "", 200},
	{"POST", "/v1/agents", "admin", `{"name":"Ann"}`, 201},
	{"GET", "/v1/agents/{agent}", "analyst", "", 200},
	{"PATCH", "/v1/agents/{agent}", "admin", `{"name":"Bea"}`, 200},
	{"DELETE", "/v1/agents/{agent}", "admin", "", 204},
	{"PUT", "/v1/agents/{agent}/status", "operator", `{"status":"pause","reason":"lunch"}`, 200},
	{"GET", "/v1/queues/{list}/members", "analyst", "", 200},
	{"POST", "/v1/queues/{list}/members", "operator", `{"numbers":[{"number":"+4930{number}"}]}`, 201},
	{"GET", "/v1/members/{member}", "analyst", "", 200},
	{"PATCH", "/v1/members/{member}", "operator", `{"priority":3}`, 200},
	{"DELETE", "/v1/members/{member}", "operator", "", 204},
	{"POST", "/v1/members/{member}/attempts", "operator", `{"agent_id":{holder}}`, 201},
	{"GET", "/v1/agents/{agent}/members", "analyst", "", 200},
	{"GET", "/v1/calendars", "analyst", "", 200},
	{"POST", "/v1/calendars", "admin", `{"name":"{fresh}"}`, 201},
	{"GET", "/v1/calendars/{calendar}", "analyst", "", 200},
	{"PATCH", "/v1/calendars/{calendar}", "admin", `{"time_zone":"UTC"}`, 200},
	{"DELETE", "/v1/calendars/{calendar}", "admin", "", 204},
	{"GET", "/v1/trunks", "analyst", "", 200},
	{"POST", "/v1/trunks", "admin", `{"name":"{fresh}","lines":30}`, 201},
	{"GET", "/v1/trunks/{trunk}", "analyst", "", 200},
	{"PATCH", "/v1/trunks/{trunk}", "admin", `{"lines":30}`, 200},
	{"DELETE", "/v1/trunks/{trunk}", "admin", "", 204},
	{"GET", "/v1/dnc", "analyst", "", 200},
	{"POST", "/v1/dnc", "admin", `{"number":"+4999{number}"}`, 201},
	{"GET", "/v1/dnc/{dnc}", "analyst", "", 200},
	{"PATCH", "/v1/dnc/{dnc}", "admin", `{"note":"asked to"}`, 200},
	{"DELETE", "/v1/dnc/{dnc}", "admin", "", 204},
	{"GET", "/v1/attempts", "analyst", "", 200},
	{"GET", "/v1/attempts/{offered}", "analyst", "", 200},
	{"GET", "/v1/attempts/{offered}/timeline", "analyst", "", 200},
	{"POST", "/v1/attempts/{offered}/accept", "operator", `{"agent_id":{holder}}`, 200},
	{"POST", "/v1/attempts/{offered}/decline", "operator", `{"agent_id":{holder}}`, 200},
	{"POST", "/v1/attempts/{previewed}/skip", "operator", `{"agent_id":{holder}}`, 200},
	{"POST", "/v1/attempts/{bridged}/report", "operator", `{"cc_result":"success"}`, 200},
	{"POST", "/v1/attempts/{processing}/renew", "operator", `{"agent_id":{holder}}`, 200},
	{"POST", "/v1/attempts/{bridged}/close", "operator", `{"agent_id":{holder}}`, 200},
	{"POST", "/v1/attempts/{offered}/cancel", "operator", "", 200},
	{"POST", "/v1/attempts/{bridged}/transfer", "operator", `{"queue_id":{other}}`, 200},
	{"POST", "/v1/reports", "operator", `[{"event":"ended","attempt_id":1,"leg":"member"}]`, 200},
	{"GET", "/v1/events", "analyst", "", 200},
	{"GET", "/v1/events/{event}", "analyst", "", 200},
	{"GET", "/v1/events/{event}/deliveries", "analyst", "", 200},
	{"GET", "/v1/events/stream", "analyst", "", 200},
	{"GET", "/v1/export/events.ndjson", "analyst", "", 200},
	{"GET", "/v1/export/events.csv", "analyst", "", 200},
	{"GET", "/v1/snapshot", "analyst", "", 200},
	{"GET", "/v1/queues/{queue}/stats", "analyst", "", 200},
	{"GET", "/v1/agents/{agent}/stats", "analyst", "", 200},
	{"GET", "/v1/event-types", "analyst", "", 200},
	{"GET", "/v1/event-types/attempt.joined", "analyst", "", 200},
	{"GET", "/v1/endpoints", "admin", "", 200},
	{"POST", "/v1/endpoints", "admin", `{"url":"https://crm.example/hook"}`, 201},
	{"GET", "/v1/endpoints/{endpoint}", "admin", "", 200},
	{"PATCH", "/v1/endpoints/{endpoint}", "admin", `{"description":"the CRM"}`, 200},
	{"DELETE", "/v1/endpoints/{endpoint}", "admin", "", 204},
	{"POST", "/v1/endpoints/{endpoint}/enable", "admin", "", 200},
	{"POST", "/v1/endpoints/{endpoint}/disable", "admin", "", 200},
	{"POST", "/v1/endpoints/{endpoint}/test", "admin", "", 200},
	{"POST", "/v1/endpoints/{endpoint}/rotate-secret", "admin", "", 200},
	{"GET", "/v1/endpoints/{endpoint}/secret", "admin", "", 200},
	{"GET", "/v1/endpoints/{endpoint}/deliveries", "admin", "", 200},
	{"GET", "/v1/endpoints/{endpoint}/tries", "admin", "", 200},
	{"GET", "/v1/endpoints/{endpoint}/stats", "admin", "", 200},
	{"POST", "/v1/events/{event}/deliveries/{endpoint}/resend", "admin", "", 200},
	{"POST", "/v1/endpoints/{endpoint}/recover", "admin", `{"since":"2026-01-01T00:00:00Z"}`, 202},
	{"GET", "/v1/tasks", "operator", "", 200},
	{"GET", "/v1/tasks/{task}", "operator", "", 200},
	{"POST", "/v1/tasks/{task}/cancel", "operator", "", 200},
	{"GET", "/v1/keys", "admin", "", 200},
	{"POST", "/v1/keys", "admin", `{"name":"the CRM","role":"operator"}`, 201},
	{"GET", "/v1/keys/{key}", "admin", "", 200},
	{"DELETE", "/v1/keys/{key}", "admin", "", 204},
	{"GET", "/v1/audit", "admin", "", 200},
	{"GET", "/healthz", "", "", 200},
	{"GET", "/readyz", "", "", 200},
	{"GET", "/metrics", "", "", 200},
	{"GET", "/openapi.json", "", "", 200},
	{"GET", "/openapi-3.0.json", "", "", 200},
	{"GET", "/docs", "", "", 200},
}

// names are what a route's path can hold, in the order in which one may need
// the other.
var names = []string{"queue", "agent", "offered", "previewed", "bridged", "processing", "event", "endpoint", "task", "list", "member", "calendar", "trunk", "dnc", "key"}

// make replaces each name in the text by a thing that is made for it.
func (s *site) make(r route) (path, body string) {
	s.t.Helper()
	path, body = r.path, r.body
	put := func(name, value string) {
		path = strings.ReplaceAll(path, "{"+name+"}", value)
		body = strings.ReplaceAll(body, "{"+name+"}", value)
	}
	put("number", fmt.Sprint(s.clock.next()))
	put("fresh", fmt.Sprintf("queue %d", s.clock.next()))
	if strings.Contains(body, "{other}") {
		put("other", s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "task"}))
	}
	for _, name := range names {
		if !strings.Contains(path, "{"+name+"}") {
			continue
		}
		switch name {
		case "queue":
			put(name, s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "task"}))
		case "agent":
			put(name, s.call(s.admin, "POST", "/v1/agents", `{"name":"Ann"}`).want(201).id("id"))
		case "offered", "bridged", "processing":
			attempt, agent := s.attempt(name)
			put(name, attempt)
			put("holder", agent)
		case "previewed":
			attempt, agent := s.preview()
			put(name, attempt)
			put("holder", agent)
		case "event":
			s.attempt("offered")
			put(name, s.call(s.analyst, "GET", "/v1/events?limit=1", nil).want(200).at("data", 0, "id").(string))
		case "key":
			put(name, s.call(s.admin, "POST", "/v1/keys", `{"name":"test","role":"analyst"}`).want(201).json["id"].(string))
		case "task":
			put(name, s.queuedTask(s.operator).ID)
		case "list":
			put(name, s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "offline"}))
		case "member":
			list := s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "offline"})
			put("holder", s.agent("Ann", list))
			put(name, s.member(list, fmt.Sprintf("+4930%d", s.clock.next())))
		case "calendar", "trunk":
			put(name, s.call(s.admin, "POST", "/v1/"+name+"s", fmt.Sprintf(`{"name":"%s %d"}`, name, s.clock.next())).want(201).id("id"))
		case "dnc":
			put(name, s.call(s.admin, "POST", "/v1/dnc", fmt.Sprintf(`{"number":"+49%d"}`, s.clock.next())).want(201).json["number"].(string))
		case "endpoint":
			put(name, s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook"}`).want(201).json["id"].(string))
		}
	}
	return path, body
}

// attempt brings a task into a state, with an agent of its own.
func (s *site) attempt(state string) (attempt, agent string) {
	s.t.Helper()
	q := s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "task"})
	agent = s.agent("Ann", q)
	attempt = s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).want(201).id("attempt_id")
	for _, step := range []struct{ state, verb string }{{"offered", "accept"}, {"bridged", "close"}} {
		if state == step.state {
			break
		}
		s.call(s.operator, "POST", "/v1/attempts/"+attempt+"/"+step.verb, `{"agent_id":`+agent+`}`).want(200)
	}
	return attempt, agent
}

// member adds somebody to a list.
func (s *site) member(list, number string) string {
	s.t.Helper()
	return s.call(s.operator, "POST", "/v1/queues/"+list+"/members", `{"numbers":[{"number":"`+number+`"}]}`).want(201).id("id")
}

// preview has a member offered to an agent of a preview queue.
func (s *site) preview() (attempt, agent string) {
	s.t.Helper()
	q := s.queue(map[string]any{"name": fmt.Sprintf("queue %d", s.clock.next()), "type": "preview"})
	agent = s.agent("Ann", q)
	id, _ := strconv.ParseInt(q, 10, 64)
	d, _ := s.cfg.Desk(1)
	result, err := d.Do(s.t.Context(), queue.Dial{QueueID: id, Destination: fmt.Sprintf("+1202555%d", s.clock.next())})
	if err != nil {
		s.t.Fatal(err)
	}
	return strconv.FormatInt(result.Attempt.ID, 10), agent
}

// Every route does its work for the roles that may, and for nobody else.
func TestRoutesByRole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	roles := []store.Role{"none", "wrong", store.RoleAnalyst, store.RoleOperator, store.RoleAdmin}
	keys := map[store.Role]string{
		"wrong": "ohk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", store.RoleAnalyst: s.analyst,
		store.RoleOperator: s.operator, store.RoleAdmin: s.admin,
	}
	for _, r := range routes {
		for _, role := range roles {
			path, body := s.make(r)
			before := s.fingerprint()
			var b any
			if body != "" {
				b = body
			}
			a := s.call(keys[role], r.method, path, b)
			switch {
			case r.role == "", role.Includes(r.role):
				a.want(r.status)
				continue
			case keys[role] == "" || role == "wrong":
				a.problem(401, "unauthenticated")
				if a.header.Get("WWW-Authenticate") == "" {
					t.Errorf("%s %s: 401 without WWW-Authenticate", r.method, r.path)
				}
			default:
				a.problem(403, "forbidden")
			}
			if s.fingerprint() != before {
				t.Errorf("%s %s: a refused request of %s changed something", r.method, r.path, role)
			}
		}
	}
	if strings.Contains(s.log.String(), "ohk_") || strings.Contains(s.log.String(), "whsec_") {
		t.Error("a secret is in the log")
	}
}

// Every route refuses bodies that are wrong, in the same way, and does nothing.
func TestRoutesRefuseBadBodies(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, r := range routes {
		if r.body == "" {
			continue
		}
		path, body := s.make(r)
		before := s.fingerprint()
		what := r.method + " " + r.path
		s.call(s.admin, r.method, path, `{"`).problem(400, "malformed")
		s.call(s.admin, r.method, path, body+"]").problem(400, "malformed")
		s.call(s.admin, r.method, path, `"text"`).problem(422, "invalid")
		s.call(s.admin, r.method, path, strings.Replace(body, `{"`, `{"colour":"\u0000","`, 1)).problem(400, "malformed")
		unknown := s.call(s.admin, r.method, path, strings.Replace(body, `{"`, `{"colour":"red","`, 1)).problem(422, "invalid")
		if p, _ := unknown.at("errors", 0, "pointer").(string); !strings.HasSuffix(p, "/colour") {
			t.Errorf("%s: blames %q for an unknown field: %s", what, p, unknown.raw)
		}
		huge := strings.Replace(body, `{"`, `{"colour":"`+strings.Repeat("x", 5<<20)+`","`, 1)
		s.call(s.admin, r.method, path, huge).problem(413, "too_large")

		form, err := http.NewRequestWithContext(t.Context(), r.method, s.url+path, strings.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form.Header.Set("Authorization", "Bearer "+s.admin)
		s.send(form).problem(415, "unsupported_media_type")
		if s.fingerprint() != before {
			t.Errorf("%s: a refused body changed something", what)
		}
	}
}

// What belongs to another domain is not there, and neither is what never was.
func TestRoutesHideOtherDomains(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, r := range routes {
		if !strings.Contains(r.path, "{") {
			continue
		}
		path, body := s.make(r)
		before := s.fingerprint()
		var b any
		if body != "" {
			b = body
		}
		own := s.call(s.stranger, r.method, path, b)
		if own.status != 404 {
			t.Errorf("%s %s: %d for another domain's object: %s", r.method, r.path, own.status, own.raw)
		}
		for _, id := range []string{"999999999", "nonsense", "-1", "evt_00000000-0000-5000-8000-000000000000", "99999999999999999999"} {
			i := strings.Index(r.path, "{")
			rest := r.path[i:]
			gone := r.path[:i] + id + rest[strings.Index(rest, "}")+1:]
			if a := s.call(s.admin, r.method, gone, b); a.status != 404 {
				t.Errorf("%s %s: %d: %s", r.method, gone, a.status, a.raw)
			}
		}
		if s.fingerprint() != before {
			t.Errorf("%s %s: a stranger changed something", r.method, r.path)
		}
	}
	for _, path := range []string{"/v1/queues", "/v1/agents", "/v1/attempts", "/v1/events", "/v1/endpoints", "/v1/calendars", "/v1/trunks", "/v1/dnc"} {
		if l := s.call(s.stranger, "GET", path, nil).want(200).list(); len(l) != 0 {
			t.Errorf("%s shows another domain: %v", path, l)
		}
	}
}

func TestUnknownPathsAndMethods(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call("", "GET", "/v2/queues", nil).problem(404, "not_found")
	a := s.call(s.admin, "DELETE", "/v1/queues", nil).problem(405, "method_not_allowed")
	if got := a.header.Get("Allow"); got != "GET, POST" {
		t.Errorf("Allow: %q", got)
	}
	s.call(s.admin, "GET", "/v1/queues?colour=red", nil).problem(422, "invalid").blames("?colour")
	s.call(s.admin, "GET", "/v1/queues?limit=251", nil).problem(422, "invalid").blames("?limit")
	s.call(s.admin, "GET", "/v1/queues?limit=0", nil).problem(422, "invalid").blames("?limit")
	s.call(s.admin, "GET", "/v1/agents?agent_ref=%00", nil).problem(400, "malformed")
	s.call(s.admin, "GET", "/v1/agents?agent_ref=%ff", nil).problem(400, "malformed")
	for _, list := range []string{"queues", "agents", "attempts", "events", "endpoints", "calendars", "trunks", "dnc"} {
		for _, cursor := range []string{"nonsense", "cTow", "!!"} {
			s.call(s.admin, "GET", "/v1/"+list+"?cursor="+cursor+"x", nil).problem(422, "invalid").blames("?cursor")
		}
	}
}

// The table above, the router and the OpenAPI document name the same routes.
func TestRoutesAreDescribed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var served []string
	err := chi.Walk(s.handler.(chi.Routes), func(method, path string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		served = append(served, method+" "+path)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	var described, tested []string
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	for path, item := range doc.json["paths"].(map[string]any) {
		for method := range item.(map[string]any) {
			described = append(described, strings.ToUpper(method)+" "+path)
		}
	}
	for _, r := range routes {
		parts := strings.Split(r.path, "/")
		for i, p := range parts {
			if strings.HasPrefix(p, "{") && !strings.HasSuffix(r.path, "/resend") {
				parts[i] = "{id}"
			}
			if p == "{event}" {
				parts[i] = "{id}"
			}
			if p == "attempt.joined" {
				parts[i] = "{type}"
			}
		}
		tested = append(tested, r.method+" "+strings.Join(parts, "/"))
	}
	slices.Sort(served)
	slices.Sort(described)
	slices.Sort(tested)
	if !slices.Equal(served, described) {
		t.Errorf("served    %v\ndescribed %v", served, described)
	}
	if !slices.Equal(served, tested) {
		t.Errorf("served %v\ntested %v", served, tested)
	}
}
