package api_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
)

// breaks compares two OpenAPI documents and says what of the old one a client
// can no longer rely on.
type breaks struct {
	old, new map[string]any // components/schemas
	found    []string
	seen     map[string]bool
}

func (b *breaks) add(format string, args ...any) {
	b.found = append(b.found, fmt.Sprintf(format, args...))
}

func object(v any, path ...string) map[string]any {
	for _, name := range path {
		m, _ := v.(map[string]any)
		v = m[name]
	}
	m, _ := v.(map[string]any)
	return m
}

func texts(v any) []string {
	list, _ := v.([]any)
	var out []string
	for _, one := range list {
		out = append(out, fmt.Sprint(one))
	}
	return out
}

// breaking lists, in order, what was removed or narrowed between two documents:
// paths, methods, parameters, fields of answers; types; values that a request
// may have; what a request must have.
func breaking(older, newer map[string]any) []string {
	b := &breaks{old: object(older, "components", "schemas"), new: object(newer, "components", "schemas"), seen: map[string]bool{}}
	for _, path := range slices.Sorted(maps.Keys(object(older, "paths"))) {
		item := object(older, "paths", path)
		for _, method := range slices.Sorted(maps.Keys(item)) {
			what := strings.ToUpper(method) + " " + path
			is := object(newer, "paths", path, method)
			if is == nil {
				b.add("%s is gone", what)
				continue
			}
			b.operation(what, object(item, method), is)
		}
	}
	return b.found
}

func (b *breaks) operation(what string, was, is map[string]any) {
	params := map[string]map[string]any{}
	list, _ := is["parameters"].([]any)
	for _, p := range list {
		params[fmt.Sprint(object(p)["in"], " ", object(p)["name"])] = object(p)
	}
	old, _ := was["parameters"].([]any)
	for _, p := range old {
		name := fmt.Sprint(object(p)["in"], " ", object(p)["name"])
		if params[name] == nil {
			b.add("%s: parameter %s is gone", what, name)
		} else {
			b.schema(what+" "+name, object(p, "schema"), object(params[name], "schema"), true)
		}
		delete(params, name)
	}
	for name, p := range params {
		if p["required"] == true {
			b.add("%s: parameter %s is required now", what, name)
		}
	}
	for media, m := range object(was, "requestBody", "content") {
		to := object(is, "requestBody", "content", media)
		if to == nil {
			b.add("%s: takes no %s any more", what, media)
			continue
		}
		b.schema(what+" body", object(m, "schema"), object(to, "schema"), true)
	}
	for status, r := range object(was, "responses") {
		if !strings.HasPrefix(status, "2") {
			continue
		}
		for media, m := range object(r, "content") {
			to := object(is, "responses", status, "content", media)
			if to == nil {
				b.add("%s: answers no %s %s any more", what, status, media)
				continue
			}
			b.schema(what+" "+status, object(m, "schema"), object(to, "schema"), false)
		}
	}
}

func (b *breaks) follow(s map[string]any, all map[string]any) map[string]any {
	if ref, ok := s["$ref"].(string); ok {
		return object(all, strings.TrimPrefix(ref, "#/components/schemas/"))
	}
	return s
}

