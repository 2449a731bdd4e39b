package api_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

// dialled waits until so many attempts of the queue have been made, and returns
// the numbers dialled, in order.
func (s *site) dialled(list string, n int) []string {
	s.t.Helper()
	var numbers []string
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); <-time.After(20 * time.Millisecond) {
		a := s.call(s.analyst, "GET", "/v1/attempts?limit=250&queue_id="+list, nil).want(200)
		numbers = nil
		made := a.list() // by any server, whose ids are not in the order of time
		slices.SortFunc(made, func(a, b any) int {
			return strings.Compare(a.(map[string]any)["joined_at"].(string), b.(map[string]any)["joined_at"].(string))
		})
		for _, one := range made {
			numbers = append(numbers, one.(map[string]any)["destination"].(string))
		}
		if len(numbers) >= n {
			return numbers
		}
	}
	s.t.Fatalf("%d attempts were to be made, there are %v", n, numbers)
	return nil
}

// ends reports the end of the member leg of the queue's open attempt.
func (s *site) ends(list, cause string) {
	s.t.Helper()
	a := s.call(s.analyst, "GET", "/v1/attempts?open=true&queue_id="+list, nil).want(200)
	if len(a.list()) != 1 {
		s.t.Fatalf("not one attempt is open: %s", a.raw)
	}
	r := s.call(s.operator, "POST", "/v1/reports", fmt.Sprintf(`{"attempt_id":%.0f,"leg":"member","event":"ended","cause":%q}`,
		a.at("data", 0, "attempt_id"), cause)).want(200)
	if r.at("data", 0, "status") != "done" {
		s.t.Fatalf("the report was not carried out: %s", r.raw)
	}
}

// memberBy returns the member of the list with the first number.
func (s *site) memberBy(list, number string) map[string]any {
	s.t.Helper()
	a := s.call(s.analyst, "GET", "/v1/queues/"+list+"/members?number="+strings.ReplaceAll(number, "+", "%2B"), nil).want(200)
	if len(a.list()) != 1 {
		s.t.Fatalf("%s: %s", number, a.raw)
	}
	return a.list()[0].(map[string]any)
}

// A list comes in, agents come, members are dialled in order; one who was busy
// is tried again when the rule says, one whose number does not exist by his next.
func TestListIsDialled(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("progressive")
	s.post("/v1/queues/"+list+"/members", "text/csv", "name,number,number2,priority\nhigh,+494,,4\nbusy,+492,,9\nwrong,+493,+4933,8\n").want(201)
	agent := s.agent("Ann", list)
	s.dialled(list, 1)
	open := s.memberBy(list, "+492")
	if open["state"] != "open" || open["attempt_id"] == nil {
		t.Errorf("the one who is dialled is %v", open)
	}
	path := fmt.Sprintf("/v1/members/%.0f", open["id"])
	s.call(s.operator, "PATCH", path, `{"priority":1}`).problem(409, "member_busy")
	s.call(s.operator, "DELETE", path, nil).problem(409, "member_busy")

	s.ends(list, "USER_BUSY")
	s.dialled(list, 2)
	busy := s.memberBy(list, "+492")
	ready, err := time.Parse(time.RFC3339, busy["ready_at"].(string))
	if wait := ready.Sub(s.clock.now()); err != nil || busy["state"] != "waiting" || busy["attempts"] != 1.0 || wait < 4*time.Minute || wait > 5*time.Minute {
		t.Errorf("who was busy waits: %v", busy)
	}
	s.ends(list, "UNALLOCATED_NUMBER") // of +493; the others in the hopper come before his next number
	s.dialled(list, 3)
	s.ends(list, "CALL_REJECTED")
	s.dialled(list, 4)
	s.clock.forward(6 * time.Minute) // nobody answers for so long
	got := s.dialled(list, 5)
	s.call(s.operator, "PUT", "/v1/agents/"+agent+"/status", `{"status":"offline"}`).want(200)
	if want := []string{"+492", "+493", "+494", "+4933", "+492"}; !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v", got, want)
	}
	if wrong := s.memberBy(list, "+493"); fmt.Sprint(wrong["numbers"].([]any)[0].(map[string]any)["stop_cause"]) != "bad_number" {
		t.Errorf("the number that does not exist: %v", wrong)
	}
}

