package main

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"time"
)

// reader asks for things of one domain at random places of its history.
type reader struct {
	*rand.Rand
	domain         int
	key            string // an admin's
	began          time.Time
	queues, agents []int64
	names          []string // of the queues
	endpoints      []string // the last was never sent anything
	events         []string // ids, from all over the log
	members        []int64
	tasks, keys    []string
	first, last    int64 // attempts
}

// readingList is one thing that is read in one way.
type readingList struct {
	name  string
	route string // as the OpenAPI document names it
	ask   func(r *reader) url.Values
	id    func(r *reader) any // what stands for {id}; nil when nothing does
}

// instant is one of the last so many days of the history.
func (r *reader) instant(days int) time.Time {
	end := r.began.AddDate(0, 0, readingDays)
	return end.Add(-time.Duration(r.Int64N(int64(days) * int64(24*time.Hour)))).Truncate(time.Millisecond)
}

// pick is any of a list's but the last, which is the rare one.
func pick[T any](r *reader, all []T) T { return all[r.IntN(max(1, len(all)-1))] }

func rare[T any](all []T) T { return all[len(all)-1] }

// where makes a query of names and values.
func where(pairs ...any) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if at, ok := pairs[i+1].(time.Time); ok {
			pairs[i+1] = at.Format(time.RFC3339Nano)
		}
		v.Set(pairs[i].(string), fmt.Sprint(pairs[i+1]))
	}
	return v
}

// between adds bounds that lie an hour to a month apart.
func (r *reader) between(v url.Values, days int) url.Values {
	since := r.instant(days)
	v.Set("since", since.Format(time.RFC3339Nano))
	v.Set("until", since.Add(time.Hour+time.Duration(r.Int64N(int64(720*time.Hour)))).Format(time.RFC3339Nano))
	return v
}

// from adds a place to begin at.
func (r *reader) from(v url.Values, days int) url.Values {
	v.Set("since", r.instant(days).Format(time.RFC3339Nano))
	return v
}

func all(*reader) url.Values { return url.Values{} }

var readingTypes = []string{"attempt.joined", "attempt.offering", "attempt.missed", "attempt.bridged", "attempt.processing", "attempt.leaving", "agent.state", "switch.bridge"}

// readingLists are all that is measured.
func readingLists() (lists []readingList) {
	for _, of := range [][]readingList{eventLists, attemptLists, endpointLists("tries"), endpointLists("deliveries"), statsLists, auditLists, memberLists, smallLists} {
		lists = append(lists, of...)
	}
	return lists
}

func anAttempt(r *reader) any { return r.first + r.Int64N(r.last-r.first) }

func anEvent(r *reader) any { return r.events[r.IntN(len(r.events))] }

