package dispatcher

import (
	"bytes"
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-retryablehttp"

	"github.com/offhook/offhook/queue"
)

// outgoing is a request with all that belongs to it. The tries of a line use it
// one after the other, as long as they go to the same target: a request of its own
// for each would cost a delivery a tenth of its time.
//
// It is used again only when its answer was read and closed, and when every
// connection that got the request has told that it is done with it: net/http
// writes a request in another goroutine, which is still at it when somebody
// answers before he has read.
type outgoing struct {
	target *target
	line   context.Context // that of the line
	client retryablehttp.Request

	payload payload
	content io.ReadCloser // of reader
	reader  bytes.Reader
	body    []byte
	values  [maxLines]string // of the header's lines, but for the target's

	begun, written atomic.Int32 // by connections
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

func newOutgoing(ctx context.Context, t *target) *outgoing {
	o := &outgoing{target: t, line: ctx}
	// Nothing else than these two types together: net/http knows that it need not
	// wait for what it reads from them.
	o.content = io.NopCloser(&o.reader)
	o.payload.header = make(http.Header, len(t.header)+maxLines)
	maps.Copy(o.payload.header, t.header)
	o.client.Request = t.request.WithContext(httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn:      func(httptrace.GotConnInfo) { o.begun.Add(1) },
		WroteRequest: func(httptrace.WroteRequestInfo) { o.written.Add(1) },
	}))
	// Only used when nothing was written yet on a connection that turned out to
	// be closed: the endpoint sees one request all the same.
	o.client.GetBody = func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(o.body)), nil }
	return o
}

// serves reports whether the request may be used for a target in the context of a
// line.
func (o *outgoing) serves(ctx context.Context, t *target) bool {
	return o != nil && o.line == ctx && o.target == t
}

// fill makes it the request of a try; the header's values are collected in lines.
func (o *outgoing) fill(m message, at time.Time, lines *headerLines) *retryablehttp.Request {
	newLines(lines, o.target, m, at)
	o.setLines(lines)
	if o.target.Format == queue.FormatCloudEventsBinary {
		setCloudEvent(o.payload.header, m.ev)
	}
	o.body = m.body
	o.reader.Reset(m.body)
	o.payload.ReadCloser = o.content
	r := o.client.Request
	r.Header, r.Body, r.ContentLength = noHeader, &o.payload, int64(len(m.body))
	return &o.client
}

// setLines puts the lines into the header, in place of those of the try before.
func (o *outgoing) setLines(l *headerLines) {
	h := o.payload.header
	for _, name := range [...]string{headerAttempt, headerSequence, headerPrev, headerOvertakes} {
		delete(h, name)
	}
	text := string(l.text)
	for i := range l.n {
		o.values[i] = text[l.begin(i):l.ends[i]]
		h[l.names[i]] = o.values[i : i+1 : i+1]
	}
}

// done reports whether nobody reads the request any more, so that it can be used
// again; its answer has been read and closed. Attributes of CloudEvents differ
// from event to event: their header is never used again.
func (o *outgoing) done() bool {
	return o.begun.Load() == o.written.Load() && o.target.Format != queue.FormatCloudEventsBinary
}
