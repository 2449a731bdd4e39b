package main

import "github.com/offhook/offhook/dispatcher"

// noun is one kind of thing of the REST API, as the command line knows it.
type noun struct {
	name, short, example string
	// columns are what a table of them shows: paths of members, such as
	// health.breaker.
	columns []string
	verbs   []verb
}

// verb is one operation of the REST API. shell_test.go checks each against the
// OpenAPI description, so that a path cannot be wrong for long.
type verb struct {
	name, short string
	// method and path name the operation. What stands in braces is an argument
	// of the command, in this order.
	method, path string
	// fields are members of the body that are arguments too, after those of the
	// path, because the command says nothing without them.
	fields []string
	takes  input
	// answers says what the answer is like.
	answers output
	columns []string // of a table; nil = those of the noun
	// succeeded, if set, says whether an answer with 2xx reports a success: the
	// exit code follows it.
	succeeded func(answer any) bool
}

// input is what a command takes beside its arguments.
type input int

const (
	takesNothing input = iota
	takesFilters       // name=value: query parameters
	takesFields        // name=value: members of the body, or --data
	takesRows          // as takesFields, or --file with many of them
)

// output is the shape of an answer.
type output int

const (
	answersOne     output = iota // an object, or nothing
	answersList                  // data and next_cursor
	answersEntries               // data, beside other members
)

func list(path string, columns ...string) verb {
	return verb{name: "list", short: "List them", method: "GET", path: path, takes: takesFilters, answers: answersList, columns: columns}
}

// kept returns the verbs of a thing that is created, read, changed and deleted.
func kept(path, one string) []verb {
	return []verb{
		list(path),
		{name: "get", short: "Show one", method: "GET", path: path + one},
		{name: "create", short: "Make one", method: "POST", path: path, takes: takesFields},
		{name: "change", short: "Change one", method: "PATCH", path: path + one, takes: takesFields},
		{name: "delete", short: "Delete one", method: "DELETE", path: path + one},
	}
}

// delivered is for a request that was sent to an endpoint at once.
func delivered(v verb) verb {
	v.succeeded = func(answer any) bool {
		return lookUp(answer, []string{"outcome"}) == string(dispatcher.OutcomeDelivered)
	}
	return v
}

// act is a POST upon one thing.
func act(name, short, path string, takes input, fields ...string) verb {
	return verb{name: name, short: short, method: "POST", path: path, takes: takes, fields: fields}
}

var (
	deliveryColumns    = []string{"event_id", "event_type", "attempt_id", "state", "tries", "status", "last_try_at", "next_at", "error"}
	tryColumns         = []string{"started_at", "event_id", "event_type", "number", "outcome", "status", "duration_ms", "error"}
	queueFigureColumns = []string{"interval_start", "offered", "handled", "abandoned", "service_level", "asa_ms", "aht_ms", "longest_wait_ms"}
	agentFigureColumns = []string{"interval_start", "login_ms", "pause_ms", "occupancy", "offers", "misses", "handled", "aht_ms"}
	memberColumns      = []string{"id", "queue_id", "name", "state", "next_number", "attempts", "priority", "ready_at", "stop_cause"}
)

// byInterval shows the figures of one thing by interval.
func byInterval(path, short string, columns []string) verb {
	return verb{name: "stats", short: short, method: "GET", path: path, takes: takesFilters, answers: answersEntries, columns: columns}
}

