package api_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A client that a public generator has made of the OpenAPI document works
// against the server: what is described is what is served. The generator is kept
// in deploy/tools.mod; it knows OpenAPI 3.0 only.
func TestGeneratedClient(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("compiles a generator")
	}
	s := newSite(t)
	dir := t.TempDir()
	for _, name := range []string{"go.mod", "go.sum", "main.go"} {
		data, err := os.ReadFile(filepath.Join("testdata", "client", name+".txt"))
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	document := filepath.Join(dir, "openapi.json")
	if err := os.WriteFile(document, s.call("", "GET", "/openapi-3.0.json", nil).want(200).raw, 0o600); err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Abs("../deploy/tools.mod")
	if err != nil {
		t.Fatal(err)
	}
	command := func(dir string, args ...string) string {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), "go", args...)
		cmd.Dir = dir
		out, err := cmd.CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	command(".", "tool", "-modfile="+tools, "oapi-codegen", "-generate", "types,client", "-package", "main",
		"-o", filepath.Join(dir, "generated.go"), document)
	out := command(dir, "run", ".", s.url, s.admin)
	if !strings.Contains(out, "attempt.joined") || !strings.Contains(out, "+4930123456") || s.attempts() != 1 {
		t.Errorf("%d attempts; the client says:\n%s", s.attempts(), out)
	}
}
