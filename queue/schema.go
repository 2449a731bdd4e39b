package queue

import (
	"encoding/json"
	"slices"
)

// EventTypes lists every type on the log that has a published schema.
var EventTypes = slices.Concat(AttemptEvents, []EventType{
	EventAgentChanged, EventJoinRejected, EventMemberExpired, EventAgentState,
	EventSwitchDial, EventSwitchRing, EventSwitchBridge, EventSwitchTransfer, EventSwitchHangup,
}, NoticeEvents)

// object is a JSON object that keeps the order of its members.
type object []member

type member struct {
	name  string
	value any
}

// MarshalJSON renders the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, m := range o {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendString(b, m.name), ':')
		v, err := json.Marshal(m.value)
		if err != nil {
			return nil, err
		}
		b = append(b, v...)
	}
	return append(b, '}'), nil
}

func (o object) names() []string {
	names := make([]string, len(o))
	for i, m := range o {
		names[i] = m.name
	}
	return names
}

// closed is a JSON object that has exactly the given members.
func closed(o object) object {
	return object{
		{"type", "object"}, {"properties", o},
		{"required", o.names()}, {"additionalProperties", false},
	}
}

func typed(kind, description string) object {
	return object{{"type", kind}, {"description", description}}
}

func nullable(kind, description string) object {
	return object{{"type", []string{kind, "null"}}, {"description", description}}
}

func oneOf[T ~string](description string, values ...T) object {
	return object{{"enum", values}, {"description", description}}
}

func instantField(description string) object {
	return object{{"type", []string{"string", "null"}}, {"format", "date-time"}, {"description", description}}
}

// field is one listed field with the events that show it (engine.md A.2).
type field struct {
	name   string
	schema object
	shown  func(EventType) bool
}

func everywhere(EventType) bool    { return true }
func notJoined(t EventType) bool   { return t != EventJoined }
func onlyLeaving(t EventType) bool { return t == EventLeaving }
func withEnd(t EventType) bool     { return t == EventLeaving || t == EventProcessing }
func withVoice(t EventType) bool   { return t != EventJoined && t != EventMissed }
func seconds0(what string) object {
	return object{{"type", []string{"integer", "null"}}, {"minimum", 0}, {"description", what}}
}
func identifier(what string) object {
	return object{{"type", []string{"integer", "null"}}, {"description", what}}
}

// listedFields are the published fields in their order.
var listedFields = []field{
	{"channel", oneOf("medium of the attempt", Channels[:]...), everywhere},
	{"attempt_id", typed("integer", "one pass of one member through one queue"), everywhere},
	{"destination", nullable("string", "the subscriber's address: number dialled or calling, chat contact, a task's address"), everywhere},
	{"use_processing", typed("boolean", "whether the queue had post-processing when the attempt was created"), everywhere},
	{"agent_channel_id", nullable("string", "the agent leg of this offer; null before an offer and after a missed one"), everywhere},
	{"member_channel_id", nullable("string", "the member leg; the conversation of a chat; null for a task"), everywhere},
	{"agent_name", nullable("string", "the agent of this offer; in leaving, who last accepted"), notJoined},
	{"agent_id", identifier("the agent's record"), notJoined},
	{"user_id", identifier("the account behind the agent"), notJoined},
	{"agent_extension", nullable("string", "the agent's number"), notJoined},
	{"member_name", nullable("string", "the subscriber's name"), notJoined},
	{"member_id", identifier("the subscriber's record, when he is listed"), notJoined},
	{"cc_attempt_seq", object{{"type", "integer"}, {"minimum", 1}, {"description", "attempts of this member that were counted, plus 1"}}, notJoined},
	{"cc_result", oneOf("result of the attempt", ResultSuccess, ResultCancel, ResultAbandoned), onlyLeaving},
	{"call_bill_sec", seconds0("seconds from the subscriber's answer until now or the end of the call"), notJoined},
	{"call_duration", seconds0("seconds from the beginning of dialling, or of the call, until now or its end"), notJoined},
	{"call_cause", nullable("string", "why the member leg ended: a hang-up cause by name"), withEnd},
	{"call_sip_code", object{{"type", []string{"integer", "null"}}, {"minimum", 100}, {"maximum", 699}, {"description", "SIP status of that end; ext.sip_code_source says whether it was received"}}, withEnd},
	{"amd_result", nullable("string", "what the answering machine detection said"), notJoined},
	{"call_voice_sec", seconds0("seconds from the connection with the agent until now or the end of the call"), withVoice},
}

