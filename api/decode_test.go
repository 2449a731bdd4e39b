package api

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// hasNUL finds exactly the texts that decode to a string with U+0000.
func TestHasNUL(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		`"\u0000"`: true, `"a\u0000b"`: true, `"\\u0000"`: false, `"\\\u0000"`: true, `"\\\\u0000"`: false,
		`"\\u0000 \u0000"`: true, `"\u00000"`: true, `"\u0001"`: false, `{}`: false,
	} {
		var v any
		if err := json.Unmarshal([]byte(text), &v); err != nil {
			t.Fatal(err)
		}
		s, _ := v.(string)
		if strings.ContainsRune(s, 0) != want || hasNUL([]byte(text)) != want {
			t.Errorf("%s: %v, want %v", text, hasNUL([]byte(text)), want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		parts := rapid.SliceOf(rapid.SampledFrom([]string{`\\`, `\u0000`, `u0000`, `\n`, `x`})).Draw(t, "parts")
		text := `"` + strings.Join(parts, "") + `"`
		var s string
		if err := json.Unmarshal([]byte(text), &s); err != nil {
			t.Fatal(err)
		}
		if got := hasNUL([]byte(text)); got != strings.ContainsRune(s, 0) {
			t.Fatalf("%s: %v", text, got)
		}
	})
}

func TestPointer(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]string{
		"body":                  "",
		"body.name":             "/name",
		"body[3].tags":          "/3/tags",
		"body.items[3].tags[0]": "/items/3/tags/0",
		"body.a/b~c":            "/a~1b~0c",
		"query.limit":           "?limit",
		"path.id":               "{id}",
		"header.If-Match":       "If-Match:",
	} {
		if got := pointer(location); got != want {
			t.Errorf("%s is shown as %q, want %q", location, got, want)
		}
	}
}

// A cursor comes back as it went out, and only for the list that it is of.
func TestCursor(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		place := rapid.SliceOfN(rapid.Int64(), 1, 3).Draw(t, "place")
		c := *encodeCursor("e", place...)
		got, err := decodeCursor(c, "e", len(place))
		if err != nil {
			t.Fatal(err)
		}
		for i := range place {
			if got[i] != place[i] {
				t.Fatalf("%v became %v", place, got)
			}
		}
		if _, err := decodeCursor(c, "q", len(place)); err == nil {
			t.Fatal("a cursor of another list is taken")
		}
		if _, err := decodeCursor(c, "e", len(place)+1); err == nil {
			t.Fatal("a cursor of other length is taken")
		}
	})
	if got, err := decodeCursor("", "e", 2); err != nil || got[0] != 0 || got[1] != 0 {
		t.Errorf("no cursor is the beginning, not %v, %v", got, err)
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	var v struct{ A, B, C, D moment }
	if err := json.Unmarshal([]byte(`{"A":null,"B":"2026-01-02T03:04:05.678901+01:00"}`), &v); err != nil {
		t.Fatal(err)
	}
	if !v.A.null() || v.B.null() || v.C.null() {
		t.Errorf("null is %v, given %v, absent %v", v.A.null(), v.B.null(), v.C.null())
	}
	if got := utc(&v.B.at); !got.Equal(time.Date(2026, 1, 2, 2, 4, 5, 678e6, time.UTC)) || got.Location() != time.UTC {
		t.Errorf("instants are UTC and cut to milliseconds, not %v", got)
	}
	if err := json.Unmarshal([]byte(`{"D":"noon"}`), &v); err == nil {
		t.Error("noon is no instant")
	}
}

func TestOverlay(t *testing.T) {
	t.Parallel()
	type settings struct {
		A int     `json:"a"`
		B *string `json:"b"`
	}
	old := "old"
	v := settings{A: 1, B: &old}
	if err := overlay([]byte(`{"b":null}`), &v, "b"); err != nil || v.A != 1 || v.B != nil {
		t.Errorf("%+v, %v", v, err)
	}
	var p *Problem
	if err := overlay([]byte(`{"a":null}`), &v, "b"); !errors.As(err, &p) || p.Errors[0].Pointer != "/a" {
		t.Errorf("null where it is no value: %v", err)
	}
}

// What a change begins with belongs to somebody else: to the live state.
func TestOverlayWritesToNobodyElse(t *testing.T) {
	t.Parallel()
	type rule struct {
		Name string `json:"name"`
		Max  int    `json:"max,omitempty"`
	}
	type settings struct {
		Text  *string `json:"text"`
		Count *int    `json:"count"`
		Rules []rule  `json:"rules"`
		IDs   []int64 `json:"ids"`
		Law   *rule   `json:"law"`
	}
	text, count := "old", 1
	theirs := settings{Text: &text, Count: &count, Rules: []rule{{"a", 3}, {"b", 4}}, IDs: []int64{1, 2}, Law: &rule{"law", 7}}
	mine := theirs
	mine.Law = &rule{"law", 7} // of an object the members are laid over: its owner copies it
	if err := overlay([]byte(`{"text":"new","count":2,"rules":[{"name":"c"}],"ids":[9],"law":{"max":8}}`), &mine); err != nil {
		t.Fatal(err)
	}
	if text != "old" || count != 1 || theirs.Rules[0] != (rule{"a", 3}) || theirs.IDs[0] != 1 {
		t.Errorf("what was there has changed: %s %d %v %v", text, count, theirs.Rules, theirs.IDs)
	}
	if *mine.Text != "new" || *mine.Count != 2 || len(mine.Rules) != 1 || mine.Rules[0] != (rule{"c", 0}) || mine.IDs[0] != 9 || *mine.Law != (rule{"law", 8}) {
		t.Errorf("what was laid over: %+v", mine)
	}
}

// Every problem is in the table, so that its page entry and its status exist.
func TestProblemOfEveryCode(t *testing.T) {
	t.Parallel()
	for code, m := range meanings {
		p := problem(code, "detail")
		if p.Status != m.status || p.Title == "" || p.Status < 400 || p.Errors == nil {
			t.Errorf("%s: %+v", code, p)
		}
	}
	if p := problem("brand_new", "detail"); p.Status != 409 || p.Code != "brand_new" {
		t.Errorf("a refusal that the table has not learned is %+v", p)
	}
}
