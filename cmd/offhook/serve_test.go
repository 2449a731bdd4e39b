package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
	"github.com/offhook/offhook/store/storetest"
)

// runningServer is `offhook serve` in a process of its own.
type runningServer struct {
	cmd     *exec.Cmd
	address string // host:port
	key     string // what --dev printed; else empty
	logs    chan string
}

// startServer starts a server on a free port and returns when it serves.
func startServer(t testing.TB, env []string, args ...string) *runningServer {
	t.Helper()
	env = append([]string{"OFFHOOK_LISTEN=127.0.0.1:0", "OFFHOOK_LOG_FORMAT=json"}, env...)
	s := &runningServer{cmd: offhook(t, env, append([]string{"serve"}, args...)...), logs: make(chan string, 1)}
	// A file, because what was printed before the server serves is in it by then.
	stdout, err := os.Create(filepath.Join(t.TempDir(), "stdout"))
	if err != nil {
		t.Fatal(err)
	}
	defer stdout.Close()
	s.cmd.Stdout = stdout
	stderr, err := s.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if s.cmd.ProcessState == nil {
			s.stop()
		}
	})
	var said strings.Builder
	lines := bufio.NewScanner(stderr)
	for s.address == "" {
		if !lines.Scan() {
			t.Fatalf("the server ends: %s", said.String())
		}
		said.WriteString(lines.Text() + "\n")
		var entry struct{ Msg, Address string }
		if json.Unmarshal(lines.Bytes(), &entry) == nil && entry.Msg == "serving" {
			s.address = entry.Address
		}
	}
	go func() {
		rest, _ := io.ReadAll(stderr)
		s.logs <- said.String() + string(rest)
	}()
	printed, err := os.ReadFile(stdout.Name())
	if err != nil {
		t.Fatal(err)
	}
	_, s.key, _ = strings.Cut(strings.TrimSpace(string(printed)), ": ")
	return s
}

// stop ends the server politely and returns its exit code and its log.
func (s *runningServer) stop() (int, string) {
	_ = s.cmd.Process.Signal(syscall.SIGTERM)
	logs := <-s.logs
	_ = s.cmd.Wait()
	return s.cmd.ProcessState.ExitCode(), logs
}

func (s *runningServer) status(t *testing.T, key, path string) int {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, "http://"+s.address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+key)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	return resp.StatusCode
}

// TestServeDevKeepsItsData starts a server with nothing, stops it, and starts
// it again.
func TestServeDevKeepsItsData(t *testing.T) {
	t.Parallel()
	folder := passableTempDir(t)
	env := []string{"OFFHOOK_DATA_DIR=" + folder}
	first := startServer(t, env, "--dev")
	if !strings.HasPrefix(first.key, "ohk_") {
		t.Fatalf("the first start prints the key %q", first.key)
	}
	for deadline := time.After(20 * time.Second); first.status(t, "", "/readyz") != http.StatusOK; {
		select { // the dispatcher begins a moment after the API
		case <-deadline:
			t.Fatal("/readyz does not answer 200")
		case <-time.After(10 * time.Millisecond):
		}
	}
	rest := newRESTClient("http://"+first.address, first.key)
	var made struct{ ID int64 }
	if err := rest.post(t.Context(), "/v1/queues", map[string]string{"name": "sales", "type": "inbound"}, &made); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(folder, "key_ring"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key ring: %v, %v", info, err)
	}
	asked := time.Now()
	if code, logs := first.stop(); code != exitDone || !strings.Contains(logs, "stopped") {
		t.Errorf("after SIGTERM: exit code %d\n%s", code, logs)
	}
	if took := time.Since(asked); took > 15*time.Second {
		t.Errorf("an idle server takes %v to stop", took)
	}

	second := startServer(t, env, "--dev")
	if second.key != "" {
		t.Errorf("the second start prints a key again")
	}
	if got := second.status(t, first.key, "/v1/queues/1"); got == http.StatusUnauthorized {
		t.Error("the key of the first start is not known any more")
	}
	var queues struct{ Data []struct{ Name string } }
	if err := newRESTClient("http://"+second.address, first.key).call(t.Context(), http.MethodGet, "/v1/queues", nil, &queues); err != nil {
		t.Fatal(err)
	}
	if len(queues.Data) != 1 || queues.Data[0].Name != "sales" {
		t.Errorf("the second start knows the queues %v", queues.Data)
	}
}

func TestServeRefusesWhatItCannotRelyOn(t *testing.T) {
	t.Parallel()
	url, ring := "OFFHOOK_DATABASE_URL=postgres://nobody@127.0.0.1:1/none?connect_timeout=2", "OFFHOOK_KEY_RING="+store.NewKeyRingText("k")
	for name, tc := range map[string]struct {
		env  []string
		want string
	}{
		"no key ring":    {[]string{url}, "OFFHOOK_KEY_RING"},
		"broken ring":    {[]string{url, "OFFHOOK_KEY_RING=k1:short"}, "OFFHOOK_KEY_RING"},
		"no database":    {[]string{ring}, "OFFHOOK_DATABASE_URL"},
		"database away":  {[]string{url, ring}, "reach the database"},
		"address in use": {[]string{url, ring, "OFFHOOK_LISTEN=256.0.0.1:1"}, "listen for the API"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append([]string{"OFFHOOK_LISTEN=127.0.0.1:0"}, tc.env...)
			got := runOffhook(t, env, "serve")
			if got.code != exitFailed || !strings.Contains(got.stderr, tc.want) {
				t.Errorf("exit code %d, %q does not say %q", got.code, got.stderr, tc.want)
			}
		})
	}
}

