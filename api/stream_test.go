package api_test

import (
	"bufio"
	"context"
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/store"
)

// sse is a stream of server-sent events being read.
type sse struct {
	t    *testing.T
	body io.ReadCloser
	in   *bufio.Scanner
}

func (s *site) stream(t *testing.T, query, lastID string) *sse {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/events/stream"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+s.analyst)
	if lastID != "" {
		r.Header.Set("Last-Event-ID", lastID)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("status %d, content type %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &sse{t: t, body: resp.Body, in: bufio.NewScanner(resp.Body)}
}

// next reads one event: its id, type and data.
func (e *sse) next() (id, typ, data string) {
	e.t.Helper()
	for e.in.Scan() {
		name, value, _ := strings.Cut(e.in.Text(), ": ")
		switch name {
		case "id":
			id = value
		case "event":
			typ = value
		case "data":
			return id, typ, value
		}
	}
	e.t.Fatalf("the stream ended: %v", e.in.Err())
	return "", "", ""
}

// joinMany lets n chats join.
func (s *site) joinMany(queueID string, n int) {
	s.t.Helper()
	id, _ := strconv.ParseInt(queueID, 10, 64)
	to := "a"
	cmds := make([]queue.Command, n)
	for i := range cmds {
		cmds[i] = queue.Join{QueueID: id, Destination: &to}
	}
	d, _ := s.cfg.Desk(1)
	answers, err := d.DoAll(s.t.Context(), cmds)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, a := range answers {
		if a.Err != nil {
			s.t.Fatal(a.Err)
		}
	}
}

// A stream shows what the feed shows, whichever server took it in; who is cut off
// goes on where he was, on another server.
func TestStreamGoesOnWithoutAGap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.replica()
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	start := s.call(s.analyst, "GET", "/v1/events", nil).want(200).json["next_cursor"].(string)
	live := s.stream(t, "?type=attempt.joined", "")
	s.joinMany(q, 3)
	other.joinMany(q, 300)
	var got []string
	var last string
	for range 150 {
		id, typ, data := live.next()
		if typ != "attempt.joined" {
			t.Fatalf("a stream of joined shows %s", typ)
		}
		got, last = append(got, data), id
	}
	live.body.Close()
	again := other.stream(t, "?type=attempt.joined", last)
	for range 153 {
		_, _, data := again.next()
		got = append(got, data)
	}
	seen := 0
	for cursor := start; seen < len(got); {
		page := s.call(s.analyst, "GET", "/v1/events?type=attempt.joined&limit=250&cursor="+cursor, nil).want(200)
		cursor = page.json["next_cursor"].(string)
		if len(page.list()) == 0 {
			t.Fatalf("the feed has %d events, the stream %d", seen, len(got))
		}
		for i := range page.list() {
			if id := page.at("data", i, "id").(string); seen >= len(got) || !strings.Contains(got[seen], id) {
				t.Fatalf("event %d of the stream is not %s", seen, id)
			}
			seen++
		}
	}
	s.call(s.analyst, "GET", "/v1/events/stream?cursor=x", nil).problem(422, "invalid").blames("?cursor")
}

// A snapshot and the events behind its cursor are the state that comes after,
// even while everything moves.
func TestSnapshotAndEventsHaveNoGap(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	other := s.replica()
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			other.joinMany(q, 5)
		}
	}()
	waiting := func(a *answer) map[string]bool {
		set := map[string]bool{}
		line, _ := a.at("queues", 0, "waiting").([]any)
		for i, w := range line {
			m := w.(map[string]any)
			set[fmt.Sprintf("%.0f", m["attempt_id"])] = true
			if m["position"] != float64(i+1) || m["wait_sec"].(float64) < 0 || m["expected_wait_sec"] != nil {
				t.Fatalf("member %d of the line: %v", i, m)
			}
		}
		return set
	}
	var first *answer
	for first == nil || len(waiting(first)) < 20 {
		first = s.call(s.analyst, "GET", "/v1/snapshot?queue_id="+q, nil).want(200)
	}
	stop()
	<-done
	gone := strconv.FormatInt(int64(first.at("queues", 0, "waiting", 0, "attempt_id").(float64)), 10)
	if gone == "0" {
		t.Fatal("no first")
	}
	s.call(s.operator, "POST", "/v1/attempts/"+gone+"/cancel", nil).want(200)
	rebuilt, cursor := waiting(first), first.json["cursor"].(string)
	for {
		page := s.call(s.analyst, "GET", "/v1/events?limit=250&cursor="+cursor, nil).want(200)
		if cursor = page.json["next_cursor"].(string); len(page.list()) == 0 {
			break
		}
		for i := range page.list() {
			id, _ := page.at("data", i, "data", "attempt_id").(float64)
			key := fmt.Sprintf("%.0f", id)
			switch page.at("data", i, "type") {
			case "attempt.joined":
				if rebuilt[key] {
					t.Errorf("attempt %s is in the snapshot and behind it", key)
				}
				rebuilt[key] = true
			case "attempt.leaving":
				delete(rebuilt, key)
			}
		}
	}
	last := s.call(s.analyst, "GET", "/v1/snapshot", nil).want(200)
	if !maps.Equal(rebuilt, waiting(last)) || len(rebuilt) == 0 {
		t.Errorf("rebuilt %d who wait, the next snapshot has %d", len(rebuilt), len(waiting(last)))
	}
	s.call(s.analyst, "GET", "/v1/snapshot?queue_id=999999", nil).problem(422, "invalid").blames("?queue_id")
}

