package main

import (
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages reads every page of the project that people read, by its path.
func pages(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	root := projectRoot(t)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == ".git" || d.Name() == "bin" || d.Name() == "testdata"):
			return filepath.SkipDir
		case d.IsDir() || filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		rel, relErr := filepath.Rel(root, path)
		all[rel] = string(text)
		if err == nil {
			err = relErr
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

var (
	links    = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	headings = regexp.MustCompile(`(?m)^#+ (.*)$`)
	fences   = regexp.MustCompile("(?s)```.*?```")
	notWords = regexp.MustCompile(`[^\p{L}\p{N} _-]`)
)

// anchors are the places of a page that a link may name, as GitHub makes them.
func anchors(text string) map[string]bool {
	all := map[string]bool{"": true}
	for _, h := range headings.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
		all[strings.ReplaceAll(notWords.ReplaceAllString(strings.ToLower(h[1]), ""), " ", "-")] = true
	}
	return all
}

// TestLinksLeadSomewhere follows every link between pages, and to files.
func TestLinksLeadSomewhere(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for page, text := range all {
		for _, l := range links.FindAllStringSubmatch(fences.ReplaceAllString(text, ""), -1) {
			if strings.Contains(l[1], "://") || strings.HasPrefix(l[1], "mailto:") {
				continue
			}
			file, anchor, _ := strings.Cut(l[1], "#")
			target := page
			if file != "" {
				target = filepath.Join(filepath.Dir(page), file)
			}
			if _, err := os.Stat(filepath.Join("../..", target)); err != nil {
				t.Errorf("%s links to %s, which is not there", page, l[1])
			} else if other, isPage := all[target]; isPage && !anchors(other)[anchor] {
				t.Errorf("%s links to %s: that page has no such heading", page, l[1])
			}
		}
	}
}

// TestDocsNameEveryPage holds the first page to the others.
func TestDocsNameEveryPage(t *testing.T) {
	t.Parallel()
	all := pages(t)
	for page := range all {
		if name, ok := strings.CutPrefix(page, "docs/"); ok && name != "README.md" && !strings.Contains(all["docs/README.md"], "("+name+")") {
			t.Errorf("docs/README.md does not lead to %s", page)
		}
	}
}

var shown = regexp.MustCompile(`(?m)^(?:    |.*\$\()?(?:\./bin/)?offhook ([a-z][^\n|;&>#)]*)`)

// TestShownCommandsParse parses every command of offhook that a page shows in a
// block of code: its words and its flags.
func TestShownCommandsParse(t *testing.T) {
	t.Parallel()
	parsed := 0
	for page, text := range pages(t) {
		if page == "CHANGELOG.md" {
			continue
		}
		code := strings.Join(fences.FindAllString(text, -1), "\n")
		for _, line := range strings.Split(fences.ReplaceAllString(text, ""), "\n") {
			if strings.HasPrefix(line, "    ") {
				code += line + "\n"
			}
		}
		for _, c := range shown.FindAllStringSubmatch(code, -1) {
			args := strings.Fields(c[1])
			root := newRootCommand()
			root.InitDefaultCompletionCmd()
			cmd, rest, err := root.Find(args)
			if err == nil && cmd == root {
				err = fmt.Errorf("there is no such command")
			}
			if err == nil {
				err = cmd.ParseFlags(rest)
			}
			if err != nil {
				t.Errorf("%s shows 'offhook %s': %v", page, c[1], err)
			}
			parsed++
		}
	}
	if parsed < 30 {
		t.Errorf("only %d commands were found", parsed)
	}
}

// TestFirstWebhookSession types docs/first-webhook.md, as it is printed, into a
// shell, and waits for what it promises. Only the ports are others.
func TestFirstWebhookSession(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	t.Parallel()
	if _, err := exec.LookPath("python3"); err != nil {
		t.Skip("there is no python3 on this machine")
	}
	script := shellBlocks(t, "docs/first-webhook.md", 3)
	folder := passableTempDir(t)
	server := startServer(t, []string{"OFFHOOK_DATA_DIR=" + filepath.Join(folder, "data")}, "--dev")
	if err := os.Symlink(filepath.Join(projectRoot(t), "docs"), filepath.Join(folder, "docs")); err != nil {
		t.Fatal(err)
	}
	_, port, err := net.SplitHostPort(freeAddress(t))
	if err != nil {
		t.Fatal(err)
	}
	script = regexp.MustCompile(`(?m)^export OFFHOOK_API_KEY=.*$`).ReplaceAllString(script, "export OFFHOOK_API_KEY="+server.key)
	script = strings.ReplaceAll(script, "127.0.0.1:9000", "127.0.0.1:"+port)
	script = strings.ReplaceAll(script, "receiver.py &", "receiver.py "+port+" >printed &")
	out := typeInto(t, folder, script+`
i=0
until [ "$(grep -c '^verified 200' printed)" = 2 ]; do i=$((i+1)); [ $i -lt 400 ]; sleep 0.05; done
cat printed
kill $!
wait $! || true
`, "OFFHOOK_URL=http://"+server.address)
	for _, want := range []string{"verified 200 attempt.joined attempt ", "verified 200 attempt.leaving attempt ", `"type":"attempt.leaving"`} {
		if !strings.Contains(out, want) {
			t.Errorf("the session does not show %s:\n%s", want, out)
		}
	}
}

// TestShellSession types what docs/shell.md shows.
func TestShellSession(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the program many times")
	}
	t.Parallel()
	folder := passableTempDir(t)
	server := startServer(t, []string{"OFFHOOK_DATA_DIR=" + filepath.Join(folder, "data")}, "--dev")
	out := typeInto(t, folder, shellBlocks(t, "docs/shell.md", 3), "OFFHOOK_URL=http://"+server.address, "OFFHOOK_API_KEY="+server.key)
	for _, want := range []string{"max_wait_sec  integer", `"max_wait_sec":600`, `"extension":"201"`, `"variables":{"team":"north"}`, `"action":"queue.create"`} {
		if !strings.Contains(strings.Join(strings.Fields(out), " "), strings.Join(strings.Fields(want), " ")) {
			t.Errorf("the session does not show %s:\n%s", want, out)
		}
	}
}
