package api_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/offhook/offhook/store"
)

// described is an operation of the OpenAPI document.
type described struct {
	t    *testing.T
	doc  *answer
	what string
	op   map[string]any
}

// operationOf finds the description of a row of the table of routes.
func operationOf(t *testing.T, doc *answer, r route) described {
	t.Helper()
	path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.path, "{id}")
	path = strings.Replace(path, "deliveries/{id}", "deliveries/{endpoint}", 1)
	path = strings.Replace(path, "attempt.joined", "{type}", 1)
	op, ok := doc.at("paths", path, strings.ToLower(r.method)).(map[string]any)
	if !ok {
		t.Fatalf("%s %s is not described", r.method, path)
	}
	return described{t, doc, r.method + " " + r.path, op}
}

// role is the least role that the document names; "" for none.
func (d described) role() store.Role {
	security, _ := d.op["security"].([]any)
	if len(security) == 0 {
		return ""
	}
	return store.Role(security[0].(map[string]any)["key"].([]any)[0].(string))
}

// queries are the described query parameters that not every text is a value of,
// each with a value that it cannot have.
func (d described) queries() map[string]string {
	bad := map[string]string{}
	params, _ := d.op["parameters"].([]any)
	for _, p := range params {
		param := p.(map[string]any)
		schema := param["schema"].(map[string]any)
		switch {
		case param["in"] != "query":
		case schema["type"] == "integer", schema["type"] == "boolean", schema["format"] == "date-time", schema["enum"] != nil:
			bad[param["name"].(string)] = "nonsense"
		case schema["maxLength"] != nil:
			bad[param["name"].(string)] = strings.Repeat("x", int(schema["maxLength"].(float64))+1)
		}
	}
	return bad
}

// required are the members that a body must have.
func (d described) required() []string {
	body, _ := d.op["requestBody"].(map[string]any)
	content, _ := body["content"].(map[string]any)
	media, _ := content["application/json"].(map[string]any)
	schema, _ := media["schema"].(map[string]any)
	if one, ok := schema["oneOf"].([]any); ok {
		schema = one[0].(map[string]any)
	}
	ref, _ := schema["$ref"].(string)
	named, _ := d.doc.at("components", "schemas", strings.TrimPrefix(ref, "#/components/schemas/")).(map[string]any)
	var names []string
	list, _ := named["required"].([]any)
	for _, name := range list {
		names = append(names, name.(string))
	}
	return names
}

// describes fails the test unless the document knows the status of the answer.
func (d described) describes(a *answer) {
	d.t.Helper()
	if a.status == 401 || a.status == 403 || a.status == 405 {
		return // of every operation that needs a key
	}
	if responses := d.op["responses"].(map[string]any); responses[strconv.Itoa(a.status)] == nil {
		d.t.Errorf("%s answers %d, which is not described: %v", d.what, a.status, slices.Sorted(maps.Keys(responses)))
	}
}

// request is one way to use a route.
type request struct {
	name, path string
	body       any
	status     []int  // that it may be answered with
	blames     string // how the pointer of its problem ends; "" = not asked
}

// wrong are the ways to use a route that must be refused, whoever may use it.
func (d described) wrong(r route, path, body string) []request {
	whole := func() any {
		if body == "" {
			return nil
		}
		return body
	}
	list := []request{{"unknown parameter", path + "?colour=red", whole(), []int{422}, "?colour"}}
	for name, value := range d.queries() {
		list = append(list, request{"malformed " + name, path + "?" + name + "=" + value, whole(), []int{422}, "?" + name})
	}
	if body == "" {
		return list
	}
	list = append(list,
		request{"malformed body", path, `{"`, []int{400}, ""},
		request{"unknown field", path, strings.Replace(body, `{"`, `{"colour":"red","`, 1), []int{422}, "/colour"},
	)
	if required, _ := d.op["requestBody"].(map[string]any)["required"].(bool); required {
		list = append(list, request{"missing body", path, nil, []int{400, 422}, ""})
	}
	for _, name := range d.required() {
		// The same body under another name for the member.
		without := regexp.MustCompile(`"`+name+`":("[^"]*"|\[[^\]]*\]|[^,}\]]+),?`).ReplaceAllString(body, "")
		list = append(list, request{"missing " + name, path, strings.Replace(without, ",}", "}", 1), []int{422}, ""})
	}
	return list
}

// Every operation that the OpenAPI document describes, by every role, as it
// should be and in every way in which it should not: who may not use it learns
// nothing, whatever he sends; who may is told what is wrong; and nothing changes.
// A route without a row in the table fails here.
func TestWalkOfEveryRouteByEveryRole(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	operations := 0
	for _, item := range doc.json["paths"].(map[string]any) {
		operations += len(item.(map[string]any))
	}
	if operations != len(routes) {
		t.Errorf("%d operations are described, %d rows are in the table of routes", operations, len(routes))
	}
	keys := map[store.Role]string{
		"none": "", "wrong": "ohk_aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", store.RoleAnalyst: s.analyst,
		store.RoleOperator: s.operator, store.RoleAdmin: s.admin,
	}
	for _, r := range routes {
		d := operationOf(t, doc, r)
		if d.role() != r.role {
			t.Errorf("%s is described for the role %q, not %q", d.what, d.role(), r.role)
		}
		if !strings.HasPrefix(r.path, "/v1/") {
			continue
		}
		path, body := s.make(r)
		before := s.fingerprint()
		for _, q := range d.wrong(r, path, body) {
			for role, key := range keys {
				a := s.call(key, r.method, q.path, q.body)
				d.judge(a, q, role, r.role)
			}
		}
		if s.fingerprint() != before {
			t.Errorf("%s: a request that was wrong changed something", d.what)
		}
	}
	for _, secret := range []string{"ohk_", "whsec_", "whsk_"} {
		if strings.Contains(s.log.String(), secret) {
			t.Errorf("a secret that begins with %s is in the log", secret)
		}
	}
}

// judge fails the test unless a wrong request was answered as it should be.
func (d described) judge(a *answer, q request, role, need store.Role) {
	d.t.Helper()
	what := fmt.Sprintf("%s, %s, as %s", d.what, q.name, role)
	switch {
	case role == "none" || role == "wrong":
		if a.status != 401 {
			d.t.Errorf("%s: %d", what, a.status)
		}
	case !role.Includes(need):
		if a.status != 403 {
			d.t.Errorf("%s: %d", what, a.status)
		}
	case !slices.Contains(q.status, a.status):
		d.t.Errorf("%s: %d, want %v: %s", what, a.status, q.status, a.raw)
	default:
		d.describes(a)
		if pointer, _ := a.at("errors", 0, "pointer").(string); q.blames != "" && !strings.HasSuffix(pointer, q.blames) {
			d.t.Errorf("%s: blames %q, not %s: %s", what, pointer, q.blames, a.raw)
		}
	}
	if a.header.Get("Content-Type") != "application/problem+json" || a.json["code"] == nil {
		d.t.Errorf("%s: no problem: %s", what, a.raw)
	}
}
