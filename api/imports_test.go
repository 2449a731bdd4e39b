package api_test

import (
	"fmt"
	"strings"
	"testing"
)

// lines makes a CSV file of so many members; every tenth has no number, and the
// last is a double of the first.
func csvOf(n int) string {
	var b strings.Builder
	b.WriteString("name,number,var.no\n")
	for i := range n {
		number := fmt.Sprintf("+49%06d", i%(n-1))
		if i%10 == 9 {
			number = ""
		}
		fmt.Fprintf(&b, "m%d,%s,%d\n", i, number, i)
	}
	return b.String()
}

// More members than are added at once become a task, which adds whom it can and
// tells whom it cannot.
func TestImportMembers(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("preview")
	const n = 5001
	path := "/v1/queues/" + list + "/members"
	task := s.finished(s.post(path+"?on_duplicate=skip", "text/csv", csvOf(n)))
	if task.json["state"] != "done" || task.json["kind"] != "members.import" {
		t.Fatalf("%s", task.raw)
	}
	for field, want := range map[string]float64{"rows": n, "added": 4500, "skipped": 1, "bad": 500, "updated": 0} {
		if got := task.at("result", field); got != want {
			t.Errorf("%s: %v, want %v", field, got, want)
		}
	}
	bad, _ := task.at("result", "errors").([]any)
	if len(bad) != 100 || task.at("result", "errors", 0, "line") != 11.0 || task.at("result", "errors", 0, "pointer") != "/numbers" {
		t.Errorf("%d bad rows are shown, the first %v", len(bad), task.at("result", "errors", 0))
	}
	if done, total := task.at("progress", "done"), task.at("progress", "total"); done != total || done != float64(len(csvOf(n))) {
		t.Errorf("progress %v of %v", done, total)
	}
	var count int
	if err := s.pool.QueryRow(t.Context(), `SELECT count(*) FROM members WHERE queue_id = $1`, list).Scan(&count); err != nil || count != 4500 {
		t.Errorf("%d members, %v", count, err)
	}
	small := s.finished(s.post(path+"?async=true", "application/json", `{"numbers":[{"number":"+1"}]}`))
	if small.at("result", "added") != 1.0 {
		t.Errorf("a small one as a task: %s", small.raw)
	}
}

// An import whose body breaks keeps what came before, and says where it broke.
func TestImportThatBreaks(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	list := s.list("preview")
	path := "/v1/queues/" + list + "/members?async=true"
	task := s.finished(s.post(path, "application/json", `[{"numbers":[{"number":"+1"}]},{"numbers":[{"number":"+2"}]},{"numbers":`))
	text, _ := task.json["error"].(string)
	if task.json["state"] != "failed" || !strings.Contains(text, "line 3") || task.at("result", "added") != 2.0 {
		t.Errorf("%s", task.raw)
	}
	s.post(path, "text/csv", "name\nAnn\n").problem(422, "invalid")
	s.post(path, "application/json", `nonsense`).problem(422, "invalid")
	s.post(path, "application/json", ``).problem(400, "malformed")
	s.post(path, "text/csv", "number\n").problem(422, "invalid")
	huge := `{"numbers":[{"number":"+1"}],"name":"` + strings.Repeat("x", 2<<20) + `"}`
	s.post(path, "application/x-ndjson", huge).problem(413, "too_large")
	if l := s.call(s.admin, "GET", "/v1/tasks", nil).want(200).list(); len(l) != 1 {
		t.Errorf("%d tasks, want the one whose beginning was good", len(l))
	}
}

// Numbers are forbidden one by one or by the thousand, shown, and allowed again.
func TestDoNotCallOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	one := s.post("/v1/dnc", "application/json", `{"number":"+49 (30) 1","note":"asked to"}`).want(201)
	if one.json["number"] != "+49301" || one.header.Get("Location") != "/v1/dnc/+49301" {
		t.Errorf("%s at %s", one.raw, one.header.Get("Location"))
	}
	some := s.post("/v1/dnc", "text/csv", "number;note\n+49 2;by letter\n+49 3;\n").want(201)
	if got := fmt.Sprint(some.each("number")); got != "[+492 +493]" {
		t.Errorf("as CSV: %s", some.raw)
	}
	s.post("/v1/dnc", "application/x-ndjson", "{\"number\":\"+494\"}\n{\"number\":\"+495\",\"note\":null}").want(201)
	var all []any
	for cursor := ""; ; {
		a := s.call(s.analyst, "GET", "/v1/dnc?limit=2"+cursor, nil).want(200)
		all = append(all, a.each("number")...)
		next, more := a.json["next_cursor"].(string)
		if !more {
			break
		}
		cursor = "&cursor=" + next
	}
	if fmt.Sprint(all) != "[+492 +493 +49301 +494 +495]" {
		t.Errorf("listed %v", all)
	}
	if a := s.call(s.analyst, "GET", "/v1/dnc/%2B49%202", nil).want(200); a.json["note"] != "by letter" {
		t.Errorf("%s", a.raw)
	}
	if a := s.call(s.admin, "PATCH", "/v1/dnc/+492", `{"note":null}`).want(200); a.json["note"] != nil {
		t.Errorf("%s", a.raw)
	}
	s.call(s.admin, "DELETE", "/v1/dnc/+492", nil).want(204)
	s.call(s.analyst, "GET", "/v1/dnc/+492", nil).problem(404, "not_found")
	for body, pointer := range map[string]string{
		`{}`: "/number", `{"number":" - "}`: "/number", `{"number":7}`: "/number", `{"number":"1","colour":"red"}`: "/colour", `[{"number":"1"},7]`: "/1", `[]`: "",
		`{"number":"1","note":"` + strings.Repeat("x", 1001) + `"}`: "/note",
	} {
		s.post("/v1/dnc", "application/json", body).problem(422, "invalid").blames(pointer)
	}
	s.post("/v1/dnc", "text/csv", "number,name\n1,x\n").problem(422, "invalid")
	s.post("/v1/dnc", "text/csv", "note\nx\n").problem(422, "invalid")

	var many strings.Builder
	many.WriteString("number\n")
	for i := range 2500 {
		fmt.Fprintf(&many, "+1%d\n", i)
	}
	many.WriteString(strings.Repeat("9", 200) + "\n")
	task := s.finished(s.post("/v1/dnc", "text/csv", many.String()))
	if task.json["kind"] != "dnc.import" || task.at("result", "added") != 2500.0 || task.at("result", "bad") != 1.0 {
		t.Errorf("%s", task.raw)
	}
	s.call(s.analyst, "GET", "/v1/dnc/+12499", nil).want(200)
	audit := s.call(s.admin, "GET", "/v1/audit?object_kind=dnc", nil).want(200)
	if got := fmt.Sprint(audit.each("action")); got != "[dnc.delete dnc.update dnc.create dnc.create dnc.create]" {
		t.Errorf("audit: %s", got)
	}
}