// nouns are all of them but keys, which have a command of their own.
var nouns = []noun{
	{
		name: "queues", short: "Queues: list, make, change",
		example: `  offhook queues create name=sales type=inbound max_wait_sec=600
  offhook queues change 10001 strategy=round-robin`,
		columns: []string{"id", "name", "type", "distribution", "strategy", "priority", "enabled"},
		verbs:   append(kept("/v1/queues", "/{queue}"), byInterval("/v1/queues/{queue}/stats", "Show service level, waits and handle times by interval", queueFigureColumns)),
	},
	{
		name: "agents", short: "Agents: list, make, change, log in and out",
		example: `  offhook agents create name=Ada extension=201 queues=10001
  offhook agents status 21 pause reason=lunch`,
		columns: []string{"id", "name", "extension", "status", "reason", "queues"},
		verbs: append(kept("/v1/agents", "/{agent}"),
			verb{name: "status", short: "Set online, offline, pause or break_out", method: "PUT", path: "/v1/agents/{agent}/status", takes: takesFields, fields: []string{"status"}},
			verb{name: "members", short: "List whom the agent may dial now", method: "GET", path: "/v1/agents/{agent}/members", takes: takesFilters, answers: answersList, columns: memberColumns},
			byInterval("/v1/agents/{agent}/stats", "Show log-in time, occupancy and handled attempts by interval", agentFigureColumns),
		),
	},
	{
		name: "members", short: "Lists of members that outbound queues dial",
		example: `  offhook members add 10001 --file list.csv
  offhook members list 10001 state=stopped`,
		columns: memberColumns,
		verbs: []verb{
			list("/v1/queues/{queue}/members"),
			{name: "get", short: "Show one", method: "GET", path: "/v1/members/{member}"},
			{name: "add", short: "Add one, or many from --file", method: "POST", path: "/v1/queues/{queue}/members", takes: takesRows},
			{name: "change", short: "Change one", method: "PATCH", path: "/v1/members/{member}", takes: takesFields},
			{name: "delete", short: "Delete one", method: "DELETE", path: "/v1/members/{member}"},
			act("dial", "Have the agent call this member", "/v1/members/{member}/attempts", takesFields, "agent_id"),
		},
	},
	{
		name: "attempts", short: "Attempts: join, answer, report, look back",
		example: `  offhook attempts join 10001 destination=+12025550123 variables.crm_id=7001
  offhook attempts timeline 90071`,
		columns: []string{"attempt_id", "queue.name", "state", "destination", "member_name", "agent_name", "cc_result", "joined_at", "leaving_at"},
		verbs: []verb{
			list("/v1/attempts"),
			{name: "get", short: "Show one", method: "GET", path: "/v1/attempts/{attempt}"},
			{name: "timeline", short: "Show its events and what became of each", method: "GET", path: "/v1/attempts/{attempt}/timeline",
				answers: answersEntries, columns: []string{"seq", "event.timestamp", "event.type", "event.sequence", "deliveries.state"}},
			act("join", "Put a caller, chat or task into a queue", "/v1/queues/{queue}/attempts", takesFields),
			act("accept", "Accept what the agent is offered", "/v1/attempts/{attempt}/accept", takesFields, "agent_id"),
			act("decline", "Decline what the agent is offered", "/v1/attempts/{attempt}/decline", takesFields, "agent_id"),
			act("skip", "Skip a previewed member", "/v1/attempts/{attempt}/skip", takesFields, "agent_id"),
			act("report", "Report the result", "/v1/attempts/{attempt}/report", takesFields),
			act("renew", "Take more time for the report", "/v1/attempts/{attempt}/renew", takesFields, "agent_id"),
			act("close", "End a chat or task", "/v1/attempts/{attempt}/close", takesFields),
			act("cancel", "Cancel it", "/v1/attempts/{attempt}/cancel", takesNothing),
			act("transfer", "Transfer to queue_id=… or destination=…", "/v1/attempts/{attempt}/transfer", takesFields),
			{name: "switch", short: "Report what a switch saw: event=… attempt_id=…", method: "POST", path: "/v1/reports", takes: takesFields, answers: answersEntries,
				succeeded: func(answer any) bool { return text(lookUp(answer, []string{"data", "status"})) == "done" }},
		},
	},
	{
		name: "events", short: "The log of events: read it, follow it",
		example: `  offhook events --follow type=attempt.bridged,attempt.leaving
  offhook events since=24h queue_id=10001 --limit 0 | jq .data.cc_result`,
		columns: []string{"timestamp", "type", "data.attempt_id", "sequence", "queue.name", "data.agent_name", "data.cc_result", "id"},
		verbs: []verb{
			list("/v1/events"),
			{name: "get", short: "Show one", method: "GET", path: "/v1/events/{event}"},
			{name: "deliveries", short: "List what became of one at every endpoint", method: "GET", path: "/v1/events/{event}/deliveries",
				answers: answersList, columns: []string{"endpoint_id", "state", "next_at", "tries.outcome"}},
			delivered(act("resend", "Send one to an endpoint again, now", "/v1/events/{event}/deliveries/{endpoint}/resend", takesNothing)),
			{name: "types", short: "List the types of events", method: "GET", path: "/v1/event-types", takes: takesFilters, answers: answersEntries, columns: []string{"type"}},
			{name: "type", short: "Show schema and example of a type", method: "GET", path: "/v1/event-types/{type}", takes: takesFilters},
		},
	},
	{
		name: "endpoints", short: "Webhook endpoints: register, test, recover",
		example: `  offhook endpoints create url=https://crm.example/hook events=attempt.leaving
  offhook endpoints recover ep_… since=24h`,
		columns: []string{"id", "url", "disabled", "health.breaker", "events", "queues", "format"},
		verbs: append(kept("/v1/endpoints", "/{endpoint}"),
			act("enable", "Deliver again", "/v1/endpoints/{endpoint}/enable", takesFields),
			act("disable", "Deliver no more", "/v1/endpoints/{endpoint}/disable", takesNothing),
			delivered(act("test", "Send a signed test event, and show what came back", "/v1/endpoints/{endpoint}/test", takesNothing)),
			verb{name: "secret", short: "Show the secret (kept in the audit log)", method: "GET", path: "/v1/endpoints/{endpoint}/secret"},
			act("rotate-secret", "Make a new secret", "/v1/endpoints/{endpoint}/rotate-secret", takesFields),
			act("recover", "Send again what failed since=…", "/v1/endpoints/{endpoint}/recover", takesFields),
			verb{name: "stats", short: "Show what was delivered, and how fast", method: "GET", path: "/v1/endpoints/{endpoint}/stats", takes: takesFilters},
		),
	},
	{
		name: "deliveries", short: "What became of events at an endpoint",
		example: `  offhook deliveries list ep_… state=exhausted since=24h
  offhook deliveries tries ep_… --limit 5`,
		columns: deliveryColumns,
		verbs: []verb{
			list("/v1/endpoints/{endpoint}/deliveries"),
			{name: "tries", short: "List every request that was sent", method: "GET", path: "/v1/endpoints/{endpoint}/tries",
				takes: takesFilters, answers: answersList, columns: tryColumns},
			delivered(act("resend", "Send one event to the endpoint again, now", "/v1/events/{event}/deliveries/{endpoint}/resend", takesNothing)),
		},
	},
	{
		name: "calendars", short: "When queues are open",
		example: `  offhook calendars create name=office time_zone=Europe/Kyiv`,
		columns: []string{"id", "name", "time_zone"},
		verbs:   kept("/v1/calendars", "/{calendar}"),
	},
	{
		name: "dnc", short: "Numbers that must not be dialled",
		example: `  offhook dnc add number=+4930123456 note="asked us to"
  offhook dnc add --file numbers.csv`,
		columns: []string{"number", "note", "created_at"},
		verbs: []verb{
			list("/v1/dnc"),
			{name: "get", short: "Is this number forbidden?", method: "GET", path: "/v1/dnc/{number}"},
			{name: "add", short: "Forbid number=…, or many from --file", method: "POST", path: "/v1/dnc", takes: takesRows},
			{name: "change", short: "Change the note=…", method: "PATCH", path: "/v1/dnc/{number}", takes: takesFields},
			{name: "delete", short: "Allow a number again", method: "DELETE", path: "/v1/dnc/{number}"},
		},
	},
	{
		name: "trunks", short: "Lines, and what they may carry",
		example: `  offhook trunks create name=west lines=30 calls_per_sec=5`,
		columns: []string{"id", "name", "lines", "calls_per_sec", "patterns", "priority", "enabled"},
		verbs:   kept("/v1/trunks", "/{trunk}"),
	},
	{
		name: "tasks", short: "Recoveries and imports under way",
		example: `  offhook tasks state=running`,
		columns: []string{"id", "kind", "state", "progress.done", "progress.total", "created_at", "finished_at", "error"},
		verbs: []verb{
			list("/v1/tasks"),
			{name: "get", short: "Show one", method: "GET", path: "/v1/tasks/{task}"},
			act("cancel", "Cancel one", "/v1/tasks/{task}/cancel", takesNothing),
		},
	},
	{
		name: "snapshot", short: "Who waits, who is offered what, who does what: now",
		example: `  offhook snapshot show queue_id=10001 --json | jq '.queues[].waiting'`,
		verbs:   []verb{{name: "show", short: "Show it all", method: "GET", path: "/v1/snapshot", takes: takesFilters}},
	},
	{
		name: "audit", short: "Who changed what",
		example: `  offhook audit object_kind=queue since=24h`,
		columns: []string{"at", "key_name", "role", "action", "object_kind", "object_id"},
		verbs:   []verb{list("/v1/audit")},
	},
}

// choice says where the values of an argument can be looked up for completion.
type choice struct{ path, id, label string }

var choices = map[string]choice{
	"queue":    {"/v1/queues", "id", "name"},
	"agent":    {"/v1/agents", "id", "name"},
	"agent_id": {"/v1/agents", "id", "name"},
	"endpoint": {"/v1/endpoints", "id", "url"},
	"attempt":  {"/v1/attempts?open=true", "attempt_id", "state"},
	"calendar": {"/v1/calendars", "id", "name"},
	"trunk":    {"/v1/trunks", "id", "name"},
	"task":     {"/v1/tasks", "id", "kind"},
	"number":   {"/v1/dnc", "number", "note"},
	"type":     {"/v1/event-types", "type", ""},
}