var eventLists = []readingList{
	{"events from anywhere", "/v1/events", func(r *reader) url.Values { return r.from(where(), readingDays) }, nil},
	{"events of a while", "/v1/events", func(r *reader) url.Values { return r.between(where(), readingDays) }, nil},
	{"events of a type", "/v1/events", func(r *reader) url.Values { return r.from(where("type", pick(r, readingTypes)), readingDays) }, nil},
	{"events of types", "/v1/events", func(r *reader) url.Values {
		return r.from(where("type", pick(r, readingTypes)+","+pick(r, readingTypes)+",endpoint.failing"), readingDays)
	}, nil},
	{"events of a rare type", "/v1/events", func(r *reader) url.Values { return r.from(where("type", "endpoint.failing"), readingDays) }, nil},
	{"events of a type that never was", "/v1/events", func(r *reader) url.Values { return where("type", "endpoint.deleted") }, nil},
	{"events of a type of attempts that never was", "/v1/events", func(r *reader) url.Values { return where("type", "attempt.agent_changed") }, nil},
	{"events of a queue", "/v1/events", func(r *reader) url.Values { return r.from(where("queue_id", pick(r, r.queues)), readingDays) }, nil},
	{"events of a rare queue", "/v1/events", func(r *reader) url.Values { return r.from(where("queue_id", rare(r.queues)), readingDays) }, nil},
	{"events of a queue and a type", "/v1/events", func(r *reader) url.Values {
		return r.between(where("queue_id", pick(r, r.queues), "type", pick(r, readingTypes)), readingDays)
	}, nil},
	{"events of a queue and a rare type", "/v1/events", func(r *reader) url.Values {
		return where("queue_id", pick(r, r.queues), "type", "attempt.agent_changed")
	}, nil},
	{"events of an agent", "/v1/events", func(r *reader) url.Values { return r.from(where("agent_id", pick(r, r.agents)), readingDays) }, nil},
	{"events of a rare agent", "/v1/events", func(r *reader) url.Values { return where("agent_id", rare(r.agents)) }, nil},
	{"events of an agent and a queue", "/v1/events", func(r *reader) url.Values {
		return r.from(where("agent_id", pick(r, r.agents), "queue_id", pick(r, r.queues)), readingDays)
	}, nil},
	{"events of an agent in a rare queue", "/v1/events", func(r *reader) url.Values {
		return where("agent_id", pick(r, r.agents), "queue_id", rare(r.queues))
	}, nil},
	{"events of an attempt", "/v1/events", func(r *reader) url.Values { return where("attempt_id", anAttempt(r)) }, nil},
	{"event", "/v1/events/{id}", all, anEvent},
	{"deliveries of an event", "/v1/events/{id}/deliveries", all, anEvent},
}

var attemptLists = []readingList{
	{"attempts", "/v1/attempts", all, nil},
	{"open attempts", "/v1/attempts", func(r *reader) url.Values { return where("open", "true") }, nil},
	{"open attempts of a queue", "/v1/attempts", func(r *reader) url.Values { return where("open", "true", "queue_id", pick(r, r.queues)) }, nil},
	{"finished attempts of a while", "/v1/attempts", func(r *reader) url.Values { return r.between(where("open", "false"), readingDays) }, nil},
	{"attempts of a while", "/v1/attempts", func(r *reader) url.Values { return r.between(where(), readingDays) }, nil},
	{"attempts since", "/v1/attempts", func(r *reader) url.Values { return r.from(where(), readingDays) }, nil},
	{"attempts until", "/v1/attempts", func(r *reader) url.Values { return where("until", r.instant(readingDays)) }, nil},
	{"attempts of a queue", "/v1/attempts", func(r *reader) url.Values {
		return where("queue_id", pick(r, r.queues), "until", r.instant(readingDays))
	}, nil},
	{"attempts of a rare queue", "/v1/attempts", func(r *reader) url.Values { return where("queue_id", rare(r.queues)) }, nil},
	{"attempts of an agent", "/v1/attempts", func(r *reader) url.Values {
		return where("agent_id", pick(r, r.agents), "until", r.instant(readingDays))
	}, nil},
	{"attempts of a rare agent", "/v1/attempts", func(r *reader) url.Values { return where("agent_id", rare(r.agents)) }, nil},
	{"attempts of a rare agent in a while", "/v1/attempts", func(r *reader) url.Values { return r.between(where("agent_id", rare(r.agents)), readingDays) }, nil},
	{"attempts with a result", "/v1/attempts", func(r *reader) url.Values { return r.between(where("cc_result", "abandoned"), readingDays) }, nil},
	{"attempts with a rare result", "/v1/attempts", func(r *reader) url.Values { return where("cc_result", "cancel") }, nil},
	{"attempts of an agent in a queue with a result", "/v1/attempts", func(r *reader) url.Values {
		return r.between(where("agent_id", pick(r, r.agents), "queue_id", pick(r, r.queues), "cc_result", "success"), readingDays)
	}, nil},
	{"attempt", "/v1/attempts/{id}", all, anAttempt},
	{"timeline", "/v1/attempts/{id}/timeline", all, anAttempt},
	{"timeline with tries", "/v1/attempts/{id}/timeline", all, func(r *reader) any {
		return r.last - r.Int64N((r.last-r.first)*readingTriesDays/readingDays)
	}},
}

func anEndpoint(r *reader) any { return pick(r, r.endpoints) }

