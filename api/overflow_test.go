package api_test

import (
	"fmt"
	"testing"
	"time"
)

// until asks again and again until the answer is what it should be.
func (s *site) until(path string, done func(*answer) bool) *answer {
	s.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); ; <-time.After(20 * time.Millisecond) {
		a := s.call(s.admin, "GET", path, nil).want(200)
		if done(a) {
			return a
		}
		if time.Now().After(deadline) {
			s.t.Fatalf("%s stays %s", path, a.raw)
		}
	}
}

// TestCalledBack: a caller who waits for too long comes onto the list of an
// outbound queue and is dialled there as soon as an agent is free, by a desk and
// a database that are real.
func TestCalledBack(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.queue(map[string]any{"name": "call back", "type": "progressive"})
	q := s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"inbound","overflow":[{"after_sec":30,"action":"callback","queue_id":`+list+`}]}`).want(201).id("id")
	waiting := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"+12025550101","member_name":"Smith","variables":{"claim":"77"}}`).want(201)
	if waiting.json["overflow_at"] == nil {
		t.Errorf("nothing is planned: %s", waiting.raw)
	}
	s.clock.forward(31 * time.Second)
	id := waiting.id("attempt_id")
	left := s.until("/v1/attempts/"+id, func(a *answer) bool { return a.json["state"] == "leaving" })
	if left.json["cc_result"] != "abandoned" || left.json["result_reason"] != "callback" || left.json["call_cause"] != "NORMAL_CLEARING" {
		t.Errorf("he leaves as called back: %s", left.raw)
	}
	members := s.call(s.admin, "GET", "/v1/queues/"+list+"/members", nil).want(200).list()
	if len(members) != 1 {
		t.Fatalf("members: %v", members)
	}
	m := members[0].(map[string]any)
	if m["name"] != "Smith" || m["ready_at"] != waiting.json["joined_at"] || fmt.Sprint(m["variables"]) != "map[claim:77]" {
		t.Errorf("the member: %v", m)
	}
	s.agent("Ann", list)
	s.clock.forward(6 * time.Second) // the list is read again
	s.until("/v1/attempts?open=true&queue_id="+list, func(a *answer) bool {
		all := a.list()
		return len(all) == 1 && all[0].(map[string]any)["destination"] == "+12025550101" && all[0].(map[string]any)["state"] == "dialing"
	})
}

// TestPlaceRegained: who gave up at one server has his place back at another,
// which has it from the database.
func TestPlaceRegained(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound", "resume_sec": 300, "buckets": []any{map[string]any{"name": "vip"}}})
	first := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"+12025550101"}`).want(201)
	s.call(s.operator, "POST", "/v1/reports", `[{"attempt_id":`+first.id("attempt_id")+`,"event":"ended","leg":"member"}]`).want(200)
	other := s.replica()
	again := other.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"+12025550101","bucket":"vip","sticky_agent_id":4711}`).want(201)
	if again.json["order_at"] != first.json["joined_at"] || again.json["joined_at"] == first.json["joined_at"] {
		t.Errorf("he stands where he stood: %s\nnow %s", first.raw, again.raw)
	}
	other.call(s.operator, "POST", "/v1/attempts/"+again.id("attempt_id")+"/cancel", nil).want(200)
	left := s.call(s.analyst, "GET", "/v1/attempts/"+again.id("attempt_id"), nil).want(200)
	if left.json["order_at"] != first.json["joined_at"] || left.json["bucket"] != "vip" || left.json["sticky_agent_id"] != 4711.0 || left.json["sticky_until"] != nil {
		t.Errorf("the history knows how he was placed: %s", left.raw)
	}
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"resume_sec":-1}`).problem(422, "invalid").blames("/resume_sec")
}
