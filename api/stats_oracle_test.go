package api_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"
)

// What follows computes the key figures once more, from the events as the
// export gives them and from the formulas alone. It shares nothing with the SQL.

// told is an event as its JSON says it.
type told struct {
	Type      string
	Timestamp time.Time
	Queue     *struct {
		ID   int64
		Name string
		Type string
	}
	Subject struct{ Kind, ID string }
	Data    struct {
		AttemptID   int64   `json:"attempt_id"`
		Destination *string `json:"destination"`
		AgentID     *int64  `json:"agent_id"`
		MemberID    *int64  `json:"member_id"`
		Result      string  `json:"cc_result"`
		BillSec     *int64  `json:"call_bill_sec"`
		Cause       *string `json:"call_cause"`
		SIPCode     *int    `json:"call_sip_code"`
		AMD         *string `json:"amd_result"`
		Code        string  // of queue.join_rejected
		Status      string  // of agent.state
		Channel     *string
		State       *string
	}
	Ext struct {
		DialAt           *time.Time `json:"dial_at"`
		MemberAnsweredAt *time.Time `json:"member_answered_at"`
		EndedAt          *time.Time `json:"ended_at"`
		OfferNo          *int       `json:"offer_no"`
		Reason           *string    `json:"result_reason"`
		SIPSource        *string    `json:"sip_code_source"`
	}
}

// passage is an attempt as its events tell it.
type passage struct {
	queue, id               int64
	kind                    string
	joined                  time.Time
	bridged, processed, end *time.Time
	lastOffer               *time.Time // before the bridge
	offers, missed          map[int]proposal
	agent                   *int64
	left                    *told
	cameAgain               bool
}

type proposal struct {
	at    time.Time
	agent *int64
}

// chronicle is what the oracle knows of a domain.
type chronicle struct {
	passages []*passage
	refused  []told
	states   map[int64][]told // agent.state events by agent, in the order of the log
}

// chronicle reads the whole log of the domain over REST.
func (p *past) chronicle() *chronicle {
	p.site.t.Helper()
	c := &chronicle{states: map[int64][]told{}}
	byID := map[int64]*passage{}
	lines := bufio.NewScanner(bytes.NewReader(p.site.call(p.key, "GET", "/v1/export/events.ndjson", nil).want(200).raw))
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var ev told
		if err := json.Unmarshal(lines.Bytes(), &ev); err != nil {
			p.site.t.Fatalf("%v in %s", err, lines.Text())
		}
		if ev.Type == "agent.state" {
			c.states[*ev.Data.AgentID] = append(c.states[*ev.Data.AgentID], ev)
			continue
		}
		if ev.Type == "queue.join_rejected" {
			c.refused = append(c.refused, ev)
		}
		if ev.Queue == nil || ev.Data.AttemptID == 0 {
			continue
		}
		if ev.Type == "attempt.joined" {
			a := &passage{
				queue: ev.Queue.ID, id: ev.Data.AttemptID, kind: ev.Queue.Type, joined: ev.Timestamp,
				offers: map[int]proposal{}, missed: map[int]proposal{},
			}
			byID[a.id], c.passages = a, append(c.passages, a)
		}
		byID[ev.Data.AttemptID].take(ev)
	}
	c.findReturns()
	return c
}

func (a *passage) take(ev told) {
	no := 0
	if ev.Ext.OfferNo != nil {
		no = *ev.Ext.OfferNo
	}
	switch ev.Type {
	case "attempt.offering":
		if ev.Data.AgentID != nil {
			a.offers[no] = proposal{ev.Timestamp, ev.Data.AgentID}
		}
		if a.bridged == nil {
			a.lastOffer = &ev.Timestamp
		}
	case "attempt.missed":
		a.missed[no] = proposal{ev.Timestamp, ev.Data.AgentID}
	case "attempt.bridged":
		a.bridged = &ev.Timestamp
	case "attempt.processing":
		a.processed = &ev.Timestamp
	case "attempt.leaving":
		a.left, a.end, a.agent = &ev, ev.Ext.EndedAt, ev.Data.AgentID
	}
}

func (a *passage) handled() bool { return a.bridged != nil }

func (a *passage) wait() time.Duration {
	if a.handled() {
		return a.bridged.Sub(a.joined)
	}
	return a.left.Timestamp.Sub(a.joined)
}

func (a *passage) talk() time.Duration {
	if !a.handled() {
		return 0
	}
	return a.end.Sub(*a.bridged)
}

func (a *passage) wrapUp() time.Duration {
	if a.processed == nil {
		return 0
	}
	return a.left.Timestamp.Sub(*a.processed)
}

func (a *passage) outbound() bool {
	return slices.Contains([]string{"offline", "ivr", "preview", "progressive", "predictive"}, a.kind)
}

// span is an interval: from the first instant up to the second.
type span struct{ from, to time.Time }

func (s span) has(t time.Time) bool { return !t.Before(s.from) && t.Before(s.to) }

// spans cuts the time at the midnights of the zone and, for shorter steps,
// between them; step 0 is the whole.
func spans(since, until time.Time, step string, zone *time.Location) []span {
	if step == "total" {
		return []span{{since, until}}
	}
	length := map[string]time.Duration{"15m": 15 * time.Minute, "1h": time.Hour, "1d": 48 * time.Hour}[step]
	var all []span
	y, m, d := since.In(zone).Date()
	for day := time.Date(y, m, d, 0, 0, 0, 0, zone); day.Before(until); {
		d++
		next := time.Date(y, m, d, 0, 0, 0, 0, zone)
		for from := day; from.Before(next); from = from.Add(length) {
			to := from.Add(length)
			if to.After(next) {
				to = next
			}
			if to.After(since) && from.Before(until) {
				all = append(all, span{later(from, since), sooner(to, until)})
			}
		}
		day = next
	}
	return all
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func sooner(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// over is a share or a mean: null over nothing.
func over(part, whole int64) any {
	if whole == 0 {
		return nil
	}
	return float64(part) / float64(whole)
}

// sums counts by name.
type sums map[string]int64

func (s sums) count(name string, when bool) {
	if when {
		s[name]++
	}
}

func (s sums) time(name string, d time.Duration) { s[name] += d.Milliseconds() }

// columns makes what was summed under the names columns of a row.
func (s sums) columns(row map[string]any, names ...string) {
	for _, name := range names {
		row[name] = s[name]
	}
}

// differ compares rows column by column and says where they differ.
func differ(t *testing.T, what string, got, want []map[string]any) {
	t.Helper()
	if len(got) != len(want) {
		t.Errorf("%s: %d rows, want %d", what, len(got), len(want))
		return
	}
	for i := range want {
		for name := range got[i] {
			if _, ok := want[i][name]; !ok {
				t.Errorf("%s: nothing was computed for the column %s", what, name)
			}
		}
		for name, w := range want[i] {
			g, ok := got[i][name]
			if at, is := g.(time.Time); is {
				g, w = at.UTC().Format(time.RFC3339Nano), w.(time.Time).UTC().Format(time.RFC3339Nano)
			}
			if !ok || g != w {
				t.Errorf("%s: row %d, %v: %s is %v (%T), want %v (%T)", what, i, want[i]["interval_start"], name, g, g, w, w)
			}
		}
		if t.Failed() {
			t.Fatal(fmt.Sprint(got[i]))
		}
	}
}
