package api_test

import (
	"fmt"
	"net/url"
	"testing"
)

func TestQueueSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	created := s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"inbound","max_wait_sec":90,"variables":{"a":"1","b":"2"}}`).want(201)
	id := created.id("id")
	if created.header.Get("Location") != "/v1/queues/"+id {
		t.Errorf("Location %q", created.header.Get("Location"))
	}
	for name, want := range map[string]any{
		"distribution": "engine", "enabled": true, "use_processing": true, "processing_sec": 30.0, "max_wait_sec": 90.0, "offer_timeout_sec": 20.0,
	} {
		if created.json[name] != want {
			t.Errorf("%s is %v, want %v", name, created.json[name], want)
		}
	}
	changed := s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"enabled":false,"variables":{"c":"3"}}`).want(200)
	if changed.json["enabled"] != false || changed.json["max_wait_sec"] != 90.0 || fmt.Sprint(changed.json["variables"]) != "map[c:3]" {
		t.Errorf("only what is named changes, maps as a whole: %s", changed.raw)
	}
	read := s.call(s.analyst, "GET", "/v1/queues/"+id, nil).want(200)
	if string(read.raw) != string(changed.raw) {
		t.Errorf("read %s\nchanged %s", read.raw, changed.raw)
	}
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"retry_rules":[{"name":"busy","causes":["USER_BUSY"],"after_sec":60,"max":3}]}`).want(200)
	ruled := s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"retry_rules":[{"name":"all","after_sec":5}]}`).want(200)
	if fmt.Sprint(ruled.at("retry_rules", 0)) != "map[after_sec:5 name:all]" {
		t.Errorf("an old rule shines through a new one: %v", ruled.at("retry_rules", 0))
	}

	s.call(s.admin, "POST", "/v1/queues", `{"name":"sales","type":"chat"}`).problem(409, "name_taken")
	s.call(s.admin, "POST", "/v1/queues", `{"name":"x"}`).problem(422, "invalid")
	s.call(s.admin, "POST", "/v1/queues", `{"name":"x","type":"carousel"}`).problem(422, "invalid").blames("/type")
	s.call(s.admin, "POST", "/v1/queues", `{"name":"x","type":"chat","id":7}`).problem(422, "invalid").blames("/id")
	s.call(s.admin, "POST", "/v1/queues", `{"name":"x","type":"chat","Enabled":true}`).problem(422, "invalid").blames("/Enabled")
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"name":null}`).problem(422, "invalid").blames("/name")
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"processing_sec":-1}`).problem(422, "invalid").blames("/processing_sec")
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"processing_sec":1.5}`).problem(422, "invalid").blames("/processing_sec")

	s.call(s.admin, "DELETE", "/v1/queues/"+id, nil).want(204)
	s.call(s.admin, "GET", "/v1/queues/"+id, nil).problem(404, "unknown_queue")
	s.call(s.admin, "PATCH", "/v1/queues/"+id, `{"enabled":true}`).problem(404, "unknown_queue")
}

func TestAgentSettings(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "q", "type": "chat"})
	created := s.call(s.admin, "POST", "/v1/agents",
		`{"name":"Ann","user_id":5,"extension":"100","agent_ref":"SIP/100","queues":[`+q+`],"capacity":{"chat":3}}`).want(201)
	id := created.id("id")
	if created.json["status"] != "offline" || created.at("capacity", "chat") != 3.0 || created.at("capacity", "task") != 1.0 {
		t.Errorf("a new agent: %s", created.raw)
	}
	changed := s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"extension":null,"agent_ref":null,"capacity":{"task":2}}`).want(200)
	if changed.json["extension"] != nil || changed.json["agent_ref"] != nil || changed.json["user_id"] != 5.0 ||
		changed.at("capacity", "chat") != 1.0 || changed.at("capacity", "task") != 2.0 {
		t.Errorf("null clears, maps are replaced, the rest stays: %s", changed.raw)
	}
	if l := s.call(s.admin, "GET", "/v1/agents?agent_ref=SIP/100", nil).want(200).list(); len(l) != 0 {
		t.Errorf("an agent without agent_ref is found by it: %v", l)
	}
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"name":null}`).problem(422, "invalid").blames("/name")
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"user_id":6,"queues":[4711]}`).problem(422, "unknown_queue").blames("/queues")
	if kept := s.call(s.admin, "GET", "/v1/agents/"+id, nil).want(200); kept.json["user_id"] != 5.0 || kept.at("queues", 0) != created.at("queues", 0) {
		t.Errorf("a refused change has changed him: %s", kept.raw)
	}
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"user_id":6}`).want(200)
	noted := s.call(s.admin, "GET", "/v1/audit?object_kind=agent&limit=1", nil).want(200)
	if noted.at("data", 0, "before", "user_id") != 5.0 || noted.at("data", 0, "after", "user_id") != 6.0 {
		t.Errorf("the audit log does not know what was changed: %s", noted.raw)
	}
	s.call(s.admin, "PATCH", "/v1/agents/"+id, `{"capacity":{"fax":1}}`).problem(422, "invalid").blames("/capacity")
	s.call(s.admin, "POST", "/v1/agents", `{"name":"Bea","queues":[4711]}`).problem(422, "unknown_queue").blames("/queues")
	s.call(s.operator, "PUT", "/v1/agents/"+id+"/status", `{"status":"asleep"}`).problem(422, "invalid").blames("/status")

	online := s.call(s.operator, "PUT", "/v1/agents/"+id+"/status", `{"status":"online"}`).want(200)
	if online.json["status"] != "online" || online.at("channels", 0, "channel") != "call" || online.at("channels", 1, "state") != "waiting" {
		t.Errorf("online: %s", online.raw)
	}
	attempt := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{"destination":"c"}`).want(201).id("attempt_id")
	s.call(s.operator, "POST", "/v1/attempts/"+attempt+"/accept", `{"agent_id":`+id+`}`).want(200)
	busy := s.call(s.operator, "PUT", "/v1/agents/"+id+"/status", `{"status":"pause","reason":"lunch"}`).want(200)
	if busy.json["pending_status"] != "pause" || busy.json["pending_reason"] != "lunch" || busy.at("channels", 1, "state") != "bridged" ||
		fmt.Sprintf("%.0f", busy.at("channels", 1, "attempts", 0, "attempt_id")) != attempt {
		t.Errorf("a pause waits for the end of the conversation: %s", busy.raw)
	}
	s.call(s.admin, "DELETE", "/v1/agents/"+id, nil).problem(409, "in_use")
}

