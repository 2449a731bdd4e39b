package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"
	"unicode/utf8"
)

// shellPrinter writes answers: tables for people, JSON lines for programs.
type shellPrinter struct {
	w       io.Writer
	json    bool
	columns []string
	only    []string // the path of the one member that is wanted; nil = all
	table   *tabwriter.Writer
	widths  []int // of the columns so far; nil = the heading is not written yet
}

// newShellPrinter writes to w; only is the path of the one member that is
// wanted, and empty for all.
func newShellPrinter(w io.Writer, forceJSON bool, only string, columns []string) *shellPrinter {
	p := &shellPrinter{
		w: w, json: forceJSON || !isTerminal(w), columns: columns,
		table: tabwriter.NewWriter(w, 0, 4, 2, ' ', 0),
	}
	if only != "" {
		p.json, p.only = true, strings.Split(only, ".")
	}
	return p
}

// entries writes lines of a list, in columns that only become wider, so that a
// long list is shown as it comes.
func (p *shellPrinter) entries(list []json.RawMessage) error {
	if p.json || len(p.columns) == 0 {
		for _, e := range list {
			if err := p.one(e); err != nil {
				return err
			}
		}
		return nil
	}
	var rows [][]string
	if p.widths == nil {
		p.widths = make([]int, len(p.columns))
		heads := make([]string, len(p.columns))
		for i, c := range p.columns {
			heads[i] = heading(c)
		}
		rows = append(rows, heads)
	}
	for _, e := range list {
		v, err := decodeAny(e)
		if err != nil {
			return err
		}
		cells := make([]string, len(p.columns))
		for i, c := range p.columns {
			cells[i] = cell(lookUp(v, strings.Split(c, ".")))
		}
		rows = append(rows, cells)
	}
	for _, row := range rows {
		for i, c := range row {
			p.widths[i] = max(p.widths[i], utf8.RuneCountInString(c))
		}
	}
	var b strings.Builder
	for _, row := range rows {
		for i, c := range row[:len(row)-1] {
			fmt.Fprintf(&b, "%-*s  ", p.widths[i], c)
		}
		b.WriteString(row[len(row)-1] + "\n")
	}
	_, err := io.WriteString(p.w, b.String())
	return err
}

// one writes a single object: a line per member for people.
func (p *shellPrinter) one(object json.RawMessage) error {
	if p.json {
		return p.line(object)
	}
	dec := json.NewDecoder(bytes.NewReader(object))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return p.line(object)
	}
	for dec.More() { // in the order of the server
		name, err := dec.Token()
		if err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		var raw json.RawMessage
		if err := dec.Decode(&raw); err != nil {
			return fmt.Errorf("read the answer: %w", err)
		}
		v, err := decodeAny(raw)
		if err != nil {
			return err
		}
		if v != nil { // what is not known yet says nothing
			fmt.Fprintf(p.table, "%s\t%s\n", printable(fmt.Sprint(name)), text(v))
		}
	}
	return p.table.Flush()
}

// line writes an object for programs: as JSON, or the member that is wanted as
// a text without quotes.
func (p *shellPrinter) line(raw json.RawMessage) error {
	if p.only != nil {
		v, err := decodeAny(raw)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintln(p.w, text(lookUp(v, p.only)))
		return err
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return fmt.Errorf("read the answer: %w", err)
	}
	b.WriteByte('\n')
	_, err := p.w.Write(b.Bytes())
	return err
}

func decodeAny(raw json.RawMessage) (any, error) {
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.UseNumber() // ids are longer than a float is exact
	var v any
	if err := dec.Decode(&v); err != nil {
		return nil, fmt.Errorf("read the answer: %w", err)
	}
	return v, nil
}

// lookUp follows a path of members; of a list it collects them.
func lookUp(v any, path []string) any {
	for i, name := range path {
		switch at := v.(type) {
		case map[string]any:
			v = at[name]
		case []any:
			all := make([]any, len(at))
			for j, e := range at {
				all[j] = lookUp(e, path[i:])
			}
			return all
		default:
			return nil
		}
	}
	return v
}

const maxCell = 60

// cell is a value in a table: short, and nothing is a dash.
func cell(v any) string {
	s := text(v)
	if s == "" {
		return "-"
	}
	if r := []rune(s); len(r) > maxCell {
		return string(r[:maxCell-1]) + "…"
	}
	return s
}

// text is a value for people: lists of simple things are joined, what is nested
// stays JSON. What comes from callers cannot move a terminal's cursor.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return printable(v)
	case []any:
		parts := make([]string, len(v))
		for i, e := range v {
			parts[i] = text(e)
		}
		return strings.Join(parts, ",")
	case map[string]any:
		if len(v) == 0 {
			return ""
		}
		b, err := json.Marshal(v)
		if err != nil {
			return ""
		}
		return printable(string(b))
	default:
		return fmt.Sprint(v)
	}
}

func printable(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return ' '
	}, s)
}

// heading makes a column's title of its path: health.breaker → BREAKER.
func heading(path string) string {
	switch path {
	case "queue.name":
		return "QUEUE"
	case "deliveries.state":
		return "DELIVERIES"
	}
	return strings.ToUpper(strings.ReplaceAll(path[strings.LastIndexByte(path, '.')+1:], "_", " "))
}