// TestKeysOpenTheServer makes, lists and revokes a key beside a running server.
func TestKeysOpenTheServer(t *testing.T) {
	t.Parallel()
	migrated := false
	env := []string{"OFFHOOK_DATABASE_URL=" + storetest.Empty(t), "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k")}
	for _, verb := range []string{"status", "up", "status"} {
		got := runOffhook(t, env, "migrate", verb)
		if pending := strings.Contains(got.stdout, "pending"); got.code != exitDone || pending != (verb == "status" && !migrated) {
			t.Fatalf("migrate %s: %d, %s%s", verb, got.code, got.stdout, got.stderr)
		}
		migrated = migrated || verb == "up"
	}
	server := startServer(t, env)
	got := runOffhook(t, env, "keys", "create", "--role", "admin", "--name", "first")
	secret := strings.TrimSpace(got.stdout)
	if got.code != exitDone || !strings.HasPrefix(secret, "ohk_") {
		t.Fatalf("keys create: %d, %q, %s", got.code, got.stdout, got.stderr)
	}
	id, _, _ := strings.Cut(got.stderr, ",")
	if status := server.status(t, secret, "/v1/endpoints"); status != http.StatusOK {
		t.Errorf("with the new key: %d", status)
	}
	if status := server.status(t, "ohk_wrong", "/v1/endpoints"); status != http.StatusUnauthorized {
		t.Errorf("with a wrong key: %d", status)
	}
	list := runOffhook(t, env, "keys", "list")
	if !strings.Contains(list.stdout, id) || !strings.Contains(list.stdout, "first") || strings.Contains(list.stdout, secret) {
		t.Errorf("keys list prints:\n%s", list.stdout)
	}
	if got := runOffhook(t, env, "keys", "revoke", id); got.code != exitDone {
		t.Errorf("keys revoke: %d, %s", got.code, got.stderr)
	}
	if got := runOffhook(t, env, "keys", "revoke", id); got.code != exitFailed {
		t.Errorf("revoking twice: exit code %d", got.code)
	}
	if got := runOffhook(t, env, "keys", "create", "--role", "king"); got.code != exitUsage || !strings.Contains(got.stderr, "admin") {
		t.Errorf("keys create --role king: %d, %s", got.code, got.stderr)
	}
	if got := runOffhook(t, env, "keys", "create", "--role", "admin", "--domain", "99"); got.code != exitFailed ||
		got.stderr != "offhook: there is no domain 99: 'offhook domains list' shows which there are\n" {
		t.Errorf("keys create --domain 99: %d, %s", got.code, got.stderr)
	}
	if code, logs := server.stop(); code != exitDone {
		t.Errorf("the server ends with %d:\n%s", code, logs)
	}
}

// TestDomainsAreServedSeparately makes a second domain; its key opens only its
// own queues.
func TestDomainsAreServedSeparately(t *testing.T) {
	t.Parallel()
	env := []string{"OFFHOOK_DATABASE_URL=" + storetest.URL(t), "OFFHOOK_KEY_RING=" + store.NewKeyRingText("k")}
	if got := runOffhook(t, env, "domains", "create", "north"); got.code != exitDone || got.stdout != "2\n" {
		t.Fatalf("domains create: %d, %q, %s", got.code, got.stdout, got.stderr)
	}
	if got := runOffhook(t, env, "domains", "create", "north"); got.code != exitFailed || !strings.Contains(got.stderr, "taken") {
		t.Errorf("a second one of the name: %d, %s", got.code, got.stderr)
	}
	if got := runOffhook(t, env, "domains", "list"); !strings.Contains(got.stdout, "north") || !strings.Contains(got.stdout, "default") {
		t.Errorf("domains list prints:\n%s", got.stdout)
	}
	server := startServer(t, env)
	clients := map[string]*restClient{}
	var made struct{ ID int64 }
	for _, domain := range []string{"1", "2"} {
		key := strings.TrimSpace(runOffhook(t, env, "keys", "create", "--role", "admin", "--domain", domain).stdout)
		clients[domain] = newRESTClient("http://"+server.address, key)
		if err := clients[domain].post(t.Context(), "/v1/queues", map[string]string{"name": "sales", "type": "inbound"}, &made); err != nil {
			t.Fatal(err)
		}
	}
	path := fmt.Sprintf("/v1/queues/%d", made.ID) // of domain 2
	if err := clients["2"].call(t.Context(), http.MethodGet, path, nil, &made); err != nil {
		t.Error(err)
	}
	if err := clients["1"].call(t.Context(), http.MethodGet, path, nil, &made); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("domain 1 reads a queue of domain 2: %v", err)
	}
}
