package queue

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// words are one line of a transcript: a verb, bare words and name=value pairs.
type words struct {
	verb string
	bare []string
	set  map[string]string
}

func parse(fields []string) words {
	w := words{verb: fields[0], set: map[string]string{}}
	for _, f := range fields[1:] {
		if name, value, ok := strings.Cut(f, "="); ok {
			w.set[name] = value
		} else {
			w.bare = append(w.bare, f)
		}
	}
	return w
}

// take returns the value of the name and strikes it out.
func (w words) take(name string) string {
	v := w.set[name]
	delete(w.set, name)
	return v
}

func (w words) number(name string) int {
	n, _ := strconv.Atoi(w.take(name))
	return n
}

func (w words) second(name string) float64 {
	sec, err := strconv.ParseFloat(w.take(name), 64)
	if err != nil {
		panic(fmt.Sprintf("%s %s: %v", w.verb, name, err))
	}
	return sec
}

// instant returns the named second as an instant; zero when it is not given.
func (w words) instant(name string) time.Time {
	if _, ok := w.set[name]; !ok {
		return time.Time{}
	}
	return at(w.second(name))
}

func (w words) text(name string) *string {
	if _, ok := w.set[name]; !ok {
		return nil
	}
	v := w.take(name)
	return &v
}

func (w words) has(word string) bool { return slices.Contains(w.bare, word) }

// variables takes the pairs whose names begin with var.
func (w words) variables() map[string]string {
	m := map[string]string{}
	for name := range w.set {
		if short, ok := strings.CutPrefix(name, "var."); ok {
			m[short] = w.take(name)
		}
	}
	return m
}

func (w words) left() []string {
	var names []string
	for name := range w.set {
		names = append(names, name)
	}
	return names
}

// fill sets the fields of a configuration by their JSON names.
func (w words) fill(t *testing.T, into any) {
	t.Helper()
	var members []string
	for name := range w.set {
		v := w.take(name)
		if !json.Valid([]byte(v)) {
			v = strconv.Quote(v)
		}
		members = append(members, strconv.Quote(name)+":"+v)
	}
	dec := json.NewDecoder(strings.NewReader("{" + strings.Join(members, ",") + "}"))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		t.Fatal(err)
	}
}

// stored returns the record as it comes back from JSON.
func stored(t *testing.T, r Record) Record {
	t.Helper()
	b, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	c := reflect.New(reflect.TypeOf(r).Elem())
	if err := json.Unmarshal(b, c.Interface()); err != nil {
		t.Fatal(err)
	}
	return c.Interface().(Record)
}

// seenOf is everything that can be seen of an engine at an instant.
func seenOf(e *Engine, now time.Time) []any {
	var v []any
	for _, q := range e.Queues() {
		v = append(v, q)
	}
	for _, a := range e.Agents() {
		_, st := e.Agent(a.ID)
		v = append(v, a, st)
	}
	for _, a := range e.Attempts() {
		v = append(v, a)
		for _, id := range a.appendLegs(nil) {
			v = append(v, e.AttemptByChannel(id))
		}
	}
	for _, id := range sortedIDs(e.queues) {
		q := e.queues[id]
		for _, k := range q.places.until.all() {
			if k.until >= now.UnixMilli() { // the others are forgotten by and by
				v = append(v, *q.places.of[k.destination])
			}
		}
	}
	for _, m := range e.Members() {
		v = append(v, m)
	}
	for _, c := range e.Calendars() {
		v = append(v, c)
	}
	for _, t := range e.Trunks() {
		v = append(v, t)
	}
	return append(v, storedDue(e))
}

// storedDue is the next deadline that does not come from a hopper, which each
// replica has its own.
func storedDue(e *Engine) int64 {
	k, _ := e.due.first()
	return k.at
}

// attempt returns the attempt that the line names, or the last one.
func (p *play) attempt(w words) int64 {
	for _, name := range w.bare {
		for k, v := range p.names {
			if id, ok := strings.CutPrefix(k, "attempt "); ok && v == name {
				n, _ := strconv.ParseInt(id, 10, 64)
				return n
			}
		}
	}
	return p.last
}

