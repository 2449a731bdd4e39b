package api_test

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/offhook/offhook/dispatcher"
	"github.com/offhook/offhook/queue"
)

// The list of events is a feed: read from any cursor on, it gives everything
// once and in the order of the log, also what comes later.
func TestEventsAreAFeed(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	empty := s.call(s.analyst, "GET", "/v1/events", nil).want(200)
	if len(empty.list()) != 0 || empty.json["next_cursor"] == nil {
		t.Errorf("an empty log has a cursor to wait at: %s", empty.raw)
	}
	cursor := empty.json["next_cursor"].(string)
	var got []string
	follow := func() {
		for {
			page := s.call(s.analyst, "GET", "/v1/events?limit=3&cursor="+url.QueryEscape(cursor), nil).want(200)
			cursor = page.json["next_cursor"].(string)
			if len(page.list()) == 0 {
				return
			}
			for i := range page.list() {
				got = append(got, page.at("data", i, "id").(string))
			}
		}
	}
	follow()
	s.attempt("processing")
	follow()
	s.attempt("offered")
	follow()

	stored, err := s.store.EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var want []string
	for i := range stored {
		want = append(want, queue.EventID(stored[i].ID))
	}
	if len(want) < 8 || !slices.Equal(got, want) {
		t.Errorf("followed %v\nlog      %v", got, want)
	}
}

func TestEventsAreFiltered(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one, ann := s.attempt("processing")
	two, _ := s.attempt("bridged")
	stored, err := s.store.EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	var queueOfOne int64
	for i := range stored {
		if stored[i].Queue != nil && fmt.Sprint(stored[i].AttemptID) == one {
			queueOfOne = stored[i].Queue.ID
		}
	}
	count := func(f func(*queue.Event) bool) (n int) {
		for i := range stored {
			if f(&stored[i]) {
				n++
			}
		}
		return n
	}
	middle := stored[len(stored)/2].At
	for query, want := range map[string]int{
		"type=attempt.bridged":                   2,
		"type=attempt.bridged,attempt.joined":    4,
		"type=attempt.bridged&attempt_id=" + two: 1,
		"attempt_id=" + one:                      count(func(ev *queue.Event) bool { return fmt.Sprint(ev.AttemptID) == one }),
		fmt.Sprintf("queue_id=%d", queueOfOne):   count(func(ev *queue.Event) bool { return ev.Queue != nil && ev.Queue.ID == queueOfOne }),
		"agent_id=" + ann: count(func(ev *queue.Event) bool {
			return ev.Listed != nil && ev.Listed.AgentID != nil && fmt.Sprint(*ev.Listed.AgentID) == ann ||
				ev.Subject != nil && ev.Subject.Kind == "agent" && ev.Subject.ID == ann
		}),
		"since=" + middle.Format("2006-01-02T15:04:05.000Z"): count(func(ev *queue.Event) bool { return !ev.At.Before(middle) }),
		"until=" + middle.Format("2006-01-02T15:04:05.000Z"): count(func(ev *queue.Event) bool { return ev.At.Before(middle) }),
		"since=2099-01-01T00:00:00Z":                         0,
	} {
		if got := len(s.call(s.analyst, "GET", "/v1/events?limit=250&"+query, nil).want(200).list()); got != want {
			t.Errorf("%s: %d events, want %d", query, got, want)
		}
	}
	s.call(s.analyst, "GET", "/v1/events?type=attempt.exploded", nil).problem(422, "invalid").blames("?type")
	s.call(s.analyst, "GET", "/v1/events?since=yesterday", nil).problem(422, "invalid").blames("?since")
}

// The body of an event is the same bytes everywhere: those that are signed.
func TestEventsAreTheSignedBytes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.attempt("processing")
	stored, err := s.store.EventsAfter(t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil {
		t.Fatal(err)
	}
	page := s.call(s.analyst, "GET", "/v1/events?limit=250", nil).want(200)
	for i := range stored {
		body := string(stored[i].AppendJSON(nil))
		if !strings.Contains(string(page.raw), body) {
			t.Errorf("the list shows other bytes than %s", body)
		}
		one := s.call(s.analyst, "GET", "/v1/events/"+queue.EventID(stored[i].ID), nil).want(200)
		if string(one.raw) != body || one.header.Get("Content-Type") != "application/json" {
			t.Errorf("%s\nis not\n%s", one.raw, body)
		}
	}
}

func TestEventTypes(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.call(s.analyst, "GET", "/v1/event-types", nil).want(200)
	if len(list.list()) != len(queue.EventTypes) {
		t.Errorf("%d types, want %d", len(list.list()), len(queue.EventTypes))
	}
	one := s.call(s.analyst, "GET", "/v1/event-types/attempt.leaving", nil).want(200)
	if one.at("schema", "$schema") != "https://json-schema.org/draft/2020-12/schema" || one.at("example", "type") != "attempt.leaving" {
		t.Errorf("attempt.leaving: %s", one.raw)
	}
	s.call(s.analyst, "GET", "/v1/event-types/attempt.exploded", nil).problem(404, "not_found")
}
