package api

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"testing"
)

// unnoted are the commands that leave no row in the audit log: time that passes,
// what the server does by itself, and what switches report.
var unnoted = []string{"Tick", "Load", "Reconcile", "SwitchReport"}

// Whoever makes a new command decides what the audit log says of it.
func TestEveryCommandIsADeedOrNot(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../queue/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	table, err := os.ReadFile("audit.go")
	if err != nil {
		t.Fatal(err)
	}
	command := regexp.MustCompile(`(?m)^func \((\w+)\) command\(\)`)
	found := 0
	for _, path := range files {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range command.FindAllStringSubmatch(string(text), -1) {
			found++
			noted := regexp.MustCompile(`case queue\.` + m[1] + `\b`).Match(table)
			if noted == slices.Contains(unnoted, m[1]) {
				t.Errorf("the audit log notes %s: %t; say so in audit.go or in this test", m[1], noted)
			}
		}
	}
	if found < 20 {
		t.Errorf("%d commands were found", found)
	}
}
