package queue

import "slices"

// FormatSchema returns the JSON Schema (2020-12) of the type's body in the
// format, or nil for a type that is not published. Variables of a flat body are
// additional properties that are text.
func FormatSchema(f Format, t EventType) []byte {
	if !slices.Contains(EventTypes, t) {
		return nil
	}
	switch f.Body() {
	case FormatFlat:
		return mustJSON(flatSchema(t))
	case FormatCloudEvents:
		return mustJSON(cloudEventSchema(t))
	default:
		return mustJSON(standardSchema(t))
	}
}

func flatSchema(t EventType) object {
	o := envelopeFields(t)
	var variables any = false
	if slices.Contains(AttemptEvents, t) {
		o = append(append(o, dataFields(t)...), member{"ext", extSchema})
		variables = object{{"type", "string"}, {"description", "a variable of member or queue"}}
	} else {
		o = append(append(o, member{"subject", subjectSchema}), otherFields(t)...)
	}
	return described(schemaID(t)+":flat", t, object{
		{"type", "object"}, {"properties", o}, {"required", o.names()}, {"additionalProperties", variables},
	})
}

func cloudEventSchema(t EventType) object {
	return described(schemaID(t)+":cloudevents", t, closed(object{
		{"specversion", object{{"const", "1.0"}}},
		{"id", object{{"type", "string"}, {"description", "the same on every delivery: de-duplicate by it"}}},
		{"source", object{{"type", "string"}, {"format", "uri-reference"}, {"description", "the tenant"}}},
		{"type", object{{"const", t}}},
		{"subject", typed("string", "what it is about: attempt/ and its number, agent/ and its number …")},
		{"time", object{{"type", "string"}, {"format", "date-time"}, {"description", "when it happened"}}},
		{"dataschema", object{{"const", schemaID(t)}}},
		{"datacontenttype", object{{"const", "application/json"}}},
		{"data", standardSchema(t)},
	}))
}