// The snapshot tells offers, agents, and how long who waits will wait.
func TestSnapshotTellsWhatGoesOn(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	attempt, agent := s.attempt("offered")
	served := s.call(s.analyst, "GET", "/v1/attempts/"+attempt, nil).want(200)
	q := fmt.Sprintf("%.0f", served.at("queue", "id"))
	shown := s.call(s.analyst, "GET", "/v1/snapshot?queue_id="+q, nil).want(200)
	if id := fmt.Sprintf("%.0f", shown.at("offers", 0, "attempt_id")); id != attempt {
		t.Errorf("offers attempt %s, not %s: %s", id, attempt, shown.raw)
	}
	if id := fmt.Sprintf("%.0f", shown.at("agents", 0, "id")); id != agent || shown.at("queues", 0, "agents_online") != float64(1) {
		t.Errorf("not agent %s alone: %s", agent, shown.raw)
	}
	s.call(s.operator, "POST", "/v1/attempts/"+attempt+"/accept", `{"agent_id":`+agent+`}`).want(200)
	s.clock.forward(40 * time.Second)
	s.call(s.operator, "POST", "/v1/attempts/"+attempt+"/cancel", nil).want(200)
	for range 3 {
		s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).want(201)
	}
	shown = s.call(s.analyst, "GET", "/v1/snapshot?queue_id="+q, nil).want(200)
	aht, _ := shown.at("queues", 0, "aht_sec").(float64)
	second, _ := shown.at("queues", 0, "waiting", 1, "expected_wait_sec").(float64)
	if aht < 40 || aht > 60 || second != 2*aht {
		t.Errorf("aht %v, the second waits for %v: %s", aht, second, shown.raw)
	}
}

// gauge is a connection that notes how much it is given at once, and fails after
// so many writes.
type gauge struct {
	header          http.Header
	status          int
	writes, largest int
	total           int
	failAfter       int
}

func (g *gauge) Header() http.Header    { return g.header }
func (g *gauge) WriteHeader(status int) { g.status = status }
func (g *gauge) Flush()                 {}
func (g *gauge) Write(p []byte) (int, error) {
	g.writes++
	g.largest = max(g.largest, len(p))
	g.total += len(p)
	if g.failAfter > 0 && g.writes > g.failAfter {
		return 0, io.ErrClosedPipe
	}
	return len(p), nil
}

