package api_test

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestDistributionPage types the requests of docs/distribution.md one after the
// other. What stands behind an arrow is the id that the page goes on with.
func TestDistributionPage(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/distribution.md")
	if err != nil {
		t.Fatal(err)
	}
	s := newSite(t)
	ids := map[string]string{}
	number := regexp.MustCompile(`\b\d{3}\b`)
	blocks := regexp.MustCompile("(?s)```\n(POST|PATCH) (\\S+)(?: → (\\d+))?\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		known := func(text string) string {
			return number.ReplaceAllStringFunc(text, func(id string) string {
				if real, ok := ids[id]; ok {
					return real
				}
				return id
			})
		}
		a := s.call(s.admin, b[1], known(b[2]), known(b[4]))
		switch {
		case b[3] == "":
			a.want(200)
		case strings.HasSuffix(b[2], "/attempts"):
			ids[b[3]] = a.want(201).id("attempt_id")
		default:
			ids[b[3]] = a.want(201).id("id")
		}
	}
	if len(blocks) < 9 {
		t.Errorf("the page has %d requests, or they are written otherwise by now", len(blocks))
	}
}