// Who is forbidden while he waits in a hopper is not dialled.
func TestForbiddenInTheHopper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("progressive")
	s.agent("Ann", list)
	s.post("/v1/queues/"+list+"/members", "text/csv", "number,priority\n+491,9\n+492,8\n+493,7\n").want(201)
	s.dialled(list, 1)
	s.post("/v1/dnc", "application/json", `{"number":"+49 2"}`).want(201)
	s.ends(list, "USER_BUSY")
	if got, want := s.dialled(list, 2), []string{"+491", "+493"}; !slices.Equal(got, want) {
		t.Errorf("dialled %v, want %v", got, want)
	}
	forbidden := s.memberBy(list, "+492")
	for deadline := time.Now().Add(time.Minute); forbidden["state"] != "stopped" && time.Now().Before(deadline); <-time.After(50 * time.Millisecond) {
		s.clock.forward(time.Second)
		forbidden = s.memberBy(list, "+492")
	}
	if forbidden["stop_cause"] != "dnc" {
		t.Errorf("whom nobody may dial is %v", forbidden)
	}
	s.call(s.operator, "POST", "/v1/queues/"+list+"/attempts", `{"destination":"+49 2"}`).problem(409, "dnc").blames("/destination")
	offline := s.list("offline")
	s.agent("Bob", offline)
	listed := s.member(offline, "+492")
	s.call(s.operator, "POST", "/v1/members/"+listed+"/attempts", `{"agent_id":`+s.agent("Cleo", offline)+`}`).problem(409, "dnc")
}

// Whoever edits a member who waits in a hopper is obeyed, though the server that
// dials him does not know yet: what it would have written is stale.
func TestEditedInTheHopper(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.replica()
	list := s.list("progressive")
	s.agent("Ann", list)
	s.post("/v1/queues/"+list+"/members", "text/csv", "number,priority\n+491,9\n+492,8\n+493,7\n+494,6\n+495,5\n").want(201)
	want := s.dialled(list, 1)
	for n := 2; n <= 5; n++ {
		old, fresh := fmt.Sprint("+49", n), fmt.Sprint("+4900", n)
		id := s.memberBy(list, old)["id"].(float64)
		other.call(s.operator, "PATCH", fmt.Sprintf("/v1/members/%.0f", id), `{"numbers":[{"number":"`+fresh+`"}]}`).want(200)
		s.ends(list, "USER_BUSY")
		want = append(want, fresh)
		if got := s.dialled(list, n); !slices.Equal(got, want) {
			t.Fatalf("dialled %v, want %v", got, want)
		}
	}
	if !strings.Contains(s.log.String(), "the batch is stepped again") {
		t.Error("no batch was stale: every edit was known before the member was dialled")
	}
	last := s.memberBy(list, "+49005")
	s.ends(list, "USER_BUSY")
	other.call(s.operator, "DELETE", fmt.Sprintf("/v1/members/%.0f", last["id"]), nil).want(204)
}

