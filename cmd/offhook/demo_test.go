package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/store/storetest"
)

var lastLine = regexp.MustCompile(`^demo events=(\d+) delivered=(\d+) verified=(\d+) repeated=(\d+) lost=(\d+) misordered=(\d+) types=(\d+)$`)

// counts reads the last line of a demo: events, delivered, verified, repeated,
// lost, misordered, types.
func counts(t *testing.T, got finished) []int {
	t.Helper()
	lines := strings.Split(strings.TrimRight(got.stdout, "\n"), "\n")
	m := lastLine.FindStringSubmatch(lines[len(lines)-1])
	if m == nil {
		t.Fatalf("the last line is %q; exit code %d, standard error:\n%s", lines[len(lines)-1], got.code, got.stderr)
	}
	var n []int
	for _, text := range m[1:] {
		x, _ := strconv.Atoi(text)
		n = append(n, x)
	}
	return n
}

// TestDemoEndsWell runs the demo as `make demo` does, only shorter: with a
// private Postgres, an empty environment, and nothing left afterwards.
func TestDemoEndsWell(t *testing.T) {
	t.Parallel()
	tmp := passableTempDir(t)
	got := runOffhook(t, []string{"TMPDIR=" + tmp}, "demo", "--for", "2s", "--speed", "4", "--seed", "3")
	n := counts(t, got)
	if got.code != exitDone || n[0] < 30 || n[1] != n[0] || n[2] != n[0] || n[4] != 0 || n[5] != 0 || n[6] != 8 {
		t.Errorf("exit code %d, %v, standard error:\n%s", got.code, n, got.stderr)
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v behind; %v", left, err)
	}
}

// passableTempDir is a t.TempDir into which the account can look that Postgres
// runs as when root starts it.
func passableTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "offhook-cmd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// TestDemoOnAGivenDatabase runs twice on one database: the second run must not
// trip over the first.
func TestDemoOnAGivenDatabase(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	t.Parallel()
	env := []string{"OFFHOOK_DATABASE_URL=" + storetest.URL(t)}
	for range 2 {
		got := runOffhook(t, env, "demo", "--for", "2s", "--speed", "4", "--json")
		var last struct {
			Events, Delivered, Lost int
		}
		lines := strings.Split(strings.TrimSpace(got.stdout), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatalf("%v: %s%s", err, got.stdout, got.stderr)
		}
		if got.code != exitDone || last.Events < 20 || last.Delivered != last.Events || last.Lost != 0 || got.stderr != "" {
			t.Errorf("exit code %d, %+v, standard error:\n%s", got.code, last, got.stderr)
		}
	}
}

// runningDemo is a demo that a test disturbs.
type runningDemo struct {
	cmd    *exec.Cmd
	output *bytes.Buffer
	stderr *bytes.Buffer
	lines  *bufio.Scanner
}

func startDemo(t *testing.T, args ...string) *runningDemo {
	t.Helper()
	d := &runningDemo{output: &bytes.Buffer{}, stderr: &bytes.Buffer{}}
	d.cmd = offhook(t, nil, append([]string{"demo"}, args...)...)
	d.cmd.Stderr = d.stderr
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	d.lines = bufio.NewScanner(io.TeeReader(out, d.output))
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return d
}

// until reads on to a line that matches and returns its groups.
func (d *runningDemo) until(t *testing.T, pattern string) []string {
	t.Helper()
	re := regexp.MustCompile(pattern)
	for d.lines.Scan() {
		if m := re.FindStringSubmatch(d.lines.Text()); m != nil {
			return m
		}
	}
	t.Fatalf("the demo ended without %s:\n%s%s", pattern, d.output, d.stderr)
	return nil
}

func (d *runningDemo) end() finished {
	for d.lines.Scan() {
	}
	_ = d.cmd.Wait()
	return finished{d.cmd.ProcessState.ExitCode(), d.output.String(), d.stderr.String()}
}

func TestDemoNoticesThatItsReceiverIsKilled(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--for", "30s", "--speed", "3")
	pid, err := strconv.Atoi(d.until(t, `receiver .* process (\d+)`)[1])
	if err != nil {
		t.Fatal(err)
	}
	d.until(t, `received +[1-9]\d`)
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	killed := time.Now()
	got := d.end()
	n := counts(t, got)
	if got.code != exitFailed || n[4] == 0 || n[0] != n[1]+n[4] {
		t.Errorf("exit code %d, %v", got.code, n)
	}
	for _, want := range []string{"the receiver has ended", "did not reach the receiver", "evt_"} {
		if !strings.Contains(got.stderr, want) {
			t.Errorf("standard error does not say %q:\n%s", want, got.stderr)
		}
	}
	if took := time.Since(killed); took > 25*time.Second {
		t.Errorf("it took %v to end", took)
	}
}

func TestDemoCanBeInterrupted(t *testing.T) {
	t.Parallel()
	d := startDemo(t, "--for", "10m")
	d.until(t, `received +[1-9]`)
	if err := d.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	got := d.end()
	counts(t, got)
	if got.code != exitFailed || !strings.Contains(got.stderr, "interrupted") {
		t.Errorf("exit code %d, standard error:\n%s", got.code, got.stderr)
	}
}

// TestKilledDemosAreSweptUp: old folders go, young ones may belong to a demo
// that is starting.
func TestKilledDemosAreSweptUp(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	now := time.Now()
	for name, age := range map[string]time.Duration{"offhook-demo-1": 4 * time.Hour, "offhook-demo-2": time.Minute, "other": 9 * time.Hour} {
		folder := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Join(folder, "pg15"), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(folder, now.Add(-age), now.Add(-age)); err != nil {
			t.Fatal(err)
		}
	}
	sweepDemos(dir, now)
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 || left[0].Name() != "offhook-demo-2" || left[1].Name() != "other" {
		t.Errorf("left are %v, %v", left, err)
	}
}

// TestDemoLosesItsReader: `offhook demo | head -1` puts everything away.
func TestDemoLosesItsReader(t *testing.T) {
	t.Parallel()
	tmp := passableTempDir(t)
	cmd := offhook(t, []string{"TMPDIR=" + tmp}, "demo", "--for", "1m")
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := bufio.NewReader(stdout).ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	stdout.Close()
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != exitFailed || !strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exit code %d, %s", code, stderr.String())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("the demo leaves %v behind; %v", left, err)
	}
}
