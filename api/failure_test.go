package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/offhook/offhook/api"
	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
	"github.com/offhook/offhook/queue/desk"
	"github.com/offhook/offhook/store"
)

// brokenDesk fails every command in the way that f says.
type brokenDesk struct {
	f func(context.Context) error
}

func (d brokenDesk) Do(ctx context.Context, _ queue.Command) (queue.Result, error) {
	return queue.Result{}, d.f(ctx)
}

func (d brokenDesk) DoAll(ctx context.Context, _ []queue.Command) ([]desk.Answer, error) {
	return nil, d.f(ctx)
}

func (d brokenDesk) DoNoted(ctx context.Context, _ []queue.Command, _ *desk.Clerk) ([]desk.Answer, error) {
	return nil, d.f(ctx)
}

func (d brokenDesk) Read(ctx context.Context, _ func(*queue.Engine)) error { return d.f(ctx) }

func (d brokenDesk) ReadAt(ctx context.Context, _ func(*queue.Engine, desk.Head)) error {
	return d.f(ctx)
}

func (d brokenDesk) Refill(int64) {}

func withDesk(f func(context.Context) error) func(*api.Config) {
	return func(cfg *api.Config) {
		cfg.Desk = func(int64) (api.Desk, bool) { return brokenDesk{f}, true }
	}
}

// What cannot be stored is never accepted.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*api.Config){
		"log":    withDesk(func(context.Context) error { return fmt.Errorf("%w: password=hunter2", desk.ErrUnavailable) }),
		"late":   withDesk(func(context.Context) error { return context.DeadlineExceeded }),
		"absent": func(cfg *api.Config) { cfg.Desk = func(int64) (api.Desk, bool) { return nil, false } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSite(t, change)
			for _, r := range []route{
				{"POST", "/v1/queues/1/attempts", "operator", `{"destination":"1"}`, 0},
				{"POST", "/v1/attempts/1/cancel", "operator", "", 0},
				{"POST", "/v1/reports", "operator", `{"event":"ended","attempt_id":1,"leg":"member"}`, 0},
				{"GET", "/v1/queues", "analyst", "", 0},
			} {
				a := s.call(s.operator, r.method, r.path, r.body).problem(503, "unavailable")
				if a.header.Get("Retry-After") == "" {
					t.Errorf("%s: 503 without Retry-After", a.what)
				}
				if strings.Contains(string(a.raw), "hunter2") {
					t.Errorf("%s: the answer shows the server's insides: %s", a.what, a.raw)
				}
			}
		})
	}
}

// A database that is away is 503 too, wherever it is asked.
func TestDatabaseAway(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, _ := s.attempt("offered") // the keys are known by now
	s.call(s.analyst, "GET", "/v1/events", nil).want(200)
	s.pool.Close()
	s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).problem(503, "unavailable")
	s.call(s.analyst, "GET", "/v1/events", nil).problem(503, "unavailable")
	s.call(s.admin, "GET", "/v1/endpoints", nil).problem(503, "unavailable")
	s.call("ohk_another", "GET", "/v1/events", nil).problem(503, "unavailable")
	ready := s.call("", "GET", "/readyz", nil).want(503)
	if ready.at("checks", "database") != false {
		t.Errorf("readyz: %s", ready.raw)
	}
	s.call("", "GET", "/healthz", nil).want(200)
}

func TestReady(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(cfg *api.Config) {
		cfg.Checks = append(cfg.Checks,
			api.Check{Name: "desk", Probe: func(context.Context) error { return errors.New("password=hunter2") }},
			api.Check{Name: "loop", Probe: func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }})
	})
	begin := time.Now()
	a := s.call("", "GET", "/readyz", nil).want(503)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("a check that hangs held the answer for %v", took)
	}
	if a.at("checks", "database") != true || a.at("checks", "desk") != false || a.at("checks", "loop") != false || strings.Contains(string(a.raw), "hunter2") {
		t.Errorf("readyz: %s", a.raw)
	}
}

// panicking is a dispatcher with a bug.
type panicking struct{}

