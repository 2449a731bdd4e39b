package dispatcher

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/expr-lang/expr/types"

	"github.com/offhook/offhook/queue"
)

// left is a leaving event with everything that filters like to ask for.
func left() *queue.Event {
	destination, agent, seconds := "+4930123", "Anna Berg", int64(61)
	return &queue.Event{
		Type: queue.EventLeaving, DomainID: 1, At: vectorAt, Sequence: 6, AttemptID: 7,
		Queue: &queue.QueueRef{ID: 7, Name: "sales north", Type: queue.Inbound},
		Listed: &queue.Listed{Channel: queue.ChannelCall, AttemptID: 7, Destination: &destination, AgentName: &agent,
			Result: queue.ResultAbandoned, Duration: &seconds, AttemptSeq: 1, UseProcessing: true},
		Variables: map[string]string{"campaign": "summer", "value": "250", "vip?": "yes"},
		Ext:       &queue.Ext{State: queue.StateLeaving, JoinedAt: vectorAt, WaitSec: 12, ResultReason: "max_wait"},
	}
}

func TestFilters(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`data.cc_result == "abandoned" && queue.name startsWith "sales"`: true, // the specification's own
		`data.cc_result == "success"`:                                    false,
		`type == "attempt.leaving" and queue.id in [3, 7]`:               true,
		`queue.name matches "^sales (north|south)$"`:                     true,
		`lower(data.agent_name) contains "berg"`:                         true,
		`variables.campaign == "summer"`:                                 true,
		`variables.crm == ""`:                                            true, // not given
		`"crm" in variables`:                                             false,
		`variables["vip?"] == "yes"`:                                     true,
		`int(variables.value) >= 200`:                                    true,
		`data.call_duration > 60 ? true : false`:                         true,
		`ext.wait_sec < 20 && ext.result_reason != "no_agents"`:          true,
		`ext.joined_at < "2026-08-22T00:00:00.000Z"`:                     true,
		`(data.destination ?? "") startsWith "+49"`:                      true,
		`data.use_processing && not ext.test`:                            true,
		`data.attempt_id == 7 && sequence == 6 && schema == 1`:           true,
		// What is null is neither more nor less than anything, and equal to nothing.
		`data.call_voice_sec > 0`:                              false,
		`data.call_voice_sec <= 0`:                             false,
		`data.call_voice_sec > 0 || data.call_duration == 61`:  true,
		`not (data.call_voice_sec > 0)`:                        true,
		`data.call_voice_sec > data.call_duration`:             false,
		`data.call_voice_sec == nil && data.member_name == ""`: false,
		`data.member_name startsWith "M"`:                      false,
		`data.status == "pause"`:                               false, // another type's field
		`subject.kind == nil`:                                  true,
	} {
		f, err := compileFilter(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got, err := f.match(left()); got != want || err != nil {
			t.Errorf("%s: %t (%v), want %t", text, got, err, want)
		}
	}
}

func TestFiltersLookAtOtherEvents(t *testing.T) {
	t.Parallel()
	ev := &queue.Event{Type: queue.EventAgentState, DomainID: 1, Subject: &queue.Subject{Kind: "agent", ID: "21"},
		Data: []byte(`{"agent_id":21,"agent_name":"Anna","status":"pause","reason":null,"channel":null,"state":null,"since":"2026-08-22T10:00:00.000Z","attempt_id":null}`)}
	for text, want := range map[string]bool{
		`data.status == "pause" && subject.id == "21"`: true,
		`data.agent_id > 21`:                           false,
		`data.reason == nil`:                           true,
		`queue.name startsWith "sales"`:                false, // there is no queue
		`variables.campaign == "summer"`:               false,
		`ext.wait_sec >= 0`:                            false,
	} {
		f, err := compileFilter(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := f.match(ev); got != want || err != nil {
			t.Errorf("%s: %t (%v), want %t", text, got, err, want)
		}
	}
}

// TestBadFiltersAreRefusedAtTheirPlace: who saves one learns where it is wrong.
func TestBadFiltersAreRefusedAtTheirPlace(t *testing.T) {
	t.Parallel()
	for text, wants := range map[string][]string{
		`data.cc_reslt == "x"`:                             {"column 6", "unknown field cc_reslt", `at "cc_reslt == `},
		`colour == "red"`:                                  {"column 1", "unknown name colour"},
		`data.cc_result == `:                               {"column", "unexpected"},
		`data.cc_result = "x"`:                             {"column 16"},
		`data.cc_result == 5`:                              {"column 16", "string and int"},
		"queue.id == 7 &&\n data.call_duration > \"long\"": {"line 2, column 21", "int64 and string"},
		`queue.name`:                                       {"true or false"},
		`"yes"`:                                            {"true or false"},
		``:                                                 {"unexpected"},
		`queue.name matches "("`:                           {"column 12", "missing closing )"},
		`queue.name matches variables.p`:                   {"text in quotes"},
		`all(1..1000, all(1..1000, # > 0))`:                {"column"},
		`any([1], # > 0)`:                                  {"column"},
		`7 in 1..9`:                                        {"column", "ranges"},
		`let a = 1; a == 1`:                                {"column", "variables"},
		`true; true`:                                       {"column", "one expression"},
		`now() > now()`:                                    {"column", "now"},
		`$env.type == "x"`:                                 {"column 1"},
		`repeat("a", 100000000) == ""`:                     {"column", "repeat"},
		`env("HOME") == ""`:                                {"column", "env"},
		strings.Repeat("1+", 1000) + "1 > 0":               {"nodes"},
		`type == "` + strings.Repeat("x", 4096) + `"`: {"at most 4096 bytes"},
		strings.Repeat("(", 4000):                     {""},
	} {
		_, err := compileFilter(text)
		if err == nil {
			t.Errorf("%.60q is accepted", text)
			continue
		}
		for _, want := range wants {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%.60q: %v, want %q in it", text, err, want)
			}
		}
		if strings.Contains(err.Error(), "dispatcher.") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%.60q shows our insides: %v", text, err)
		}
	}
}

