package queue

import (
	"os"
	"regexp"
	"slices"
	"testing"
)

// TestEventsPage: docs/events.md names every type, every field of each, every
// key of ext and every reason, as code.
func TestEventsPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/events.md")
	if err != nil {
		t.Fatal(err)
	}
	named := map[string]bool{}
	page = regexp.MustCompile("(?s)```.*?```").ReplaceAll(page, nil)
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(string(page), -1) {
		named[m[1]] = true
	}
	missing := func(kind string, names ...string) {
		for _, name := range names {
			if !named[name] {
				t.Errorf("docs/events.md does not name the %s %s", kind, name)
			}
		}
	}
	for _, typ := range EventTypes {
		missing("type", string(typ))
		if slices.Contains(AttemptEvents, typ) {
			missing("field", Fields(typ)...)
		} else {
			missing("field", otherFields(typ).names()...)
		}
	}
	for _, m := range extSchema {
		if keys, ok := m.value.(object); ok {
			missing("key of ext", keys.names()...)
		}
	}
	reasons, err := os.ReadFile("reason.go")
	if err != nil {
		t.Fatal(err)
	}
	found := regexp.MustCompile(`Reason += "(\w+)"`).FindAllStringSubmatch(string(reasons), -1)
	if len(found) < 30 {
		t.Errorf("%d reasons", len(found))
	}
	for _, m := range found {
		missing("reason", m[1])
	}
}
