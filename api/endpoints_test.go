package api_test

import (
	"fmt"
	"strings"
	"testing"
)

func TestEndpointSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created := s.call(s.admin, "POST", "/v1/endpoints", `{
		"url":"https://crm.example/hook?tenant=7","description":"the CRM","events":["attempt.leaving"],"profile":"live","timeout":5,
		"headers":{"x-team":"north","Authorization":"Basic c2VjcmV0"},"from":"2026-01-01T00:00:00Z"}`).want(201)
	id := created.json["id"].(string)
	secret, _ := created.json["secret"].(string)
	if !strings.HasPrefix(secret, "whsec_") {
		t.Fatalf("the creation shows the secret: %s", created.raw)
	}
	if created.json["max_in_flight"] != 8.0 || created.json["timeout"] != 5.0 || created.json["ordering"] != "per_attempt" ||
		created.json["format"] != "standard" || created.header.Get("Location") != "/v1/endpoints/"+id {
		t.Errorf("created: %s", created.raw)
	}
	for _, path := range []string{"/v1/endpoints", "/v1/endpoints/" + id} {
		if a := s.call(s.admin, "GET", path, nil).want(200); strings.Contains(string(a.raw), secret) || strings.Contains(string(a.raw), "c2VjcmV0") {
			t.Errorf("%s shows a secret: %s", path, a.raw)
		}
	}
	changed := s.call(s.admin, "PATCH", "/v1/endpoints/"+id, `{"headers":{"Authorization":"(hidden)","X-New":"1"},"events":[]}`).want(200)
	if changed.at("headers", "Authorization") != "(hidden)" || changed.at("headers", "X-New") != "1" || changed.at("headers", "X-Team") != nil ||
		len(changed.json["events"].([]any)) != 0 || changed.json["url"] != "https://crm.example/hook?tenant=7" {
		t.Errorf("changed: %s", changed.raw)
	}
	ep, err := s.cfg.Delivery.Endpoint(t.Context(), 1, id)
	if err != nil || ep.Headers.Get("Authorization") != "Basic c2VjcmV0" || ep.Secrets[0].Key != secret {
		t.Errorf("a hidden value stays as it was: %v, %v", ep.Headers, err)
	}
	if off := s.call(s.admin, "POST", "/v1/endpoints/"+id+"/disable", nil).want(200); off.json["disabled"] != true || off.json["disabled_reason"] != "manual" {
		t.Errorf("disable: %s", off.raw)
	}
	if on := s.call(s.admin, "POST", "/v1/endpoints/"+id+"/enable", `{"from":"now"}`).want(200); on.json["disabled"] != false {
		t.Errorf("enable from now: %s", on.raw)
	}
	s.call(s.admin, "POST", "/v1/endpoints/"+id+"/enable", `{"from":"now"}`).problem(409, "bad_state")
	s.call(s.admin, "POST", "/v1/endpoints/"+id+"/enable", `{"from":"yesterday"}`).problem(422, "invalid").blames("/from")
	s.call(s.admin, "POST", "/v1/endpoints/"+id+"/disable", nil).want(200)
	if on := s.call(s.admin, "POST", "/v1/endpoints/"+id+"/enable", `{"from":"stopped"}`).want(200); on.json["disabled"] != false || on.json["disabled_reason"] != nil {
		t.Errorf("enable: %s", on.raw)
	}
	test := s.call(s.admin, "POST", "/v1/endpoints/"+id+"/test", nil).want(200)
	if test.json["outcome"] != "delivered" || test.json["status"] != 204.0 || test.json["duration_ms"] != 3.0 || s.sent.tests[0] != id {
		t.Errorf("test: %s", test.raw)
	}
	s.call(s.admin, "DELETE", "/v1/endpoints/"+id, nil).want(204)
	s.call(s.admin, "GET", "/v1/endpoints/"+id, nil).problem(404, "not_found")
	if s.sent.reloads != 7 {
		t.Errorf("the dispatcher heard of %d changes, want 7", s.sent.reloads)
	}
}

