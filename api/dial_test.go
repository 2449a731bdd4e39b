package api_test

import "testing"

// TestDialOverREST dials members of outbound queues: a preview queue, where the
// agent decides first, and a predictive one, where the phone rings at once.
func TestDialOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	preview := s.queue(map[string]any{"name": "callbacks", "type": "preview"})
	agent := s.agent("Ann", preview)
	dialled := s.call(s.operator, "POST", "/v1/queues/"+preview+"/attempts", `{"destination":"+12025550123","cc_attempt_seq":2}`).want(201)
	if dialled.json["state"] != "offering" || dialled.json["cc_attempt_seq"] != 2.0 {
		t.Errorf("preview: %s", dialled.raw)
	}
	id := dialled.id("attempt_id")
	s.call(s.operator, "POST", "/v1/queues/"+preview+"/attempts", `{"destination":"+12025550123"}`).want(409)
	accepted := s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`}`).want(200)
	if accepted.json["state"] != "active" {
		t.Errorf("accepted: %s", accepted.raw)
	}

	s.call(s.operator, "POST", "/v1/reports", `{"attempt_id":`+id+`,"leg":"member","event":"ended","cause":"USER_BUSY"}`).want(200)
	left := s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{"cc_result":"abandoned","retry_at":"2126-01-01T00:00:00Z"}`).want(422)
	left.blames("/retry_at")
	left = s.call(s.operator, "POST", "/v1/attempts/"+id+"/report", `{"cc_result":"abandoned","stop":true}`).want(200)
	if left.json["retry_at"] != nil || left.json["result_reason"] != "reported_abandoned" {
		t.Errorf("reported with stop: %s", left.raw)
	}

	predictive := s.queue(map[string]any{"name": "campaign", "type": "predictive"})
	dialing := s.call(s.operator, "POST", "/v1/queues/"+predictive+"/attempts", `{"destination":"+12025550124"}`).want(201)
	if dialing.json["state"] != "dialing" {
		t.Errorf("predictive: %s", dialing.raw)
	}
	s.call(s.operator, "POST", "/v1/queues/"+predictive+"/attempts", `{"destination":"+12025550125","dial_at":"2026-01-01T00:00:00Z"}`).want(422)

	inbound := s.queue(map[string]any{"name": "sales", "type": "inbound"})
	s.call(s.operator, "POST", "/v1/queues/"+inbound+"/attempts", `{"destination":"1","agent_id":`+agent+`}`).want(422).blames("/agent_id")
	orders := s.call(s.analyst, "GET", "/v1/events?type=switch.dial", nil).want(200)
	if n := len(orders.json["data"].([]any)); n != 2 {
		t.Errorf("%d orders to dial, want 2: %s", n, orders.raw)
	}
}