// A list of any kind is complete and in order when it is read page by page.
func TestListsPageByPage(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "tasks", "type": "task"})
	for i := range 6 {
		s.queue(map[string]any{"name": fmt.Sprint(i), "type": "task"})
		s.call(s.admin, "POST", "/v1/agents", map[string]any{"name": fmt.Sprint(i)}).want(201)
		s.call(s.admin, "POST", "/v1/endpoints", map[string]any{"url": fmt.Sprintf("https://crm.example/%d", i)}).want(201)
		id := s.call(s.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).want(201).id("attempt_id")
		if i%2 == 0 {
			s.call(s.operator, "POST", "/v1/attempts/"+id+"/cancel", nil).want(200)
		}
	}
	for _, c := range []struct {
		path, id string
		want     int
	}{
		{"/v1/queues?", "id", 7},
		{"/v1/agents?", "id", 6},
		{"/v1/endpoints?", "id", 6},
		{"/v1/attempts?", "attempt_id", 6},
		{"/v1/attempts?open=true&", "attempt_id", 3},
		{"/v1/attempts?open=false&queue_id=" + q + "&", "attempt_id", 3},
		{"/v1/attempts?cc_result=cancel&since=2020-01-01T00:00:00Z&", "attempt_id", 3},
		{"/v1/attempts?until=2020-01-01T00:00:00Z&", "attempt_id", 0},
		{"/v1/attempts?agent_id=99999&", "attempt_id", 0},
	} {
		whole := s.call(s.admin, "GET", c.path+"limit=250", nil).want(200).list()
		if len(whole) != c.want {
			t.Errorf("%s has %d entries, want %d", c.path, len(whole), c.want)
		}
		var pieces []any
		cursor := ""
		for range 10 {
			page := s.call(s.admin, "GET", c.path+"limit=2"+cursor, nil).want(200)
			pieces = append(pieces, page.list()...)
			next, more := page.json["next_cursor"].(string)
			if !more {
				break
			}
			cursor = "&cursor=" + url.QueryEscape(next)
		}
		if fmt.Sprint(pieces) != fmt.Sprint(whole) {
			t.Errorf("%s in pages:\n%v\nwhole:\n%v", c.path, pieces, whole)
		}
	}
}
