package api

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// samples are uploads of the same five rows, the fourth of which is bad in CSV.
var samples = map[string]struct{ media, body string }{
	"array":    {mediaJSON, " [ {\"n\":1} ,\n{\"n\":\"a]b\"},{\"n\":3} , {\"n\":4},{\"n\":[5]}\t]\n "},
	"ndjson":   {mediaNDJSON, "{\"n\":1}\n\n  {\"n\":\"a]b\"}\r\n{\"n\":3}\n{\"n\":4}\n{\"n\":[5]}"},
	"csv":      {mediaCSV, "\xef\xbb\xbfn,m\r\n1,\"x\r\ny\"\r\n\"a]b\",\r\n\r\n3,\n4\n5,\"\"\"q\"\"\""},
	"tabs":     {mediaCSV, "n\tm\n1\tx\na]b\t,\n3\t\n4\n5\t;"},
	"one":      {mediaJSON, "\n{\"n\":1}\n"},
	"empty":    {mediaJSON, "[]"},
	"no lines": {mediaNDJSON, "\n\n"},
	"header":   {mediaCSV, "n,m\n"},
}

// seen is what a row shows of itself.
func seen(r row) string { return fmt.Sprintf("%d %s %q %v", r.line, r.json, r.cells, r.bad) }

// readAll reads all rows; with again it begins anew behind each one.
func readAll(t *testing.T, media, body string, again bool) []string {
	t.Helper()
	r, err := newRows(media, strings.NewReader(body), rowsPlace{})
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	for {
		next, err := r.next()
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("after %v: %v", all, err)
		}
		all = append(all, seen(next))
		if again {
			if r, err = newRows(media, strings.NewReader(body[r.place.Offset:]), r.place); err != nil {
				t.Fatalf("after %v: %v", all, err)
			}
		}
	}
}

// A reader that begins where another one stopped reads the same rows, with the
// same lines.
func TestRowsGoOnAnywhere(t *testing.T) {
	t.Parallel()
	for name, c := range samples {
		whole, pieces := readAll(t, c.media, c.body, false), readAll(t, c.media, c.body, true)
		if !slices.Equal(whole, pieces) {
			t.Errorf("%s:\nat once  %q\nin parts %q", name, whole, pieces)
		}
	}
	for name, want := range map[string][]string{
		"array":  {`1 {"n":1} [] <nil>`, `2 {"n":"a]b"} [] <nil>`, `3 {"n":3} [] <nil>`, `4 {"n":4} [] <nil>`, `5 {"n":[5]} [] <nil>`},
		"ndjson": {`1 {"n":1} [] <nil>`, `3 {"n":"a]b"} [] <nil>`, `4 {"n":3} [] <nil>`, `5 {"n":4} [] <nil>`, `6 {"n":[5]} [] <nil>`},
		"csv": {`2  ["1" "x\ny"] <nil>`, `4  ["a]b" ""] <nil>`, `6  ["3" ""] <nil>`, `7  [] the line has 1 columns, the header 2`,
			`8  ["5" "\"q\""] <nil>`},
		"one": {`1 {"n":1} [] <nil>`}, "empty": nil, "no lines": nil, "header": nil,
	} {
		if got := readAll(t, samples[name].media, samples[name].body, false); !slices.Equal(got, want) {
			t.Errorf("%s:\ngot  %q\nwant %q", name, got, want)
		}
	}
}

// A body that breaks off, or goes on where it should end, is no body; what came
// before has been read.
func TestRowsThatBreak(t *testing.T) {
	t.Parallel()
	for body, c := range map[string]struct {
		media string
		rows  int
	}{
		`[{"n":1},{"n":2}`: {mediaJSON, 2}, `[{"n":1},{"n":`: {mediaJSON, 1}, `[{"n":1}] []`: {mediaJSON, 1}, `{"n":1}}`: {mediaJSON, 1},
		`{"n":1},{"n":2}`: {mediaJSON, 1}, `[{"n":1} {"n":2}]`: {mediaJSON, 1}, `[,]`: {mediaJSON, 0},
		"n,m\n1,2\n\"3,4\n": {mediaCSV, 2}, // the open quote swallows the rest: a bad row
	} {
		r, err := newRows(c.media, strings.NewReader(body), rowsPlace{})
		n := 0
		for ; err == nil; n++ {
			_, err = r.next()
		}
		var broken *unreadable
		if c.media == mediaCSV {
			if !errors.Is(err, io.EOF) || n-1 != c.rows {
				t.Errorf("%q: %d rows, then %v", body, n-1, err)
			}
		} else if !errors.As(err, &broken) || n-1 != c.rows {
			t.Errorf("%q: %d rows, then %v", body, n-1, err)
		}
	}
}

// However many rows come, no more of them is held than a row and a buffer.
func TestRowsHoldOneRow(t *testing.T) {
	t.Parallel()
	const many = 100_000
	for media, parts := range map[string][3]string{
		mediaJSON: {"[", `{"numbers":[{"number":"+4930123456"}],"name":"Somebody"},`, `{}]`}, mediaNDJSON: {"", "{\"numbers\":[{\"number\":\"+4930123456\"}]}\n", ""},
		mediaCSV: {"number,name\n", "+4930123456,\"Some,body\"\n", ""},
	} {
		from := &metered{from: io.MultiReader(strings.NewReader(parts[0]), &repeated{text: parts[1], times: many}, strings.NewReader(parts[2]))}
		r, err := newRows(media, from, rowsPlace{})
		if err != nil {
			t.Fatal(err)
		}
		read, ahead := 0, int64(0)
		for {
			_, err := r.next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			read++
			ahead = max(ahead, from.n-r.place.Offset)
		}
		if read < many || ahead > 64<<10 {
			t.Errorf("%s: %d rows, at most %d bytes ahead of them", media, read, ahead)
		}
	}
}

// A row without an end is given up, not gathered.
func TestRowsAreBounded(t *testing.T) {
	t.Parallel()
	for media, begin := range map[string]string{mediaJSON: `[{"name":"`, mediaNDJSON: `{"name":"`, mediaCSV: "number\n\""} {
		from := &metered{from: io.MultiReader(strings.NewReader(begin), &repeated{text: "x", times: 100 << 20})}
		r, err := newRows(media, from, rowsPlace{})
		if err == nil {
			_, err = r.next()
		}
		if !errors.Is(err, errRowTooLong) || from.n > 2*maxRow {
			t.Errorf("%s: %v after %d bytes", media, err, from.n)
		}
	}
}

// metered counts what is read of a reader.
type metered struct {
	from io.Reader
	n    int64
}

func (c *metered) Read(p []byte) (int, error) {
	n, err := c.from.Read(p)
	c.n += int64(n)
	return n, err
}

// repeated reads as a text so many times.
type repeated struct {
	text  string
	rest  string
	times int
}

func (r *repeated) Read(p []byte) (int, error) {
	if r.rest == "" {
		if r.times == 0 {
			return 0, io.EOF
		}
		r.times--
		r.rest = r.text
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func TestNormalNumbers(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"+49 (30) 123-45": "+493012345", " 030/123.45 ": "03012345", "*21#": "*21#", "sip:a b@x.org": "sip:a b@x.org", "": "", "+1 555 CALL": "+1 555 CALL",
	} {
		if got := normalNumber(given); got != want {
			t.Errorf("%q becomes %q, want %q", given, got, want)
		}
	}
}
