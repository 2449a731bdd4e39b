package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// TestTransferOverREST hands a call over from Ann to Bob, who sends it on to
// another queue and is done at once; both attempts name each other, while they
// are open and in the history.
func TestTransferOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sales := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	billing := s.queue(map[string]any{"name": "billing", "type": "inbound", "use_processing": false})
	ann := s.agent("Ann", sales)
	id := s.call(s.operator, "POST", "/v1/queues/"+sales+"/attempts", `{"destination":"+15550100","member_channel_id":"chan-1"}`).want(201).id("attempt_id")
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+ann+`,"bridged":true}`).want(200)
	bob := s.agent("Bob", billing)
	transfer := func(body string) *answer {
		return s.call(s.operator, "POST", "/v1/attempts/"+id+"/transfer", body)
	}
	for _, row := range []struct{ body, code, blames string }{
		{`{}`, "invalid", ""},
		{`{"queue_id":` + billing + `,"destination":"1"}`, "invalid", ""},
		{`{"queue_id":999999}`, "unknown_queue", "/queue_id"},
		{`{"agent_id":999999,"attended":true}`, "unknown_agent", "/agent_id"},
		{`{"queue_id":` + billing + `,"attended":true}`, "invalid", "/attended"},
		{`{"agent_id":` + ann + `,"attended":true}`, "invalid", "/agent_id"},
		{`{"destination":"1","agent_channel_id":"x"}`, "invalid", "/agent_channel_id"},
	} {
		a := transfer(row.body).problem(422, row.code)
		if row.blames != "" {
			a.blames(row.blames)
		}
	}
	transfer(`{"destination":"1","by_agent_id":`+bob+`}`).problem(409, "bad_state")

	handed := transfer(`{"agent_id":` + bob + `,"attended":true,"by_agent_id":` + ann + `}`).want(200)
	if handed.json["state"] != "bridged" || handed.json["agent_name"] != "Bob" || fmt.Sprint(handed.json["previous_agent_id"]) != ann {
		t.Fatalf("handed over: %s", handed.raw)
	}
	left := transfer(`{"queue_id":` + billing + `}`).want(200)
	child := left.id("child_attempt_id")
	if left.json["state"] != "processing" || left.json["call_cause"] != "BLIND_TRANSFER" {
		t.Fatalf("sent on: %s", left.raw)
	}
	there := s.call(s.analyst, "GET", "/v1/attempts/"+child, nil).want(200)
	if there.id("parent_attempt_id") != id || there.json["member_channel_id"] != "chan-1" || there.json["state"] != "waiting" {
		t.Errorf("in the other queue: %s", there.raw)
	}
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{}`).want(200)
	old := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200)
	if old.id("child_attempt_id") != child || old.id("previous_agent_id") != ann || old.json["state"] != "leaving" {
		t.Errorf("in the history: %s", old.raw)
	}
	transfer(`{"destination":"1"}`).problem(409, "attempt_closed")

	var types []string
	timeline := s.call(s.analyst, "GET", "/v1/attempts/"+id+"/timeline", nil).want(200)
	for i := range timeline.list() {
		types = append(types, fmt.Sprint(timeline.at("data", i, "event", "type")))
	}
	if got := strings.Join(types, " "); !strings.Contains(got, "attempt.bridged attempt.agent_changed attempt.processing") {
		t.Errorf("the timeline has %s", got)
	}
}
