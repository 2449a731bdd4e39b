package api_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/offhook/offhook/store"
)

// queuedTask makes a task that nobody works on, begun by the key.
func (s *site) queuedTask(key string) store.Task {
	s.t.Helper()
	k, err := s.store.LookupKey(s.t.Context(), store.HashKey(key))
	if err != nil {
		s.t.Fatal(err)
	}
	t, err := s.store.CreateTask(s.t.Context(), store.Task{
		ID: store.NewTaskID(), DomainID: k.DomainID, Kind: "test.never", Parameters: []byte(`{"of":"nothing"}`),
	}, store.By{At: s.clock.now(), KeyID: k.ID})
	if err != nil {
		s.t.Fatal(err)
	}
	return t
}

func TestTasksAreShownToWhoBeganThem(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	admins, operators := s.queuedTask(s.admin), s.queuedTask(s.operator)
	s.queuedTask(s.stranger)

	if l := s.call(s.admin, "GET", "/v1/tasks", nil).want(200).list(); len(l) != 2 {
		t.Errorf("an admin sees %d tasks, want 2", len(l))
	}
	l := s.call(s.operator, "GET", "/v1/tasks", nil).want(200).list()
	if len(l) != 1 || l[0].(map[string]any)["id"] != operators.ID {
		t.Errorf("an operator sees %v, want his own", l)
	}
	s.call(s.operator, "GET", "/v1/tasks/"+admins.ID, nil).problem(404, "not_found")
	s.call(s.operator, "POST", "/v1/tasks/"+admins.ID+"/cancel", nil).problem(404, "not_found")

	a := s.call(s.operator, "POST", "/v1/tasks/"+operators.ID+"/cancel", nil).want(200)
	if a.json["state"] != "cancelled" || a.json["finished_at"] == nil {
		t.Errorf("a task that nobody works on is not cancelled at once: %s", a.raw)
	}
	again := s.call(s.operator, "POST", "/v1/tasks/"+operators.ID+"/cancel", nil).want(200)
	if again.json["finished_at"] != a.json["finished_at"] {
		t.Errorf("cancelling twice moves the end: %s", again.raw)
	}
	if l := s.call(s.admin, "GET", "/v1/tasks?state=queued&kind=test.never", nil).want(200).list(); len(l) != 1 {
		t.Errorf("by state: %v", l)
	}
	if l := s.call(s.admin, "GET", "/v1/tasks?kind=test.other", nil).want(200).list(); len(l) != 0 {
		t.Errorf("by kind: %v", l)
	}
}

func TestTasksArePaged(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	var want []string
	for range 5 {
		want = append([]string{s.queuedTask(s.admin).ID}, want...)
	}
	var got []string
	cursor := ""
	for range 3 {
		a := s.call(s.admin, "GET", "/v1/tasks?limit=2"+cursor, nil).want(200)
		for _, e := range a.list() {
			got = append(got, e.(map[string]any)["id"].(string))
		}
		next, _ := a.json["next_cursor"].(string)
		cursor = "&cursor=" + next
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("pages give %v\nwant       %v", got, want)
	}
	s.call(s.admin, "GET", "/v1/tasks?cursor=nonsense", nil).problem(422, "invalid").blames("?cursor")
}

// Recoveries wait for their endpoints, which may be slow or dead: other tasks
// have their turn meanwhile.
func TestRecoveriesThatWaitHoldNobodyUp(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.joinMany(s.queue(map[string]any{"name": "chats", "type": "chat"}), 1200)
	var recoveries []string
	for range 3 { // nobody delivers here, so that they stop at what may wait
		ep := s.call(s.admin, "POST", "/v1/endpoints", `{"url":"https://crm.example/"}`).want(201).json["id"].(string)
		begun := s.call(s.admin, "POST", "/v1/endpoints/"+ep+"/recover", `{"since":"2020-01-01T00:00:00Z","which":"all"}`).want(202)
		recoveries = append(recoveries, begun.header.Get("Location"))
	}
	progress := func(path string) (state string, done float64) {
		task := s.call(s.admin, "GET", path, nil).want(200)
		return task.json["state"].(string), task.at("progress", "done").(float64)
	}
	imported := s.call(s.admin, "POST", "/v1/dnc?async=true", `[{"number":"+4930123"}]`).want(202).header.Get("Location")
	turn := 11 * time.Second // and a little; less than tasks are held
	for deadline := time.Now().Add(20 * time.Second); ; {
		waiting := 0
		for _, path := range recoveries {
			if state, done := progress(path); state == "running" && done >= 1000 {
				waiting++
			}
		}
		state, _ := progress(imported)
		if state == "done" && waiting == len(recoveries) {
			break
		}
		if waiting == 2 { // both workers have one in hand
			s.clock.forward(turn)
			turn = 0
		}
		if time.Now().After(deadline) {
			t.Fatalf("the import is %s, %d of %d recoveries have put up what may wait", state, waiting, len(recoveries))
		}
		<-time.After(50 * time.Millisecond)
	}
	s.call(s.admin, "POST", recoveries[0]+"/cancel", nil).want(200)
	s.clock.forward(time.Minute)
	for deadline := time.Now().Add(20 * time.Second); ; <-time.After(50 * time.Millisecond) {
		if state, _ := progress(recoveries[0]); state == "cancelled" {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a recovery that waits is not cancelled")
		}
	}
}
