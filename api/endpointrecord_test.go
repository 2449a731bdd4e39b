package api_test

import (
	"testing"
	"time"

	"github.com/offhook/offhook/dispatcher"
)

// sentTries puts tries of one event on record, one a second.
func (s *site) sentTries(endpoint, event string, outcomes ...dispatcher.Outcome) {
	s.t.Helper()
	found, err := s.store.EventsAfter(s.t.Context(), 1, dispatcher.Position{}, 1000)
	if err != nil {
		s.t.Fatal(err)
	}
	ev := found[len(found)-1]
	var tries []dispatcher.Try
	for i, o := range outcomes {
		state := dispatcher.StateRetrying
		switch {
		case o == dispatcher.OutcomeDelivered:
			state = dispatcher.StateDelivered
		case i == len(outcomes)-1:
			state = dispatcher.StateExhausted
		}
		tries = append(tries, dispatcher.Try{
			DomainID: 1, EndpointID: endpoint, Seq: ev.Seq, EventID: ev.ID, EventType: ev.Type, AttemptID: ev.AttemptID, Number: i + 1,
			Outcome: o, State: state, StartedAt: time.Now().Add(time.Duration(i-10) * time.Second).UTC().Truncate(time.Microsecond),
			Duration: 5 * time.Millisecond, Status: 200, Error: event,
		})
	}
	if err := s.cfg.Delivery.Settle(s.t.Context(), dispatcher.Settlement{Tries: tries, At: time.Now()}); err != nil {
		s.t.Fatal(err)
	}
}

func TestWhatAnEndpointWasSent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ep := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook"}`).want(201).json["id"].(string)
	s.attempt("offered")
	s.sentTries(ep, "first", dispatcher.OutcomeUpstream, dispatcher.OutcomeTimeout, dispatcher.OutcomeDelivered)
	s.attempt("offered")
	s.sentTries(ep, "second", dispatcher.OutcomeDNS, dispatcher.OutcomeExpired)
	path := "/v1/endpoints/" + ep

	tries := s.call(s.admin, "GET", path+"/tries", nil).want(200)
	if len(tries.list()) != 5 || tries.at("data", 0, "number") == nil || tries.json["next_cursor"] != nil {
		t.Errorf("tries: %s", tries.raw)
	}
	if l := s.call(s.admin, "GET", path+"/tries?outcome=timeout", nil).want(200).list(); len(l) != 1 {
		t.Errorf("tries that timed out: %v", l)
	}
	deliveries := s.call(s.admin, "GET", path+"/deliveries", nil).want(200)
	if len(deliveries.list()) != 2 {
		t.Errorf("deliveries: %s", deliveries.raw)
	}
	lost := s.call(s.admin, "GET", path+"/deliveries?state=exhausted", nil).want(200)
	if len(lost.list()) != 1 || lost.at("data", 0, "outcome") != "expired" || lost.at("data", 0, "tries") != 2.0 {
		t.Errorf("what is exhausted: %s", lost.raw)
	}
	first := s.call(s.admin, "GET", path+"/deliveries?limit=1", nil).want(200)
	next, _ := first.json["next_cursor"].(string)
	second := s.call(s.admin, "GET", path+"/deliveries?limit=1&cursor="+next, nil).want(200)
	if len(second.list()) != 1 || second.at("data", 0, "event_id") == first.at("data", 0, "event_id") {
		t.Errorf("the second page: %s", second.raw)
	}
	for query, pointer := range map[string]string{
		"?outcome=fine": "?outcome", "?type=attempt.exploded": "?type", "?state=pending": "?state", "?cursor=x": "?cursor", "?since=now": "?since",
	} {
		s.call(s.admin, "GET", path+"/tries"+query, nil).problem(422, "invalid").blames(pointer)
	}

	byHand := dispatcher.Try{
		DomainID: 1, EndpointID: ep, EventType: dispatcher.EventTest, Number: 1, Manual: true, Outcome: dispatcher.OutcomeDelivered,
		State: dispatcher.StateDelivered, StartedAt: time.Now().UTC().Truncate(time.Microsecond), Duration: time.Second, Status: 200,
	}
	if err := s.cfg.Delivery.Settle(t.Context(), dispatcher.Settlement{Tries: []dispatcher.Try{byHand}, At: time.Now()}); err != nil {
		t.Fatal(err)
	}
	stats := s.call(s.admin, "GET", path+"/stats", nil).want(200) // without what was sent by hand
	if stats.at("tries", "delivered") != 1.0 || stats.at("tries", "expired") != 1.0 || stats.at("duration_ms", "p99") != 5.0 ||
		stats.json["complete"] != true || stats.at("backlog", "events").(float64) < 2 || stats.at("backlog", "oldest_at") == nil {
		t.Errorf("stats: %s", stats.raw)
	}
	if none := s.call(s.admin, "GET", path+"/stats?until=2026-01-01T00:00:00Z", nil).want(200); none.at("duration_ms", "p50") != nil {
		t.Errorf("stats of a time without tries: %s", none.raw)
	}
}

