package api_test

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The documentation is one page that needs nothing from anywhere else and
// names every operation, every type and every problem.
func TestDocsPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call("", "GET", "/docs", nil).want(200)
	page := string(a.raw)
	if regexp.MustCompile(`(?i)(src|href|action|content)\s*=\s*["']?\s*(https?:)?//|url\(|@import|<script`).MatchString(page) {
		t.Error("the page refers to something outside of it, or runs a script")
	}
	if policy := a.header.Get("Content-Security-Policy"); !strings.HasPrefix(policy, "default-src 'none'; style-src 'sha256-") {
		t.Errorf("content security policy: %q", policy)
	}
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	for path, item := range doc.json["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			id := op.(map[string]any)["operationId"].(string)
			if !strings.Contains(page, `<section id="`+id+`">`) || !strings.Contains(page, `href="#`+id+`"`) {
				t.Errorf("%s %s is not on the page", method, path)
			}
		}
	}
	for name := range doc.at("components", "schemas").(map[string]any) {
		if !strings.Contains(page, `id="type-`+name+`"`) {
			t.Errorf("the type %s is not on the page", name)
		}
	}
	for _, id := range regexp.MustCompile(`href="#([^"]+)"`).FindAllStringSubmatch(page, -1) {
		if !strings.Contains(page, `id="`+id[1]+`"`) {
			t.Errorf("the page links to #%s, which is not there", id[1])
		}
	}
	problem := s.call("", "GET", "/v1/queues", nil).problem(401, "unauthenticated")
	_, anchor, _ := strings.Cut(problem.json["type"].(string), "#")
	if !strings.Contains(page, `id="`+anchor+`"`) {
		t.Errorf("a problem's type leads to %s, which is not on the page", anchor)
	}
}

// The OpenAPI document hangs together: references lead somewhere, ids are
// unique, parameters in paths are described, and everything has words.
func TestOpenAPIHangsTogether(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call("", "GET", "/openapi.json", nil).want(200)
	if v := a.json["openapi"]; v != "3.1.0" {
		t.Errorf("openapi is %v", v)
	}
	schemas := a.at("components", "schemas").(map[string]any)
	for _, m := range regexp.MustCompile(`"\$ref":"([^"]+)"`).FindAllStringSubmatch(string(a.raw), -1) {
		name, ok := strings.CutPrefix(m[1], "#/components/schemas/")
		if !ok || schemas[name] == nil {
			t.Errorf("reference %s leads nowhere", m[1])
		}
	}
	var ids []string
	for path, item := range a.json["paths"].(map[string]any) {
		for method, v := range item.(map[string]any) {
			op := v.(map[string]any)
			what := method + " " + path
			ids = append(ids, op["operationId"].(string))
			if op["summary"] == "" || len(op["tags"].([]any)) != 1 {
				t.Errorf("%s has no words", what)
			}
			if strings.HasPrefix(path, "/v1/") && op["security"] == nil {
				t.Errorf("%s is described as open to everybody", what)
			}
			text, _ := json.Marshal(op["parameters"])
			for _, name := range regexp.MustCompile(`\{(\w+)\}`).FindAllStringSubmatch(path, -1) {
				if !strings.Contains(string(text), `"name":"`+name[1]+`"`) {
					t.Errorf("%s does not describe {%s}", what, name[1])
				}
			}
			if strings.Contains(string(mustJSON(t, op)), "octet-stream") || strings.Contains(string(mustJSON(t, op)), `"format":"binary"`) {
				t.Errorf("%s describes a body of bytes", what)
			}
		}
	}
	slices.Sort(ids)
	if n := len(ids); len(slices.Compact(ids)) != n {
		t.Error("an operationId is used twice")
	}
}

func mustJSON(t *testing.T, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// What the server answers fits the schema that it publishes: no field is
// missing, none is unknown.
func TestAnswersFitTheirSchemas(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	for _, r := range routes {
		if !strings.HasPrefix(r.path, "/v1/") || r.status == 204 || strings.Contains(r.path, "/v1/events") || strings.Contains(r.path, "/v1/export") {
			continue
		}
		path, body := s.make(r)
		var b any
		if body != "" {
			b = body
		}
		a := s.call(s.admin, r.method, path, b).want(r.status)
		schema := schemaOf(t, doc, r)
		fits(t, doc, schema, a.json, r.method+" "+r.path)
	}
}

func schemaOf(t *testing.T, doc *answer, r route) map[string]any {
	t.Helper()
	path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.path, "{id}")
	path = strings.Replace(path, "deliveries/{id}", "deliveries/{endpoint}", 1)
	path = strings.Replace(path, "attempt.joined", "{type}", 1)
	status := map[int]string{200: "200", 201: "201", 202: "202"}[r.status]
	schema, ok := doc.at("paths", path, strings.ToLower(r.method), "responses", status, "content", "application/json", "schema").(map[string]any)
	if !ok {
		t.Fatalf("%s %s: no schema for %d", r.method, r.path, r.status)
	}
	return schema
}

// fits checks value against as much of JSON Schema as the document uses.
func fits(t *testing.T, doc *answer, schema map[string]any, value any, where string) {
	t.Helper()
	if ref, ok := schema["$ref"].(string); ok {
		schema = doc.at("components", "schemas", strings.TrimPrefix(ref, "#/components/schemas/")).(map[string]any)
	}
	kinds, _ := schema["type"].([]any)
	if kinds == nil {
		kinds = []any{schema["type"]}
	}
	switch v := value.(type) {
	case nil:
		if schema["type"] != nil && !slices.Contains(kinds, any("null")) { // no type: anything fits
			t.Errorf("%s is null", where)
		}
	case map[string]any:
		properties, _ := schema["properties"].(map[string]any)
		if properties == nil {
			return
		}
		for _, name := range schema["required"].([]any) {
			if _, ok := v[name.(string)]; !ok {
				t.Errorf("%s lacks %s", where, name)
			}
		}
		for name, field := range v {
			p, ok := properties[name].(map[string]any)
			if !ok {
				t.Errorf("%s has %s, which is not described", where, name)
				continue
			}
			fits(t, doc, p, field, where+"."+name)
		}
	case []any:
		for _, e := range v {
			fits(t, doc, schema["items"].(map[string]any), e, where+"[]")
		}
	case string:
		if enum, ok := schema["enum"].([]any); ok && !slices.Contains(enum, value) {
			t.Errorf("%s is %q, none of %v", where, v, enum)
		}
	}
}
