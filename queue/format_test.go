package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
)

// compile makes a validator of a schema document.
func compile(t *testing.T, doc []byte) *jsonschema.Schema {
	t.Helper()
	parsed, err := jsonschema.UnmarshalJSON(bytes.NewReader(doc))
	if err != nil {
		t.Fatalf("%v: %s", err, doc)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource("mem:schema", parsed); err != nil {
		t.Fatal(err)
	}
	return c.MustCompile("mem:schema")
}

// TestFormats validates an example of every type in every format against the
// format's schema, and pins its bytes for the present Schema.
func TestFormats(t *testing.T) {
	t.Parallel()
	for _, f := range Formats {
		var lines []string
		for _, typ := range EventTypes {
			body := FormatExample(f, typ)
			validate(t, compile(t, FormatSchema(f, typ)), body)
			lines = append(lines, string(body))
		}
		if f.Body() == f && f != FormatStandard { // TestExamples pins the standard ones
			golden(t, fmt.Sprintf("formats/%s-%d.jsonl", f, Schema), lines)
		}
	}
}

// TestCloudEventAttributesArePinned: in binary mode they are headers, so that
// the bodies do not show them.
func TestCloudEventAttributesArePinned(t *testing.T) {
	t.Parallel()
	var lines []string
	for _, log := range [][]Event{exampleLog(), previewLog(), noticeLog()} {
		for i := range log {
			lines = append(lines, fmt.Sprint(log[i].CloudEventAttributes()))
		}
	}
	golden(t, fmt.Sprintf("formats/cloudevents-attributes-%d.txt", Schema), lines)
}

// golden holds lines, whose bytes are pinned, to a file below testdata.
func golden(t *testing.T, name string, lines []string) {
	t.Helper()
	got := strings.Join(lines, "\n") + "\n"
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s: the bytes of schema %d have changed (-golden +got):\n%s", name, Schema, diff)
	}
}

// decoded reads a body.
func decoded(t *testing.T, body []byte) map[string]any {
	t.Helper()
	var o map[string]any
	if err := json.Unmarshal(body, &o); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	return o
}

// TestFlatIsTheMergedStandard holds the flat body of every event of the examples
// to what merging the standard one gives.
func TestFlatIsTheMergedStandard(t *testing.T) {
	t.Parallel()
	for _, log := range [][]Event{exampleLog(), previewLog(), noticeLog()} {
		for i := range log {
			ev := log[i]
			want := map[string]any{}
			standard := decoded(t, ev.AppendJSON(nil))
			for _, part := range []any{standard["variables"], standard["data"]} {
				members, _ := part.(map[string]any)
				for name, value := range members {
					want[name] = value
				}
			}
			for name, value := range standard {
				if name != "data" && name != "variables" {
					want[name] = value
				}
			}
			if diff := cmp.Diff(want, decoded(t, ev.AppendBody(nil, FormatFlat))); diff != "" {
				t.Errorf("%s (-merged +flat):\n%s", ev.Type, diff)
			}
		}
	}
}

func TestFlatNamesThatCollide(t *testing.T) {
	t.Parallel()
	joined, leaving := exampleLog()[0], Event{}
	for _, ev := range exampleLog() {
		switch ev.Type {
		case EventJoined:
			joined = ev
		case EventLeaving:
			leaving = ev
		}
	}
	variables := map[string]string{
		"id": "v", "queue": "v", "subject": "v", "ext": "v", // the envelope's
		"attempt_id": "v",                                   // listed in both
		"cc_result":  "v",                                   // listed in leaving only
		"crm":        "v", "data": "v", "": "v", `a"b`: "v", // nobody's
	}
	for ev, kept := range map[*Event][]string{
		&joined: {"", `a"b`, "cc_result", "crm", "data"}, &leaving: {"", `a"b`, "crm", "data"},
	} {
		ev.Variables = variables
		body := ev.AppendBody(nil, FormatFlat)
		var got []string
		for name, value := range decoded(t, body) {
			if value == "v" {
				got = append(got, name)
			}
		}
		slices.Sort(got)
		if diff := cmp.Diff(kept, got); diff != "" {
			t.Errorf("%s keeps other variables (-want +got):\n%s\n%s", ev.Type, diff, body)
		}
		seen := map[string]bool{}
		for _, m := range members(body) {
			if seen[m.name] {
				t.Errorf("%s has %q twice", ev.Type, m.name)
			}
			seen[m.name] = true
		}
	}
}

// TestPublishedNamesDoNotCollide: no field of data hides behind one of the
// envelope in a flat body.
func TestPublishedNamesDoNotCollide(t *testing.T) {
	t.Parallel()
	for _, typ := range EventTypes {
		names := Fields(typ)
		if !strings.HasPrefix(string(typ), "attempt.") {
			names = otherFields(typ).names()
		}
		for _, name := range names {
			if isEnvelope(name) {
				t.Errorf("%s: the field %s would be hidden in a flat body", typ, name)
			}
		}
	}
}

func TestCloudEventsCarryTheStandardBody(t *testing.T) {
	t.Parallel()
	for _, ev := range exampleLog() {
		var outer struct{ Data json.RawMessage }
		body := ev.AppendBody([]byte("before"), FormatCloudEvents)
		if err := json.Unmarshal(body[len("before"):], &outer); err != nil {
			t.Fatalf("%v: %s", err, body)
		}
		if standard := ev.AppendJSON(nil); !bytes.Equal(outer.Data, standard) || !bytes.Equal(ev.AppendBody(nil, FormatCloudEventsBinary), standard) {
			t.Errorf("%s: data is not the standard body: %s", ev.Type, outer.Data)
		}
	}
	if FormatCloudEventsBinary.Body() != FormatStandard || FormatFlat.Body() != FormatFlat || FormatCloudEvents.ContentType() != "application/cloudevents+json" {
		t.Error("binary shares the standard body; structured has a content type of its own")
	}
}
