package api_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// What a switch that distributes by itself reports becomes queue, agent and
// attempts of ours, in the order in which it came.
func TestReportsOfAnExternalQueue(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call(s.operator, "POST", "/v1/reports", `[
		{"event":"agent_status","agent_ref":"SIP/100","agent_name":"Ann","status":"online"},
		{"event":"joined","queue_name":"support","member_channel_id":"c1","destination":"+1555","member_answered_at":null,"variables":{"a":"1"}},
		{"event":"offered","channel_id":"c1","agent_ref":"SIP/100","agent_channel_id":"a1"},
		{"event":"bridged","channel_id":"c1","agent_ref":"SIP/100"},
		{"event":"ended","channel_id":"c1","leg":"member"},
		{"event":"ended","channel_id":"c1","leg":"member"},
		{"event":"left","attempt_id":77777}
	]`).want(200)
	for i, want := range []string{"done", "done", "done", "done", "done", "dropped", "dropped"} {
		if got := a.at("data", i, "status"); got != want {
			t.Errorf("report %d is %v, want %s: %s", i, got, want, a.raw)
		}
	}
	if a.at("data", 0, "attempt_id") != nil || a.at("data", 1, "attempt_id") != a.at("data", 4, "attempt_id") || a.at("data", 4, "state") != "leaving" {
		t.Errorf("results name their attempt: %s", a.raw)
	}
	q := s.call(s.analyst, "GET", "/v1/queues?name=support", nil).want(200)
	if q.at("data", 0, "distribution") != "external" {
		t.Errorf("queue: %s", q.raw)
	}
	ann := s.call(s.analyst, "GET", "/v1/agents?agent_ref=SIP/100", nil).want(200)
	if ann.at("data", 0, "name") != "Ann" || ann.at("data", 0, "status") != "online" {
		t.Errorf("agent: %s", ann.raw)
	}
	id := fmt.Sprintf("%.0f", a.at("data", 1, "attempt_id"))
	if left := s.call(s.analyst, "GET", "/v1/attempts/"+id, nil).want(200); left.json["cc_result"] != "success" || left.json["member_channel_id"] != "c1" {
		t.Errorf("attempt: %s", left.raw)
	}
}

// What the engine refuses concerns one report only; each keeps its place.
func TestReportsAreRefusedOneByOne(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	a := s.call(s.operator, "POST", "/v1/reports", `[
		{"event":"explode","attempt_id":1},
		{"event":"ended","attempt_id":1,"leg":"third"},
		{"event":"bridged"},
		{"event":"agent_status","agent_id":99,"status":"online"},
		{"event":"agent_status","agent_ref":"x","status":"asleep"},
		{"event":"joined","queue_name":"q","member_channel_id":"c","destination":"1"}
	]`).want(200)
	for i, want := range []any{"invalid", "invalid", "invalid", "unknown_agent", "invalid", nil} {
		if got := a.at("data", i, "code"); got != want {
			t.Errorf("report %d: code %v, want %v: %s", i, got, want, a.raw)
		}
	}
	if a.at("data", 5, "status") != "done" {
		t.Errorf("refusals took the rest with them: %s", a.raw)
	}
}

// A body that breaks the schema is refused as a whole and says where.
func TestReportsBreakTheSchema(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	before := s.fingerprint()
	good := `{"event":"joined","queue_name":"q","member_channel_id":"c","destination":"1"}`
	for body, pointer := range map[string]string{
		`[]`:     "",
		`null`:   "",
		`"text"`: "",
		`[` + good + `,{"event":"ended","sip_code":"200"}]`:                          "/1/sip_code",
		`[` + good + `,{"event":"ended","colour":"red"}]`:                            "/1/colour",
		`{"event":"ended","variables":{"a":1}}`:                                      "/variables",
		`[` + good + `,` + good + `,{"event":"ended","at":"yesterday"}]`:             "/2/at",
		`[` + good + `,{"event":"ended","priority":2000000}]`:                        "/1/priority",
		`{"event":"ended","channel_id":"` + strings.Repeat("c", 501) + `"}`:          "/channel_id",
		`{"event":"joined","variables":{"v":"` + strings.Repeat("c", 33<<10) + `"}}`: "/variables",
		`[` + strings.Repeat(`{"event":"ended"},`, 1000) + `{"event":"ended"}]`:      "",
		`[` + good + `,7]`: "/1",
		`[` + good + `,{"event":"ended","attempt_id":12345678901234567890123}]`: "/1/attempt_id",
	} {
		s.call(s.operator, "POST", "/v1/reports", body).problem(422, "invalid").blames(pointer)
	}
	s.call(s.operator, "POST", "/v1/reports", good+good).problem(400, "malformed")
	s.call(s.operator, "POST", "/v1/reports", "  ").problem(400, "malformed")
	if s.fingerprint() != before {
		t.Error("a refused body changed something")
	}
}

// BenchmarkReports is 100 reports a request, over loopback, through a real desk
// into Postgres: the way of a busy adapter. Every report is an event or more.
func BenchmarkReports(b *testing.B) {
	s := newSite(b)
	const clients, perCall = 8, 100
	var n atomic.Int64
	b.ResetTimer()
	var wg sync.WaitGroup
	for range clients {
		wg.Go(func() {
			for {
				first := n.Add(perCall) - perCall
				if first >= int64(b.N) {
					return
				}
				var body bytes.Buffer
				body.WriteByte('[')
				for i := range int64(perCall / 4) {
					c := first + i
					if i > 0 {
						body.WriteByte(',')
					}
					fmt.Fprintf(&body, `{"event":"joined","queue_name":"support","member_channel_id":"c%d","destination":"+15550100"},`+
						`{"event":"offered","channel_id":"c%d","agent_ref":"SIP/%d","agent_channel_id":"a%d"},`+
						`{"event":"bridged","channel_id":"c%d","agent_ref":"SIP/%d"},`+
						`{"event":"ended","channel_id":"c%d","leg":"member","cause":"NORMAL_CLEARING"}`, c, c, c%1000, c, c, c%1000, c)
				}
				body.WriteByte(']')
				r, err := http.NewRequest("POST", s.url+"/v1/reports", &body)
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Content-Type", "application/json")
				r.Header.Set("Authorization", "Bearer "+s.operator)
				resp, err := http.DefaultClient.Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				raw, err := io.ReadAll(resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || bytes.Contains(raw, []byte("refused")) {
					b.Errorf("%d %v %.300s", resp.StatusCode, err, raw)
					return
				}
			}
		})
	}
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "reports/s")
}
