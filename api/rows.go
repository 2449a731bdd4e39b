package api

import (
	"bufio"
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// rows reads an upload row by row, in the memory of one row. It can begin in the
// middle, where another reader of the same upload has stopped.
type rows struct {
	place rowsPlace
	next  func() (row, error)
}

// rowsPlace is where a reader of an upload stands: after a row.
type rowsPlace struct {
	// Offset is in bytes, Line the last line that was read (of an array: the
	// number of its last element).
	Offset int64 `json:"offset"`
	Line   int   `json:"line"`
	// Header are the columns of a CSV file, Comma what separates them.
	Header []string `json:"header,omitempty"`
	Comma  string   `json:"comma,omitempty"`
	// Single: a JSON body is one object, not an array.
	Single bool `json:"single,omitempty"`
}

// row is one row of an upload: a JSON value, or the cells of a line of CSV.
type row struct {
	// line is its place for people: the line of the file on which it begins, or
	// the number of the array's element, from 1.
	line  int
	json  []byte
	cells []string
	// bad says that the row cannot be read, though those after it can.
	bad error
}

// unreadable is an error of the upload as a whole: nothing after it can be read.
type unreadable struct {
	line  int
	cause error
}

func (e *unreadable) Error() string { return fmt.Sprintf("line %d: %v", e.line, e.cause) }

func (e *unreadable) Unwrap() error { return e.cause }

// newRows reads from, which begins at the place, as the media type says.
func newRows(media string, from io.Reader, at rowsPlace) (*rows, error) {
	limit := &rowLimit{from: from}
	limit.next()
	r := &rows{place: at}
	switch media {
	case mediaCSV:
		return r, r.readCSV(limit)
	case mediaNDJSON:
		r.readLines(limit)
		return r, nil
	default:
		return r, r.readJSON(limit)
	}
}

// fatal names what ended the reading; io.EOF and errors of the network stay what
// they are.
func (r *rows) fatal(err error) error {
	var syntax *json.SyntaxError
	var parse *csv.ParseError
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case errors.Is(err, io.ErrUnexpectedEOF), errors.As(err, &syntax), errors.As(err, &parse), errors.Is(err, errRowTooLong):
		return &unreadable{line: r.place.Line + 1, cause: err}
	default:
		return err
	}
}

// readLines makes next read NDJSON; empty lines are passed over.
func (r *rows) readLines(limit *rowLimit) {
	lines := bufio.NewReader(limit)
	r.next = func() (row, error) {
		for {
			limit.next()
			line, err := lines.ReadBytes('\n')
			if len(line) == 0 && err != nil {
				return row{}, r.fatal(err)
			}
			if err != nil && !errors.Is(err, io.EOF) {
				return row{}, r.fatal(err)
			}
			r.place.Offset += int64(len(line))
			r.place.Line++
			if line = bytes.TrimSpace(line); len(line) > 0 {
				return row{line: r.place.Line, json: line}, nil
			}
		}
	}
}

// readJSON makes next read one object, or the elements of an array.
func (r *rows) readJSON(limit *rowLimit) error {
	in := bufio.NewReader(limit)
	resumed := r.place.Offset > 0
	first, skipped, err := firstByte(in, resumed)
	if err != nil && !resumed {
		return problem(CodeMalformed, "The body is empty.")
	}
	base := r.place.Offset + int64(skipped)
	var from io.Reader = in
	switch {
	case resumed: // inside of the array: its beginning is put back
		from, base = io.MultiReader(strings.NewReader("["), in), base-1
	case first == '{':
		r.place.Single = true
	case first != '[':
		return invalid("", "expected a JSON object or an array of them")
	}
	elements := json.NewDecoder(from)
	if !r.place.Single {
		if _, err := elements.Token(); err != nil {
			return r.fatal(err)
		}
	}
	r.next = func() (row, error) {
		limit.next()
		if r.place.Single && r.place.Line > 0 || !r.place.Single && !elements.More() {
			return row{}, r.end(elements, in)
		}
		var raw json.RawMessage
		if err := elements.Decode(&raw); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return row{}, r.fatal(err)
		}
		r.place.Line++
		r.place.Offset = base + elements.InputOffset()
		return row{line: r.place.Line, json: raw}, nil
	}
	return nil
}

