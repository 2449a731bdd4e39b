package api_test

import (
	"fmt"
	"testing"
)

// TestDistributionSettings: what decides who is offered what is set over REST,
// shown as it is kept, replaced as a whole, and refused with the place that is
// wrong.
func TestDistributionSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	help := s.queue(map[string]any{"name": "help", "type": "inbound"})
	created := s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"inbound","strategy":"fewest-calls","order":"fifo","age_step_sec":60,
		"buckets":[{"name":"vip","priority":10},{"name":"plain"}],"max_level":1,
		"skills":[{"name":"german","min_capacity":50,"buckets":["vip"]},{"name":"english"}],
		"overflow":[{"after_sec":10,"action":"raise_priority","by":2},{"after_sec":20,"action":"add_queue","queue_id":`+help+`},{"after_sec":30,"action":"leave"}]}`).want(201)
	id := created.id("id")
	if created.at("skills", 0, "buckets", 0) != "vip" || created.at("overflow", 1, "action") != "add_queue" || created.json["sticky_sec"] != 5.0 ||
		created.json["one_live_call"] != false || created.json["strict_fifo"] != false {
		t.Errorf("as it is kept: %s", created.raw)
	}
	changed := s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"skills":[{"name":"polish"}],"overflow":[]}`).want(200)
	if fmt.Sprint(changed.json["skills"]) != "[map[name:polish]]" || fmt.Sprint(changed.json["overflow"]) != "[]" || changed.at("buckets", 0, "name") != "vip" {
		t.Errorf("lists are replaced as a whole: %s", changed.raw)
	}
	for body, where := range map[string]string{
		`{"strategy":"ring-all"}`:                                     "/strategy",
		`{"order":"lifo"}`:                                            "/age_step_sec",
		`{"max_level":101}`:                                           "/max_level",
		`{"buckets":[{"name":"a"},{"name":"a"}]}`:                     "/buckets/1/name",
		`{"skills":[{"name":"x","buckets":["gold"]}]}`:                "/skills/0/buckets",
		`{"skills":[{"name":"x","min_capacity":9,"max_capacity":3}]}`: "/skills/0/max_capacity",
		`{"skills":[{"name":"x","level":3}]}`:                         "/skills/0/level",
		`{"overflow":[{"after_sec":9,"action":"leave"},{"after_sec":3,"action":"leave"}]}`: "/overflow/1/after_sec",
		`{"overflow":[{"after_sec":9,"action":"add_queue","queue_id":4711}]}`:              "/overflow/0/queue_id",
		`{"overflow":[{"after_sec":9,"action":"leave","by":1}]}`:                           "/overflow/0/by",
		`{"overflow":[{"after_sec":9,"action":"sing"}]}`:                                   "/overflow/0/action",
	} {
		s.call(s.admin, "PATCH", "/v1/queues/"+id, body).problem(422, "invalid").blames(where)
	}
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"overflow":[{"after_sec":9,"action":"add_queue","queue_id":`+help+`}]}`).want(200)
	s.call(s.admin, "DELETE", "/v1/queues/"+help, nil).problem(409, "in_use")
}

// TestSkillsOverREST: an agent's skills open queues that he does not name, and
// an attempt says its bucket and the agent whom it waits for.
func TestSkillsOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{
		"name": "sales", "type": "chat", "buckets": []any{map[string]any{"name": "vip", "priority": 10}},
		"skills": []any{map[string]any{"name": "german", "min_capacity": 50}},
	})
	ann := s.call(s.admin, "POST", "/v1/agents", `{"name":"Ann","position":3,"skills":[{"name":"german","level":2,"capacity":80}]}`).want(201)
	id := ann.id("id")
	if ann.at("skills", 0, "enabled") != true || ann.at("skills", 0, "level") != 2.0 || ann.json["position"] != 3.0 {
		t.Errorf("a skill is enabled unless it says otherwise: %s", ann.raw)
	}
	s.call(s.operator, "PUT", "/v1/agents/"+id+"/status", `{"status":"online"}`).want(200)
	offered := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"c","bucket":"vip"}`).want(201)
	if offered.json["state"] != "offering" || offered.json["bucket"] != "vip" || fmt.Sprintf("%.0f", offered.at("offers", 0, "agent_id")) != id {
		t.Errorf("offered by his skill: %s", offered.raw)
	}
	waiting := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"d","sticky_agent_id":`+id+`}`).want(201)
	if waiting.json["state"] != "waiting" || waiting.json["sticky_until"] == nil || fmt.Sprintf("%.0f", waiting.json["sticky_agent_id"]) != id || waiting.json["bucket"] != nil {
		t.Errorf("waits for its agent: %s", waiting.raw)
	}
	s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"e","bucket":"gold"}`).problem(422, "invalid").blames("/bucket")

	list := s.queue(map[string]any{"name": "visits", "type": "offline", "skills": []any{map[string]any{"name": "german"}}})
	s.call(s.operator, "POST", "/v1/queues/"+list+"/members", `{"numbers":[{"number":"+12025550109"}]}`).want(201)
	if all := s.call(s.admin, "GET", "/v1/agents/"+id+"/members", nil).want(200).list(); len(all) != 1 {
		t.Errorf("the lists from which his skill lets him pick: %v", all)
	}

	off := s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"skills":[{"name":"german","enabled":false}]}`).want(200)
	if off.at("skills", 0, "enabled") != false || off.at("skills", 0, "capacity") != 0.0 {
		t.Errorf("skills are replaced as a whole: %s", off.raw)
	}
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"skills":[{"name":"a"},{"name":"a"}]}`).problem(422, "invalid").blames("/skills/1/name")
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"skills":[{"name":"a","level":-1}]}`).problem(422, "invalid").blames("/skills/0/level")
}
