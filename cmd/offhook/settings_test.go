package main

import (
	"bytes"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/offhook/offhook/store"
)

func TestEnvName(t *testing.T) {
	t.Parallel()
	for field, want := range map[string]string{
		"URL": "URL", "APIKey": "API_KEY", "MaxConns": "MAX_CONNS", "DatabaseURL": "DATABASE_URL",
		"AllowHTTP": "ALLOW_HTTP", "Listen": "LISTEN", "HTTPSOnly": "HTTPS_ONLY",
	} {
		if got := envName(field); got != want {
			t.Errorf("%s is read from %s, want %s", field, got, want)
		}
	}
}

func TestSettingsShowWhatIsSet(t *testing.T) {
	t.Parallel()
	all := []setting{{"OFFHOOK_A", "1", "plain", false}, {"OFFHOOK_B", "", "secret", true}, {"OFFHOOK_C", "", "unset", false}}
	values := map[string]string{"OFFHOOK_A": "2", "OFFHOOK_B": "hunter2"}
	var out bytes.Buffer
	lookup := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	if err := writeSettings(&out, all, lookup); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(out.String(), "\n")
	if !strings.Contains(lines[0], "2") || !strings.Contains(lines[1], "not shown") || !strings.Contains(lines[2], "(unset)") {
		t.Errorf("printed:\n%s", out.String())
	}
	if strings.Contains(out.String(), "hunter2") {
		t.Error("a secret is printed")
	}
}

// TestDevKeyRingIsMadeOnce has many servers ask at once for the ring of one
// folder: all must get the same, or their secrets could not be read again.
func TestDevKeyRingIsMadeOnce(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new", "folder")
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	var wg sync.WaitGroup
	rings := make([]string, 16)
	for i := range rings {
		wg.Go(func() {
			ring, err := devKeyRing(folder, log)
			if err != nil {
				t.Error(err)
			}
			rings[i] = ring
		})
	}
	wg.Wait()
	for _, ring := range rings {
		if ring != rings[0] {
			t.Fatalf("two rings: %q and %q", ring, rings[0])
		}
	}
	if _, err := store.ParseKeyRing(rings[0]); err != nil {
		t.Error(err)
	}
	left, err := os.ReadDir(folder)
	if err != nil || len(left) != 1 {
		t.Errorf("the folder holds %v, %v", left, err)
	}
}

func TestLogFormat(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		cfg  Config
		json bool
	}{
		{Config{LogFormat: "auto"}, true}, // no terminal
		{Config{LogFormat: "json"}, true},
		{Config{LogFormat: "text"}, false},
	} {
		var out bytes.Buffer
		log := newLogger(&out, tc.cfg)
		log.Debug("quiet")
		log.Info("loud")
		if got := strings.HasPrefix(out.String(), "{"); got != tc.json || strings.Contains(out.String(), "quiet") {
			t.Errorf("%s: %q", tc.cfg.LogFormat, out.String())
		}
	}
}
