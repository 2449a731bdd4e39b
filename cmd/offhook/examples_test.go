package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// queryEnums are the values that an operation's query parameters may have: none
// for one that may have any.
func queryEnums(t *testing.T, v verb) map[string][]any {
	t.Helper()
	raw, _ := apiDescription(t)
	var doc struct {
		Paths map[string]map[string]struct {
			Parameters []struct {
				Name, In string
				Schema   struct{ Enum []any }
			}
		}
	}
	if err := json.Unmarshal(raw, &doc); err != nil {
		t.Fatal(err)
	}
	for path, methods := range doc.Paths {
		if braces.ReplaceAllString(path, "{}") != braces.ReplaceAllString(v.path, "{}") {
			continue
		}
		enums := map[string][]any{}
		for _, p := range methods[strings.ToLower(v.method)].Parameters {
			if p.In == "query" {
				enums[p.Name] = p.Schema.Enum
			}
		}
		return enums
	}
	t.Fatalf("there is no operation %s %s", v.method, v.path)
	return nil
}

// TestExamplesAreAccepted holds the examples in the help of every noun to the
// API: each is a verb with arguments, and its filters exist and may be so.
func TestExamplesAreAccepted(t *testing.T) {
	t.Parallel()
	filtered := 0
	for _, n := range nouns {
		for _, line := range strings.Split(n.example, "\n") {
			line, _, _ = strings.Cut(line, "|")
			args := strings.Fields(line)
			if len(args) < 2 || args[0] != "offhook" || args[1] != n.name {
				t.Errorf("%s: %q is no command of it", n.name, line)
				continue
			}
			v, rest := n.verbs[0], args[2:]
			if i := slices.IndexFunc(n.verbs, func(v verb) bool { return len(rest) > 0 && v.name == rest[0] }); i >= 0 {
				v, rest = n.verbs[i], rest[1:]
			}
			if v.takes != takesFilters {
				continue
			}
			enums := queryEnums(t, v)
			for _, word := range rest[len(v.arguments()):] {
				name, value, ok := strings.Cut(word, "=")
				if !ok {
					continue // a flag
				}
				filtered++
				if enum, known := enums[name]; !known || len(enum) > 0 && !slices.Contains(enum, any(value)) {
					t.Errorf("%s: %s is no filter that may be %s: %v", line, name, value, enum)
				}
			}
		}
	}
	if filtered < 8 {
		t.Errorf("only %d filters were found", filtered)
	}
}

// TestEveryFigureIsExplained looks for the name of every metric of the program in
// the page for operators.
func TestEveryFigureIsExplained(t *testing.T) {
	t.Parallel()
	root := projectRoot(t)
	page, err := os.ReadFile(filepath.Join(root, "docs", "operations.md"))
	if err != nil {
		t.Fatal(err)
	}
	metric := regexp.MustCompile(`"(offhook_[a-z_]+)"`)
	found := 0
	for _, pattern := range []string{"api/*.go", "cmd/offhook/*.go", "dispatcher/*.go", "queue/desk/*.go", "store/*.go"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if strings.HasSuffix(file, "_test.go") || !strings.Contains(string(text), "prometheus") {
				continue
			}
			for _, m := range metric.FindAllStringSubmatch(string(text), -1) {
				if found++; !strings.Contains(string(page), "`"+m[1]+"`") {
					t.Errorf("docs/operations.md does not explain %s", m[1])
				}
			}
		}
	}
	if found < 15 {
		t.Errorf("only %d metrics were found", found)
	}
}

// TestTablesAreWhole: a row of a table that stands by itself is shown as text.
func TestTablesAreWhole(t *testing.T) {
	t.Parallel()
	rows := 0
	for page, text := range pages(t) {
		lines := strings.Split(fences.ReplaceAllString(text, ""), "\n")
		for i, line := range lines {
			if !strings.HasPrefix(line, "|") {
				continue
			}
			rows++
			first := i == 0 || !strings.HasPrefix(lines[i-1], "|")
			if first && (i+1 == len(lines) || !strings.HasPrefix(lines[i+1], "|--")) {
				t.Errorf("%s: this row has no head: %s", page, line)
			}
		}
	}
	if rows < 100 {
		t.Errorf("only %d rows were found", rows)
	}
}