// An export has everything, a page at a time, and ends with its reader.
func TestExports(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	s.joinMany(q, 2100)
	s.agent("Ann", q)
	lines := strings.Split(strings.TrimSuffix(string(s.call(s.analyst, "GET", "/v1/export/events.ndjson", nil).want(200).raw), "\n"), "\n")
	table, err := csv.NewReader(strings.NewReader(string(s.call(s.analyst, "GET", "/v1/export/events.csv", nil).want(200).raw))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	cursor, n := "", 0
	for {
		page := s.call(s.analyst, "GET", "/v1/events?limit=250&cursor="+cursor, nil).want(200)
		if cursor = page.json["next_cursor"].(string); len(page.list()) == 0 {
			break
		}
		for i := range page.list() {
			id := page.at("data", i, "id").(string)
			if n >= len(lines) || n+1 >= len(table) || !strings.HasPrefix(lines[n], `{"id":"`+id) || table[n+1][2] != id {
				t.Fatalf("event %d is not %s in both exports", n, id)
			}
			n++
		}
	}
	if n < 2100 || len(lines) != n || len(table) != n+1 {
		t.Errorf("%d events, %d lines, %d rows", n, len(lines), len(table))
	}
	some := s.call(s.analyst, "GET", "/v1/export/events.csv?type=agent.state", nil).want(200)
	if got := strings.Count(string(some.raw), "\n"); got < 2 || got > 20 || !strings.Contains(some.header.Get("Content-Disposition"), "events.csv") {
		t.Errorf("%d lines of agent.state: %v", got, some.header)
	}
	r, _ := http.NewRequestWithContext(t.Context(), "GET", "/v1/export/events.ndjson", nil)
	r.Header.Set("Authorization", "Bearer "+s.analyst)
	whole := &gauge{header: http.Header{}}
	s.handler.ServeHTTP(whole, r)
	if whole.writes < n/250 || whole.largest > 4*whole.total/whole.writes {
		t.Errorf("%d bytes in %d writes, the largest %d: not a page at a time", whole.total, whole.writes, whole.largest)
	}
	gone := &gauge{header: http.Header{}, failAfter: 2}
	func() {
		defer func() {
			if v := recover(); v != http.ErrAbortHandler {
				t.Errorf("an export without a reader ended with %v", v)
			}
		}()
		s.handler.ServeHTTP(gone, r)
	}()
	if gone.writes != 3 {
		t.Errorf("%d writes to a reader who went after the second", gone.writes)
	}
}

// A stream ends when its key is revoked, also while there is always something to
// send.
func TestStreamsEndWithTheirKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat"})
	key, secret, err := s.store.CreateKey(t.Context(), 1, store.RoleAnalyst, "wallboard", store.By{At: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	reader := *s
	reader.analyst = secret
	live := reader.stream(t, "", "")
	ended := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, live.body)
		ended <- err
	}()
	if err := s.store.RevokeKey(t.Context(), 1, key.ID, store.By{At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	s.clock.forward(time.Minute)
	for range 50 { // 5 s, in which the stream is never silent
		s.joinMany(q, 1)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("the stream did not end in peace: %v", err)
			}
			return
		case <-time.After(100 * time.Millisecond):
		}
	}
	t.Error("a key that was revoked a minute ago still reads")
}

// A server that stops lets its streams go at once.
func TestStreamsEndWithTheServer(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 1)
	server := &api.Server{Handler: s.handler, Listener: listener, Logger: s.cfg.Logger}
	go func() { done <- server.Run(ctx) }()
	other := *s
	other.url = "http://" + listener.Addr().String()
	live := other.stream(t, "", "")
	stop()
	began := time.Now()
	if err := <-done; err != nil || time.Since(began) > 5*time.Second {
		t.Errorf("stopped after %v: %v", time.Since(began), err)
	}
	if _, err := io.ReadAll(live.body); err != nil {
		t.Errorf("the stream did not end in peace: %v", err)
	}
}
