package main

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// receivers are the examples of docs/receivers, and what runs each.
var receivers = map[string][]string{
	"receiver.go":  {"go", "run"},
	"receiver.py":  {"python3"},
	"receiver.mjs": {"node"},
}

// example is one of them in a process of its own.
type example struct {
	runningReceiver
	cmd *exec.Cmd
}

// startExample starts an example with the secret; what it keeps goes to file.
func startExample(t *testing.T, name, secret, file string) *example {
	t.Helper()
	command := receivers[name]
	if _, err := exec.LookPath(command[0]); err != nil {
		t.Skipf("there is no %s on this machine", command[0])
	}
	source, err := filepath.Abs("../../docs/receivers/" + name)
	if err != nil {
		t.Fatal(err)
	}
	args := append(slices.Clone(command[1:]), source, "0", file)
	cmd := exec.CommandContext(t.Context(), command[0], args...)
	cmd.Env = append(os.Environ(), "WEBHOOK_SECRET="+secret)
	cmd.Dir = t.TempDir()
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // go run has a child
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	e := &example{runningReceiver{lines: bufio.NewScanner(stdout)}, cmd}
	t.Cleanup(e.end)
	hello := e.said(t)
	_, e.url, _ = strings.Cut(hello, "listening on ")
	if e.url == "" {
		t.Fatalf("%s says %q", name, hello)
	}
	return e
}

// end stops it without asking, as a crash would.
func (e *example) end() {
	if e.cmd.ProcessState == nil {
		_ = syscall.Kill(-e.cmd.Process.Pid, syscall.SIGKILL)
		_ = e.cmd.Wait()
	}
}

func (e *example) said(t *testing.T) string {
	t.Helper()
	if !e.lines.Scan() {
		t.Fatal("the receiver has ended")
	}
	return e.lines.Text()
}

// TestExampleReceiversJudge sends each example what is genuine and what is not,
// signed by the official library.
func TestExampleReceiversJudge(t *testing.T) {
	t.Parallel()
	for name := range receivers {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := filepath.Join(t.TempDir(), "events")
			r := startExample(t, name, testSecret, file)
			at := func(id string, seq, prev int) delivery {
				return delivery{id: id, attempt: 7, seq: seq, prev: prev, at: time.Now(), secret: testSecret, body: `{"type":"attempt.joined","note":"ü"}`}
			}
			old, future, foreign := at("evt_o", 1, 0), at("evt_f", 1, 0), at("evt_x", 1, 0)
			old.at, future.at = time.Now().Add(-10*time.Minute), time.Now().Add(10*time.Minute)
			foreign.secret = "whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
			renamed := at("evt_1", 1, 0).header(t)
			renamed.Set("webhook-id", "evt_2")
			rotated := at("evt_1", 1, 0).header(t)
			rotated.Set("webhook-signature", "v1a,abcd v1,AAAA "+rotated.Get("webhook-signature"))
			unsigned := at("evt_1", 1, 0).header(t)
			unsigned.Del("webhook-signature")

			steps := []struct {
				name   string
				header http.Header
				body   string
				status int
				said   string
			}{
				{"nothing at all", http.Header{}, `{}`, 400, "rejected 400"},
				{"unsigned", unsigned, at("", 1, 0).body, 401, "rejected 401"},
				{"too old", old.header(t), old.body, 400, "rejected 400"},
				{"from the future", future.header(t), future.body, 400, "rejected 400"},
				{"of another key", foreign.header(t), foreign.body, 401, "rejected 401"},
				{"under another id", renamed, old.body, 401, "rejected 401"},
				{"with another body", at("evt_1", 1, 0).header(t), `{"type":"attempt.leaving"}`, 401, "rejected 401"},
				{"genuine, of several signatures", rotated, old.body, 200, "verified 200 attempt.joined attempt 7 sequence 1"},
				{"once more", at("evt_1", 1, 0).header(t), old.body, 200, "repeated 200"},
				{"the next", at("evt_2", 2, 1).header(t), old.body, 200, "verified 200"},
				{"after one that is missing", at("evt_5", 5, 4).header(t), old.body, 200, "after a gap 200"},
				{"what was missing", at("evt_4", 4, 2).header(t), old.body, 200, "late 200"},
			}
			for _, s := range steps {
				if status := r.post(t, s.header, s.body); status != s.status {
					t.Errorf("%s: %d, not %d", s.name, status, s.status)
				}
				if said := r.said(t); !strings.HasPrefix(said, s.said) {
					t.Errorf("%s: it says %q", s.name, said)
				}
			}
			// What was answered with 200 is kept, also when it is killed.
			r.end()
			r = startExample(t, name, testSecret+","+foreign.secret, file)
			if r.post(t, at("evt_5", 5, 4).header(t), old.body); !strings.HasPrefix(r.said(t), "repeated 200") {
				t.Error("it has forgotten what it had acknowledged")
			}
			if status := r.post(t, foreign.header(t), foreign.body); status != 200 {
				t.Errorf("with the second of two secrets: %d", status)
			}
		})
	}
}

// TestExampleReceiversWithOffhook has a real server deliver a call to each.
func TestExampleReceiversWithOffhook(t *testing.T) {
	t.Parallel()
	server := startServer(t, []string{"OFFHOOK_DATA_DIR=" + filepath.Join(passableTempDir(t), "data")}, "--dev")
	rest := newRESTClient("http://"+server.address, server.key)
	running := map[string]*example{}
	for name, command := range receivers {
		if _, err := exec.LookPath(command[0]); err != nil {
			t.Logf("%s is left out: there is no %s on this machine", name, command[0])
			continue
		}
		// The secret is known when the endpoint is, and its address before that.
		address := "http://" + freeAddress(t) + "/"
		id, secret, err := rest.registerEndpoint(t.Context(), address)
		if err != nil {
			t.Fatal(err)
		}
		e := startExample(t, name, secret, filepath.Join(t.TempDir(), "events"))
		change, _ := json.Marshal(map[string]string{"url": e.url}) // a map of texts is always JSON
		if err := rest.call(t.Context(), http.MethodPatch, "/v1/endpoints/"+id, change, nil); err != nil {
			t.Fatal(err)
		}
		running[name] = e
	}
	var made struct {
		ID        int64
		AttemptID int64 `json:"attempt_id"`
	}
	if err := rest.post(t.Context(), "/v1/queues", map[string]any{"name": "sales", "type": "inbound"}, &made); err != nil {
		t.Fatal(err)
	}
	if err := rest.post(t.Context(), "/v1/queues/"+strconv.FormatInt(made.ID, 10)+"/attempts", map[string]string{"destination": "+12025550123"}, &made); err != nil {
		t.Fatal(err)
	}
	if err := rest.call(t.Context(), http.MethodPost, "/v1/attempts/"+strconv.FormatInt(made.AttemptID, 10)+"/cancel", nil, nil); err != nil {
		t.Fatal(err)
	}
	for name, e := range running {
		for i, event := range []string{"attempt.joined", "attempt.leaving"} {
			want := "verified 200 " + event + " attempt " + strconv.FormatInt(made.AttemptID, 10) + " sequence " + strconv.Itoa(i+1)
			if said := e.said(t); said != want {
				t.Errorf("%s says %q, not %q", name, said, want)
			}
		}
	}
}
