package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// A call from its queue to its timeline, as a switch, an agent's screen and an
// analyst see it.
func TestCallFromJoinToTimeline(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "sales", "type": "inbound", "variables": map[string]string{"line": "7", "who": "queue"}})
	s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/hook","from":0}`).want(201)
	agent := s.agent("Ann", q)

	joined := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts",
		`{"destination":"+15550100","member_name":"Bob","member_channel_id":"chan-1","variables":{"who":"member"}}`).want(201)
	id := joined.id("attempt_id")
	if got := joined.header.Get("Location"); got != "/v1/attempts/"+id {
		t.Errorf("Location %q", got)
	}
	if joined.json["state"] != "offering" || joined.at("offers", 0, "agent_name") != "Ann" {
		t.Errorf("the free agent was not offered the call at once: %s", joined.raw)
	}
	if joined.at("variables", "who") != "member" || joined.at("variables", "line") != "7" {
		t.Errorf("variables of member and queue: %s", joined.raw)
	}
	if v, there := joined.json["cc_result"]; v != nil || !there {
		t.Errorf("an open attempt has cc_result null, not %v", v)
	}

	accepted := s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`}`).want(200)
	if accepted.json["state"] != "offering" || accepted.at("offers", 0, "accepted_at") == nil {
		t.Errorf("a call is not bridged before the switch says so: %s", accepted.raw)
	}
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`}`).want(200)

	bridged := s.call(s.operator, "POST", "/v1/reports", `{"attempt_id":`+id+`,"event":"bridged"}`).want(200)
	if bridged.at("data", 0, "status") != "done" || bridged.at("data", 0, "state") != "bridged" {
		t.Fatalf("bridged: %s", bridged.raw)
	}
	ended := s.call(s.operator, "POST", "/v1/reports", `[{"channel_id":"chan-1","event":"ended","cause":"NORMAL_CLEARING","sip_code":200}]`).want(200)
	if ended.at("data", 0, "state") != "processing" {
		t.Fatalf("ended: %s", ended.raw)
	}
	left := s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{"agent_id":`+agent+`,"cc_result":"success","variables":{"deal":"42"}}`).want(200)
	if left.json["state"] != "leaving" || left.json["cc_result"] != "success" || left.json["result_reason"] != "reported_success" {
		t.Fatalf("report: %s", left.raw)
	}

	read := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200)
	for _, name := range []string{"cc_result", "agent_name", "agent_extension", "call_cause", "call_sip_code", "joined_at", "bridged_at", "leaving_at", "destination"} {
		if read.json[name] == nil || fmt.Sprint(read.json[name]) != fmt.Sprint(left.json[name]) {
			t.Errorf("%s: %v in the history, %v when it left", name, read.json[name], left.json[name])
		}
	}

	late := s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{}`).problem(409, "attempt_closed")
	if late.json["cc_result"] != "success" || late.json["leaving_at"] != left.json["leaving_at"] {
		t.Errorf("a closed attempt says how and when it left: %s", late.raw)
	}
	dropped := s.call(s.operator, "POST", "/v1/reports", `{"attempt_id":`+id+`,"event":"ended","leg":"member"}`).want(200)
	if dropped.at("data", 0, "status") != "dropped" {
		t.Errorf("a report about a closed attempt is acknowledged and dropped: %s", dropped.raw)
	}

	timeline := s.call(s.analyst, "GET", "/v1/attempts/"+id+"/timeline", nil).want(200)
	var types []string
	for i := range timeline.list() {
		types = append(types, timeline.at("data", i, "event", "type").(string))
		if got := timeline.at("data", i, "event", "sequence"); got != float64(i+1) {
			t.Errorf("event %d has sequence %v", i, got)
		}
		if state := timeline.at("data", i, "deliveries", 0, "state"); state != "pending" {
			t.Errorf("event %d: delivery %v, want pending, for nothing delivers here", i, state)
		}
	}
	want := "attempt.joined attempt.offering attempt.bridged attempt.processing attempt.leaving"
	if got := strings.Join(types, " "); got != want {
		t.Errorf("timeline %s\nwant %s", got, want)
	}
	event := timeline.at("data", 0, "event", "id").(string)
	one := s.call(s.analyst, "GET", "/v1/events/"+event, nil).want(200)
	if one.json["type"] != "attempt.joined" {
		t.Errorf("event by id: %s", one.raw)
	}
	if d := s.call(s.analyst, "GET", "/v1/events/"+event+"/deliveries", nil).want(200).list(); len(d) != 1 {
		t.Errorf("deliveries: %v", d)
	}
}

