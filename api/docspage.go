package api

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the page's template and style
	"encoding/base64"
	"encoding/json"
	"fmt"
	"html/template"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs/page.html
var pageTemplate string

//go:embed docs/style.css
var pageStyle string

// docsData is what the template of the documentation page is filled with.
type docsData struct {
	Title, Version string
	Intro          []string
	Style          template.CSS
	Groups         []docsGroup
	Schemas        []docsSchema
	Problems       []docsProblem
}

type docsGroup struct {
	Name, Text string
	Operations []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Text, Role string
	Params                                []docsField
	Body                                  string // name of the body's type
	Answers                               []docsAnswer
}

type docsAnswer struct{ Status, Text, Type string }

type docsField struct {
	Name, Type, Text string
	Required         bool
}

type docsSchema struct {
	Name   string
	Fields []docsField
}

type docsProblem struct {
	Code, Title string
	Status      int
}

// docsPage renders the documentation as one page that loads nothing, and the
// content security policy that forbids it to.
func docsPage(doc *huma.OpenAPI) (html []byte, policy string) {
	data := docsData{
		Title: doc.Info.Title, Version: doc.Info.Version, Intro: strings.Split(doc.Info.Description, "\n\n"),
		// The style is our own file.
		Style: template.CSS(pageStyle), Schemas: docsSchemas(doc), Problems: docsProblems(),
	}
	for _, tag := range doc.Tags {
		data.Groups = append(data.Groups, docsGroup{
			Name: tag.Name, Text: tag.Description, Operations: docsOperations(doc, tag.Name),
		})
	}
	t := template.Must(template.New("docs").Funcs(template.FuncMap{
		"code": codeSpans, "anchor": anchor, "kind": linked(doc.Components.Schemas.Map()),
	}).Parse(pageTemplate))
	var out bytes.Buffer
	if err := t.Execute(&out, data); err != nil {
		panic("api: the documentation page cannot be rendered: " + err.Error())
	}
	sum := sha256.Sum256([]byte(pageStyle))
	hash := base64.StdEncoding.EncodeToString(sum[:])
	return out.Bytes(), "default-src 'none'; style-src 'sha256-" + hash + "'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
}

// codeSpans shows `text` between backquotes as code.
func codeSpans(s string) template.HTML {
	var b strings.Builder
	for i, part := range strings.Split(s, "`") {
		part = template.HTMLEscapeString(part)
		if i%2 == 1 {
			part = "<code>" + part + "</code>"
		}
		b.WriteString(part)
	}
	return template.HTML(b.String())
}

// linked makes links of the words of a type's name that are types on the page.
func linked(types map[string]*huma.Schema) func(string) template.HTML {
	return func(name string) template.HTML {
		words := strings.Split(name, " ")
		for i, word := range words {
			words[i] = template.HTMLEscapeString(word)
			if types[word] != nil {
				words[i] = `<a href="#type-` + words[i] + `"><code>` + words[i] + `</code></a>`
			}
		}
		return template.HTML(strings.Join(words, " "))
	}
}

func anchor(s string) string { return strings.ReplaceAll(strings.ToLower(s), " ", "-") }

var verbs = []string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}

// docsOperations lists a group's operations: paths in order, and the verbs of a
// path in the order in which one meets them.
func docsOperations(doc *huma.OpenAPI, tag string) []docsOperation {
	var out []docsOperation
	for _, path := range slices.Sorted(maps.Keys(doc.Paths)) {
		for _, method := range verbs {
			op := operationAt(doc, method, path)
			if op == nil || !slices.Contains(op.Tags, tag) {
				continue
			}
			d := docsOperation{
				ID: op.OperationID, Method: method, Path: path, Summary: op.Summary, Text: op.Description,
			}
			for _, s := range op.Security {
				d.Role = strings.Join(s["key"], "")
			}
			for _, p := range op.Parameters {
				f := docsField{Name: p.Name + " (" + p.In + ")", Type: typeName(p.Schema), Text: p.Description, Required: p.Required}
				if p.Schema != nil && p.Schema.Default != nil {
					f.Text += fmt.Sprintf(" Default %v.", p.Schema.Default)
				}
				d.Params = append(d.Params, f)
			}
			if op.RequestBody != nil && op.RequestBody.Content["application/json"] != nil {
				d.Body = typeName(op.RequestBody.Content["application/json"].Schema)
			}
			d.Answers = docsAnswers(op)
			out = append(out, d)
		}
	}
	return out
}

func docsAnswers(op *huma.Operation) []docsAnswer {
	var out []docsAnswer
	for _, status := range slices.Sorted(maps.Keys(op.Responses)) {
		r := op.Responses[status]
		a := docsAnswer{Status: status, Text: r.Description}
		for _, media := range r.Content {
			a.Type = typeName(media.Schema)
		}
		out = append(out, a)
	}
	return out
}

func docsSchemas(doc *huma.OpenAPI) []docsSchema {
	all := doc.Components.Schemas.Map()
	var out []docsSchema
	for _, name := range slices.Sorted(maps.Keys(all)) {
		s := docsSchema{Name: name}
		for _, field := range slices.Sorted(maps.Keys(all[name].Properties)) {
			p := all[name].Properties[field]
			s.Fields = append(s.Fields, docsField{
				Name: field, Type: typeName(p), Text: p.Description, Required: slices.Contains(all[name].Required, field),
			})
		}
		out = append(out, s)
	}
	return out
}

// typeName says in a few words what a schema allows.
func typeName(s *huma.Schema) string {
	switch {
	case s == nil:
		return ""
	case s.Ref != "":
		return s.Ref[strings.LastIndexByte(s.Ref, '/')+1:]
	case len(s.OneOf) > 0:
		names := make([]string, len(s.OneOf))
		for i, one := range s.OneOf {
			names[i] = typeName(one)
		}
		return strings.Join(names, " or ")
	case s.Type == "":
		return "any JSON"
	}
	name := s.Type
	switch {
	case s.Type == huma.TypeArray:
		name = "array of " + typeName(s.Items)
	case s.Format == "date-time":
		name = "time"
	case len(s.Enum) > 0:
		// Enum values are strings and numbers, which always can be written.
		values, _ := json.Marshal(s.Enum)
		name = strings.Trim(strings.ReplaceAll(string(values), `"`, ""), "[]")
		name = strings.ReplaceAll(name, ",", " · ")
	case s.Type == huma.TypeObject:
		if values, ok := s.AdditionalProperties.(*huma.Schema); ok {
			name = "map of " + typeName(values)
		}
	}
	if s.Nullable {
		name += " or null"
	}
	return name
}

func docsProblems() []docsProblem {
	var out []docsProblem
	for _, code := range slices.Sorted(maps.Keys(meanings)) {
		m := meanings[code]
		out = append(out, docsProblem{Code: string(code), Title: m.title, Status: m.status})
	}
	slices.SortStableFunc(out, func(a, b docsProblem) int { return a.Status - b.Status })
	return out
}
