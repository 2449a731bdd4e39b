package api

import (
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Page holds the two parameters that every list takes.
type Page struct {
	Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"250" doc:"How many to answer at most."`
	Cursor string `query:"cursor" maxLength:"200" doc:"next_cursor of the page before; absent for the first page."`
}

// list is the shape of every list: a page of things, and the cursor of the next
// page.
type list[T any] struct {
	Data       []T     `json:"data"`
	NextCursor *string `json:"next_cursor" doc:"Pass it as cursor to read on; null at the end of the list."`
}

// listOut is the answer of an operation that lists.
type listOut[T any] struct{ Body list[T] }

// encodeCursor makes an opaque cursor of the numbers that name a place. The
// kind keeps a cursor of one list from being taken by another.
func encodeCursor(kind string, place ...int64) *string {
	var b strings.Builder
	b.WriteString(kind)
	for _, n := range place {
		b.WriteByte(':')
		b.WriteString(strconv.FormatInt(n, 36))
	}
	s := base64.RawURLEncoding.EncodeToString([]byte(b.String()))
	return &s
}

// decodeCursor reads n numbers from a cursor of the kind; all zero for none.
func decodeCursor(cursor, kind string, n int) ([]int64, error) {
	place := make([]int64, n)
	if cursor == "" {
		return place, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	parts := strings.Split(string(raw), ":")
	if err != nil || len(parts) != n+1 || parts[0] != kind {
		return nil, badCursor()
	}
	for i, part := range parts[1:] {
		if place[i], err = strconv.ParseInt(part, 36, 64); err != nil {
			return nil, badCursor()
		}
	}
	return place, nil
}

// encodeTextCursor makes an opaque cursor of a text that names a place.
func encodeTextCursor(kind, place string) *string {
	s := base64.RawURLEncoding.EncodeToString([]byte(kind + ":" + place))
	return &s
}

// decodeTextCursor reads a text from a cursor of the kind; empty for none.
func decodeTextCursor(cursor, kind string) (string, error) {
	if cursor == "" {
		return "", nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	place, ok := strings.CutPrefix(string(raw), kind+":")
	if err != nil || !ok || place == "" || !utf8.ValidString(place) || strings.ContainsRune(place, 0) {
		return "", badCursor()
	}
	return place, nil
}

func badCursor() *Problem {
	return invalid("?cursor", "this is no cursor of this list")
}

// pageByID cuts the page after the id out of all, which is sorted by id.
func pageByID[T any](all []T, p Page, kind string, id func(T) int64) ([]T, *string, error) {
	place, err := decodeCursor(p.Cursor, kind, 1)
	if err != nil {
		return nil, nil, err
	}
	out := []T{}
	for _, e := range all {
		if id(e) <= place[0] {
			continue
		}
		if len(out) == p.Limit {
			return out, encodeCursor(kind, id(out[len(out)-1])), nil
		}
		out = append(out, e)
	}
	return out, nil, nil
}

// location is the path of a thing that was created.
func location(collection string, id any) string { return fmt.Sprintf("/v1/%s/%v", collection, id) }
