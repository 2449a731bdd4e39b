package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/api"
)

// apiDescription is what this program's own server says it can do.
func apiDescription(t *testing.T) ([]byte, description) {
	t.Helper()
	handler := api.New(api.Config{Metrics: prometheus.NewRegistry(), Logger: slog.New(slog.DiscardHandler), Now: time.Now})
	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	var doc description
	if err := json.Unmarshal(w.Body.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	return w.Body.Bytes(), doc
}

// TestVerbsAreOperations holds the table of nouns to the API: every verb is an
// operation, takes what it says it takes, and every operation has a verb.
func TestVerbsAreOperations(t *testing.T) {
	t.Parallel()
	_, doc := apiDescription(t)
	reached := map[string]bool{}
	keys := noun{name: "keys", verbs: []verb{createKeyVerb, listKeysVerb, revokeKeyVerb}}
	for _, n := range append([]noun{keys}, nouns...) {
		for _, v := range n.verbs {
			name := n.name + " " + v.name
			op, ok := doc.operation(v)
			if !ok {
				t.Errorf("%s: there is no operation %s %s", name, v.method, v.path)
				continue
			}
			reached[v.method+" "+braces.ReplaceAllString(v.path, "{}")] = true
			for _, field := range v.fields {
				if op.body.member(field) == nil {
					t.Errorf("%s: the body has no %s", name, field)
				}
			}
			if v.takes == takesFields && op.body == nil {
				t.Errorf("%s takes fields, and the operation has no body", name)
			}
			if v.takes == takesNothing && (op.body != nil && len(op.body.Required) > 0) {
				t.Errorf("%s takes nothing, and the operation needs %v", name, op.body.Required)
			}
			if v.answers == answersList && !slices.Contains(op.query, "limit") && v.takes == takesFilters {
				t.Errorf("%s is paged, and the operation has no limit", name)
			}
		}
	}
	for path, methods := range doc.Paths {
		for method := range methods {
			op := strings.ToUpper(method) + " " + braces.ReplaceAllString(path, "{}")
			if strings.HasPrefix(path, "/v1/") && !reached[op] && !elsewhere(path) {
				t.Errorf("no command reaches %s %s", method, path)
			}
		}
	}
}

// elsewhere are operations without a verb: a single key is not looked at, events
// --follow reads the stream, exports are for curl, and figures for pages.
func elsewhere(path string) bool {
	if strings.HasSuffix(path, "/stats") && !strings.HasPrefix(path, "/v1/endpoints/") {
		return true
	}
	for _, p := range []string{"/v1/keys/", "/v1/events/stream", "/v1/export/"} {
		if strings.HasPrefix(path, p) {
			return true
		}
	}
	return false
}

func TestChoicesAreLists(t *testing.T) {
	t.Parallel()
	_, doc := apiDescription(t)
	for name, c := range choices {
		path, _, _ := strings.Cut(c.path, "?")
		if _, ok := doc.operation(verb{method: "GET", path: path}); !ok {
			t.Errorf("%s: there is no list %s", name, path)
		}
	}
}

func TestWordsBecomeFields(t *testing.T) {
	t.Parallel()
	_, doc := apiDescription(t)
	for name, tc := range map[string]struct {
		verb verb
		args []string
		body string
	}{
		"texts stay texts, numbers are numbers": {verb{method: "POST", path: "/v1/agents"},
			[]string{"name=7", "extension=201", "position=2", "queues=1,2"}, `{"extension":"201","name":"7","position":2,"queues":[1,2]}`},
		"members of members": {verb{method: "POST", path: "/v1/queues"},
			[]string{"variables.a=1", "variables.b=x=y", "enabled=false"}, `{"enabled":false,"variables":{"a":"1","b":"x=y"}}`},
		"lists as JSON": {verb{method: "POST", path: "/v1/agents"},
			[]string{`skills=[{"name":"de"}]`}, `{"skills":[{"name":"de"}]}`},
		"null": {verb{method: "PATCH", path: "/v1/dnc/{number}"}, []string{"note=null"}, `{"note":null}`},
		"what does not fit is left to the server": {verb{method: "POST", path: "/v1/queues"},
			[]string{"priority=high", "foo=1"}, `{"foo":"1","priority":"high"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			op, ok := doc.operation(tc.verb)
			if !ok {
				t.Fatal("there is no such operation")
			}
			ws, err := words(tc.args)
			if err != nil {
				t.Fatal(err)
			}
			_, body := op.split(ws)
			if got, _ := json.Marshal(body); string(got) != tc.body {
				t.Errorf("%v becomes %s, not %s", tc.args, got, tc.body)
			}
		})
	}
	if _, err := words([]string{"name"}); err == nil {
		t.Error("a word without = is taken")
	}
	op, _ := doc.operation(verb{method: "POST", path: "/v1/queues/{queue}/members"})
	if q, body := op.split([]word{{"on_duplicate", "skip"}, {"name", "Noor"}}); q.Get("on_duplicate") != "skip" || body["name"] != "Noor" {
		t.Errorf("query %v, body %v", q, body)
	}
	if at, err := time.Parse(time.RFC3339Nano, ago("since", "90m")); err != nil || time.Since(at).Round(time.Minute) != 90*time.Minute {
		t.Errorf("since=90m is %v, %v", at, err)
	}
}

func TestTablesForPeople(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	p := newShellPrinter(&out, false, "", []string{"id", "queue.name", "deliveries.state", "note"})
	p.json = false // as on a terminal
	if err := p.entries([]json.RawMessage{
		json.RawMessage(`{"id":9007199254740993,"queue":{"name":"sales"},"deliveries":[{"state":"delivered"},{"state":"waiting"}],"note":null}`),
		json.RawMessage(`{"id":2,"queue":null,"deliveries":[],"note":"a\u001b[2Jb"}`),
	}); err != nil {
		t.Fatal(err)
	}
	want := "ID                QUEUE  DELIVERIES         NOTE\n" +
		"9007199254740993  sales  delivered,waiting  -\n" +
		"2                 -      -                  a [2Jb\n"
	if out.String() != want {
		t.Errorf("printed\n%swant\n%s", out.String(), want)
	}
}

// breakingFeed is a server with a log that never ends, of which every stream
// breaks off in another way.
func breakingFeed(t *testing.T) *httptest.Server {
	var mu sync.Mutex
	streams := 0
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		at := 0
		fmt.Sscan(r.URL.Query().Get("cursor"), &at)
		if r.URL.Path == "/v1/events" {
			switch since, err := time.Parse(time.RFC3339, r.URL.Query().Get("since")); {
			case err != nil:
				t.Errorf("since: %v", err)
			case at == 0 && time.Since(since) > time.Minute: // the past first
				fmt.Fprint(w, `{"data":[{"n":9},{"n":10}],"next_cursor":"10","more":true}`)
			default: // the end of the log
				fmt.Fprint(w, `{"data":[],"next_cursor":"10","more":false}`)
			}
			return
		}
		event := func() {
			at++
			fmt.Fprintf(w, "id: %d\nevent: x\ndata: {\"n\":%d}\n\n", at, at)
		}
		switch streams++; streams {
		case 1:
			fmt.Fprint(w, "retry: 1000\n\n")
			event()
			event()
			fmt.Fprint(w, "id: 13\ndata: {\"n\":") // half an event
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case 2:
			http.Error(w, "a proxy says no", http.StatusBadGateway)
		case 3:
			event()
		case 4: // nothing for this reader, and the place moves on
			fmt.Fprint(w, ": alive\nid: 20\n\n")
		default:
			event()
		}
	}))
	t.Cleanup(server.Close)
	return server
}

// TestFollowMissesNothing follows it, from now and from the past on.
func TestFollowMissesNothing(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		query url.Values
		want  string
	}{
		"from now on":   {url.Values{}, "11 12 13 21 22"},
		"since a while": {url.Values{"since": {"2026-01-01T00:00:00Z"}}, "9 10 11 12 13 21 22"},
		"from a place":  {url.Values{"cursor": {"4"}}, "5 6 7 21 22"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := breakingFeed(t)
			ctx, stop := context.WithCancel(t.Context())
			var got []string
			var notes bytes.Buffer
			f := follower{
				client: &shellClient{base: server.URL, key: "k", http: server.Client()}, query: tc.query, notes: &notes,
				each: func(list []json.RawMessage) error {
					for _, e := range list {
						got = append(got, strings.Trim(string(e), `{}n":`))
					}
					if got[len(got)-1] == "22" {
						stop()
					}
					return nil
				},
			}
			if err := f.run(ctx); err != nil {
				t.Fatal(err)
			}
			if seen := strings.Join(got, " "); seen != tc.want {
				t.Errorf("it showed %s, not %s", seen, tc.want)
			}
			for _, say := range []string{"a proxy says no", "answers again", "--cursor 22"} {
				if !strings.Contains(notes.String(), say) {
					t.Errorf("it does not say %q:\n%s", say, notes.String())
				}
			}
		})
	}
}

