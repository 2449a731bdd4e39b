package api_test

import (
	"bufio"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
)

// Two servers over one database: what one has answered, the other knows, and a
// change at one does not undo a change at the other.
func TestTwoReplicas(t *testing.T) {
	t.Parallel()
	a := newSite(t)
	b := a.replica()
	b.call(b.analyst, "GET", "/v1/queues", nil).want(200) // its desk has loaded
	q := a.queue(map[string]any{"name": "tasks", "type": "task"})
	agent := a.call(a.admin, "POST", "/v1/agents", `{"name":"Ann","queues":[`+q+`]}`).want(201).id("id")
	b.call(b.analyst, "GET", "/v1/queues/"+q, nil).want(200)
	b.call(b.analyst, "GET", "/v1/agents/"+agent, nil).want(200)
	for i := range 5 {
		a.call(a.admin, "PATCH", "/v1/queues/"+q, fmt.Sprintf(`{"priority":%d}`, i)).want(200)
		got := b.call(b.admin, "PATCH", "/v1/queues/"+q, fmt.Sprintf(`{"max_waiting":%d}`, i)).want(200)
		if got.json["priority"] != float64(i) {
			t.Fatalf("a change at one replica undid one at the other: %s", got.raw)
		}
		a.call(a.admin, "PATCH", "/v1/agents/"+agent, fmt.Sprintf(`{"extension":"%d"}`, i)).want(200)
		got = b.call(b.admin, "PATCH", "/v1/agents/"+agent, fmt.Sprintf(`{"user_id":%d}`, i)).want(200)
		if got.json["extension"] != fmt.Sprint(i) {
			t.Fatalf("a change at one replica undid one at the other: %s", got.raw)
		}
	}
	id := a.call(a.operator, "POST", "/v1/queues/"+q+"/attempts", `{}`).want(201).id("attempt_id")
	b.call(b.operator, "POST", "/v1/attempts/"+id+"/cancel", nil).want(200)
	a.call(a.operator, "POST", "/v1/attempts/"+id+"/cancel", nil).problem(409, "attempt_closed")
}

// Many clients change the settings of one queue at once, each its own: none is
// lost.
func TestChangesAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	q := s.queue(map[string]any{"name": "q", "type": "chat"})
	fields := []string{"priority", "max_waiting", "max_wait_sec", "processing_sec", "wrap_up_sec", "client_idle_sec", "agent_idle_sec", "renewals"}
	var wg sync.WaitGroup
	for i, field := range fields {
		wg.Go(func() {
			for range 5 {
				if a := s.call(s.admin, "PATCH", "/v1/queues/"+q, fmt.Sprintf(`{%q:%d}`, field, 100+i)); a.status != 200 {
					t.Errorf("%d %s", a.status, a.raw)
				}
			}
		})
	}
	wg.Wait()
	got := s.call(s.admin, "GET", "/v1/queues/"+q, nil).want(200)
	for i, field := range fields {
		if got.json[field] != float64(100+i) {
			t.Errorf("%s is %v, want %d", field, got.json[field], 100+i)
		}
	}
}

// B.10, 3: of two agents' screens that act on one offer at once, one wins, and
// the other is told so.
func TestEdgeCase03AcceptAndDeclineAtOnce(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	for range 10 {
		id, agent := s.attempt("offered")
		var accept, decline *answer
		var wg sync.WaitGroup
		wg.Go(func() {
			accept = s.call(s.operator, "POST", "/v1/attempts/"+id+"/accept", `{"agent_id":`+agent+`,"offer_no":1}`)
		})
		wg.Go(func() {
			decline = s.call(s.operator, "POST", "/v1/attempts/"+id+"/decline", `{"agent_id":`+agent+`,"offer_no":1}`)
		})
		wg.Wait()
		switch {
		case accept.status == 200:
			decline.problem(409, "lost_race")
		case decline.status == 200:
			accept.problem(409, "lost_race")
		default:
			t.Fatalf("nobody won: %s %s", accept.raw, decline.raw)
		}
	}
}

// A body that ends early is the client's fault, and does nothing.
func TestBodyThatEndsEarly(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := s.fingerprint()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/queues HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{\"name\":", s.admin)
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(conn).ReadString('\n')
	if err != nil || !strings.HasPrefix(line, "HTTP/1.1 400 ") {
		t.Errorf("answered %q, %v", line, err)
	}
	if s.fingerprint() != before || strings.Contains(s.log.String(), `"level":"ERROR"`) {
		t.Errorf("it changed something or was logged as our error:\n%s", s.log.String())
	}
}
