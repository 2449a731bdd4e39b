package main

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/offhook/offhook/api"
)

const captureFolder = "../../api/asterisk/testdata/"

// replayed runs the command and returns what it printed.
func replayed(t *testing.T, stdin io.Reader, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	cmd := newReplayCommand()
	var out, problems bytes.Buffer
	cmd.SetArgs(args)
	cmd.SetIn(stdin)
	cmd.SetOut(&out)
	cmd.SetErr(&problems)
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	err = cmd.ExecuteContext(t.Context())
	return out.String(), problems.String(), err
}

// eventLine is what the tests read of a printed event.
type eventLine struct {
	ID       string
	Type     string
	Schema   int
	Queue    *struct{ Name string }
	Sequence *int
	Data     map[string]any
	Ext      map[string]any
}

func eventLines(t *testing.T, stdout string) []eventLine {
	t.Helper()
	var all []eventLine
	for line := range strings.Lines(stdout) {
		var ev eventLine
		if err := json.Unmarshal([]byte(line), &ev); err != nil {
			t.Fatalf("%v in %q", err, line)
		}
		all = append(all, ev)
	}
	return all
}

// TestReplayDry: one JSON object a line on stdout and nothing else, the same
// every time, from AMI and queue_log, packed or not, file or standard input.
func TestReplayDry(t *testing.T) {
	t.Parallel()
	packed := captureFolder + "s06/ami.txt.gz"
	stdout, stderr, err := replayed(t, nil, "--dry-run", packed)
	if err != nil {
		t.Fatal(err, stderr)
	}
	events := eventLines(t, stdout)
	last := events[0]
	for _, ev := range events {
		if strings.HasPrefix(ev.Type, "attempt.") {
			last = ev
		}
		if ev.Schema != 1 || !strings.HasPrefix(ev.ID, "evt_") {
			t.Errorf("event %+v", ev)
		}
	}
	if last.Type != "attempt.leaving" || last.Ext["result_reason"] != "max_wait" || last.Data["call_cause"] != nil || last.Queue.Name != "support" {
		t.Errorf("last event %+v", last)
	}
	again, _, _ := replayed(t, nil, "--dry-run", packed)
	if again != stdout {
		t.Error("a second run printed something else")
	}
	f, err := os.Open(packed)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	if piped, _, err := replayed(t, z, "--dry-run", "-"); err != nil || piped != stdout {
		t.Errorf("from standard input: %v, %d bytes for %d", err, len(piped), len(stdout))
	}
	stdout, _, err = replayed(t, nil, "--dry-run", "--queue", "all", captureFolder+"s21/queue_log")
	if err != nil {
		t.Fatal(err)
	}
	joined := 0
	for _, ev := range eventLines(t, stdout) {
		if ev.Type == "attempt.joined" {
			joined++
			if ev.Queue.Name != "all" {
				t.Errorf("queue %q", ev.Queue.Name)
			}
		}
	}
	if joined != 3 {
		t.Errorf("%d joined", joined)
	}
}

// TestReplayBadFiles: what cannot be read fails with the place and exit code 1,
// after the events that came before.
func TestReplayBadFiles(t *testing.T) {
	t.Parallel()
	whole, err := os.ReadFile(captureFolder + "s03/queue_log")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string]string{
		"cut":     string(whole[:300]),
		"corrupt": string(whole) + "garbage\n",
		"other":   "hello\n",
		"empty":   "",
	} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		stdout, _, err := replayed(t, nil, "--dry-run", path)
		var usage usageError
		if err == nil || errors.As(err, &usage) || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if before := len(eventLines(t, stdout)); (before > 0) != (name == "cut" || name == "corrupt") {
			t.Errorf("%s: %d events before the error", name, before)
		}
		if name == "corrupt" && !strings.Contains(err.Error(), "byte 443") {
			t.Errorf("corrupt: %v", err)
		}
	}
	if _, _, err := replayed(t, nil, "--dry-run", filepath.Join(dir, "empty")); !strings.Contains(err.Error(), "it is empty") {
		t.Errorf("empty: %v", err)
	}
	if _, _, err := replayed(t, nil, "--dry-run", dir); err == nil || !strings.Contains(err.Error(), "is a folder") {
		t.Errorf("a folder: %v", err)
	}
	if _, _, err := replayed(t, nil, "--dry-run", filepath.Join(dir, "absent")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("absent: %v", err)
	}
}