// Fields returns the names of the data fields that the type shows, in order.
func Fields(t EventType) []string {
	var names []string
	for _, f := range listedFields {
		if f.shown(t) {
			names = append(names, f.name)
		}
	}
	return names
}

var extSchema = object{
	{"type", "object"}, {"properties", slices.Concat(extFields, extSometimes)},
	{"required", extFields.names()}, {"additionalProperties", false},
}

// extSometimes are the keys of ext that come only with what they tell of.
var extSometimes = object{
	{"previous_agent_id", object{{"type", "integer"}, {"description", "the agent who handed the conversation over by the last attended transfer; only after one"}}},
}

// extFields are the keys of ext that are always there.
var extFields = object{
	{"state", nullable("string", "state of the attempt after the event")},
	{"joined_at", instantField("attempt created")},
	{"dial_at", instantField("dialling began, or the call reached the switch")},
	{"member_answered_at", instantField("member leg answered")},
	{"offering_at", instantField("start of the last offer")},
	{"bridged_at", instantField("member and agent first connected")},
	{"ended_at", instantField("member leg ended or left this attempt")},
	{"leaving_at", instantField("attempt closed")},
	{"offer_no", object{{"type", []string{"integer", "null"}}, {"minimum", 1}, {"description", "number of the offer within the attempt"}}},
	{"missed_reason", nullable("string", "why the offer came to nothing; missed only")},
	{"result_reason", nullable("string", "the fine result; leaving only")},
	{"retry_at", instantField("when the member is tried again")},
	{"processing_deadline", instantField("when processing ends by itself; processing only")},
	{"parent_attempt_id", identifier("the attempt that this one was transferred from")},
	{"child_attempt_id", identifier("the attempt that this one was transferred to")},
	{"agent_cause", nullable("string", "why the last agent leg failed, if the switch said")},
	{"amd_cause", nullable("string", "what made the detection decide")},
	{"sip_code_source", object{{"enum", []any{"adapter", "derived", nil}}, {"description", "whether call_sip_code was received or derived from the cause"}}},
	{"wait_sec", object{{"type", "integer"}, {"minimum", 0}, {"description", "seconds from joined_at to the first of bridged_at, ended_at and this event"}}},
	{"test", typed("boolean", "a test attempt")},
}

// EventSchema returns the JSON Schema (2020-12) of the type's body in the format
// `standard`, or nil for a type that is not published.
func EventSchema(t EventType) []byte { return FormatSchema(FormatStandard, t) }

// standardSchema is the schema of the type's standard body.
func standardSchema(t EventType) object {
	o := envelopeFields(t)
	if slices.Contains(AttemptEvents, t) {
		o = append(o, member{"data", closed(dataFields(t))},
			member{"variables", object{
				{"type", "object"}, {"additionalProperties", object{{"type", "string"}}},
				{"description", "variables of member and queue; the member's win"},
			}},
			member{"ext", extSchema})
	} else {
		o = append(o, member{"subject", subjectSchema}, member{"data", closed(otherFields(t))})
	}
	return described(schemaID(t), t, closed(o))
}

// described puts the members in front that make a schema a document.
func described(id string, t EventType, schema object) object {
	return append(object{
		{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"$id", id}, {"title", t},
	}, schema...)
}

var subjectSchema = closed(object{{"kind", object{{"type", "string"}}}, {"id", object{{"type", "string"}}}})