// TestShell works with a real server as somebody with a terminal would.
func TestShell(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	t.Parallel()
	folder := passableTempDir(t)
	server := startServer(t, []string{"OFFHOOK_DATA_DIR=" + filepath.Join(folder, "data")}, "--dev")
	env := []string{"OFFHOOK_URL=http://" + server.address, "OFFHOOK_API_KEY=" + server.key}
	do := func(args ...string) finished { t.Helper(); return runOffhook(t, env, args...) }
	made := func(member string, args ...string) string {
		t.Helper()
		got := do(args...)
		v, err := decodeAny(json.RawMessage(got.stdout))
		if got.code != exitDone || err != nil {
			t.Fatalf("%v: %d, %s%s", args, got.code, got.stdout, got.stderr)
		}
		return text(lookUp(v, []string{member}))
	}
	sales := made("id", "queues", "create", "name=sales", "type=inbound", "use_processing=false", "offer_timeout_sec=600", "bridge_timeout_sec=600")
	ada := made("id", "agents", "create", "name=Ada", "extension=201", "queues="+sales)
	made("status", "agents", "status", ada, "online")
	attempt := made("attempt_id", "attempts", "join", sales, "destination=+1202", "variables.crm_id=7001")
	made("state", "attempts", "accept", attempt, ada)

	again := []string{"attempts", "join", sales, "destination=+1203", "--idempotency-key", "ticket-4711"}
	if one, two := made("attempt_id", again...), made("attempt_id", again...); one != two {
		t.Errorf("with one idempotency key the attempts %s and %s are made", one, two)
	}

	csv := filepath.Join(folder, "numbers.csv")
	if err := os.WriteFile(csv, []byte("number,note\n+4930111,first\n+4930222,second\n+4930333,third\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	do("dnc", "add", "--file", csv)
	for name, tc := range map[string]struct {
		args           []string
		code           int
		stdout, stderr string
		lines          int
	}{
		"list":            {[]string{"queues"}, exitDone, `"name":"sales"`, "", 1},
		"pages":           {[]string{"dnc", "list", "--limit", "2"}, exitDone, "+4930222", "", 2},
		"all":             {[]string{"dnc", "--limit", "0"}, exitDone, "+4930333", "", 3},
		"filter":          {[]string{"events", "type=attempt.offering", "attempt_id=" + attempt}, exitDone, `"type":"attempt.offering"`, "", 1},
		"snapshot":        {[]string{"snapshot", "show", "--only", "queues.queue.name"}, exitDone, "sales", "", 1},
		"one member":      {[]string{"events", "attempt_id=" + attempt, "type=attempt.joined,attempt.offering", "--only", "queue.name"}, exitDone, "sales\nsales\n", "", 2},
		"timeline":        {[]string{"attempts", "timeline", attempt}, exitDone, `"deliveries":[]`, "", 2},
		"change by name":  {[]string{"queues", "change", sales, "--data", `{"priority":4}`}, exitDone, `"priority":4`, "", 1},
		"unknown field":   {[]string{"queues", "create", "name=x", "type=inbound", "colour=red"}, exitFailed, "", "/colour: unexpected property", 0},
		"unknown filter":  {[]string{"queues", "colour=red"}, exitFailed, "", "?colour", 0},
		"nothing there":   {[]string{"agents", "get", "999999"}, exitFailed, "", "404 unknown_agent", 0},
		"nothing said":    {[]string{"agents", "status", ada}, exitUsage, "", "AGENT and STATUS", 0},
		"nothing changed": {[]string{"queues", "change", sales}, exitUsage, "", "--fields", 0},
		"no value":        {[]string{"queues", "create", "sales"}, exitUsage, "", "name=value", 0},
		"unknown file":    {[]string{"dnc", "add", "--file", csv + ".txt"}, exitUsage, "", "--type csv", 0},
		"fields":          {[]string{"endpoints", "create", "--fields"}, exitDone, "max_in_flight", "", -1},
		"report dropped":  {[]string{"attempts", "switch", "event=ended", "attempt_id=1", "leg=member"}, exitFailed, `"dropped"`, "", 1},
		"completes ids":   {[]string{"__complete", "queues", "get", ""}, exitDone, sales + "\tsales", "", -1},
		"completes names": {[]string{"__complete", "agents", "create", ""}, exitDone, "extension=", "", -1},
	} {
		got := do(tc.args...)
		if got.code != tc.code || !strings.Contains(got.stdout, tc.stdout) || !strings.Contains(got.stderr, tc.stderr) {
			t.Errorf("%s: %v: exit code %d\n%s\n%s", name, tc.args, got.code, got.stdout, got.stderr)
		}
		if lines := strings.Count(got.stdout, "\n"); tc.lines >= 0 && lines != tc.lines {
			t.Errorf("%s: %d lines, not %d:\n%s", name, lines, tc.lines, got.stdout)
		}
	}
	if got := do("dnc", "delete", "+4930111"); got.code != exitDone || got.stdout != "" {
		t.Errorf("delete: %d, %s%s", got.code, got.stdout, got.stderr)
	}
	secret := strings.TrimSpace(do("keys", "create", "--role", "analyst", "--name", "wall").stdout)
	if got := runOffhook(t, []string{env[0], "OFFHOOK_API_KEY=" + secret}, "queues"); got.code != exitDone {
		t.Errorf("with a key that the server made: %d, %s", got.code, got.stderr)
	}
	if got := runOffhook(t, []string{env[0], "OFFHOOK_API_KEY=" + secret}, "keys", "list"); got.code != exitFailed || !strings.Contains(got.stderr, "higher role") {
		t.Errorf("an analyst lists keys: %d, %s", got.code, got.stderr)
	}
	wall := ""
	for _, line := range strings.Split(do("keys", "list").stdout, "\n") {
		if v, err := decodeAny(json.RawMessage(line)); err == nil && text(lookUp(v, []string{"name"})) == "wall" {
			wall = text(lookUp(v, []string{"id"}))
		}
	}
	if got := do("keys", "revoke", wall); got.code != exitDone {
		t.Errorf("keys revoke %s: %d, %s", wall, got.code, got.stderr)
	}
	if got := runOffhook(t, env[:1], "queues"); got.code != exitFailed || !strings.Contains(got.stderr, "OFFHOOK_API_KEY") {
		t.Errorf("without a key: %d, %s", got.code, got.stderr)
	}
	if got := runOffhook(t, append(env, "OFFHOOK_URL=http://127.0.0.1:1"), "queues"); got.code != exitFailed || !strings.Contains(got.stderr, "is 'offhook serve' running") {
		t.Errorf("without a server: %d, %s", got.code, got.stderr)
	}
	followed := firstLine(t, env, "events", "--follow", "since=1h", "type=attempt.joined")
	if !strings.Contains(followed, `"sequence":1`) {
		t.Errorf("--follow shows %q", followed)
	}
}

// firstLine runs a command until it has printed a line, and ends it.
func firstLine(t *testing.T, env []string, args ...string) string {
	t.Helper()
	cmd := offhook(t, env, args...)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line := make([]byte, 4096)
	n, err := stdout.Read(line)
	if err != nil {
		t.Error(err)
	}
	_ = cmd.Process.Signal(os.Interrupt)
	_, _ = io.Copy(io.Discard, stdout)
	if err := cmd.Wait(); err != nil {
		t.Errorf("after an interrupt: %v", err)
	}
	return string(line[:n])
}
