package main

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestReadmeSession types README's curl session, as it is printed, into a
// shell. Only the ports are others, so that tests can run beside each other.
func TestReadmeSession(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("there is no curl on this machine")
	}
	script := shellBlocks(t, "README.md", 4)
	folder := passableTempDir(t)
	server := startServer(t, []string{"OFFHOOK_DATA_DIR=" + filepath.Join(folder, "data")}, "--dev")
	receiver := freeAddress(t)

	script = regexp.MustCompile(`(?m)^export KEY=.*$`).ReplaceAllString(script, "export KEY="+server.key)
	script = strings.ReplaceAll(script, "localhost:8080", server.address)
	script = strings.ReplaceAll(script, "127.0.0.1:9000", receiver)
	// The last look is taken again when everything has arrived.
	script = fmt.Sprintf(`%s
i=0
until curl -s http://%s/stats | grep -q '"accepted":5'; do i=$((i+1)); [ $i -lt 400 ]; sleep 0.05; done
i=0
until [ "$(call GET attempts/$ATTEMPT/timeline | grep -o '"state":"delivered"' | wc -l)" = 5 ]; do i=$((i+1)); [ $i -lt 400 ]; sleep 0.05; done
kill $!
wait $! || true
`, script, receiver)

	out := typeInto(t, folder, script)
	for _, want := range []string{"attempt.joined", "attempt.leaving", `"cc_result":"success"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the session does not show %s:\n%s", want, out)
		}
	}
}

// shellBlocks joins what a page of the project shows as blocks of shell, of which
// it has so many.
func shellBlocks(t *testing.T, page string, want int) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("../..", page))
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1)
	if len(blocks) < want {
		t.Fatalf("%s has %d shell blocks", page, len(blocks))
	}
	script := "set -eu\n"
	for _, b := range blocks {
		script += b[1]
	}
	return script
}

// typeInto types a script into a shell in the folder, where bin/offhook is the
// program and the environment has nothing but env, and returns what it printed.
func typeInto(t *testing.T, folder, script string, env ...string) string {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(folder, "bin"), 0o755); err != nil {
		t.Fatal(err)
	}
	wrapper := fmt.Sprintf("#!/bin/sh\n%s=1 exec %q \"$@\"\n", actAs, self)
	if err := os.WriteFile(filepath.Join(folder, "bin", "offhook"), []byte(wrapper), 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), "sh", "-c", script)
	cmd.Dir = folder
	cmd.Env = append([]string{"PATH=" + filepath.Join(folder, "bin") + ":" + os.Getenv("PATH"), "HOME=" + folder}, env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v:\n%s", err, out)
	}
	return string(out)
}

// freeAddress returns an address of loopback that was free a moment ago.
func freeAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
