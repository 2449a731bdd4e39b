package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }

// site is a whole server over a fresh database: real store, real desks for the
// domains 1 and 2, and a dispatcher that only notes what it is told.
type site struct {
	t        testing.TB
	pool     *pgxpool.Pool
	store    *store.Store
	cfg      api.Config
	handler  http.Handler
	url      string
	log      *lockedBuffer
	sent     *dispatcherDouble
	admin    string // keys of domain 1
	operator string
	analyst  string
	stranger string // an admin of domain 2
	clock    *clock
}

// clock runs with the real one, until it is stopped, and can be put forward.
type clock struct {
	mu      sync.Mutex
	ahead   time.Duration
	stopped time.Time
	count   int
}

// next returns 1, 2, 3 … for names that must not repeat.
func (c *clock) next() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count++
	return c.count
}

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.stopped.IsZero() {
		return c.stopped.Add(c.ahead)
	}
	return time.Now().Add(c.ahead)
}

// stop keeps deadlines from coming by themselves, however slow the machine is.
func (c *clock) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped.IsZero() {
		c.stopped = time.Now()
	}
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ahead += d
}

// dispatcherDouble stands for the dispatcher: what it does with endpoints is
// tested where it lives.
type dispatcherDouble struct {
	mu      sync.Mutex
	reloads int
	tests   []string
	resent  []string // ids of events
}

func (d *dispatcherDouble) Reload() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reloads++
}

func (d *dispatcherDouble) TestEvent(_ context.Context, ep dispatcher.Endpoint) (dispatcher.Try, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.tests = append(d.tests, ep.ID)
	return dispatcher.Try{
		EndpointID: ep.ID, Number: 1, Outcome: dispatcher.OutcomeDelivered, Status: 204,
		StartedAt: time.Now(), Duration: 3 * time.Millisecond,
	}, nil
}

func (d *dispatcherDouble) Resend(_ context.Context, ep dispatcher.Endpoint, ev queue.Event, number int) (dispatcher.Try, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.resent = append(d.resent, queue.EventID(ev.ID))
	return dispatcher.Try{
		EndpointID: ep.ID, Number: number, Manual: true, EventID: ev.ID, EventType: ev.Type, Outcome: dispatcher.OutcomeDelivered,
		Status: 204, State: dispatcher.StateDelivered, StartedAt: time.Now(), Duration: 3 * time.Millisecond,
	}, nil
}

// lockedBuffer is a log that many goroutines may write.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// newSite starts a server; change may replace parts of its configuration.
func newSite(t testing.TB, change ...func(*api.Config)) *site {
	t.Helper()
	s := &site{t: t, pool: storetest.New(t), log: &lockedBuffer{}, sent: &dispatcherDouble{}, clock: &clock{}}
	s.store = store.New(s.pool)
	if _, err := s.pool.Exec(t.Context(), `INSERT INTO domains (id, name) VALUES (2, 'other')`); err != nil {
		t.Fatal(err)
	}
	ring, err := store.ParseKeyRing(store.NewKeyRingText("test"))
	if err != nil {
		t.Fatal(err)
	}
	logger := slog.New(slog.NewJSONHandler(s.log, nil))
	desks := map[int64]*desk.Desk{1: s.desk(1, logger), 2: s.desk(2, logger)}
	s.cfg = api.Config{
		Store: s.store, Delivery: store.NewDelivery(s.store, ring),
		Desk: func(id int64) (api.Desk, bool) {
			d, ok := desks[id]
			return d, ok
		},
		Dispatcher: s.sent, Metrics: prometheus.NewRegistry(), Logger: logger, Now: s.clock.now, Version: "test",
		Checks: []api.Check{{Name: "database", Probe: s.pool.Ping}},
	}
	for _, f := range change {
		f(&s.cfg)
	}
	served := api.New(s.cfg)
	s.handler = served
	s.background(served.Run)
	server := httptest.NewServer(s.handler)
	t.Cleanup(server.Close)
	s.url = server.URL
	s.admin, s.operator = s.key(1, store.RoleAdmin), s.key(1, store.RoleOperator)
	s.analyst, s.stranger = s.key(1, store.RoleAnalyst), s.key(2, store.RoleAdmin)
	return s
}

// replica starts another server over the same database, with desks of its own
// and the same keys.
func (s *site) replica() *site {
	s.t.Helper()
	other := *s
	d := s.desk(1, s.cfg.Logger)
	other.cfg.Desk = func(int64) (api.Desk, bool) { return d, true }
	other.cfg.Metrics = prometheus.NewRegistry()
	other.handler = api.New(other.cfg)
	server := httptest.NewServer(other.handler)
	s.t.Cleanup(server.Close)
	other.url = server.URL
	return &other
}

// background runs something until the test ends.
func (s *site) background(run func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.t.Context()))
	done := make(chan error, 1)
	go func() { done <- run(ctx) }()
	s.t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			s.t.Error(err)
		}
	})
}

