package queue

import (
	"encoding/json"
	"strconv"
	"strings"
)

// Format is how an event is written into a webhook's body (engine.md B.4). The
// bytes of an event in a format are pinned per Schema, like those of AppendJSON.
type Format string

// The formats that an endpoint may choose.
const (
	// FormatStandard is what AppendJSON writes.
	FormatStandard Format = "standard"
	// FormatFlat is one object without data and variables: their members stand
	// beside those of the envelope.
	FormatFlat Format = "flat"
	// FormatCloudEvents is a CloudEvent 1.0 in structured mode, whose data is the
	// standard body.
	FormatCloudEvents Format = "cloudevents"
	// FormatCloudEventsBinary is a CloudEvent 1.0 in binary mode: the standard
	// body, and the attributes as headers.
	FormatCloudEventsBinary Format = "cloudevents-binary"
)

// Formats lists every format, the default first.
var Formats = []Format{FormatStandard, FormatFlat, FormatCloudEvents, FormatCloudEventsBinary}

// Body returns the format whose bytes f sends: formats that differ by their
// headers alone share a body.
func (f Format) Body() Format {
	if f == FormatCloudEventsBinary {
		return FormatStandard
	}
	return f
}

// ContentType returns the media type of a body in the format.
func (f Format) ContentType() string {
	if f == FormatCloudEvents {
		return "application/cloudevents+json"
	}
	return "application/json; charset=utf-8"
}

// AppendBody appends the event's body in the format to b.
func (e *Event) AppendBody(b []byte, f Format) []byte {
	switch f {
	case FormatFlat:
		return e.appendFlat(b)
	case FormatCloudEvents:
		return e.appendCloudEvent(b)
	default:
		return e.AppendJSON(b)
	}
}

// appendFlat puts the members of data and variables beside those of the
// envelope. Of two with the same name the envelope's wins, then data's.
func (e *Event) appendFlat(b []byte) []byte {
	b = e.appendEnvelope(b)
	if e.Listed == nil {
		return e.appendFlatOther(b)
	}
	at := len(b)
	b = e.Listed.append(b, e.Type)
	b[at] = ',' // instead of its opening brace
	b = b[:len(b)-1]
	for _, name := range sortedNames(nil, e.Variables) {
		if isEnvelope(name) || isListed(name, e.Type) {
			continue
		}
		b = appendString(append(b, ','), name)
		b = appendString(append(b, ':'), e.Variables[name])
	}
	b = e.Ext.AppendJSON(append(b, `,"ext":`...))
	return append(b, '}')
}

// appendFlatOther ends the flat body of an event outside attempt.*.
func (e *Event) appendFlatOther(b []byte) []byte {
	b = e.Subject.append(b)
	for _, m := range members(e.Data) {
		if isEnvelope(m.name) {
			continue
		}
		b = appendString(append(b, ','), m.name)
		b = append(append(b, ':'), m.value.(json.RawMessage)...)
	}
	return append(b, '}')
}

// isEnvelope reports whether a name belongs to the envelope of a flat body. It
// does in every event, so that no variable is taken for a subject.
func isEnvelope(name string) bool {
	switch name {
	case "id", "type", "timestamp", "schema", "sequence", "domain_id", "queue", "subject", "ext":
		return true
	}
	return false
}

// isListed reports whether a type shows the data field.
func isListed(name string, t EventType) bool {
	for i := range listedFields {
		if listedFields[i].name == name {
			return listedFields[i].shown(t)
		}
	}
	return false
}

// members returns the members of a rendered object in their order; none if it
// is not one.
func members(raw []byte) (o object) {
	dec := json.NewDecoder(strings.NewReader(string(raw)))
	if open, err := dec.Token(); err != nil || open != json.Delim('{') {
		return nil
	}
	for dec.More() {
		name, err := dec.Token()
		if err != nil {
			return nil
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil
		}
		o = append(o, member{name.(string), value})
	}
	return o
}

// Attribute is one context attribute of a CloudEvent.
type Attribute struct{ Name, Value string }

// CloudEventAttributes returns the context attributes of the event as a
// CloudEvent 1.0: id, source and type, whose first two together are unique; what
// the event is about; when it happened; and the schema of its data, which is the
// standard body.
func (e *Event) CloudEventAttributes() [7]Attribute {
	return [7]Attribute{
		{"specversion", "1.0"},
		{"id", EventID(e.ID)},
		{"source", "/offhook/domains/" + strconv.FormatInt(e.DomainID, 10)},
		{"type", string(e.Type)},
		{"subject", e.about()},
		{"time", string(AppendInstant(nil, e.At))},
		{"dataschema", schemaID(e.Type)},
	}
}

// about names what the event is about: the attempt, or the subject.
func (e *Event) about() string {
	if e.Subject != nil {
		return e.Subject.Kind + "/" + e.Subject.ID
	}
	return "attempt/" + strconv.FormatInt(e.AttemptID, 10)
}

// schemaID names the JSON Schema of a type's standard body: its $id.
func schemaID(t EventType) string {
	return "urn:offhook:event:" + string(t) + ":" + strconv.Itoa(Schema)
}

func (e *Event) appendCloudEvent(b []byte) []byte {
	b = append(b, '{')
	for _, a := range e.CloudEventAttributes() {
		b = append(append(b, '"'), a.Name...)
		b = appendString(append(b, `":`...), a.Value)
		b = append(b, ',')
	}
	b = append(b, `"datacontenttype":"application/json","data":`...)
	return append(e.AppendJSON(b), '}')
}
