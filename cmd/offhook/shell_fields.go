package main

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
)

// schema is as much of a JSON Schema as reading name=value needs.
type schema struct {
	Ref        string             `json:"$ref"`
	Type       types              `json:"type"`
	Format     string             `json:"format"`
	Doc        string             `json:"description"`
	Properties map[string]*schema `json:"properties"`
	Required   []string           `json:"required"`
	Items      *schema            `json:"items"`
	OneOf      []*schema          `json:"oneOf"`
	// Additional is a schema, or true or false.
	Additional json.RawMessage `json:"additionalProperties"`
	Enum       []any           `json:"enum"`
}

// types is one name of a type, or a list of them.
type types []string

func (t *types) UnmarshalJSON(b []byte) error {
	var one string
	if json.Unmarshal(b, &one) == nil {
		*t = types{one}
		return nil
	}
	return json.Unmarshal(b, (*[]string)(t))
}

// description is as much of the OpenAPI document as the command line needs.
type description struct {
	Paths map[string]map[string]struct {
		Parameters []struct{ Name, In string }
		// RequestBody has a schema for each media type.
		RequestBody *struct {
			Content map[string]struct{ Schema *schema }
		}
	}
	Components struct{ Schemas map[string]*schema }
}

// operationFields is what one operation takes.
type operationFields struct {
	query []string
	body  *schema // nil = none
}

var braces = regexp.MustCompile(`\{[^}]*\}`)

// describe asks the server what the operation takes, so that a value becomes a
// number or a text as this very server wants it.
func (c *shellClient) describe(ctx context.Context, v verb) (operationFields, error) {
	answer, err := c.do(ctx, http.MethodGet, "/openapi.json", body{})
	if err != nil {
		return operationFields{}, err
	}
	var doc description
	if err := json.Unmarshal(answer, &doc); err != nil {
		return operationFields{}, fmt.Errorf("read the server's description: %w", err)
	}
	f, ok := doc.operation(v)
	if !ok {
		return f, fmt.Errorf("this server does not know %s %s: it may be older than this program (%s)", v.method, v.path, version)
	}
	return f, nil
}

// operation finds what a verb takes. The names of path parameters are ours, so
// only their places are compared.
func (d *description) operation(v verb) (operationFields, bool) {
	for path, methods := range d.Paths {
		op, ok := methods[strings.ToLower(v.method)]
		if !ok || braces.ReplaceAllString(path, "{}") != braces.ReplaceAllString(v.path, "{}") {
			continue
		}
		var f operationFields
		for _, p := range op.Parameters {
			if p.In == "query" {
				f.query = append(f.query, p.Name)
			}
		}
		if op.RequestBody != nil {
			f.body = d.resolve(op.RequestBody.Content["application/json"].Schema)
		}
		return f, true
	}
	return operationFields{}, false
}

// resolve follows references; of alternatives it takes the first, which is the
// single object. Components refer to each other, never to themselves at the top.
func (d *description) resolve(s *schema) *schema {
	for s != nil {
		switch {
		case s.Ref != "":
			s = d.Components.Schemas[s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]]
		case len(s.OneOf) > 0:
			s = s.OneOf[0]
		default:
			return s
		}
	}
	return nil
}

// word is one name=value of the command line.
type word struct{ name, value string }

func words(args []string) ([]word, error) {
	all := make([]word, len(args))
	for i, a := range args {
		name, value, ok := strings.Cut(a, "=")
		if !ok || name == "" {
			return nil, usageError{fmt.Errorf("%q is no name=value", a)}
		}
		all[i] = word{name, ago(name, value)}
	}
	return all, nil
}

// ago lets since and until be durations before now, such as 90m.
func ago(name, value string) string {
	if name != "since" && name != "until" {
		return value
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		return value
	}
	return time.Now().Add(-d).UTC().Format(time.RFC3339Nano)
}

// filters are the words as query parameters.
func filters(ws []word) url.Values {
	q := url.Values{}
	for _, w := range ws {
		q.Set(w.name, w.value)
	}
	return q
}

// split turns words into query parameters and a body, by what the operation
// takes. A name with a dot is a member of a member: variables.crm_id=7001.
func (f operationFields) split(ws []word) (url.Values, map[string]any) {
	q, b := url.Values{}, map[string]any{}
	for _, w := range ws {
		if slices.Contains(f.query, w.name) {
			q.Set(w.name, w.value)
			continue
		}
		at, s := b, f.body
		parts := strings.Split(w.name, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, ok := at[part].(map[string]any)
			if !ok {
				inner = map[string]any{}
				at[part] = inner
			}
			at, s = inner, s.member(part)
		}
		last := parts[len(parts)-1]
		at[last] = s.member(last).read(w.value)
	}
	return q, b
}

// member is the schema of a member; nil when it is not known.
func (s *schema) member(name string) *schema {
	if s == nil {
		return nil
	}
	if m := s.Properties[name]; m != nil {
		return m
	}
	var m schema
	if json.Unmarshal(s.Additional, &m) != nil {
		return nil
	}
	return &m
}

// read turns the text of a value into what the schema says. What does not fit
// stays a text: the server knows best how to refuse it.
func (s *schema) read(text string) any {
	if s == nil {
		return text
	}
	is := func(t string) bool { return slices.Contains(s.Type, t) }
	if text == "null" && is("null") {
		return nil
	}
	if is("string") {
		return text
	}
	if is("array") && !strings.HasPrefix(text, "[") {
		list := []any{}
		for _, part := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' }) {
			list = append(list, s.Items.read(strings.TrimSpace(part)))
		}
		return list
	}
	if json.Valid([]byte(text)) {
		return json.RawMessage(text)
	}
	return text
}

// rows lists the fields of an operation for people: name, type and meaning.
func (f operationFields) rows() [][]string {
	var all [][]string
	if f.body != nil {
		for _, name := range slices.Sorted(maps.Keys(f.body.Properties)) {
			p := f.body.Properties[name]
			kind, doc := strings.Join(p.Type, " or "), p.Doc
			if len(p.Enum) > 0 {
				doc += " One of " + strings.Trim(strings.ReplaceAll(fmt.Sprint(p.Enum), " ", ", "), "[]") + "."
			}
			if slices.Contains(f.body.Required, name) {
				kind += " (needed)"
			}
			all = append(all, []string{name, kind, strings.TrimSpace(doc)})
		}
	}
	for _, name := range f.query {
		all = append(all, []string{name, "filter", ""})
	}
	return all
}