// Calendars are saved as they are read, and say what is wrong with one.
func TestCalendarsOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	body := `{"name":"office","time_zone":"Europe/Berlin","weekly":[{"days":["monday","friday"],"from":"08:30","to":"17:00"}],` +
		`"exceptions":[{"date":"2026-12-25","yearly":true,"name":"Christmas"},{"date":"2026-12-24","hours":[{"from":"08:00","to":"12:00"}]}]}`
	a := s.call(s.admin, "POST", "/v1/calendars", body).want(201)
	path := "/v1/calendars/" + a.id("id")
	if a.at("weekly", 0, "from") != "08:30" || a.at("exceptions", 1, "hours", 0, "to") != "12:00" || a.at("exceptions", 0, "yearly") != true {
		t.Errorf("%s", a.raw)
	}
	a = s.call(s.admin, "PATCH", path, `{"exceptions":[]}`).want(200)
	if a.at("weekly", 0, "to") != "17:00" || a.at("exceptions", 0) != nil || a.json["time_zone"] != "Europe/Berlin" {
		t.Errorf("changed: %s", a.raw)
	}
	for bad, pointer := range map[string]string{
		`{"name":""}`: "/name", `{"time_zone":"Mars/Olympus"}`: "/time_zone", `{"weekly":[{"days":["mon"],"from":"08:00","to":"09:00"}]}`: "/weekly/0/days",
		`{"weekly":[{"days":[],"from":"08:00","to":"09:00"}]}`: "/weekly/0/days", `{"weekly":[{"days":["monday"],"from":"08:00","to":"08:00"}]}`: "/weekly/0/to",
		`{"exceptions":[{"date":"24.12."}]}`: "/exceptions/0/date",
	} {
		s.call(s.admin, "PATCH", path, bad).problem(422, "invalid").blames(pointer)
	}
	s.call(s.admin, "POST", "/v1/calendars", `{"name":"office"}`).problem(409, "name_taken")
	queue := s.call(s.admin, "POST", "/v1/queues", `{"name":"hours","type":"inbound","calendar_id":`+a.id("id")+`}`).want(201)
	s.call(s.admin, "DELETE", path, nil).problem(409, "in_use")
	s.call(s.admin, "PATCH", "/v1/queues/"+queue.id("id"), `{"calendar_id":0}`).want(200)
	s.call(s.admin, "DELETE", path, nil).want(204)
	s.call(s.admin, "GET", path, nil).problem(404, "unknown_calendar")
	if other := s.replica(); true {
		other.call(s.admin, "GET", path, nil).problem(404, "unknown_calendar")
	}
}

// Trunks are saved as they are read; one that a queue names stays.
func TestTrunksOverREST(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call(s.admin, "POST", "/v1/trunks", `{"name":"carrier","lines":30,"calls_per_sec":5,"patterns":["+49","+43"]}`).want(201)
	path := "/v1/trunks/" + a.id("id")
	if a.json["enabled"] != true || a.at("patterns", 1) != "+43" || a.json["lines"] != 30.0 {
		t.Errorf("%s", a.raw)
	}
	if a = s.call(s.admin, "PATCH", path, `{"patterns":[],"enabled":false}`).want(200); a.at("patterns", 0) != nil || a.json["lines"] != 30.0 {
		t.Errorf("changed: %s", a.raw)
	}
	for bad, pointer := range map[string]string{`{"name":""}`: "/name", `{"lines":-1}`: "/lines", `{"calls_per_sec":5000}`: "/calls_per_sec", `{"patterns":[""]}`: "/patterns"} {
		s.call(s.admin, "PATCH", path, bad).problem(422, "invalid").blames(pointer)
	}
	s.call(s.admin, "POST", "/v1/trunks", `{"name":"carrier"}`).problem(409, "name_taken")
	queue := s.call(s.admin, "POST", "/v1/queues", `{"name":"out","type":"ivr","trunks":[`+a.id("id")+`]}`).want(201)
	s.call(s.admin, "DELETE", path, nil).problem(409, "in_use")
	s.call(s.admin, "PATCH", "/v1/queues/"+queue.id("id"), `{"trunks":[]}`).want(200)
	s.call(s.admin, "DELETE", path, nil).want(204)
	s.call(s.admin, "DELETE", path, nil).problem(404, "unknown_trunk")
}