// A caller whose leg still rings says so with an explicit null.
func TestJoinAnsweredAt(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "q", "type": "inbound"})
	for body, want := range map[string]any{
		`{"destination":"1","member_answered_at":null}`:                                                         nil,
		`{"destination":"1","dial_at":"2026-01-02T03:04:05Z","member_answered_at":"2026-01-02T04:04:06+01:00"}`: "2026-01-02T03:04:06.000Z",
	} {
		a := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", body).want(201)
		if a.json["member_answered_at"] != want {
			t.Errorf("%s: member_answered_at %v, want %v", body, a.json["member_answered_at"], want)
		}
	}
	if a := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"1"}`).want(201); a.json["member_answered_at"] != a.json["joined_at"] {
		t.Errorf("absent means answered now: %s", a.raw)
	}
}

// B.10, 11: the form of an attempt without processing is taken for 5 s.
func TestEdgeCase11LateReport(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "chats", "type": "chat", "use_processing": false})
	agent := s.agent("Ann", q)
	id := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"c"}`).want(201).id("attempt_id")
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`}`).want(200)
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{}`).problem(409, "no_processing")
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/close", `{}`).want(200)

	s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{"agent_id":`+agent+`,"cc_result":"cancel","variables":{"note":"wrong number"}}`).want(200)
	var result, note string
	err := s.pool.QueryRow(t.Context(), `SELECT cc_result, variables ->> 'note' FROM late_reports WHERE attempt_id = `+id).Scan(&result, &note)
	if err != nil || result != "cancel" || note != "wrong number" {
		t.Errorf("late report: %q, %q, %v", result, note, err)
	}
	noted := s.call(s.admin, "GET", "/v1/audit?limit=1", nil).want(200)
	if noted.at("data", 0, "action") != "attempt.report" || noted.at("data", 0, "object_id") != id || noted.at("data", 0, "after", "late") != true {
		t.Errorf("the audit log does not know of it: %s", noted.raw)
	}
	if a := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200); a.json["cc_result"] != "success" {
		t.Errorf("a late report changes nothing: %s", a.raw)
	}
	s.clock.forward(6 * time.Second)
	s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{}`).problem(409, "attempt_closed")
}

func TestCommands(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "tasks", "type": "task", "max_waiting": 2})
	one, two := s.agent("Ann", q), s.agent("Bea", q)
	join := func() string {
		return s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).want(201).id("attempt_id")
	}
	post := func(id, verb, body string) *answer {
		return s.call(s.operator, "POST", "/v1/attempts/"+id+"/"+verb, body)
	}

	a := join()
	if got := post(a, "decline", `{"agent_id":`+one+`}`).want(200); got.at("offers", 0, "agent_name") != "Bea" {
		t.Errorf("after a decline the other agent is offered the task: %s", got.raw)
	}
	post(a, "accept", `{"agent_id":`+one+`,"offer_no":1}`).problem(409, "lost_race")
	if got := post(a, "accept", `{"agent_id":`+two+`}`).want(200); got.json["state"] != "bridged" {
		t.Errorf("a task is bridged by its accept: %s", got.raw)
	}
	post(a, "renew", `{}`).problem(409, "bad_state")
	post(a, "close", `{"agent_id":`+two+`}`).want(200)
	if got := post(a, "renew", "").want(200); got.json["renewals_used"] != 1.0 {
		t.Errorf("renew: %s", got.raw)
	}
	if got := post(a, "cancel", "").want(200); got.json["cc_result"] != "cancel" || got.json["result_reason"] != "cancelled" {
		t.Errorf("cancel in processing: %s", got.raw)
	}

	b := join()
	s.call(s.admin, "DELETE", "/v1/queues/"+q, nil).problem(409, "in_use")
	if got := post(b, "cancel", "").want(200); got.json["result_reason"] != "withdrawn" {
		t.Errorf("a task that nobody accepted is withdrawn: %s", got.raw)
	}
	s.call(s.operator, "PUT", "/v1/agents/"+one+"/status", `{"status":"pause","reason":"lunch"}`).want(200)
	s.call(s.operator, "PUT", "/v1/agents/"+two+"/status", `{"status":"offline"}`).want(200)
	join()
	join()
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).problem(409, "queue_full")
	s.call(s.admin, "PATCH", "/v1/queues/"+q, `{"enabled":false}`).want(200)
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).problem(409, "queue_disabled")
	post("999999", "cancel", "").problem(404, "unknown_attempt")
	s.call(s.operator, "POST", "/v1/queues/999999/attempts", `{"destination":"1"}`).problem(404, "unknown_queue")
}