// desk runs the desk of a domain until the test ends.
func (s *site) desk(domain int64, logger *slog.Logger) *desk.Desk {
	d := desk.New(s.store.DeskLog(domain), desk.Config{
		Now: s.clock.now, Logger: logger, Lists: s.store.DeskLists(domain), Zones: time.LoadLocation,
	})
	s.background(d.Run)
	return d
}

func (s *site) key(domain int64, role store.Role) string {
	s.t.Helper()
	_, secret, err := s.store.CreateKey(s.t.Context(), domain, role, "test", store.By{At: time.Now()})
	if err != nil {
		s.t.Fatal(err)
	}
	return secret
}

// answer is what came back: status, headers, body, and the body as JSON.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	raw    []byte
	json   map[string]any
}

// call sends a request. Body is nil, a string that is sent as it is, or what is
// sent as JSON.
func (s *site) call(key, method, path string, body any) *answer {
	s.t.Helper()
	var reader io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		reader = strings.NewReader(b)
	default:
		text, err := json.Marshal(b)
		if err != nil {
			s.t.Fatal(err)
		}
		reader = bytes.NewReader(text)
	}
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, reader)
	if err != nil {
		s.t.Fatal(err)
	}
	if reader != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	return s.send(r)
}

func (s *site) send(r *http.Request) *answer {
	s.t.Helper()
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	var raw []byte
	if resp.Header.Get("Content-Type") != "text/event-stream" { // which has no end
		if raw, err = io.ReadAll(resp.Body); err != nil {
			s.t.Fatal(err)
		}
	}
	a := &answer{t: s.t, what: r.Method + " " + r.URL.Path, status: resp.StatusCode, header: resp.Header, raw: raw}
	_ = json.Unmarshal(raw, &a.json) // what is not JSON has no fields
	return a
}

// want fails the test unless the status is the one.
func (a *answer) want(status int) *answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d, want %d\n%s", a.what, a.status, status, a.raw)
	}
	return a
}

// problem fails the test unless the answer is a problem with the status and the
// code, in the shape that every problem has.
func (a *answer) problem(status int, code string) *answer {
	a.t.Helper()
	a.want(status)
	if ct := a.header.Get("Content-Type"); ct != "application/problem+json" {
		a.t.Fatalf("%s: content type %q", a.what, ct)
	}
	for _, name := range []string{"type", "title", "status", "detail", "code", "errors", "request_id"} {
		if a.json[name] == nil {
			a.t.Fatalf("%s: the problem has no %s: %s", a.what, name, a.raw)
		}
	}
	if a.json["code"] != code || a.json["status"] != float64(status) || a.json["type"] != "/docs#problem-"+code {
		a.t.Fatalf("%s: not the problem %d %s: %s", a.what, status, code, a.raw)
	}
	if a.json["request_id"] != a.header.Get("X-Request-Id") {
		a.t.Fatalf("%s: request_id %v, header %q", a.what, a.json["request_id"], a.header.Get("X-Request-Id"))
	}
	return a
}

// blames fails the test unless the first field blamed is the one.
func (a *answer) blames(pointer string) *answer {
	a.t.Helper()
	if got := a.at("errors", 0, "pointer"); got != pointer {
		a.t.Fatalf("%s: blames %v, want %s: %s", a.what, got, pointer, a.raw)
	}
	return a
}

// at walks into the answer by names and places; nil when there is nothing.
func (a *answer) at(path ...any) any {
	var v any = a.json
	for _, p := range path {
		switch p := p.(type) {
		case string:
			m, _ := v.(map[string]any)
			v = m[p]
		case int:
			l, _ := v.([]any)
			if p >= len(l) {
				return nil
			}
			v = l[p]
		}
	}
	return v
}

// id returns a number of the answer as text for a path.
func (a *answer) id(name string) string {
	a.t.Helper()
	n, ok := a.json[name].(float64)
	if !ok {
		a.t.Fatalf("%s: no number %s: %s", a.what, name, a.raw)
	}
	return fmt.Sprintf("%.0f", n)
}

// list returns data of the answer.
func (a *answer) list() []any {
	a.t.Helper()
	l, ok := a.json["data"].([]any)
	if !ok {
		a.t.Fatalf("%s: no list: %s", a.what, a.raw)
	}
	return l
}

// queue creates a queue, agent an agent in it who is online.
func (s *site) queue(settings map[string]any) string {
	s.t.Helper()
	return s.call(s.admin, "POST", "/v1/queues", settings).want(201).id("id")
}

func (s *site) agent(name, queue string) string {
	s.t.Helper()
	body := fmt.Sprintf(`{"name":%q,"queues":[%s],"extension":"100"}`, name, queue)
	id := s.call(s.admin, "POST", "/v1/agents", body).want(201).id("id")
	s.call(s.operator, "PUT", "/v1/agents/"+id+"/status", `{"status":"online"}`).want(200)
	return id
}
