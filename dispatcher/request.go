package dispatcher

import (
	"bytes"
	"context"
	"encoding/hex"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/offhook/offhook/queue"
)

// message is what a try sends.
type message struct {
	ev     *queue.Event
	body   []byte
	number int // of this try
	prev   int // sequence of the event before, 0 = none
	// overtakes are the sequences of earlier events that are still to come.
	overtakes []int64
}

// payload carries a request's header beside its body as far as transport, which
// puts them in their places: the client would copy the header, in case that it
// follows a redirect, which ours never does.
type payload struct {
	io.ReadCloser
	header http.Header
}

// noHeader stands in a request for the header that its payload carries.
var noHeader = http.Header{}

// newRequest makes the request of a try; the header's values are collected in
// lines.
func newRequest(ctx context.Context, t *target, m message, at time.Time, lines *headerLines) *http.Request {
	// Nothing else than these two types together: net/http knows that it need not
	// wait for what it reads from them.
	body := func() io.ReadCloser { return io.NopCloser(bytes.NewReader(m.body)) }
	req := t.request.WithContext(ctx)
	req.Body, req.ContentLength = &payload{body(), newHeader(t, m, at, lines)}, int64(len(m.body))
	// Only used when nothing was written yet on a connection that turned out to
	// be closed: the endpoint sees one request all the same.
	req.GetBody = func() (io.ReadCloser, error) { return body(), nil }
	return req
}

// newHeader returns the header of a try, the target's own lines included.
func newHeader(t *target, m message, at time.Time, l *headerLines) http.Header {
	h := make(http.Header, len(t.header)+maxLines)
	maps.Copy(h, t.header)
	l.text, l.n = l.text[:0], 0
	l.text = queue.AppendEventID(l.text, m.ev.ID)
	l.end("Webhook-Id")
	l.text = strconv.AppendInt(l.text, at.Unix(), 10)
	l.end("Webhook-Timestamp")
	id, stamp := l.value(0), l.value(1)
	l.head = append(append(append(append(l.head[:0], id...), '.'), stamp...), '.')
	l.text = appendSignatures(l.text, l.head, m.body, t.keys, at)
	l.end("Webhook-Signature")
	l.text = append(l.text, m.ev.Type...)
	l.end("Offhook-Event")
	l.number("Offhook-Attempt", m.ev.AttemptID)
	l.number("Offhook-Sequence", int64(m.ev.Sequence))
	l.number("Offhook-Prev-Sequence", int64(m.prev))
	if len(m.overtakes) > 0 {
		l.text = append(l.text, overtakesHeader(m.overtakes)...)
		l.end("Offhook-Overtakes")
	}
	l.number("Offhook-Try", int64(m.number))
	l.text = appendTraceparent(l.text, m.ev.ID)
	l.end("Traceparent")
	l.into(h)
	if t.Format == queue.FormatCloudEventsBinary {
		setCloudEvent(h, m.ev)
	}
	return h
}

// maxLines is how many lines a request has beside those of its target.
const maxLines = 10

// headerLines collects lines of a header. All their values become parts of one
// string and of one array: two allocations instead of twenty.
type headerLines struct {
	text  []byte // of all values
	names [maxLines]string
	ends  [maxLines]int // of the values in text
	n     int
	head  []byte // see signed
}

// end says that what was appended to text is the value of a line.
func (l *headerLines) end(name string) {
	l.names[l.n], l.ends[l.n] = name, len(l.text)
	l.n++
}

// number adds a line unless it is 0.
func (l *headerLines) number(name string, n int64) {
	if n != 0 {
		l.text = strconv.AppendInt(l.text, n, 10)
		l.end(name)
	}
}

func (l *headerLines) value(i int) []byte { return l.text[l.begin(i):l.ends[i]] }

func (l *headerLines) begin(i int) int {
	if i == 0 {
		return 0
	}
	return l.ends[i-1]
}

// into adds the lines to a header.
func (l *headerLines) into(h http.Header) {
	text, values := string(l.text), make([]string, l.n)
	for i := range l.n {
		values[i] = text[l.begin(i):l.ends[i]]
		h[l.names[i]] = values[i : i+1 : i+1]
	}
}

// appendTraceparent names the event as the trace, so that its tries belong
// together, and a new span for each try.
func appendTraceparent(b []byte, id queue.UUID) []byte {
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, id[:])
	b = append(b, '-')
	var span [8]byte
	n := rand.Uint64() | 1 // all zeros is not a span
	for i := range span {
		span[i] = byte(n >> (8 * i))
	}
	b = hex.AppendEncode(b, span[:])
	return append(b, "-01"...)
}
