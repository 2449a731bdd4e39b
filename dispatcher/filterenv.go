package dispatcher

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"sync"

	"github.com/expr-lang/expr/types"

	"github.com/offhook/offhook/queue"
)

// What may be null is a pointer to the checker, which then allows comparing it
// with null. A boolean is false instead, so that it can be a condition.
var (
	nullText    = types.TypeOf((*string)(nil))
	nullInteger = types.TypeOf((*int64)(nil))
)

// filterNames are the names that a filter may use, with their types: those of
// the body in the format standard. What a type of events does not have is null.
// They follow from the published schemas, so that a new field is known here.
var filterNames = sync.OnceValue(func() types.Map {
	data, ext := types.Map{}, types.Map{}
	for _, t := range queue.EventTypes {
		var schema struct {
			Properties struct{ Data, Ext objectSchema }
		}
		if err := json.Unmarshal(queue.EventSchema(t), &schema); err != nil {
			panic(err) // the schemas are fixed, and a test reads them
		}
		schema.Properties.Data.addTo(data)
		schema.Properties.Ext.addTo(ext)
	}
	return types.Map{
		"id": types.String, "type": types.String, "timestamp": types.String, "schema": types.Int, "sequence": nullInteger,
		"domain_id": types.Int64, "queue": types.Map{"id": nullInteger, "name": nullText, "type": nullText},
		"subject": types.Map{"kind": nullText, "id": nullText}, "data": data,
		"variables": types.TypeOf(map[string]string{}), "ext": ext,
	}
})

// objectSchema is what is read of the schema of an object.
type objectSchema struct {
	Properties map[string]struct {
		Type        any
		Enum        []any
		Const       any
		Description string
	}
}

// addTo adds the members with their types; of two types for a name neither is
// known before an event comes.
func (o objectSchema) addTo(names types.Map) {
	for name, p := range o.Properties {
		kinds, _ := p.Type.([]any)
		kinds = append(kinds, p.Type)
		var typ types.Type = types.Any
		switch {
		case slices.Contains(kinds, any("boolean")):
			typ = types.Bool
		case slices.Contains(kinds, any("integer")):
			typ = nullInteger
		case slices.Contains(kinds, any("string")), p.Const != nil, len(p.Enum) > 0: // all enums are texts
			typ = nullText
		}
		if old, known := names[name]; known && !old.Equal(typ) {
			typ = types.Any
		}
		names[name] = typ
	}
}

// use is which names of the events a filter looks at: nothing else is prepared.
type use struct {
	top       map[string]bool
	data, ext map[string]bool
}

// env prepares what the filter looks at.
func (f *filter) env(ev *queue.Event) (map[string]any, error) {
	env := make(map[string]any, len(f.use.top))
	for name := range f.use.top {
		switch name {
		case "id":
			env[name] = queue.EventID(ev.ID)
		case "type":
			env[name] = string(ev.Type)
		case "timestamp":
			env[name] = *queue.Instant(ev.At)
		case "schema":
			env[name] = queue.Schema
		case "sequence":
			if env[name] = nil; ev.Sequence != 0 {
				env[name] = int64(ev.Sequence)
			}
		case "domain_id":
			env[name] = ev.DomainID
		case "queue":
			env[name] = queueNames(ev.Queue)
		case "subject":
			env[name] = subjectNames(ev.Subject)
		case "variables":
			env[name] = ev.Variables
		}
	}
	if f.use.top["data"] {
		data, err := f.data(ev)
		if err != nil {
			return nil, fmt.Errorf("read the data of %s: %w", ev.Type, err)
		}
		env["data"] = data
	}
	if f.use.top["ext"] {
		var rendered []byte
		if ev.Ext != nil {
			rendered = ev.Ext.AppendJSON(nil)
		}
		ext, err := decodeNames(rendered, f.use.ext, filterNames()["ext"].(types.Map))
		if err != nil {
			return nil, fmt.Errorf("read the ext of %s: %w", ev.Type, err)
		}
		env["ext"] = ext
	}
	return env, nil
}

func queueNames(q *queue.QueueRef) map[string]any {
	if q == nil {
		return nil
	}
	return map[string]any{"id": q.ID, "name": q.Name, "type": string(q.Type)}
}

func subjectNames(s *queue.Subject) map[string]any {
	if s == nil {
		return nil
	}
	return map[string]any{"kind": s.Kind, "id": s.ID}
}

// data prepares the names of data. Those of an attempt's events are read from
// their fields, because there are many such events; those of others from their
// JSON.
func (f *filter) data(ev *queue.Event) (map[string]any, error) {
	if ev.Listed == nil {
		return decodeNames(ev.Data, f.use.data, filterNames()["data"].(types.Map))
	}
	fields := reflect.ValueOf(ev.Listed).Elem()
	shown := shownFields()[ev.Type]
	out := make(map[string]any, len(f.use.data))
	for name := range f.use.data {
		at, ok := listedFields[name]
		switch {
		case ok && slices.Contains(shown, name):
			out[name] = plain(fields.FieldByName(at))
		case name == "use_processing":
			out[name] = false
		default:
			out[name] = zeroOf(filterNames()["data"].(types.Map)[name])
		}
	}
	return out, nil
}

// listedFields are the fields of queue.Listed by their published names.
var listedFields = map[string]string{
	"channel": "Channel", "attempt_id": "AttemptID", "destination": "Destination", "use_processing": "UseProcessing",
	"agent_channel_id": "AgentChannelID", "member_channel_id": "MemberChannelID", "agent_name": "AgentName",
	"agent_id": "AgentID", "user_id": "UserID", "agent_extension": "AgentExtension", "member_name": "MemberName",
	"member_id": "MemberID", "cc_attempt_seq": "AttemptSeq", "cc_result": "Result", "call_bill_sec": "BillSec",
	"call_duration": "Duration", "call_voice_sec": "VoiceSec", "call_cause": "Cause", "call_sip_code": "SIPCode",
	"amd_result": "AMD",
}

// shownFields are the listed fields that each type shows.
var shownFields = sync.OnceValue(func() map[queue.EventType][]string {
	out := map[queue.EventType][]string{}
	for _, t := range queue.EventTypes {
		out[t] = queue.Fields(t)
	}
	return out
})

// plain is a field's value as filters compare it: a text, a whole number, a
// boolean or null.
func plain(v reflect.Value) any {
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil
		}
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.String:
		return v.String()
	case reflect.Bool:
		return v.Bool()
	default:
		return v.Int()
	}
}

// decodeNames reads the names in use from a rendered object; nil is an object
// without any.
func decodeNames(raw []byte, use map[string]bool, known types.Map) (map[string]any, error) {
	members := map[string]any{}
	if raw != nil {
		if err := json.Unmarshal(raw, &members); err != nil {
			return nil, err
		}
	}
	out := make(map[string]any, len(use))
	for name := range use {
		switch v := members[name].(type) {
		case nil:
			out[name] = zeroOf(known[name])
		case float64:
			out[name] = v
			if whole := int64(v); float64(whole) == v {
				out[name] = whole
			}
		default:
			out[name] = v
		}
	}
	return out, nil
}

// zeroOf is what stands for null: false for a boolean.
func zeroOf(t types.Type) any {
	if t != nil && t.Equal(types.Bool) {
		return false
	}
	return nil
}
