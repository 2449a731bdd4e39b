package api_test

import (
	"testing"

	"github.com/offhook/offhook/queue"
)

func TestEndpointFormats(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for _, f := range queue.Formats {
		made := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/","format":"`+string(f)+`"}`).want(201)
		if made.json["format"] != string(f) {
			t.Errorf("made with %s: %s", f, made.raw)
		}
		described := s.call(s.admin, "GET", "/v1/event-types/attempt.leaving?format="+string(f), nil).want(200)
		var attempt any
		switch f.Body() {
		case queue.FormatFlat:
			attempt = described.at("example", "attempt_id")
		case queue.FormatCloudEvents:
			attempt = described.at("example", "data", "data", "attempt_id")
		default:
			attempt = described.at("example", "data", "attempt_id")
		}
		if attempt != 90071.0 || described.json["format"] != string(f) || described.at("schema", "type") != "object" {
			t.Errorf("described in %s: %s", f, described.raw)
		}
	}
	if all := s.call(s.admin, "GET", "/v1/event-types", nil).want(200); all.json["data"].([]any)[0].(map[string]any)["format"] != "standard" {
		t.Errorf("the format that nobody asked for: %s", all.raw)
	}
	s.call(s.admin, "GET", "/v1/event-types/attempt.leaving?format=xml", nil).problem(422, "invalid").blames("?format")
	s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/","format":"xml"}`).problem(422, "invalid").blames("/format")
}
