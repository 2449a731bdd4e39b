package store

import (
	"net/http"
	"slices"
	"strings"
)

// joinHeader writes an answer's header as text, one "Name: value" a line in the
// order of the names. What Postgres cannot hold as text is left out.
func joinHeader(h http.Header) string {
	if len(h) == 0 {
		return ""
	}
	var room [16]string // few answers have more
	names, size := room[:0], 0
	for name, values := range h {
		names = append(names, name)
		for _, v := range values {
			size += len(name) + len(v) + len(": \n")
		}
	}
	slices.Sort(names)
	var b strings.Builder
	b.Grow(size)
	for _, name := range names {
		for _, v := range h[name] {
			b.WriteString(name)
			b.WriteString(": ")
			b.WriteString(v)
			b.WriteByte('\n')
		}
	}
	return cleanText(b.String())
}

// splitHeader is the reverse of joinHeader.
func splitHeader(text string) http.Header {
	if text == "" {
		return nil
	}
	h := http.Header{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ": ")
		h[name] = append(h[name], value)
	}
	return h
}

// cleanText returns s without what a text column refuses: NUL, and bytes that
// are not UTF-8. An endpoint's answer must never make a write fail.
func cleanText(s string) string {
	s = strings.ToValidUTF8(s, "\uFFFD")
	if strings.IndexByte(s, 0) < 0 {
		return s
	}
	return strings.ReplaceAll(s, "\x00", "")
}
