package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// siteEnv is what all servers of one test share: a fresh database, and targets
// on this machine.
func siteEnv(t *testing.T) (env []string, url string) {
	t.Helper()
	url = storetest.URL(t)
	return []string{"OFFHOOK_DATABASE_URL=" + url, "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k"),
		"OFFHOOK_WEBHOOK_ALLOW_HTTP=true", "OFFHOOK_WEBHOOK_ALLOW_NETWORKS=127.0.0.0/8"}, url
}

func adminKey(t *testing.T, env []string, args ...string) string {
	t.Helper()
	got := runOffhook(t, env, append([]string{"keys", "create", "--role", "admin"}, args...)...)
	if got.code != exitDone {
		t.Fatalf("keys create: %s", got.stderr)
	}
	return strings.TrimSpace(got.stdout)
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, within time.Duration, cond func() bool) {
	t.Helper()
	deadline := time.After(within)
	for !cond() {
		select {
		case <-deadline:
			t.Fatalf("waited %v in vain: %s", within, what)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// readiness returns what /readyz answers.
func (s *runningServer) readiness(t *testing.T) (status int, checks map[string]bool) {
	t.Helper()
	resp, err := http.Get("http://" + s.address + "/readyz")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var health struct{ Checks map[string]bool }
	if err := json.NewDecoder(resp.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, health.Checks
}

// ready waits until the server wants requests, and compares what it looks at.
func (s *runningServer) ready(t *testing.T, checks ...string) {
	t.Helper()
	var got map[string]bool
	eventually(t, "/readyz", 20*time.Second, func() bool {
		status, now := s.readiness(t)
		got = now
		return status == http.StatusOK
	})
	if names := slices.Sorted(maps.Keys(got)); !slices.Equal(names, checks) {
		t.Errorf("/readyz looks at %v, want %v", names, checks)
	}
}

func openQueue(t *testing.T, rest *restClient, name string) (id int64) {
	t.Helper()
	var made struct{ ID int64 }
	if err := rest.post(t.Context(), "/v1/queues", map[string]string{"name": name, "type": "inbound"}, &made); err != nil {
		t.Fatal(err)
	}
	return made.ID
}

func joinQueue(t *testing.T, rest *restClient, queue int64) {
	t.Helper()
	path := fmt.Sprintf("/v1/queues/%d/attempts", queue)
	if err := rest.post(t.Context(), path, map[string]string{"destination": "+12025550101"}, nil); err != nil {
		t.Fatal(err)
	}
}

// TestRolesWorkApart: one server takes commands and another one delivers; each
// answers for what it does. An endpoint that is made at the one is served by the
// other at once.
func TestRolesWorkApart(t *testing.T) {
	t.Parallel()
	env, _ := siteEnv(t)
	front := startServer(t, env, "--role", "api")
	back := startServer(t, append(env, "OFFHOOK_ROLE=dispatch", "OFFHOOK_INSTANCE=back"))
	front.ready(t, "database", "desks")
	back.ready(t, "database", "dispatcher")
	key := adminKey(t, env)
	if got := back.status(t, key, "/v1/queues"); got != http.StatusNotFound {
		t.Errorf("a server that only delivers answers /v1/queues with %d", got)
	}
	if got := back.status(t, "", "/metrics"); got != http.StatusOK {
		t.Errorf("and /metrics with %d", got)
	}
	w := newWitness(t, 0)
	rest := newRESTClient("http://"+front.address, key)
	_, secret, err := rest.registerEndpoint(t.Context(), w.server.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	w.setSecret(secret)
	began := time.Now()
	joinQueue(t, rest, openQueue(t, rest, "sales"))
	eventually(t, "the joining arrives", 20*time.Second, func() bool { return w.snapshot().Accepted == 1 })
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("a new endpoint is served after %v", took)
	}
	if code, logs := back.stop(); code != exitDone || !strings.Contains(logs, `"instance":"back"`) {
		t.Errorf("the one that delivers ends with %d:\n%s", code, logs)
	}
	joinQueue(t, rest, openQueue(t, rest, "support"))
	if code, logs := front.stop(); code != exitDone || strings.Contains(logs, `"msg":"delivering"`) {
		t.Errorf("the one that takes commands ends with %d:\n%s", code, logs)
	}
	if n := w.snapshot().Requests; n != 1 {
		t.Errorf("%d requests, want 1: nobody delivered the second", n)
	}
}

func TestRoleMustBeKnown(t *testing.T) {
	t.Parallel()
	if got := runOffhook(t, nil, "serve", "--role", "king"); got.code != exitUsage || !strings.Contains(got.stderr, "dispatch") {
		t.Errorf("serve --role king: %d, %s", got.code, got.stderr)
	}
}

// TestANewDomainIsServed: a domain that is made while servers run gets its desk
// and its deliveries.
func TestANewDomainIsServed(t *testing.T) {
	t.Parallel()
	env, _ := siteEnv(t)
	server := startServer(t, env)
	if got := runOffhook(t, env, "domains", "create", "north"); got.code != exitDone {
		t.Fatalf("domains create: %s", got.stderr)
	}
	w := newWitness(t, 0)
	rest := newRESTClient("http://"+server.address, adminKey(t, env, "--domain", "2"))
	_, secret, err := rest.registerEndpoint(t.Context(), w.server.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	w.setSecret(secret)
	joinQueue(t, rest, openQueue(t, rest, "sales"))
	eventually(t, "its joining arrives", 20*time.Second, func() bool { return w.snapshot().Accepted == 1 })
	server.ready(t, "database", "desks", "dispatcher")
}

// TestSIGTERMHandsOver: a server that is told to stop finishes the request that
// is under way, and another one goes on at once, long before a lease would have
// expired.
func TestSIGTERMHandsOver(t *testing.T) {
	t.Parallel()
	env, url := siteEnv(t)
	first := startServer(t, env)
	first.ready(t, "database", "desks", "dispatcher") // it holds the endpoint
	key := adminKey(t, env)
	var slow atomic.Bool
	slow.Store(true)
	entered, release := make(chan struct{}, 10), make(chan struct{})
	receiver := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		entered <- struct{}{}
		if slow.Load() {
			<-release
		}
	}))
	t.Cleanup(receiver.Close)
	rest := newRESTClient("http://"+first.address, key)
	endpoint, _, err := rest.registerEndpoint(t.Context(), receiver.URL+"/")
	if err != nil {
		t.Fatal(err)
	}
	sales := openQueue(t, rest, "sales")
	joinQueue(t, rest, sales)
	<-entered // the request is under way
	second := startServer(t, env)
	second.ready(t, "database", "desks", "dispatcher")
	slow.Store(false)
	stopped := start(func() error { first.stop(); return nil })
	joinQueue(t, newRESTClient("http://"+second.address, key), sales)
	close(release)
	_ = stopped.wait()
	ended := time.Now()
	<-entered
	if took := time.Since(ended); took > 3*time.Second {
		t.Errorf("the other one went on after %v", took)
	}
	pool, err := store.Open(t.Context(), store.Config{URL: url, MaxConns: 4})
	if err != nil {
		t.Fatal(err)
	}
	defer pool.Close()
	ref := dispatcher.Ref{DomainID: firstDomain, EndpointID: endpoint}
	var tries []dispatcher.Try
	eventually(t, "both tries are on record", 10*time.Second, func() bool {
		tries, err = store.NewDelivery(store.New(pool), nil).Tries(t.Context(), ref, store.TryFilter{Limit: 10})
		return err == nil && len(tries) >= 2
	})
	for _, try := range tries {
		if try.Outcome != dispatcher.OutcomeDelivered || try.Number != 1 {
			t.Errorf("try %d of %s: %s", try.Number, try.EventType, try.Outcome)
		}
	}
}