// TestAFilterThatFailsIsNotFulfilled: what cannot be worked out is counted and
// does not go out.
func TestAFilterThatFailsIsNotFulfilled(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		`data.call_voice_sec + 1 > 0`, `int(variables.campaign) > 0`, `data.call_duration % 0 == 1`, `len(data.member_name) > 2`,
	} {
		ep := Endpoint{ID: "ep_1", DomainID: 1, Filter: text}
		m, err := ep.Matcher()
		if err != nil {
			t.Fatal(err)
		}
		if m.Wants(left()) {
			t.Errorf("%s: wanted", text)
		}
		n, last := m.Failures()
		if n != 1 || !strings.Contains(last, "attempt.leaving evt_") || strings.Contains(last, "summer") || strings.Contains(last, text) {
			t.Errorf("%s: %d failures, the last: %s", text, n, last)
		}
	}
	ok, err := (&Endpoint{ID: "ep_1", DomainID: 1, Filter: "data.call_duration > 60"}).Matcher()
	if n, _ := ok.Failures(); err != nil || n != 0 || !ok.Wants(left()) {
		t.Errorf("a good filter: %d failures, %v", n, err)
	}
	if _, err := (&Endpoint{Filter: "no"}).Matcher(); err == nil {
		t.Error("an endpoint with a filter that does not compile is served")
	}
	if (*Matcher)(nil).Wants(left()) {
		t.Error("a Matcher that could not be made wants something")
	}
}

// TestFilterSeesTheBody holds every name, value and null that filters see to the
// body in the format standard.
func TestFilterSeesTheBody(t *testing.T) {
	t.Parallel()
	names := filterNames()
	for _, ev := range wholeEvents(t) {
		var body map[string]any
		if err := json.Unmarshal(ev.AppendJSON(nil), &body); err != nil {
			t.Fatal(err)
		}
		all := &filter{use: use{top: map[string]bool{}, data: map[string]bool{}, ext: map[string]bool{}}}
		for name := range names {
			all.use.top[name] = true
		}
		for name := range names["data"].(types.Map) {
			all.use.data[name] = true
		}
		for name := range names["ext"].(types.Map) {
			all.use.ext[name] = true
		}
		env, err := all.env(ev)
		if err != nil {
			t.Fatal(err)
		}
		var seen map[string]any
		rendered, _ := json.Marshal(env)
		if err := json.Unmarshal(rendered, &seen); err != nil {
			t.Fatal(err)
		}
		for name, value := range seen {
			object, ok := value.(map[string]any)
			if !ok {
				if !equalOrNull(value, body[name]) {
					t.Errorf("%s: filters see %s as %v, the body has %v", ev.Type, name, value, body[name])
				}
				continue
			}
			shown, _ := body[name].(map[string]any)
			for field, v := range object {
				if !equalOrNull(v, shown[field]) {
					t.Errorf("%s: filters see %s.%s as %v, the body has %v", ev.Type, name, field, v, shown[field])
				}
			}
			for field := range shown {
				if _, known := object[field]; !known {
					t.Errorf("%s: filters do not know %s.%s", ev.Type, name, field)
				}
			}
		}
		for name := range body {
			if _, known := seen[name]; !known {
				t.Errorf("%s: filters do not know %s", ev.Type, name)
			}
		}
	}
}

// equalOrNull compares two decoded values; what is not there is null, or false.
func equalOrNull(a, b any) bool {
	for _, v := range []*any{&a, &b} {
		if object, ok := (*v).(map[string]any); *v == false || ok && len(object) == 0 {
			*v = nil
		}
	}
	return reflect.DeepEqual(a, b)
}