// Two servers dial from one list at once: nobody is dialled twice.
func TestTwoServersOneList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	other := s.replica()
	list := s.queue(map[string]any{"name": "list", "type": "ivr", "calls_per_sec": 50, "max_calls": 0})
	const n = 200
	var csv strings.Builder
	csv.WriteString("number\n")
	for i := range n {
		fmt.Fprintf(&csv, "+49%d\n", i)
	}
	s.post("/v1/queues/"+list+"/members", "text/csv", csv.String()).want(201)
	for deadline := time.Now().Add(time.Minute); ; <-time.After(20 * time.Millisecond) {
		var attempts, members int
		err := s.pool.QueryRow(t.Context(), `SELECT count(*), count(DISTINCT record ->> 'member_id') FROM open_attempts WHERE queue_id = $1`, list).Scan(&attempts, &members)
		if err != nil || attempts != members || attempts > n {
			t.Fatalf("%d attempts of %d members, %v", attempts, members, err)
		}
		if attempts == n {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d of %d members were dialled", attempts, n)
		}
		s.clock.forward(100 * time.Millisecond)
		_ = other.call(s.analyst, "GET", "/v1/queues/"+list, nil).want(200)
	}
	var open int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM members WHERE open_attempt <> 0`).Scan(&open); err != nil || open != n {
		t.Errorf("%d members are in an attempt, %v", open, err)
	}
}

// An agent of an offline queue sees whom he may pick, picks one, and does not see
// him any more.
func TestPickFromTheList(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	first, second := s.list("offline"), s.list("offline")
	s.call(s.admin, "PATCH", "/v1/queues/"+first, `{"skills":[{"name":"german"}]}`).want(200)
	s.call(s.admin, "PATCH", "/v1/queues/"+second, `{"priority":5}`).want(200)
	agent := s.agent("Ann", second)
	s.call(s.admin, "PATCH", "/v1/agents/"+agent, `{"skills":[{"name":"german","level":2}]}`).want(200)
	s.post("/v1/queues/"+first+"/members", "application/x-ndjson", strings.Join([]string{
		`{"name":"low","numbers":[{"number":"+491"}]}`, `{"name":"high","numbers":[{"number":"+492"}],"priority":3}`,
		`{"name":"later","numbers":[{"number":"+493"}],"ready_at":"2099-01-01T00:00:00Z"}`,
		`{"name":"over","numbers":[{"number":"+494"}],"expires_at":"2020-01-01T00:00:00Z"}`,
		`{"name":"forbidden","numbers":[{"number":"+495"}]}`,
	}, "\n")).want(201)
	s.post("/v1/queues/"+second+"/members", "application/json", `{"name":"first","numbers":[{"number":"+496"}]}`).want(201)
	s.post("/v1/dnc", "application/json", `{"number":"+495"}`).want(201)
	path := "/v1/agents/" + agent + "/members"
	listed := s.call(s.analyst, "GET", path, nil).want(200)
	if got := fmt.Sprint(listed.each("name")); got != "[first high low]" {
		t.Fatalf("he sees %s", got)
	}
	if a := s.call(s.analyst, "GET", path+"?limit=1", nil).want(200); len(a.list()) != 1 {
		t.Errorf("limit 1: %s", a.raw)
	}
	member := func(i int) string { return fmt.Sprintf("/v1/members/%.0f/attempts", listed.at("data", i, "id")) }
	s.call(s.operator, "POST", member(1), nil).problem(422, "invalid").blames("/agent_id")
	picked := s.call(s.operator, "POST", member(1), `{"agent_id":`+agent+`}`).want(201)
	if picked.json["destination"] != "+492" || picked.json["member_name"] != "high" || picked.id("agent_id") != agent {
		t.Errorf("picked %s", picked.raw)
	}
	s.call(s.operator, "POST", member(1), `{"agent_id":`+agent+`}`).problem(409, "member_busy")
	if got := fmt.Sprint(s.call(s.analyst, "GET", path, nil).want(200).each("name")); got != "[first low]" {
		t.Errorf("afterwards he sees %s", got)
	}
	later := s.call(s.analyst, "GET", "/v1/queues/"+first+"/members?state=waiting", nil).want(200)
	s.call(s.operator, "POST", fmt.Sprintf("/v1/members/%.0f/attempts", later.at("data", 0, "id")), `{"agent_id":`+s.agent("Bob", first)+`}`).problem(409, "not_ready")

	closed := s.call(s.admin, "POST", "/v1/calendars", `{"name":"never"}`).want(201).id("id")
	s.call(s.admin, "PATCH", "/v1/queues/"+second, `{"calendar_id":`+closed+`}`).want(200)
	if got := fmt.Sprint(s.call(s.analyst, "GET", path, nil).want(200).each("name")); got != "[low]" {
		t.Errorf("with one queue closed he sees %s", got)
	}
	s.call(s.operator, "POST", member(0), `{"agent_id":`+s.agent("Cleo", second)+`}`).problem(409, "calendar_closed")
	s.call(s.analyst, "GET", "/v1/agents/999/members", nil).problem(404, "unknown_agent")
}
