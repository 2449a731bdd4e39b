package api_test

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// typePage types the requests of a page of the documentation one after the other
// and returns how many there are. What stands behind an arrow is the id that the
// page goes on with, "as" names what a body is that is no JSON.
func typePage(t *testing.T, s *site, file string) int {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	ids := map[string]string{}
	number := regexp.MustCompile(`\b\d{3}\b`)
	known := func(text string) string {
		return number.ReplaceAllStringFunc(text, func(id string) string {
			if real, ok := ids[id]; ok {
				return real
			}
			return id
		})
	}
	blocks := regexp.MustCompile("(?s)```\n(POST|PATCH|PUT) (\\S+)(?: as (\\S+))?(?: → (\\d+))?\n(.*?)\n```").FindAllStringSubmatch(string(page), -1)
	for _, b := range blocks {
		var a *answer
		if b[3] != "" {
			a = s.post(known(b[2]), b[3], b[5]) // its numbers are no ids
		} else {
			a = s.call(s.admin, b[1], known(b[2]), known(b[5]))
		}
		switch {
		case b[4] == "" && b[1] == "POST":
			a.want(201)
		case b[4] == "":
			a.want(200)
		case strings.HasSuffix(b[2], "/attempts"):
			ids[b[4]] = a.want(201).id("attempt_id")
		default:
			ids[b[4]] = a.want(201).id("id")
		}
	}
	return len(blocks)
}

func TestDistributionPage(t *testing.T) {
	t.Parallel()
	if n := typePage(t, newSite(t), "../docs/distribution.md"); n < 9 {
		t.Errorf("the page has %d requests, or they are written otherwise by now", n)
	}
}

// The requests of docs/members.md work, and do what the page says.
func TestMembersPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	if n := typePage(t, s, "../docs/members.md"); n < 15 {
		t.Errorf("the page has %d requests, or they are written otherwise by now", n)
	}
	list := s.call(s.admin, "GET", "/v1/queues?name=renewals", nil).want(200).at("data", 0, "id").(float64)
	if erika := s.memberBy(strconv.FormatFloat(list, 'f', 0, 64), "+4930123456"); erika["priority"] != 2.0 || erika["name"] != "Erika Mustermann" {
		t.Errorf("on_duplicate=update, then PATCH: %v", erika)
	}
}