// named returns the id of the agent; 0 for "".
func (p *play) named(name string) int64 {
	if name == "" {
		return 0
	}
	for _, a := range p.e.Agents() {
		if a.Name == name {
			return a.ID
		}
	}
	p.t.Fatalf("no agent %s", name)
	return 0
}

// sticky returns the agent whom the subscriber knows; nil when none is named.
func (p *play) sticky(w words) *int64 {
	name := w.take("sticky")
	if name == "" {
		return nil
	}
	id := p.named(name)
	return &id
}

// translate makes the command of a line.
func (p *play) translate(w words) Command {
	p.t.Helper()
	switch w.verb {
	case "load", "forbid", "calendar", "rehour", "trunk", "retrunk", "remove_calendar", "remove_trunk":
		return p.lists(w)
	case "queue", "set", "remove_queue", "agent", "change", "remove_agent":
		return p.configure(w)
	case "online", "pause", "offline", "break_out":
		c := SetAgentStatus{Status: Status(w.verb), Reason: w.take("reason"), At: w.instant("at"), AgentRef: w.take("ref")}
		if len(w.bare) > 0 {
			c.AgentID = p.named(w.bare[0])
		}
		return c
	case "join":
		c := Join{
			QueueID: p.e.QueueByName(w.bare[0]).ID, MemberName: w.text("name"), MemberChannelID: w.take("channel"),
			DialAt: w.instant("dial"), MemberAnsweredAt: w.instant("answered"), MemberUnanswered: w.has("unanswered"),
			Priority: w.number("priority"), AttemptSeq: w.number("attempt_seq"), Variables: w.variables(), Test: w.has("test"),
			Bucket: w.take("bucket"), StickyAgentID: p.sticky(w),
		}
		if len(w.bare) > 1 && w.bare[1] != "unanswered" {
			c.Destination = &w.bare[1]
		}
		if n := w.number("member_id"); n != 0 {
			id := int64(n)
			c.MemberID = &id
		}
		return c
	case "dial":
		return p.dial(w)
	case "skip":
		return Skip{AttemptID: p.attempt(w), AgentID: p.named(w.bare[0]), OfferNo: w.number("offer")}
	case "accept":
		return Accept{AttemptID: p.attempt(w), AgentID: p.named(w.bare[0]), OfferNo: w.number("offer"), Bridged: w.has("bridged"), AgentChannelID: w.take("channel")}
	case "decline":
		return Decline{AttemptID: p.attempt(w), AgentID: p.named(w.bare[0]), OfferNo: w.number("offer")}
	case "report":
		return Report{AttemptID: p.attempt(w), AgentID: p.named(w.take("agent")), Result: CCResult(w.take("result")), KeepOpen: w.has("keep_open"), Variables: w.variables(), RetryAt: w.instant("retry_at"), Stop: w.has("stop")}
	case "renew":
		return Renew{AttemptID: p.attempt(w), AgentID: p.named(w.take("agent"))}
	case "close":
		return Close{AttemptID: p.attempt(w), AgentID: p.named(w.take("agent"))}
	case "cancel":
		return Cancel{AttemptID: p.attempt(w), Keep: w.has("keep")}
	case "transfer":
		return p.transfer(w)
	case "switch":
		return p.switchReport(w)
	case "reconcile":
		c := Reconcile{Engine: w.has("engine"), Lost: w.has("lost"), At: w.instant("at")}
		if live := w.take("live"); live != "" {
			c.Live = strings.Split(live, ",")
		}
		return c
	default:
		p.t.Fatalf("no verb %q", w.verb)
		return nil
	}
}

// dial makes a Dial of: dial <queue> <number> [agent=…] [not=agent,until]
func (p *play) dial(w words) Command {
	p.t.Helper()
	c := Dial{
		AgentID: p.named(w.take("agent")), MemberName: w.text("name"), AttemptSeq: w.number("attempt_seq"),
		Priority: w.number("priority"), Variables: w.variables(), Test: w.has("test"),
		Bucket: w.take("bucket"), StickyAgentID: p.sticky(w),
	}
	if q := p.e.QueueByName(w.bare[0]); q != nil {
		c.QueueID = q.ID
	}
	if len(w.bare) > 1 {
		c.Destination = w.bare[1]
	}
	if n := w.number("member_id"); n != 0 {
		id := int64(n)
		c.MemberID = &id
	}
	c.Forbidden = w.has("forbidden")
	if n := w.number("member"); n != 0 {
		c.Member = p.read(p.list[int64(n)])
	}
	if name, until, ok := strings.Cut(w.take("not"), ","); ok {
		sec, err := strconv.ParseFloat(until, 64)
		if err != nil {
			p.t.Fatal(err)
		}
		c.Exclusions = []Exclusion{{AgentID: p.named(name), Until: at(sec)}}
	}
	return c
}

