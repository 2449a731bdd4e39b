package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/offhook/offhook/store/storetest"
)

// actAs makes the test binary act as offhook itself, so that the tests run the
// real program in processes of its own. It is no OFFHOOK_ name, because those
// are checked.
const actAs = "TEST_BINARY_ACTS_AS_OFFHOOK"

func TestMain(m *testing.M) {
	if os.Getenv(actAs) == "1" {
		main()
		return
	}
	code := storetest.Main(m)
	for _, v := range verdicts { // after the framework's own words
		fmt.Println(v)
	}
	os.Exit(code)
}

// offhook prepares a run of the program with nothing in its environment but
// what is given.
func offhook(t testing.TB, env []string, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	patience := 5 * time.Minute // longer than any test waits for what a server does
	if isLongRun() {
		patience = 20 * time.Minute
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	cmd := exec.CommandContext(ctx, self, args...)
	cmd.Env = append([]string{actAs + "=1", "HOME=" + os.Getenv("HOME"), "PATH=" + os.Getenv("PATH")}, env...)
	if testing.CoverMode() != "" { // else the program complains on standard error
		cmd.Env = append(cmd.Env, "GOCOVERDIR="+t.TempDir())
	}
	// A test that gives up asks politely first, so that nothing is left behind.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 20 * time.Second
	return cmd
}

// finished is what a run of the program left.
type finished struct {
	code           int
	stdout, stderr string
}

func runOffhook(t testing.TB, env []string, args ...string) finished {
	t.Helper()
	return wait(t, offhook(t, env, args...))
}

func wait(t testing.TB, cmd *exec.Cmd) finished {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("run offhook %v: %v", cmd.Args[1:], err)
	}
	return finished{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		env    []string
		args   []string
		code   int
		stderr string
	}{
		"version":           {nil, []string{"version"}, exitDone, ""},
		"help":              {nil, []string{"--help"}, exitDone, ""},
		"nothing":           {nil, nil, exitDone, ""},
		"unknown command":   {nil, []string{"frobnicate"}, exitUsage, "frobnicate"},
		"unknown flag":      {nil, []string{"version", "--frob"}, exitUsage, "--frob"},
		"too many words":    {nil, []string{"version", "now"}, exitUsage, "now"},
		"no share":          {nil, []string{"receive", "--secret", "x", "--fail", "often"}, exitUsage, "no share"},
		"no secret":         {nil, []string{"receive"}, exitUsage, "secret"},
		"malformed secret":  {nil, []string{"receive", "--secret", "hunter2"}, exitUsage, "whsec_"},
		"address in use":    {nil, []string{"receive", "--secret", testSecret, "--listen", "256.0.0.1:1"}, exitFailed, "listen"},
		"unknown variable":  {[]string{"OFFHOOK_TYPO=1"}, []string{"receive"}, exitFailed, "OFFHOOK_TYPO"},
		"unreadable number": {[]string{"OFFHOOK_DATABASE_MAX_CONNS=many"}, []string{"receive"}, exitFailed, "OFFHOOK_DATABASE_MAX_CONNS"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := runOffhook(t, tc.env, tc.args...)
			if got.code != tc.code || !strings.Contains(got.stderr, tc.stderr) {
				t.Errorf("exit code %d, standard error %q; want %d and a word of %q", got.code, got.stderr, tc.code, tc.stderr)
			}
			if tc.code == exitDone && got.stdout == "" {
				t.Error("nothing was printed")
			}
		})
	}
}

// TestHelpFitsAScreen asks every command for help.
func TestHelpFitsAScreen(t *testing.T) {
	t.Parallel()
	commands := newRootCommand().Commands()
	for len(commands) > 0 {
		cmd := commands[0]
		commands = append(commands[1:], cmd.Commands()...)
		var out bytes.Buffer
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		if code := run(t.Context(), args, &out, io.Discard); code != exitDone {
			t.Errorf("%v ends with %d", args, code)
		}
		if lines := strings.Count(out.String(), "\n"); lines > 40 {
			t.Errorf("%v prints %d lines", args, lines)
		}
		for _, line := range strings.Split(out.String(), "\n") {
			if len(line) > 130 {
				t.Errorf("%v prints a line of %d characters: %s", args, len(line), line)
			}
		}
	}
}