// endpointLists are those of the tries, or the deliveries, of an endpoint.
func endpointLists(what string) []readingList {
	route := "/v1/endpoints/{id}/" + what
	days := readingTriesDays
	return []readingList{
		{what, route, func(r *reader) url.Values { return where("until", r.instant(days)) }, anEndpoint},
		{what + " of a while", route, func(r *reader) url.Values { return r.between(where(), days) }, anEndpoint},
		{what + " by outcome", route, func(r *reader) url.Values {
			return where("outcome", []string{"delivered", "upstream", "timeout"}[r.IntN(3)], "until", r.instant(days))
		}, anEndpoint},
		{what + " with a rare outcome", route, func(r *reader) url.Values { return where("outcome", "dns") }, anEndpoint},
		{what + " with no such outcome", route, func(r *reader) url.Values { return where("outcome", "tls") }, anEndpoint},
		{what + " of a type", route, func(r *reader) url.Values { return where("type", pick(r, readingTypes), "until", r.instant(days)) }, anEndpoint},
		{what + " of a rare type", route, func(r *reader) url.Values { return where("type", "endpoint.failing") }, anEndpoint},
		{what + " given up", route, func(r *reader) url.Values { return where("state", "exhausted", "until", r.instant(days)) }, anEndpoint},
		{what + " retried", route, func(r *reader) url.Values { return where("state", "retrying", "until", r.instant(days)) }, anEndpoint},
		{what + " of an unused endpoint", route, all, func(r *reader) any { return rare(r.endpoints) }},
	}
}

// readingFigures are measured beside the lists: they are computed from all that
// happened in a day, and in the week behind it, not read.
var readingFigures = []readingList{
	{"figures of a queue", "/v1/queues/{id}/stats", dayOf, func(r *reader) any { return pick(r, r.queues) }},
	{"figures of an agent", "/v1/agents/{id}/stats", dayOf, func(r *reader) any { return pick(r, r.agents) }},
}

// dayOf asks for a day of figures, hour by hour.
func dayOf(r *reader) url.Values {
	since := r.instant(readingDays).Truncate(time.Hour)
	return where("since", since, "until", since.Add(24*time.Hour), "interval", "1h")
}

var statsLists = []readingList{
	{"stats of an endpoint", "/v1/endpoints/{id}/stats", all, anEndpoint},
	{"stats of an endpoint in a while", "/v1/endpoints/{id}/stats", func(r *reader) url.Values { return r.between(where(), readingTriesDays) }, anEndpoint},
	{"snapshot", "/v1/snapshot", all, nil},
	{"snapshot of a queue", "/v1/snapshot", func(r *reader) url.Values { return where("queue_id", pick(r, r.queues)) }, nil},
}

var auditLists = []readingList{
	{"audit", "/v1/audit", func(r *reader) url.Values { return where("until", r.instant(readingDays)) }, nil},
	{"audit of a while", "/v1/audit", func(r *reader) url.Values { return r.between(where(), readingDays) }, nil},
	{"audit of a kind", "/v1/audit", func(r *reader) url.Values {
		return where("object_kind", []string{"agent", "attempt"}[r.IntN(2)], "until", r.instant(readingDays))
	}, nil},
	{"audit of a rare kind", "/v1/audit", func(r *reader) url.Values { return where("object_kind", "key") }, nil},
	{"audit of an object", "/v1/audit", func(r *reader) url.Values { return where("object_kind", "attempt", "object_id", r.IntN(150_000)) }, nil},
	{"audit by a key", "/v1/audit", func(r *reader) url.Values { return where("key_id", "key_of_nobody", "until", r.instant(readingDays)) }, nil},
	{"audit by an idle key", "/v1/audit", func(r *reader) url.Values { return where("key_id", "key_that_does_nothing") }, nil},
	{"audit of an action", "/v1/audit", func(r *reader) url.Values { return where("action", "agent.update", "until", r.instant(readingDays)) }, nil},
	{"audit of a rare action", "/v1/audit", func(r *reader) url.Values { return where("action", "key.revoke") }, nil},
}