func (panicking) Resend(context.Context, dispatcher.Endpoint, queue.Event, int) (dispatcher.Try, error) {
	panic("hunter2")
}

func (panicking) Reload() {}

func (panicking) TestEvent(context.Context, dispatcher.Endpoint) (dispatcher.Try, error) {
	panic("password=hunter2")
}

func TestPanicIsAnsweredAndLoggedOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(cfg *api.Config) { cfg.Dispatcher = panicking{} })
	id := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/"}`).want(201).json["id"].(string)
	a := s.call(s.admin, "POST", "/v1/endpoints/"+id+"/test", nil).problem(500, "internal")
	if strings.Contains(string(a.raw), "hunter2") {
		t.Errorf("the answer shows the panic: %s", a.raw)
	}
	if n := strings.Count(s.log.String(), "hunter2"); n != 1 {
		t.Errorf("the panic is in the log %d times", n)
	}
	if !strings.Contains(s.log.String(), a.json["request_id"].(string)) {
		t.Error("the log does not know the request_id")
	}
}

// A key that is revoked is refused within seconds, and never remembered as
// good.
func TestRevokedKey(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call(s.operator, "GET", "/v1/queues", nil).want(200)
	keys, err := s.store.Keys(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range keys {
		if k.Role == "operator" {
			if err := s.store.RevokeKey(t.Context(), 1, k.ID, store.By{At: time.Now()}); err != nil {
				t.Fatal(err)
			}
		}
	}
	s.clock.forward(6 * time.Second)
	s.call(s.operator, "GET", "/v1/queues", nil).problem(401, "unauthenticated")
	for _, header := range []string{"Basic " + s.admin, s.admin, "Bearer", "Bearer  ", "bearer " + s.admin + "x"} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/queues", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Authorization", header)
		s.send(r).problem(401, "unauthenticated")
	}
}

func TestRequestID(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for given, taken := range map[string]bool{"abc-123.X_y": true, "a b": false, strings.Repeat("a", 65): false, "<script>": false} {
		r, err := http.NewRequestWithContext(t.Context(), "GET", s.url+"/v1/queues", nil)
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("X-Request-Id", given)
		if a := s.send(r).problem(401, "unauthenticated"); (a.json["request_id"] == given) != taken {
			t.Errorf("X-Request-Id %q became %v", given, a.json["request_id"])
		}
	}
}

func TestMetricsCountRequests(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.call(s.analyst, "GET", "/v1/attempts/12345", nil).want(404)
	s.call("", "GET", "/nowhere", nil).want(404)
	text := string(s.call("", "GET", "/metrics", nil).want(200).raw)
	for _, line := range []string{
		`offhook_http_requests_total{method="GET",route="/v1/attempts/{id}",status="404"} 1`,
		`offhook_http_requests_total{method="GET",route="none",status="404"} 1`,
		`offhook_http_request_seconds_count{route="/v1/attempts/{id}"} 1`,
	} {
		if !strings.Contains(text, line) {
			t.Errorf("no line %s in\n%s", line, text)
		}
	}
}

// A server that is told to stop answers what is under way, and nothing more.
func TestServerStopsGracefully(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	server := api.Server{Listener: listener, Logger: s.cfg.Logger, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		io.WriteString(w, "done")
	})}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- server.Run(ctx) }()
	body := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + listener.Addr().String())
		if err != nil {
			body <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		body <- string(b)
	}()
	<-entered
	cancel()
	for { // until the listener is closed
		c, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			break
		}
		c.Close()
	}
	select {
	case err := <-stopped:
		t.Fatalf("stopped under a request: %v", err)
	default:
	}
	close(release)
	if got := <-body; got != "done" {
		t.Errorf("the request under way got %q", got)
	}
	if err := <-stopped; err != nil {
		t.Error(err)
	}
}

func TestServerFailsWithItsListener(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	server := api.Server{Listener: listener, Logger: s.cfg.Logger, Handler: s.handler}
	if err := server.Run(t.Context()); err == nil {
		t.Error("a server without a listener runs")
	}
}
