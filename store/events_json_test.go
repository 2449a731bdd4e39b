package store

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/offhook/offhook/queue"
)

// asIs makes a text anew.
func asIs(text []byte) string { return string(text) }

// TestEveryFieldOfExtIsStored fails when queue.Ext gets a field that the two
// functions do not know.
func TestEveryFieldOfExtIsStored(t *testing.T) {
	t.Parallel()
	var x queue.Ext
	v := reflect.ValueOf(&x).Elem()
	for i := range v.NumField() {
		switch f := v.Field(i); f.Interface().(type) {
		case time.Time:
			f.Set(reflect.ValueOf(time.UnixMilli(1_800_000_000_123 + int64(i)).UTC()))
		case int, int64:
			f.SetInt(int64(i) + 1)
		case bool:
			f.SetBool(true)
		default:
			f.SetString("text \"" + v.Type().Field(i).Name)
		}
	}
	raw := appendExt(nil, &x)
	var back queue.Ext
	if err := parseExt(raw, &back, asIs); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(x, back); d != "" {
		t.Errorf("(-written +read):\n%s", d)
	}

	// The names are those of the body.
	var stored, body map[string]any
	if err := json.Unmarshal(raw, &stored); err != nil {
		t.Fatalf("%s: %v", raw, err)
	}
	if err := json.Unmarshal(x.AppendJSON(nil), &body); err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(body, stored); d != "" {
		t.Errorf("(-body +stored):\n%s", d)
	}
}

func TestEmptyExt(t *testing.T) {
	t.Parallel()
	if got := string(appendExt(nil, &queue.Ext{})); got != "{}" {
		t.Errorf("got %s", got)
	}
	var x queue.Ext
	if err := parseExt([]byte(`{"state": null, "from_the_future": "x", "offer_no": 0}`), &x, asIs); err != nil || x != (queue.Ext{}) {
		t.Errorf("got %+v, %v", x, err)
	}
}

func TestVariablesRoundTrip(t *testing.T) {
	t.Parallel()
	for _, v := range []map[string]string{
		{},
		{"": ""},
		{"a": "1", "b": "x,y:{}[]", "c\\": `quo"ted`},
		{"ünï": "✓ \u2028\n\t", "null": "null", "html": "<&>"},
	} {
		raw := appendVariables(nil, v)
		var plain map[string]string
		if err := json.Unmarshal(raw, &plain); err != nil {
			t.Fatalf("%s: %v", raw, err)
		}
		back, err := parseVariables(raw, asIs)
		if err != nil {
			t.Fatal(err)
		}
		if d := cmp.Diff(v, back); d != "" {
			t.Errorf("%s (-written +read):\n%s", raw, d)
		}
		if d := cmp.Diff(plain, back); d != "" {
			t.Errorf("%s: we and encoding/json differ:\n%s", raw, d)
		}
	}
}

func TestParseRefusesWhatIsNotFlat(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		``, `[]`, `{`, `{"a"}`, `{"a":}`, `{"a":{"b":"c"}}`, `{"a":["b"]}`, `{"a":"b" "c":"d"}`, `{"a":"b`, `{"a":1}`,
	} {
		if v, err := parseVariables([]byte(raw), asIs); err == nil {
			t.Errorf("%s was read as %v", raw, v)
		}
	}
	var x queue.Ext
	for _, raw := range []string{`{"joined_at":"yesterday"}`, `{"offer_no":"x"}`, `{"test":1.5}`} {
		if err := parseExt([]byte(raw), &x, asIs); err == nil {
			t.Errorf("%s was read", raw)
		}
	}
}

// FuzzParseVariables: whatever is read is read as encoding/json reads it.
func FuzzParseVariables(f *testing.F) {
	f.Add([]byte(`{"a": "b", "c": "\u00e9"}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var want map[string]string
		if json.Unmarshal(raw, &want) != nil || !json.Valid(raw) || want == nil {
			return
		}
		for _, v := range want {
			if v == "" {
				return // a null, which the log does not write
			}
		}
		got, err := parseVariables(raw, asIs)
		if err != nil {
			return // white space that jsonb does not write
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%s (-encoding/json +ours):\n%s", raw, d)
		}
	})
}
