package queue

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

var arrow = regexp.MustCompile(`(?m)^    (\S+) --> (\S+):`)

// TestDiagramIsTheTable holds the picture in docs/concepts.md to the moves that
// the random walks are held to.
func TestDiagramIsTheTable(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/concepts.md")
	if err != nil {
		t.Fatal(err)
	}
	drawn := map[string]bool{}
	for _, a := range arrow.FindAllStringSubmatch(string(page), -1) {
		from, to := strings.Replace(a[1], "[*]", "", 1), strings.Replace(a[2], "[*]", "", 1)
		drawn[from+" → "+to] = true
	}
	made := map[string]bool{}
	for row := range moves {
		_, move, _ := strings.Cut(row, ": ")
		from, rest, _ := strings.Cut(move, " → ")
		to, _, _ := strings.Cut(rest, " ")
		if from != to { // what stays where it is has no arrow
			made[from+" → "+to] = true
		}
	}
	for move := range made {
		if !drawn[move] {
			t.Errorf("docs/concepts.md does not draw %q", move)
		}
	}
	for move := range drawn {
		if !made[move] {
			t.Errorf("docs/concepts.md draws %q, which no attempt does", move)
		}
	}
}