func TestEndpointsRefuse(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for body, pointer := range map[string]string{
		`{"url":"http://crm.example/"}`: "/url",
		`{"url":"https://10.0.0.1/"}`:   "/url",
		`{"url":"no"}`:                  "/url",
		`{"url":"https://crm.example/","events":["attempt.exploded"]}`:   "/events",
		`{"url":"https://crm.example/","headers":{"Host":"x"}}`:          "/headers",
		`{"url":"https://crm.example/","headers":{"A B":"x"}}`:           "/headers",
		`{"url":"https://crm.example/","headers":{"A":"x\r\nB: y"}}`:     "/headers",
		`{"url":"https://crm.example/","headers":{"x-a":"x","X-A":"y"}}`: "/headers",
		`{"url":"https://2130706433/"}`:                                  "/url",
		`{"url":"https://crm.example/","timeout":31}`:                    "/timeout",
		`{"url":"https://crm.example/","profile":"never"}`:               "/profile",
		`{"url":"https://crm.example/","profile":"custom"}`:              "/schedule",
		`{"url":"https://crm.example/","schedule":[0]}`:                  "/schedule",
		`{"url":"https://crm.example/","schedule":[86400,86401]}`:        "/schedule",
		`{"url":"https://crm.example/","schedule":[1],"profile":"live"}`: "/schedule",
		`{"url":"https://crm.example/","order_wait":-1}`:                 "/order_wait",
		`{"url":"https://crm.example/","rate":0.001}`:                    "/rate",
		`{"url":"https://crm.example/","health":{}}`:                     "/health",
		`{"url":"https://crm.example/","secret":"whsec_AAAA"}`:           "/secret",
		`{"url":"https://crm.example/","from":"yesterday"}`:              "/from",
		`{"url":"https://crm.example/","from":-1}`:                       "/from",
		`{"url":"https://crm.example/","max_in_flight":0}`:               "/max_in_flight",
		`{"url":"https://user:pass@crm.example/"}`:                       "/url",
		`{"url":"https://crm.example/","queues":[0]}`:                    "/queues",
		`{"url":"https://crm.example/","queue_types":["outbound"]}`:      "/queue_types/0",
		`{"url":"https://crm.example/","headers":{"Offhook-Try":"1"}}`:   "/headers",
		`{"url":"https://crm.example/","description":null}`:              "",
	} {
		a := s.call(s.admin, "POST", "/v1/endpoints", body)
		if pointer == "" {
			a.want(201) // null is as good as absent when something is created
			continue
		}
		a.problem(422, "invalid").blames(pointer)
	}
	for _, header := range []string{"Authorization", "X-Api-Key", "Cookie", "X-Auth-Token", "Client-Secret", "X-Password", "X-Signature"} {
		a := s.call(s.admin, "POST", "/v1/endpoints", map[string]any{
			"url": "https://crm.example/", "headers": map[string]string{header: "s3cr3t"},
		}).want(201)
		if strings.Contains(string(a.raw), "s3cr3t") {
			t.Errorf("the value of %s is shown: %s", header, a.raw)
		}
	}
}

// Of profile and schedule the one that is given decides about the other, and
// what is not given stays.
func TestPaceOfAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/","schedule":[1,60],"rate":2.5}`).want(201)
	path := "/v1/endpoints/" + a.json["id"].(string)
	is := func(what, profile, schedule string, orderWait, rate float64) {
		t.Helper()
		if a.json["profile"] != profile || fmt.Sprint(a.json["schedule"]) != schedule || a.json["order_wait"] != orderWait || a.json["rate"] != rate {
			t.Errorf("%s: %s", what, a.raw)
		}
	}
	is("created", "custom", "[1 60]", 60, 2.5)
	if health := a.at("health").(map[string]any); health["breaker"] != "closed" || health["paused_until"] != nil || health["disable_at"] != nil {
		t.Errorf("a new endpoint does as %v", health)
	}
	patch := func(body string) { t.Helper(); a = s.call(s.admin, "PATCH", path, body).want(200) }
	patch(`{"order_wait":0,"description":"x"}`)
	is("no overtaking", "custom", "[1 60]", 0, 2.5)
	patch(`{"profile":"live","rate":0}`)
	is("a profile", "live", "[]", 0, 0)
	patch(`{"schedule":[5]}`)
	is("a schedule", "custom", "[5]", 0, 0)
	patch(`{"schedule":[]}`)
	is("no schedule", "record", "[]", 0, 0)
	patch(`{"schedule":[7],"profile":"custom"}`)
	is("both", "custom", "[7]", 0, 0)
	patch(`{"order_wait":5}`)
	is("in the end", "custom", "[7]", 5, 0)
	s.call(s.admin, "PATCH", path, `{"profile":"live","schedule":[1]}`).problem(422, "invalid").blames("/schedule")
	s.call(s.admin, "PATCH", path, `{"order_wait":null}`).problem(422, "invalid").blames("/order_wait")
}
