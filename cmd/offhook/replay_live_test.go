package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// callLog is a queue_log of one caller who stays in the queue.
const callLog = "1795248394|stays.1|support|NONE|ENTERQUEUE||2025550199|1\n"

// TestReplayLiveRefused: what the server refuses is said, by the call's name,
// and the exit code tells.
func TestReplayLiveRefused(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		io.WriteString(w, `{"data": [{"status": "refused", "code": "invalid", "detail": "no"}]}`)
	}))
	defer server.Close()
	_, stderr, err := replayed(t, strings.NewReader(callLog), "--server", server.URL, "--key", "k", "-")
	if !errors.Is(err, errReported) || !strings.Contains(stderr, "refused: joined of stays.1: invalid: no\n") {
		t.Errorf("%v, %q", err, stderr)
	}
}

// TestReplayLiveInterrupted: who is in the queue when a replay is interrupted
// leaves it, because no switch will ever report his end.
func TestReplayLiveInterrupted(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	s := &reportServer{t: t, keys: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.ServeHTTP(w, r)
		cancel() // at the first report, with a year to go
	}))
	defer server.Close()
	cmd := newReplayCommand()
	cmd.SetArgs([]string{"--server", server.URL, "--key", "key-1", "-"})
	cmd.SetIn(strings.NewReader(callLog + "1826784394|late.1|support|NONE|ENTERQUEUE||2025550198|1\n"))
	cmd.SetOut(io.Discard)
	cmd.SetErr(&bytes.Buffer{})
	cmd.SilenceErrors, cmd.SilenceUsage = true, true
	if err := cmd.ExecuteContext(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.reports) == 0 || s.reports[len(s.reports)-1].Event != "left" || s.reports[len(s.reports)-1].ChannelID != "stays.1" {
		t.Errorf("reports %+v", s.reports)
	}
}