// wholeEvents returns an event of every published type, with no null where there
// can be a value.
func wholeEvents(t *testing.T) (out []*queue.Event) {
	text, number, code, cause := "a text", int64(42), 486, queue.CauseNormalClearing
	for _, typ := range queue.EventTypes {
		ev := &queue.Event{Type: typ, DomainID: 3, At: vectorAt}
		if strings.HasPrefix(string(typ), "attempt.") {
			ev.Sequence, ev.AttemptID, ev.Queue = 5, 42, &queue.QueueRef{ID: 7, Name: "sales", Type: queue.Chat}
			ev.Listed = &queue.Listed{Channel: queue.ChannelCall, AttemptID: 42, Destination: &text, UseProcessing: true, AgentChannelID: &text,
				MemberChannelID: &text, AgentName: &text, AgentID: &number, UserID: &number, AgentExtension: &text, MemberName: &text, MemberID: &number,
				AttemptSeq: 2, Result: queue.ResultCancel, BillSec: &number, Duration: &number, VoiceSec: &number, Cause: &cause, SIPCode: &code, AMD: &text}
			ev.Variables = map[string]string{"a": "b"}
			at := vectorAt
			ev.Ext = &queue.Ext{State: "s", JoinedAt: at, DialAt: at, MemberAnsweredAt: at, OfferingAt: at, BridgedAt: at, EndedAt: at, LeavingAt: at,
				OfferNo: 1, MissedReason: "m", ResultReason: "r", RetryAt: at, ProcessingDeadline: at, ParentAttemptID: 1, ChildAttemptID: 2,
				AgentCause: "c", AMDCause: "a", SIPCodeSource: "derived", WaitSec: 9, Test: true}
		} else {
			var body struct {
				Subject queue.Subject
				Data    json.RawMessage
			}
			if err := json.Unmarshal(queue.FormatExample(queue.FormatStandard, typ), &body); err != nil {
				t.Fatal(err)
			}
			ev.Subject, ev.Data = &body.Subject, body.Data
		}
		out = append(out, ev)
	}
	return out
}

// FuzzFilter: no text makes the compiler or an event panic, or take long.
func FuzzFilter(f *testing.F) {
	for _, seed := range []string{
		`data.cc_result == "abandoned"`, `queue.name matches "^(a|b)*$" ? 1 < 2 : true`, `not not (variables.a in ["b"])`,
		`int(data.destination) / 0 > float("1e999")`, `[1, 2][data.call_duration] == 2`, `{"a": 1}.a == 1`, `data?.cc_result ?? "" == ""`, "`",
		`string(1) + "a" | trim() == type`, `-abs(data.agent_id) ** 2 <= 0x1F`,
	} {
		f.Add(seed)
	}
	events := []*queue.Event{left(), {Type: queue.EventAgentState, Subject: &queue.Subject{}, Data: []byte(`{"agent_id":1}`)}, {}}
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return
		}
		began := time.Now()
		compiled, err := compileFilter(text)
		if err == nil {
			for _, ev := range events {
				_, _ = compiled.match(ev)
			}
		}
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("%q took %s", text, took)
		}
	})
}

func BenchmarkFilter(b *testing.B) {
	f, err := compileFilter(`data.cc_result == "abandoned" && queue.name startsWith "sales"`)
	if err != nil {
		b.Fatal(err)
	}
	ev := left()
	for b.Loop() {
		if yes, err := f.match(ev); !yes || err != nil {
			b.Fatal(err)
		}
	}
}

func TestAFailingFilterIsToldOfOnceAMinute(t *testing.T) {
	t.Parallel()
	m, err := (&Endpoint{DomainID: 1, Filter: "data.call_voice_sec + 1 > 0"}).Matcher()
	if err != nil {
		t.Fatal(err)
	}
	var log filterLog
	now := vectorAt
	for i, step := range []struct {
		events int
		wait   time.Duration
		want   int64
	}{{0, 0, 0}, {3, 0, 3}, {2, 30 * time.Second, 0}, {1, 30 * time.Second, 3}, {0, time.Hour, 0}} {
		for range step.events {
			m.Wants(left())
		}
		now = now.Add(step.wait)
		if got, last := log.check(m, now); got != step.want || (got > 0) != (last != "") {
			t.Errorf("step %d: %d (%s), want %d", i, got, last, step.want)
		}
	}
	other, _ := (&Endpoint{DomainID: 1, Filter: "data.call_voice_sec + 2 > 0"}).Matcher()
	other.Wants(left())
	if got, _ := log.check(other, now); got != 1 {
		t.Errorf("a new filter begins anew: %d", got)
	}
}
