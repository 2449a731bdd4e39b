package queue

import (
	"bytes"
	"encoding/json"
	"flag"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

var update = flag.Bool("update", false, "write the golden files anew")

// schemas compiles the published schema of every type.
func schemas(t *testing.T) map[EventType]*jsonschema.Schema {
	t.Helper()
	out := map[EventType]*jsonschema.Schema{}
	for _, typ := range EventTypes {
		out[typ] = compile(t, EventSchema(typ))
	}
	return out
}

func validate(t *testing.T, s *jsonschema.Schema, body []byte) {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(body))
	if err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	if err := s.Validate(doc); err != nil {
		t.Errorf("%v\n%s", err, body)
	}
}

// TestPublishedFields holds the renderer and the schemas to the table of
// engine.md A.2.
func TestPublishedFields(t *testing.T) {
	t.Parallel()
	counts := map[EventType]int{
		EventJoined: 6, EventAnswered: 17, EventOffering: 17, EventBridged: 17,
		EventMissed: 16, EventLeaving: 20, EventProcessing: 19, EventActive: 17,
	}
	for typ, want := range counts {
		dec := json.NewDecoder(bytes.NewReader((&Listed{Channel: ChannelCall, Result: ResultSuccess}).append(nil, typ)))
		var got []string
		for depth := 0; ; {
			tok, err := dec.Token()
			if err != nil {
				break
			}
			if _, ok := tok.(json.Delim); ok {
				depth++
				continue
			}
			if name, ok := tok.(string); ok && len(got) < want && slices.Contains(Fields(typ), name) {
				got = append(got, name)
			}
		}
		if len(Fields(typ)) != want {
			t.Errorf("%s lists %d fields, want %d", typ, len(Fields(typ)), want)
		}
		if diff := cmp.Diff(Fields(typ), got); diff != "" {
			t.Errorf("%s renders other fields than it lists (-listed +rendered):\n%s", typ, diff)
		}
	}
}

// TestExamples validates the example of every type against its schema and pins
// its bytes.
func TestExamples(t *testing.T) {
	t.Parallel()
	var lines []string
	for typ, s := range schemas(t) {
		body := FormatExample(FormatStandard, typ)
		validate(t, s, body)
		lines = append(lines, string(body))
	}
	slices.Sort(lines)
	golden(t, "examples.jsonl", lines)
}