// transfer makes a Transfer of: transfer [attempt] [attended] queue=… | to=… | agent=…
func (p *play) transfer(w words) Command {
	p.t.Helper()
	c := Transfer{
		AttemptID: p.attempt(w), AgentID: p.named(w.take("by")), ToDestination: w.take("to"), ToAgentID: p.named(w.take("agent")),
		Attended: w.has("attended"), ToChannelID: w.take("channel"),
	}
	if name := w.take("queue"); name != "" {
		c.ToQueueID = -1
		if q := p.e.QueueByName(name); q != nil {
			c.ToQueueID = q.ID
		}
	}
	return c
}

func (p *play) configure(w words) Command {
	p.t.Helper()
	switch w.verb {
	case "queue":
		q := DefaultQueue(0, w.bare[0], Type(w.bare[1]))
		w.fill(p.t, &q)
		return SaveQueue{Queue: q}
	case "set":
		q := p.e.QueueByName(w.bare[0])
		for _, other := range p.e.Queues() { // a queue is named by @name
			w.set["overflow"] = strings.ReplaceAll(w.set["overflow"], `"@`+other.Name+`"`, fmt.Sprint(other.ID))
		}
		if w.set["overflow"] == "" {
			delete(w.set, "overflow")
		}
		for name, old := range map[string]func(){
			"skills": func() { q.Skills = nil }, "buckets": func() { q.Buckets = nil }, "overflow": func() { q.Overflow = nil },
		} {
			if _, given := w.set[name]; given {
				old() // else it would shine through
			}
		}
		w.fill(p.t, q)
		return SaveQueue{Queue: *q}
	case "remove_queue":
		return RemoveQueue{ID: p.e.QueueByName(w.bare[0]).ID}
	case "remove_agent":
		return RemoveAgent{ID: p.named(w.bare[0])}
	}
	a := &Agent{Name: w.bare[0]}
	if w.verb == "change" {
		a, _ = p.e.Agent(p.named(w.bare[0]))
	}
	if len(w.bare) > 1 {
		a.Queues = nil
		for name := range strings.SplitSeq(w.bare[1], ",") {
			a.Queues = append(a.Queues, p.e.QueueByName(name).ID)
		}
	}
	w.fill(p.t, a)
	return SaveAgent{Agent: *a}
}

func (p *play) switchReport(w words) Command {
	c := SwitchReport{
		Event: SwitchEvent(w.bare[0]), ChannelID: w.take("channel"), Leg: Leg(w.take("leg")), At: w.instant("at"),
		AgentID: p.named(w.take("agent")), AgentRef: w.take("ref"), AgentName: w.take("agent_name"),
		AgentChannelID: w.take("agent_channel"), OfferNo: w.number("offer"), Reason: w.take("reason"),
		ResultReason: Reason(w.take("result")), Cause: Cause(w.take("cause")), SIPCode: w.number("sip"), AMDResult: w.take("amd"),
		QueueName: w.take("queue"), Destination: w.text("from"), MemberName: w.text("name"),
		MemberChannelID: w.take("member_channel"), DialAt: w.instant("dial"), MemberAnsweredAt: w.instant("answered"),
		MemberUnanswered: w.has("unanswered"), Variables: w.variables(),
	}
	// The names that a transcript shows for the legs are not their ids.
	for k, name := range p.names {
		if id, ok := strings.CutPrefix(k, "leg "); ok && c.ChannelID == name {
			c.ChannelID = id
		}
	}
	if c.ChannelID == "" && c.Event != SwitchJoined {
		c.AttemptID = p.attempt(w)
	} else if len(w.bare) > 1 {
		c.AttemptID = p.attempt(w)
	}
	return c
}
