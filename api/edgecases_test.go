package api_test

import (
	"fmt"
	"testing"
)

// Edge cases of engine.md B.10 as a client of the API sees them; the engine's own
// tests have the same numbers.

// TestEdgeCase14DuplicateCommands: without a key, the same accept and the end of a
// leg that has ended are answered 200 and do nothing.
func TestEdgeCase14DuplicateCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	agent := s.agent("Ann", q)
	id := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1","member_channel_id":"chan-1"}`).want(201).id("attempt_id")
	accept := func() *answer {
		return s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`,"offer_no":1,"bridged":true}`).want(200)
	}
	report := func(status string) {
		a := s.call(s.operator, "POST", "/v1/reports", `{"channel_id":"chan-1","event":"ended"}`).want(200)
		if a.at("data", 0, "status") != status {
			t.Errorf("ended: %s, want %s", a.raw, status)
		}
	}
	first := accept()
	before := s.fingerprint()
	if again := accept(); fmt.Sprint(again.json) != fmt.Sprint(first.json) || s.fingerprint() != before {
		t.Errorf("the second accept: %s, the first: %s", again.raw, first.raw)
	}
	report("done")
	before = s.fingerprint()
	report("dropped")
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/close", `{"agent_id":`+agent+`}`).want(200)
	if s.fingerprint() != before {
		t.Error("the end of a leg that has ended did something")
	}
}

// TestEdgeCase15LateCommand: every command about an attempt that has left says how
// and when it did; a switch's report is acknowledged and dropped.
func TestEdgeCase15LateCommand(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	agent := s.agent("Ann", q)
	id := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1","member_channel_id":"chan-1"}`).want(201).id("attempt_id")
	left := s.call(s.operator, "POST", "/v1/attempts/"+id+"/cancel", nil).want(200)
	before := s.fingerprint()
	for verb, body := range map[string]string{
		"accept": `{"agent_id":` + agent + `}`, "decline": `{"agent_id":` + agent + `}`, "skip": `{"agent_id":` + agent + `}`,
		"report": `{}`, "renew": `{}`, "close": `{}`, "cancel": "", "transfer": `{"destination":"2"}`,
	} {
		var b any
		if body != "" {
			b = body
		}
		late := s.call(s.operator, "POST", "/v1/attempts/"+id+"/"+verb, b).problem(409, "attempt_closed")
		if late.json["cc_result"] != "cancel" || left.json["leaving_at"] == nil || late.json["leaving_at"] != left.json["leaving_at"] {
			t.Errorf("%s: %s", verb, late.raw)
		}
	}
	for _, report := range []string{
		`{"channel_id":"chan-1","event":"ended"}`, `{"attempt_id":` + id + `,"event":"bridged"}`,
		`{"attempt_id":` + id + `,"event":"transferred"}`, `{"attempt_id":` + id + `,"leg":"agent","event":"answered"}`,
	} {
		if a := s.call(s.operator, "POST", "/v1/reports", report).want(200); a.at("data", 0, "status") != "dropped" {
			t.Errorf("%s: %s", report, a.raw)
		}
	}
	if s.fingerprint() != before {
		t.Error("something late has changed something")
	}
}

// TestEdgeCase16UnknownAttempt: what is not there, and what is another tenant's,
// looks the same.
func TestEdgeCase16UnknownAttempt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	id, agent := s.attempt("offered")
	before := s.fingerprint()
	for verb, body := range map[string]string{
		"accept": `{"agent_id":` + agent + `}`, "report": `{}`, "close": `{}`, "transfer": `{"agent_id":` + agent + `}`,
	} {
		theirs := s.call(s.stranger, "POST", "/v1/attempts/"+id+"/"+verb, body).problem(404, "unknown_attempt")
		none := s.call(s.admin, "POST", "/v1/attempts/999999/"+verb, body).problem(404, "unknown_attempt")
		if theirs.json["title"] != none.json["title"] {
			t.Errorf("%s: %s and %s", verb, theirs.raw, none.raw)
		}
	}
	dropped := s.call(s.stranger, "POST", "/v1/reports", `{"attempt_id":`+id+`,"event":"bridged"}`).want(200)
	if dropped.at("data", 0, "status") != "dropped" {
		t.Errorf("another tenant's report: %s", dropped.raw)
	}
	if s.fingerprint() != before {
		t.Error("a stranger has changed something")
	}
}

// TestEdgeCase18RefusedJoin: who is refused at the door is on the log, with the
// code of the answer.
func TestEdgeCase18RefusedJoin(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound", "max_waiting": 1})
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1"}`).want(201)
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"2","member_channel_id":"chan-2"}`).problem(409, "queue_full")
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).problem(409, "queue_full") // nobody is named
	told := s.call(s.analyst, "GET", "/v1/events?type=queue.join_rejected", nil).want(200).list()
	if len(told) != 1 {
		t.Fatalf("told of %d", len(told))
	}
	ev := told[0].(map[string]any)
	data := ev["data"].(map[string]any)
	if data["code"] != "queue_full" || data["destination"] != "2" || data["member_channel_id"] != "chan-2" || fmt.Sprint(ev["subject"]) != "map[id:"+q+" kind:queue]" {
		t.Errorf("%v", ev)
	}
}

// TestEdgeCase21CallsOfASwitch: a driver that was away reports which channels its
// switch has. Who is gone has hung up; other queues are left alone.
func TestEdgeCase21CallsOfASwitch(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	sales := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	other := s.queue(map[string]any{"name": "other", "type": "inbound"})
	join := func(q, channel string) string {
		return s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1","member_channel_id":"`+channel+`"}`).want(201).id("attempt_id")
	}
	there, gone, elsewhere := join(sales, "chan-1"), join(sales, "chan-2"), join(other, "chan-3")
	a := s.call(s.operator, "POST", "/v1/reports", `{"event":"calls","channels":["chan-1"],"queues":["sales"]}`).want(200)
	if a.at("data", 0, "status") != "done" {
		t.Errorf("calls: %s", a.raw)
	}
	for id, want := range map[string]any{there: nil, gone: "member_hangup_waiting", elsewhere: nil} {
		if got := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200); got.json["result_reason"] != want {
			t.Errorf("%s, want %v: %s", id, want, got.raw)
		}
	}
	s.call(s.operator, "POST", "/v1/reports", `{"event":"calls","channels":[],"lost":true}`).want(200)
	for _, id := range []string{there, elsewhere} {
		if got := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200); got.json["result_reason"] != "recovered" || got.json["call_cause"] != "SYSTEM_SHUTDOWN" {
			t.Errorf("lost: %s", got.raw)
		}
	}
	s.call(s.operator, "POST", "/v1/reports", `{"event":"calls","channels":"chan-1"}`).problem(422, "invalid").blames("/channels")
}