// envelopeFields are the members that every event has, up to its queue.
func envelopeFields(t EventType) object {
	queue := closed(object{
		{"id", object{{"type", "integer"}}}, {"name", object{{"type", "string"}}},
		{"type", oneOf("the queue's life cycle", Offline, Inbound, IVR, Preview, Progressive, Predictive, Chat, Task)},
	})
	sequence := object{{"type", "integer"}, {"minimum", 1}, {"description", "1, 2, 3 … within the attempt, without gaps"}}
	if !slices.Contains(AttemptEvents, t) {
		sequence = object{{"type", "null"}}
		queue = object{{"anyOf", []any{queue, object{{"type", "null"}}}}}
	}
	return object{
		{"id", object{{"type", "string"}, {"pattern", "^evt_[0-9a-f-]{36}$"}, {"description", "the same on every delivery: de-duplicate by it"}}},
		{"type", object{{"const", t}}},
		{"timestamp", object{{"type", "string"}, {"format", "date-time"}, {"description", "when it happened, never when it was sent"}}},
		{"schema", object{{"const", Schema}}},
		{"sequence", sequence},
		{"domain_id", typed("integer", "the tenant")},
		{"queue", queue},
	}
}

func dataFields(t EventType) object {
	var o object
	for _, f := range listedFields {
		if f.shown(t) {
			o = append(o, member{f.name, f.schema})
		}
	}
	return o
}

// otherFields are the data fields of the types beside the eight.
func otherFields(t EventType) object {
	if fields := noticeFields(t); fields != nil {
		return fields
	}
	switch t {
	case EventAgentChanged:
		return agentChangedFields
	case EventJoinRejected:
		return joinRejectedFields
	case EventMemberExpired:
		return memberExpiredFields
	case EventSwitchTransfer:
		return transferFields
	case EventAgentState:
		return object{
			{"agent_id", typed("integer", "the agent")}, {"agent_name", typed("string", "his name")},
			{"status", oneOf("what he says of himself", StatusOnline, StatusOffline, StatusPause, StatusBreakOut)},
			{"reason", nullable("string", "why, if he or the engine said")},
			{"channel", object{{"enum", []any{ChannelCall, ChannelChat, ChannelTask, nil}}, {"description", "the channel that changed; null for a change of status"}}},
			{"state", object{{"enum", []any{AgentWaiting, AgentReserved, AgentOffering, AgentBridged, AgentProcessing, AgentWrapUp, AgentMissed, nil}}, {"description", "the channel's new state"}}},
			{"since", object{{"type", "string"}, {"format", "date-time"}, {"description", "when this status or state began"}}},
			{"attempt_id", identifier("the attempt that caused it")},
		}
	}
	return object{
		{"order", object{{"const", string(t[len("switch."):])}}}, {"attempt_id", typed("integer", "the attempt")},
		{"offer_no", identifier("the offer, when the order is about an agent")},
		{"leg", object{{"enum", []any{LegMember, LegAgent, nil}}, {"description", "the leg to hang up"}}},
		{"agent_id", identifier("the agent")}, {"agent_extension", nullable("string", "the number to ring")},
		{"agent_ref", nullable("string", "the agent's name in the switch")},
		{"agent_channel_id", nullable("string", "the agent leg: use it as the channel's id")},
		{"member_channel_id", nullable("string", "the member leg")}, {"destination", nullable("string", "the subscriber's address")},
		{"cause", nullable("string", "the cause to hang up with")},
		{"deadline", instantField("after this the engine's own timer runs out")},
		{"amd_total_analysis_ms", object{{"type", []string{"integer", "null"}}, {"minimum", 1}, {"description", "dial: examine the answered leg for an answering machine, for at most so long; null = do not"}}},
		{"trunk_id", identifier("dial: the trunk that the call leaves by")}, {"trunk", nullable("string", "its name")},
	}
}

// mustJSON renders a value that always can be: strings and numbers.
func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}
