package api_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// oddValues are what clients send by mistake or on purpose, as JSON.
var oddValues = []string{
	`null`, `true`, `-1`, `0`, `1`, `1.5`, `1e300`, `9223372036854775807`, `9223372036854775808`, `-9223372036854775808`, `2147483648`,
	`""`, `"x"`, `"\ud800"`, `"￿🙂"`, `"a\u0001b"`, `"` + strings.Repeat("ü", 400) + `"`, `[]`, `[1]`, `[[]]`, `["attempt.joined"]`,
	`{}`, `{"a":"b"}`, `{"":"b"}`, `{"a":1}`, `{"call":1}`, `"0001-01-01T00:00:00Z"`, `"9999-12-31T23:59:59.999999999Z"`,
	`"2026-01-01T00:00:00+14:00"`, `"online"`, `"member"`, `"ended"`, `"joined"`, `"offered"`, `"agent_status"`, `"success"`, `"inbound"`, `"c1"`,
}

// writable are the routes that take a body.
func writable() []route {
	return slices.DeleteFunc(slices.Clone(routes), func(r route) bool { return r.method == "GET" || r.role == "" })
}

// Any bytes at any route that takes a body, with any key of idempotency: no 500,
// and every refusal is a problem. `go test ./api -fuzz FuzzBodies` looks for more.
func FuzzBodies(f *testing.F) {
	s := newSite(f)
	table := writable()
	for i, r := range table {
		f.Add(uint(i), "", []byte(r.body), "")
		f.Add(uint(i), "?limit=1", []byte(`[{"`+strings.Repeat(`a":{"`, 40)), "k")
		f.Add(uint(i), "?x=%zz", []byte("[1e999,\"\\ud800\",null,{\"\":[]}]"), "\x00")
	}
	ids := map[string]string{"event": "evt_00000000-0000-5000-8000-000000000000", "endpoint": "ep_00000000-0000-7000-8000-000000000000"}
	braces := regexp.MustCompile(`\{(\w+)\}`)
	queue := s.queue(map[string]any{"name": "first", "type": "task"})
	f.Fuzz(func(t *testing.T, which uint, query string, body []byte, key string) {
		r := table[which%uint(len(table))]
		path := braces.ReplaceAllStringFunc(r.path, func(name string) string {
			return cmp.Or(ids[strings.Trim(name, "{}")], queue)
		})
		in := httptest.NewRequest(r.method, path, bytes.NewReader(body)).WithContext(t.Context())
		in.URL.RawQuery = strings.TrimPrefix(query, "?")
		in.Header.Set("Authorization", "Bearer "+s.admin)
		in.Header.Set("Content-Type", "application/json")
		in.Header.Set("Idempotency-Key", key)
		out := httptest.NewRecorder()
		s.handler.ServeHTTP(out, in)
		switch {
		case out.Code >= 500:
			t.Errorf("%s %s%s: %d\n%q\n%s", r.method, path, query, out.Code, body, out.Body)
		case out.Code >= 400 && out.Header().Get("Content-Type") != "application/problem+json":
			t.Errorf("%s %s%s: %d without a problem: %s", r.method, path, query, out.Code, out.Body)
		}
	})
}

// Whatever the fields hold, a request is carried out or refused: it never
// breaks the server, and never fails the batch that it travels in.
func TestOddValuesBreakNothing(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	const rounds = 60
	random := rand.New(rand.NewPCG(1, 2))
	statuses := map[int]int{}
	for _, r := range routes {
		if r.body == "" {
			continue
		}
		path := regexp.MustCompile(`\{\w+\}`).ReplaceAllString(r.path, "{id}")
		schema, _ := doc.at("paths", path, strings.ToLower(r.method), "requestBody", "content", "application/json", "schema").(map[string]any)
		if one, ok := schema["oneOf"].([]any); ok {
			schema = one[0].(map[string]any)
		}
		name := strings.TrimPrefix(schema["$ref"].(string), "#/components/schemas/")
		fields := slices.Sorted(maps.Keys(doc.at("components", "schemas", name, "properties").(map[string]any)))
		for range rounds {
			path, body := s.make(r)
			var members map[string]json.RawMessage
			if err := json.Unmarshal([]byte(strings.Trim(body, "[]")), &members); err != nil {
				t.Fatal(err)
			}
			for range 1 + random.IntN(4) {
				members[fields[random.IntN(len(fields))]] = json.RawMessage(oddValues[random.IntN(len(oddValues))])
			}
			odd, err := json.Marshal(members)
			if err != nil {
				t.Fatal(err)
			}
			a := s.call(s.admin, r.method, path, string(odd))
			statuses[a.status]++
			if a.status >= 500 {
				t.Errorf("%s %s\n%s", r.method, path, odd)
				t.Fatalf("%d %s", a.status, a.raw)
			}
		}
	}
	if statuses[422] == 0 || statuses[200] == 0 || statuses[201] == 0 {
		t.Errorf("the values were not odd, or nothing else: %v", fmt.Sprint(statuses))
	}
	s.call(s.analyst, "GET", "/v1/attempts?limit=250", nil).want(200)
	s.call(s.analyst, "GET", "/v1/agents?limit=250", nil).want(200)
	s.call(s.analyst, "GET", "/v1/queues?limit=250", nil).want(200)
}