var memberLists = []readingList{
	{"members", "/v1/queues/{id}/members", all, theList},
	{"members ready", "/v1/queues/{id}/members", func(r *reader) url.Values { return where("state", "ready") }, theList},
	{"members waiting", "/v1/queues/{id}/members", func(r *reader) url.Values { return where("state", "waiting") }, theList},
	{"members open", "/v1/queues/{id}/members", func(r *reader) url.Values { return where("state", "open") }, theList},
	{"members stopped", "/v1/queues/{id}/members", func(r *reader) url.Values { return where("state", "stopped") }, theList},
	{"members by number", "/v1/queues/{id}/members", func(r *reader) url.Values { return where("number", aNumber(r, "+49", 1_000_000_000)) }, theList},
	{"member", "/v1/members/{id}", all, func(r *reader) any { return r.members[r.IntN(len(r.members))] }},
	{"dnc", "/v1/dnc", all, nil},
	{"dnc entry", "/v1/dnc/{id}", all, func(r *reader) any { return aNumber(r, "+33", 100_000_000) }},
}

// theList is the queue that has members.
func theList(r *reader) any { return r.queues[1] }

func aNumber(r *reader, country string, base int) string {
	return country + fmt.Sprint(base+1+r.IntN(200_000))
}

var smallLists = []readingList{
	{"queues", "/v1/queues", all, nil},
	{"queues by name", "/v1/queues", func(r *reader) url.Values { return where("name", pick(r, r.names)) }, nil},
	{"queue", "/v1/queues/{id}", all, func(r *reader) any { return pick(r, r.queues) }},
	{"agents", "/v1/agents", all, nil},
	{"agents by reference", "/v1/agents", func(r *reader) url.Values { return where("agent_ref", "SIP/1") }, nil},
	{"agent", "/v1/agents/{id}", all, func(r *reader) any { return pick(r, r.agents) }},
	{"members of an agent", "/v1/agents/{id}/members", all, func(r *reader) any { return pick(r, r.agents) }},
	{"calendars", "/v1/calendars", all, nil},
	{"trunks", "/v1/trunks", all, nil},
	{"endpoints", "/v1/endpoints", all, nil},
	{"endpoint", "/v1/endpoints/{id}", all, anEndpoint},
	{"tasks", "/v1/tasks", all, nil},
	{"tasks in a state", "/v1/tasks", func(r *reader) url.Values { return where("state", "failed") }, nil},
	{"tasks of a kind", "/v1/tasks", func(r *reader) url.Values { return where("kind", "dnc.import") }, nil},
	{"tasks of no kind", "/v1/tasks", func(r *reader) url.Values { return where("kind", "none") }, nil},
	{"task", "/v1/tasks/{id}", all, func(r *reader) any { return r.tasks[r.IntN(len(r.tasks))] }},
	{"keys", "/v1/keys", all, nil},
	{"key", "/v1/keys/{id}", all, func(r *reader) any { return r.keys[r.IntN(len(r.keys))] }},
	{"event types", "/v1/event-types", all, nil},
}

// notMeasured are what is read otherwise, with the reason.
var notMeasured = map[string]string{
	"/v1/events/stream":         "has no end",
	"/v1/export/events.ndjson":  "measured by its memory",
	"/v1/export/events.csv":     "measured by its memory",
	"/v1/event-types/{type}":    "reads no database",
	"/v1/calendars/{id}":        "read from memory, like queues",
	"/v1/trunks/{id}":           "read from memory, like queues",
	"/v1/endpoints/{id}/secret": "writes the audit log",
}

// path is one request for the list.
func (l *readingList) path(r *reader) string {
	path := l.route
	if l.id != nil {
		path = strings.Replace(path, "{id}", url.PathEscape(fmt.Sprint(l.id(r))), 1)
	}
	q := l.ask(r)
	if r.IntN(5) == 0 && l.id == nil && l.route != "/v1/snapshot" && l.route != "/v1/event-types" {
		q.Set("limit", "250")
	}
	return path + "?" + q.Encode()
}