// schema compares one type. A request may be told to do less, an answer may
// tell more; not the other way round.
func (b *breaks) schema(what string, was, is map[string]any, request bool) {
	if ref, ok := was["$ref"].(string); ok {
		key := fmt.Sprint(ref, request)
		if b.seen[key] {
			return
		}
		b.seen[key] = true
	}
	was, is = b.follow(was, b.old), b.follow(is, b.new)
	if fmt.Sprint(was["type"]) != fmt.Sprint(is["type"]) && is["type"] != nil {
		b.add("%s: was %v, is %v", what, was["type"], is["type"])
		return
	}
	values, now := texts(was["enum"]), texts(is["enum"])
	for _, v := range values {
		if request && len(now) > 0 && !slices.Contains(now, v) {
			b.add("%s: does not take %s any more", what, v)
		}
	}
	if request && len(values) == 0 && len(now) > 0 {
		b.add("%s: takes only %v now", what, now)
	}
	for _, limit := range []string{"maxLength", "maximum", "maxItems", "maxProperties"} {
		before, limited := was[limit].(float64)
		if after, ok := is[limit].(float64); request && ok && (!limited || after < before) {
			b.add("%s: %s is %v now", what, limit, after)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(object(was, "properties"))) {
		to := object(is, "properties", name)
		if to == nil {
			b.add("%s: field %s is gone", what, name)
			continue
		}
		b.schema(what+"/"+name, object(was, "properties", name), to, request)
	}
	for _, name := range texts(is["required"]) {
		if request && !slices.Contains(texts(was["required"]), name) {
			b.add("%s: field %s is required now", what, name)
		}
	}
	for _, name := range texts(was["required"]) {
		if !request && !slices.Contains(texts(is["required"]), name) {
			b.add("%s: field %s may be missing now", what, name)
		}
	}
	if items := object(was, "items"); items != nil {
		b.schema(what+"[]", items, object(is, "items"), request)
	}
}

const released = "testdata/openapi-released.json"

// No client of the last release is broken. After a release that must break some,
// and says so in CHANGELOG.md, and when something was added that is to be kept
// from then on, run it with OFFHOOK_TEST_RELEASE=1: it writes the new document.
func TestOpenAPIBreaksNobody(t *testing.T) {
	t.Parallel()
	now := newSite(t).call("", "GET", "/openapi.json", nil).want(200)
	if os.Getenv("OFFHOOK_TEST_RELEASE") != "" {
		if err := os.WriteFile(released, now.raw, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(released)
	if err != nil {
		t.Fatal(err)
	}
	var last map[string]any
	if err := json.Unmarshal(data, &last); err != nil {
		t.Fatal(err)
	}
	for _, what := range breaking(last, now.json) {
		t.Error(what)
	}
	if len(object(last, "paths")) < 40 {
		t.Errorf("the last release has %d paths", len(object(last, "paths")))
	}
}

// The comparison finds each kind of break, and takes additions.
func TestBreaksAreFound(t *testing.T) {
	t.Parallel()
	const old = `{"paths":{"/a":{"get":{"parameters":[{"in":"query","name":"q","schema":{"type":"string","enum":["x","y"]}}],
"responses":{"200":{"content":{"j":{"schema":{"$ref":"#/components/schemas/A"}}}}}},
"post":{"requestBody":{"content":{"j":{"schema":{"type":"object","required":["n"],"properties":{"n":{"type":"integer","maximum":9}}}}}},"responses":{}}}},
"components":{"schemas":{"A":{"type":"object","required":["id"],"properties":{"id":{"type":"integer"},"l":{"type":"array","items":{"type":"string"}}}}}}}`
	for _, c := range []struct{ from, to, want string }{
		{`"post"`, `"put"`, "POST /a is gone"},
		{`"name":"q"`, `"name":"r"`, "GET /a: parameter query q is gone"},
		{`["x","y"]`, `["x"]`, "GET /a query q: does not take y any more"},
		{`"id":{"type":"integer"}`, `"id":{"type":"string"}`, "GET /a 200/id: was integer, is string"},
		{`"required":["id"]`, `"required":[]`, "GET /a 200: field id may be missing now"},
		{`"l":{`, `"m":{`, "GET /a 200: field l is gone"},
		{`"items":{"type":"string"}`, `"items":{"type":"number"}`, "GET /a 200/l[]: was string, is number"},
		{`"maximum":9`, `"maximum":8`, "POST /a body/n: maximum is 8 now"},
		{`"required":["n"],"properties":{`, `"required":["n","k"],"properties":{"k":{"type":"string"},`, "POST /a body: field k is required now"},
		{`"200"`, `"202"`, "GET /a: answers no 200 j any more"},
		{`["x","y"]`, `["x","y","z"]`, ""},
		{`"id":{"type":"integer"}`, `"id":{"type":"integer"},"k":{"type":"string"}`, ""},
		{`"maximum":9`, `"maximum":10`, ""},
		{`{"paths":{`, `{"paths":{"/b":{"get":{}},`, ""},
	} {
		var was, is map[string]any
		changed := strings.Replace(old, c.from, c.to, 1)
		if changed == old || json.Unmarshal([]byte(old), &was) != nil || json.Unmarshal([]byte(changed), &is) != nil {
			t.Fatalf("%s is no change", c.to)
		}
		if got := strings.Join(breaking(was, is), "; "); got != c.want {
			t.Errorf("%s for %s: found %q, want %q", c.to, c.from, got, c.want)
		}
	}
}
