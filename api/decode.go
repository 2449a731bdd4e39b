package api

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// errNUL refuses the one character that Postgres can store in no text: it must
// be stopped at the door, because behind it one such command would fail the
// transaction of a whole batch.
var errNUL = errors.New("text cannot hold the character U+0000")

// jsonFormat is encoding/json with two differences: U+0000 is refused, and
// answers do not escape HTML.
var jsonFormat = huma.Format{
	Marshal: func(w io.Writer, v any) error {
		enc := json.NewEncoder(w)
		enc.SetEscapeHTML(false)
		return enc.Encode(v)
	},
	Unmarshal: func(data []byte, v any) error {
		if hasNUL(data) {
			return errNUL
		}
		return json.Unmarshal(data, v)
	},
}

// hasNUL reports whether a JSON text holds an escaped U+0000. A raw one is no
// JSON.
func hasNUL(data []byte) bool {
	for {
		i := bytes.Index(data, []byte(`\u0000`))
		if i < 0 {
			return false
		}
		backslashes := 0
		for j := i - 1; j >= 0 && data[j] == '\\'; j-- {
			backslashes++
		}
		if backslashes%2 == 0 {
			return true
		}
		data = data[i+1:]
	}
}

// overlay lays the members of a JSON object over v: what the object does not
// name keeps its value. A list that it names is replaced as a whole; of an
// object, the members. Members that are null are refused unless listed, since
// null is not a value of theirs. What v's pointers and lists point at is not
// written to: it may be somebody else's.
func overlay(raw []byte, v any, nullable ...string) error {
	var members map[string]json.RawMessage
	if err := json.Unmarshal(raw, &members); err != nil {
		return problem(CodeMalformed, "The body is not a JSON object.")
	}
	named := map[string]any{}
	for name, value := range members {
		if string(value) == "null" && !slices.Contains(nullable, name) {
			return invalid("/"+name, "null is not a value of "+name)
		}
		if value[0] != '{' {
			named[name] = nil
		}
	}
	// The decoder writes through pointers, and into the elements that a list has:
	// null takes both away.
	empty, err := json.Marshal(named)
	if err != nil {
		return fmt.Errorf("lay a body over what there is: %w", err)
	}
	for _, text := range [][]byte{empty, raw} {
		if err := json.Unmarshal(text, v); err != nil {
			return problem(CodeMalformed, "The body is not JSON: "+err.Error())
		}
	}
	return nil
}

// moment is an instant that may be absent, null or given, which are three
// different things for member_answered_at.
type moment struct {
	given bool
	at    time.Time // zero with given = null
}

// UnmarshalJSON takes null or an RFC 3339 time.
func (m *moment) UnmarshalJSON(data []byte) error {
	m.given = true
	if string(data) == "null" {
		m.at = time.Time{}
		return nil
	}
	return m.at.UnmarshalJSON(data)
}

// Schema describes a moment to OpenAPI.
func (*moment) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{Type: huma.TypeString, Format: "date-time", Nullable: true}
}

// null reports an explicit null.
func (m moment) null() bool { return m.given && m.at.IsZero() }

// utc returns the instant that p points at, cut to the engine's milliseconds;
// zero for nil.
func utc(p *time.Time) time.Time {
	if p == nil {
		return time.Time{}
	}
	return p.UTC().Truncate(time.Millisecond)
}

func text(p *string) string {
	if p == nil {
		return ""
	}
	return *p
}

// stamp shows an instant as every event does: RFC 3339, UTC, milliseconds; nil
// for the zero instant.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05.000Z")
	return &s
}

// orNil shows an empty string as null.
func orNil[S ~string](s S) *string {
	if s == "" {
		return nil
	}
	t := string(s)
	return &t
}

// number shows an id that is null when it is 0.
func number(id int64) *int64 {
	if id == 0 {
		return nil
	}
	return &id
}