func TestResendingAnEvent(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ep := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook"}`).want(201).json["id"].(string)
	s.attempt("offered")
	s.sentTries(ep, "x", dispatcher.OutcomeDNS, dispatcher.OutcomeExpired)
	ev := s.call(s.admin, "GET", "/v1/endpoints/"+ep+"/deliveries", nil).want(200).at("data", 0, "event_id").(string)
	try := s.call(s.admin, "POST", "/v1/events/"+ev+"/deliveries/"+ep+"/resend", nil).want(200)
	if try.json["manual"] != true || try.json["number"] != 3.0 || len(s.sent.resent) != 1 || s.sent.resent[0] != ev {
		t.Errorf("resent: %s, %v", try.raw, s.sent.resent)
	}
	if got := s.audit("?action=endpoint.resend&limit=1"); len(got) != 1 || got[0]["object_id"] != ep {
		t.Errorf("audited: %v", got)
	}
	s.call(s.operator, "POST", "/v1/events/"+ev+"/deliveries/"+ep+"/resend", nil).problem(403, "forbidden")
	s.call(s.admin, "POST", "/v1/events/"+ev+"/deliveries/ep_x/resend", nil).problem(404, "not_found")
}

func TestRecoveringAnEndpoint(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	ep := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook","from":0}`).want(201).json["id"].(string)
	s.attempt("offered")
	path := "/v1/endpoints/" + ep + "/recover"
	for body, pointer := range map[string]string{
		`{}`: "/since", `{"since":"2026-01-01T00:00:00Z","until":"2025-01-01T00:00:00Z"}`: "/until",
		`{"since":"2026-01-01T00:00:00Z","which":"some"}`: "/which",
	} {
		a := s.call(s.admin, "POST", path, body).problem(422, "invalid")
		if pointer != "/since" { // huma blames the object for what it lacks
			a.blames(pointer)
		}
	}
	begun := s.call(s.admin, "POST", path, `{"since":"2026-01-01T00:00:00Z","which":"missing"}`).want(202)
	id := begun.json["id"].(string)
	if begun.header.Get("Location") != "/v1/tasks/"+id || begun.json["kind"] != "endpoint.recover" || begun.at("parameters", "which") != "missing" {
		t.Errorf("begun: %s", begun.raw)
	}
	var ended *answer
	for range 500 {
		if ended = s.call(s.admin, "GET", "/v1/tasks/"+id, nil).want(200); ended.json["finished_at"] != nil {
			break
		}
		<-time.After(10 * time.Millisecond)
	}
	// Nothing is settled here, so all of it is owed anyway.
	if ended.json["state"] != "done" || ended.at("result", "recovered") != 0.0 {
		t.Errorf("ended: %s", ended.raw)
	}
	log := s.call(s.admin, "GET", "/v1/events?type=task.finished", nil).want(200).list()
	if len(log) != 1 {
		t.Errorf("the end of the task is on the log %d times", len(log))
	}
	s.call(s.admin, "POST", "/v1/endpoints/"+ep+"/disable", nil).want(200)
	s.call(s.admin, "POST", path, `{"since":"2026-01-01T00:00:00Z"}`).problem(409, "bad_state")
}