// end checks that a JSON body ends where it should.
func (r *rows) end(elements *json.Decoder, in io.Reader) error {
	if !r.place.Single {
		if _, err := elements.Token(); err != nil { // the closing bracket
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return r.fatal(err)
		}
	}
	rest := bufio.NewReader(io.MultiReader(elements.Buffered(), in))
	if _, _, err := firstByte(rest, false); err == nil {
		return &unreadable{line: r.place.Line, cause: errors.New("there is more behind the JSON value")}
	}
	return io.EOF
}

// firstByte looks at the first byte that is no white space, and no comma when
// those are passed over as well.
func firstByte(in *bufio.Reader, commas bool) (b byte, skipped int, err error) {
	for {
		b, err := in.ReadByte()
		if err != nil {
			return 0, skipped, err
		}
		if !strings.ContainsRune(" \t\r\n", rune(b)) && (b != ',' || !commas) {
			return b, skipped, in.UnreadByte()
		}
		skipped++
	}
}

// commas are what can separate the columns of a CSV file.
const commas = ",;\t"

// readCSV makes next read the lines of a CSV file. Its first line names the
// columns and tells what separates them.
func (r *rows) readCSV(limit *rowLimit) error {
	in := bufio.NewReader(limit)
	base, line := r.place.Offset, r.place.Line
	fresh := len(r.place.Header) == 0
	if fresh {
		if mark, _ := in.Peek(3); bytes.Equal(mark, []byte("\xef\xbb\xbf")) {
			_, _ = in.Discard(3)
			base += 3
		}
		head, _ := in.Peek(in.Size())
		head, _, _ = bytes.Cut(head, []byte("\n"))
		r.place.Comma = separator(string(head))
	}
	lines := csv.NewReader(in)
	lines.Comma = rune(r.place.Comma[0])
	lines.FieldsPerRecord = -1
	read := func() ([]string, int, error) {
		limit.next()
		cells, err := lines.Read()
		var parse *csv.ParseError
		at := line + 1
		if errors.As(err, &parse) {
			at = line + parse.StartLine
			r.place.Line = line + parse.Line
		} else if err == nil {
			first, _ := lines.FieldPos(0)
			at = line + first
			r.place.Line = line + lastLine(lines, cells)
		}
		r.place.Offset = base + lines.InputOffset()
		return cells, at, err
	}
	if fresh {
		header, _, err := read()
		if errors.Is(err, io.EOF) {
			return invalid("", "the CSV file is empty; its first line names the columns")
		}
		if err != nil {
			return r.fatal(err)
		}
		for i, name := range header {
			header[i] = strings.TrimSpace(name)
		}
		r.place.Header = header
	}
	r.next = func() (row, error) {
		cells, at, err := read()
		var parse *csv.ParseError
		switch {
		case errors.As(err, &parse) && !errors.Is(err, errRowTooLong):
			return row{line: at, bad: parse.Err}, nil
		case err != nil:
			return row{}, r.fatal(err)
		case len(cells) != len(r.place.Header):
			return row{line: at, bad: fmt.Errorf("the line has %d columns, the header %d", len(cells), len(r.place.Header))}, nil
		}
		return row{line: at, cells: cells}, nil
	}
	return nil
}

// separator guesses what separates the columns: what is most frequent in the
// header.
func separator(header string) string {
	best, most := ",", 0
	for _, c := range commas {
		if n := strings.Count(header, string(c)); n > most {
			best, most = string(c), n
		}
	}
	return best
}

// lastLine is the line on which a record ends: its last cell may have several.
func lastLine(lines *csv.Reader, cells []string) int {
	last := len(cells) - 1
	line, _ := lines.FieldPos(last)
	return line + strings.Count(cells[last], "\n")
}
