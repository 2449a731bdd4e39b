package api_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// The documentation can be read in a browser that reaches nothing but this
// server: nothing is missing, and nothing is refused by the page's own policy.
func TestDocsInABrowser(t *testing.T) {
	t.Parallel()
	browser := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome"} {
		if path, err := exec.LookPath(name); err == nil {
			browser = path
			break
		}
	}
	switch {
	case browser != "":
	case os.Getenv("CI") != "":
		t.Fatal("no browser: install chromium")
	default:
		t.Skip("NOT TESTED: there is no chromium on this machine to read /docs with")
	}
	s := newSite(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, browser, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--user-data-dir="+t.TempDir(), "--enable-logging=stderr",
		"--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1", "--dump-dom", s.url+"/docs")
	var page, log bytes.Buffer
	cmd.Stdout, cmd.Stderr = &page, &log
	if err := cmd.Run(); err != nil {
		t.Fatalf("%s: %v\n%s", browser, err, log.String())
	}
	if said := regexp.MustCompile(`(?m)^.*CONSOLE.*$`).FindAllString(log.String(), -1); len(said) > 0 {
		t.Errorf("the browser complains: %s", strings.Join(said, "\n"))
	}
	doc := s.call("", "GET", "/openapi.json", nil).want(200)
	for path, item := range doc.json["paths"].(map[string]any) {
		for method, op := range item.(map[string]any) {
			if id := op.(map[string]any)["operationId"].(string); !strings.Contains(page.String(), `<section id="`+id+`">`) {
				t.Errorf("%s %s is not to be read in the browser", method, path)
			}
		}
	}
}