func TestReplayUsage(t *testing.T) {
	t.Setenv("OFFHOOK_API_KEY", "")
	t.Setenv("OFFHOOK_URL", "")
	for _, args := range [][]string{
		{},
		{"--dry-run"},
		{"--speed", "0", "--dry-run", "x"},
		{"--speed", "NaN", "--dry-run", "x"},
		{"x"}, // no key
		{"--key", "k", "--server", "localhost:1", "x"},
	} {
		var usage usageError
		if _, _, err := replayed(t, nil, args...); !errors.As(err, &usage) {
			t.Errorf("%q: %v", args, err)
		}
	}
}

// reportServer takes reports as the real one does, strictly.
type reportServer struct {
	t       *testing.T
	mu      sync.Mutex
	reports []api.SwitchReport
	keys    map[string]int
	away    int // answers 503 so many times
}

func (s *reportServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r.Method != http.MethodPost || r.URL.Path != "/v1/reports" || r.Header.Get("Authorization") != "Bearer key-1" {
		w.WriteHeader(http.StatusUnauthorized)
		io.WriteString(w, `{"title": "Unauthorized", "detail": "no such key"}`)
		return
	}
	s.keys[r.Header.Get("Idempotency-Key")]++
	if s.away > 0 {
		s.away--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var batch []api.SwitchReport
	d := json.NewDecoder(r.Body)
	d.DisallowUnknownFields()
	if err := d.Decode(&batch); err != nil || len(batch) == 0 || len(batch) > 1000 {
		s.t.Errorf("%d reports: %v", len(batch), err)
	}
	s.reports = append(s.reports, batch...)
	results := make([]map[string]string, len(batch))
	for i := range results {
		results[i] = map[string]string{"status": "done"}
	}
	if err := json.NewEncoder(w).Encode(map[string]any{"data": results}); err != nil {
		s.t.Error(err)
	}
}

// TestReplayLive: the stream goes to /v1/reports, shifted so that it begins now
// and squeezed by the speed; a server that is away gets the same batch again
// under the same idempotency key; who is left inside leaves as recovered.
func TestReplayLive(t *testing.T) {
	t.Parallel()
	s := &reportServer{t: t, keys: map[string]int{}, away: 1}
	server := httptest.NewServer(s)
	defer server.Close()
	log, err := os.ReadFile(captureFolder + "s03/queue_log")
	if err != nil {
		t.Fatal(err)
	}
	log = append(log, "1795248394|left.1|support|NONE|ENTERQUEUE||2025550199|1\n"...)
	begin := time.Now()
	_, stderr, err := replayed(t, bytes.NewReader(log), "--server", server.URL+"/", "--key", "key-1", "--speed", "100", "-")
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(begin)
	if took < 180*time.Millisecond {
		t.Errorf("18 s at 100× took %v", took)
	}
	if !strings.Contains(stderr, "12 done, 0 dropped, 0 refused") {
		t.Errorf("summary %q", stderr)
	}
	var said []string
	for _, r := range s.reports {
		said = append(said, string(r.Event))
		if !r.At.IsZero() && (r.At.Before(begin.Add(-10*time.Millisecond)) || r.At.After(time.Now())) {
			t.Errorf("%s at %v, begun at %v", r.Event, r.At, begin)
		}
	}
	want := "agent_status agent_status joined offered missed offered bridged ended agent_status agent_status joined left"
	if got := strings.Join(said, " "); got != want {
		t.Errorf("reports %s\nwant %s", got, want)
	}
	last := s.reports[len(s.reports)-1]
	if last.ChannelID != "left.1" || last.ResultReason != "recovered" {
		t.Errorf("last report %+v", last)
	}
	repeated := 0
	for _, n := range s.keys {
		repeated += n - 1
	}
	if repeated != 1 {
		t.Errorf("%d requests were repeated", repeated)
	}
	_, _, err = replayed(t, bytes.NewReader(log), "--server", server.URL, "--key", "key-2", "--speed", "1000", "-")
	var final *serverError
	if !errors.As(err, &final) || final.status != http.StatusUnauthorized || !strings.Contains(err.Error(), "no such key") {
		t.Errorf("a wrong key: %v", err)
	}
}
